# The test rig: real upstream parts, the k3s stand-in and the sandbox, all Go, all below
# build/rig/bin. `make rig` builds what is missing or old, `make rig-deps` installs what that needs
# (root). See README.md.
RIG := build/rig/bin
RIGSRC := tests/rig
RIG_PARTS := $(addprefix $(RIG)/,k3s sandbox runc crictl containerd containerd-shim-runc-v2 ctr runsc kube flanneld cni/flannel registry)
RIG_LINKS := $(addprefix $(RIG)/,kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl kubeadm kine)
# What k3s has in its multicall `cni` besides flannel, here Debian's. Not in RIG itself: with k3s
# nothing of this is in PATH.
RIG_CNI := $(addprefix $(RIG)/cni/,bandwidth bridge firewall host-local loopback portmap)
# Politely: each compiler run fills the machine by itself.
RIG_GO := nice go build -buildvcs=false
RIG_K8S := v1.36.3

rig: $(RIG_PARTS) $(RIG_LINKS) $(RIG_CNI) $(RIG)/busybox

# $(call rig-build,DIR,HOW LONG,FLAGS,PACKAGE): the flags come last but for the output.
define rig-build
@mkdir -p $(@D)
@echo "rig: $(@F) (first time about $(2) on 2 cores)"
$(Q)cd $(RIGSRC)/$(1) && $(RIG_GO) $(3) -o $(CURDIR)/$@.new $(4) && mv $(CURDIR)/$@.new $(CURDIR)/$@
endef

$(RIG)/k3s: $(wildcard $(RIGSRC)/k3s/*.go $(RIGSRC)/k3s/addons/*.yaml $(RIGSRC)/k3s/go.mod)
	$(call rig-build,k3s,10 s,-ldflags "-s -w",.)

$(RIG)/sandbox: $(wildcard $(RIGSRC)/sandbox/*.go $(RIGSRC)/sandbox/go.mod)
	$(call rig-build,sandbox,10 s,-ldflags "-s -w",.)

$(RIG)/runc: $(RIGSRC)/runc/go.mod $(RIGSRC)/runc/go.sum
	$(call rig-build,runc,1 min,-tags "seccomp netgo osusergo" \
		-ldflags "-s -w -X main.version=1.5.2 -extldflags -static",github.com/opencontainers/runc)

$(RIG)/crictl: $(RIGSRC)/crictl/go.mod $(RIGSRC)/crictl/go.sum
	$(call rig-build,crictl,1 min,-ldflags "-s -w",sigs.k8s.io/cri-tools/cmd/crictl)

$(RIG)/containerd $(RIG)/containerd-shim-runc-v2 $(RIG)/ctr: $(RIGSRC)/containerd/go.mod $(RIGSRC)/containerd/go.sum
	$(call rig-build,containerd,2 min,-tags no_btrfs \
		-ldflags "-s -w -X github.com/containerd/containerd/v2/version.Version=v2.4.2",github.com/containerd/containerd/v2/cmd/$(@F))

$(RIG)/runsc: $(RIGSRC)/gvisor/go.mod $(RIGSRC)/gvisor/go.sum
	$(call rig-build,gvisor,2 min,-ldflags "-X gvisor.dev/gvisor/runsc/version.version=20260224",gvisor.dev/gvisor/runsc)

$(RIG)/flanneld: $(RIGSRC)/flannel/main.go $(RIGSRC)/flannel/go.mod $(RIGSRC)/flannel/go.sum
	$(call rig-build,flannel,1 min,-ldflags "-s -w",.)

$(RIG)/cni/flannel: $(RIGSRC)/flannel-cni/main.go $(RIGSRC)/flannel-cni/go.mod
	$(call rig-build,flannel-cni,10 s,-ldflags "-s -w",.)

$(RIG)/registry: $(wildcard $(RIGSRC)/registry/*.go) $(RIGSRC)/registry/go.mod $(RIGSRC)/registry/go.sum
	$(call rig-build,registry,10 s,-ldflags "-s -w",.)

$(RIG)/kube: $(wildcard $(RIGSRC)/kube/*.go) $(RIGSRC)/kube/go.mod $(RIGSRC)/kube/go.sum
	$(call rig-build,kube,15 min,-tags "netgo osusergo sqlite_omit_load_extension" \
		-ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$(RIG_K8S)+standin1 \
		-X k8s.io/client-go/pkg/version.gitVersion=$(RIG_K8S)+standin1 -extldflags -static",.)

# Kubernetes' conformance suite and what its cases run in pods; not part of `rig`. Tags and versions
# are kube's, so that what is built for that is not built again.
CONF_PARTS := $(addprefix $(RIG)/,e2e.test agnhost coredns)
CONF_SRC := $(RIGSRC)/conformance/go.mod $(RIGSRC)/conformance/go.sum
CONF_FLAGS := -tags "netgo osusergo sqlite_omit_load_extension" \
	-ldflags "-s -w -extldflags -static \
	-X k8s.io/component-base/version.gitVersion=$(RIG_K8S) \
	-X k8s.io/client-go/pkg/version.gitVersion=$(RIG_K8S)"
rig-conformance: $(CONF_PARTS)

$(RIG)/e2e.test: RIG_GO := nice go test -c -vet=off -buildvcs=false
$(RIG)/e2e.test: $(CONF_SRC) | $(RIG)/kube
	$(call rig-build,conformance,3 min,$(CONF_FLAGS),k8s.io/kubernetes/test/e2e)

$(RIG)/agnhost: $(CONF_SRC) | $(RIG)/kube
	$(call rig-build,conformance,1 min,$(CONF_FLAGS),k8s.io/kubernetes/test/images/agnhost)

$(RIG)/coredns: $(RIGSRC)/coredns/main.go $(RIGSRC)/coredns/go.mod $(RIGSRC)/coredns/go.sum
	$(call rig-build,coredns,1 min,-ldflags "-s -w",.)

$(RIG_PARTS) $(CONF_PARTS): | rig-deps

$(RIG_LINKS): | $(RIG)/kube
	@ln -sf kube $@

$(RIG)/busybox: | rig-deps
	@mkdir -p $(@D)
	@cp /bin/busybox $@

$(RIG_CNI):
	@mkdir -p $(@D)
	@ln -sf /usr/lib/cni/$(@F) $@

# SQLite and seccomp make two of them use a C compiler; two share the build cache of kube.
$(filter-out $(RIG)/runc $(RIG)/kube,$(RIG_PARTS)) $(RIG)/coredns: export CGO_ENABLED := 0
$(RIG)/runc $(RIG)/kube $(RIG)/e2e.test $(RIG)/agnhost: export CGO_ENABLED := 1

RIG_APT := libseccomp-dev pkg-config gcc libc6-dev iproute2 runsc busybox-static containernetworking-plugins iptables
rig-deps:
	@missing=; for p in $(RIG_APT); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo "rig-deps: nothing to install"; \
	else echo "rig-deps: installing$$missing"; \
	flock dist/need sh -c 'apt-get update -q && apt-get install -qy --no-install-recommends "$$@"' - $$missing; fi
	@command -v go >/dev/null || { echo "rig-deps: Go 1.26 is needed"; exit 1; }

.PHONY: rig rig-deps rig-conformance
