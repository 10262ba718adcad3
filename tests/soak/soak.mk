# Long runs: SOAK_COUNT containers one batch after another, in gVisor and natively; see HACKING.md, "Long runs".
soak: test-deps rig-deps $(B)/k3sbox $(B)/guest/guest rig
	@K3SBOX=$(CURDIR)/$(B)/k3sbox RIG=$(CURDIR)/$(RIG) GUEST=$(CURDIR)/$(B)/guest/guest bash tests/soak/soak.sh
.PHONY: soak
