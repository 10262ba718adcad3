# k3s's local-storage component; not part of `rig`.
$(RIG)/local-path-provisioner: $(RIGSRC)/local-path/go.mod $(RIGSRC)/local-path/go.sum | rig-deps
	$(call rig-build,local-path,1 min,-ldflags "-s -w -X main.VERSION=v0.0.30",github.com/rancher/local-path-provisioner)
$(RIG)/local-path-provisioner: export CGO_ENABLED := 0
