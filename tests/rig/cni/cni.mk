# The program that drives the CNI applets, and the newest upstream plugins, from the module here.
CNI_NEWEST := $(addprefix $(RIG)/cni-newest/,host-local loopback)

$(RIG)/cni-drive: $(wildcard $(RIGSRC)/cni/*.go) $(RIGSRC)/cni/go.mod $(RIGSRC)/cni/go.sum
	$(call rig-build,cni,1 min,-ldflags "-s -w",.)
$(RIG)/cni-newest/host-local: $(RIGSRC)/cni/go.mod $(RIGSRC)/cni/go.sum
	@mkdir -p $(@D)
	$(call rig-build,cni,20 s,-ldflags "-s -w",github.com/containernetworking/plugins/plugins/ipam/host-local)
$(RIG)/cni-newest/loopback: $(RIGSRC)/cni/go.mod $(RIGSRC)/cni/go.sum
	@mkdir -p $(@D)
	$(call rig-build,cni,10 s,-ldflags "-s -w",github.com/containernetworking/plugins/plugins/main/loopback)
$(RIG)/cni-drive $(CNI_NEWEST): export CGO_ENABLED := 0

test-parts: $(RIG)/cni-drive $(CNI_NEWEST)
