# Kubernetes' own conformance suite against a cluster in the rig; see HACKING.md, "Conformance".
conformance: conformance-deps $(B)/k3sbox rig rig-conformance
	@K3SBOX=$(CURDIR)/$(B)/k3sbox RIG=$(CURDIR)/$(RIG) $(if $(FOCUS),FOCUS='$(FOCUS)') \
		$(if $(SKIP),SKIP='$(SKIP)') $(if $(ENV),ENV='$(ENV)') \
		$(if $(WITHOUT),WITHOUT='$(WITHOUT)') \
		bash tests/conformance/conformance.sh
conformance-deps:
	@dist/need jq=jq dig=bind9-dnsutils curl=curl nc.openbsd=netcat-openbsd ss=iproute2 \
		iperf=iperf openssl=openssl
.PHONY: conformance conformance-deps
