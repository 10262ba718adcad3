# The virtual machine of tests/vm.test (E7): Debian's kernel, out of its package. `make test-vm`
# runs a whole cluster there, which is slow where it has to be emulated.
VM := $(B)/vm
$(VM)/vmlinuz: tests/vm/kernel.sh
	@dist/need busybox=busybox-static qemu-system-x86_64=qemu-system-x86 \
		mkfs.ext4=e2fsprogs strings=binutils
	$(Q)flock dist/need sh tests/vm/kernel.sh $(VM)
	@touch $@
ifeq ($(ARCH),x86_64)
test-parts: $(VM)/vmlinuz
endif

test-vm: rig-deps $(B)/k3sbox $(B)/guest/guest rig $(VM)/vmlinuz
	@K3SBOX=$(CURDIR)/$(B)/k3sbox RIG=$(CURDIR)/$(RIG) VM=$(CURDIR)/$(VM) bash tests/vm/cluster-vm.sh
.PHONY: test-vm
