# Tests. Unit programs and a second k3sbox are built with ASan and UBSan by the host's compiler from
# the same sources.
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANFLAGS := -std=c11 -O1 -g $(WARN) $(SAN)
SANOBJ := $(SRC:%.c=$(B)/san/%.o)
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(sort $(shell find tests/unit -name '*.c')))

$(B)/san/%.o: %.c | $(B)/include
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(CPPFLAGS) $(SANFLAGS) -MMD -MP -c -o $@ $<
$(B)/san/common/app/main.o: $(B)/applets.inc
-include $(SANOBJ:.o=.d) $(UNIT:=.d)

$(B)/san/k3sbox: $(SANOBJ)
	$(Q)$(HOSTCC) $(SAN) -o $@ $(filter-out %/fortify.o %/relr.o,$(SANOBJ)) $(BEARSSL)

# Everything but main(); a unit program links what it tests.
$(B)/san/libk3sbox.a: $(SANOBJ)
	@rm -f $@
	$(Q)ar rcs $@ $(filter-out %/fortify.o %/relr.o %/app/main.o,$(SANOBJ))

$(B)/unit/%: tests/unit/%.c tests/unit/unit.h $(B)/san/libk3sbox.a
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(CPPFLAGS) -Itests/unit -I. $(SANFLAGS) -MMD -MP -o $@ $< $(B)/san/libk3sbox.a $(BEARSSL)

# A test file is tests/NAME.test. Those that need the rig (gVisor, the k3s stand-in) start with e2e
# or say RIG in their first line.
TESTS := $(sort $(wildcard tests/*.test))

unit: $(UNIT)
	@bash tests/run.sh $(UNIT)

test-deps:
	@dist/need unshare=util-linux ip=iproute2 setpriv=util-linux strace=strace runsc=runsc busybox=busybox-static \
		/usr/lib/cni/host-local=containernetworking-plugins iptables=iptables cppcheck=cppcheck clang=clang \
		readelf=binutils jq=jq ps=procps curl=curl /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a=libclang-rt-14-dev

# Everything: analyzers, unit programs, applets, fuzzers, and the components of k3s natively and in
# gVisor.
test: test-deps rig-deps $(B)/k3sbox $(B)/san/k3sbox $(UNIT) rig test-parts
	@K3SBOX=$(CURDIR)/$(B)/k3sbox SAN=$(CURDIR)/$(B)/san/k3sbox RIG=$(CURDIR)/$(RIG) bash tests/run.sh $(UNIT) $(TESTS)

# Prerequisites that single tests add (the guest program, fuzzers …).
test-parts:

# What takes too long for each change: a node in namespaces of its own natively; what acts upon the
# figures of pods.
test-long: test-deps rig-deps $(B)/k3sbox rig test-parts
	@K3SBOX=$(CURDIR)/$(B)/k3sbox RIG=$(CURDIR)/$(RIG) E2E=E1:--namespaces=yes bash tests/run.sh tests/e2e.test tests/long/metrics.test

demo: rig-deps $(B)/k3sbox rig
	@dist/need busybox=busybox-static
	@K3SBOX=$(CURDIR)/$(B)/k3sbox RIG=$(CURDIR)/$(RIG) bash tests/demo.sh

bench: test-deps rig-deps $(B)/k3sbox rig test-parts
	@for b in cni shim intercept network services cluster; do K3SBOX=$(CURDIR)/$(B)/k3sbox RIG=$(CURDIR)/$(RIG) bash tests/bench/$$b.sh || exit 1; done

include $(wildcard tests/*/*.mk tests/*/*/*.mk)
.PHONY: unit test test-long test-deps test-parts demo bench
