# Releases of runc, crun and containerd that users have, each through a container's life in the
# rig's environments. Building them takes an hour on 2 cores; RESULTS.md has what was seen.
versions: rig-deps
	@bash tests/versions/build.sh $(RIG)/versions
test-versions: rig-deps $(B)/k3sbox rig versions
	@K3SBOX=$(CURDIR)/$(B)/k3sbox RIG=$(CURDIR)/$(RIG) bash tests/versions/versions.sh
.PHONY: versions test-versions
