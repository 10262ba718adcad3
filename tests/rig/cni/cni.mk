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

# One driver for each libcni that a runtime may have: the same program with another go.mod.
LIBCNI := 0.6.0 0.7.1 0.8.1 1.0.1 1.1.2 1.2.3 1.3.0 1.3.1
CNI_DRIVERS := $(LIBCNI:%=$(RIG)/libcni-%)
$(CNI_DRIVERS): $(RIG)/libcni-%: $(wildcard $(RIGSRC)/cni/libcni/*.go) $(RIGSRC)/cni/libcni/v%.mod $(RIGSRC)/cni/libcni/v%.sum
	$(call rig-build,cni/libcni,2 s,-modfile=v$*.mod $(if $(filter 0.6.0,$*),-tags libcni060) -ldflags "-s -w",.)

$(RIG)/cni-drive $(CNI_NEWEST) $(CNI_DRIVERS): export CGO_ENABLED := 0

test-parts: $(RIG)/cni-drive $(CNI_NEWEST) $(CNI_DRIVERS)
