# k3sbox: `make` builds build/k3sbox, `make demo` runs the main job, `make test` the tests. Everything built lies under build/.
B := build
VERSION := 0.1.0
ARCH := $(shell uname -m)
# `make V=1` shows the commands.
Q := $(if $(V),,@)
CC := musl-gcc
HOSTCC := gcc
PREFIX := /usr/local

APPLETS := $(sort $(basename $(notdir $(wildcard applets/*.c))))
SRC := $(sort $(shell find common applets -name '*.c'))
OBJ := $(SRC:%.c=$(B)/obj/%.o)

WARN := -Wall -Wextra -Wno-missing-braces -Wshadow -Wmissing-prototypes -Wvla -Wformat=2 -Wpointer-arith -Werror
CPPFLAGS := -D_GNU_SOURCE -Icommon -Iapplets -I$(B) -isystem $(B)/include
# A section per function lets the linker drop what nothing calls. Nothing here unwinds its stack, so no tables for that.
# The linker optimizes the whole program, which takes 3 % of it away; `make LTO=` builds faster without. The objects hold ordinary
# code as well, for `unused` and `size`.
LTO := -flto=auto -ffat-lto-objects
# Tables begin where the ABI has them, not at multiples of 32 bytes: 4 KB.
ALIGN := $(if $(filter x86_64,$(ARCH)),-malign-data=abi)
CFLAGS := -std=c11 -Oz $(ALIGN) -g0 $(LTO) $(WARN) -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
# musl-gcc picks the start file of a dynamic executable for -static-pie, and Debian's BearSSL lies in glibc's library directory:
# so every file is named here.
GCCLIB := $(dir $(shell $(HOSTCC) -print-libgcc-file-name 2>/dev/null))
MUSLLIB := /usr/lib/$(ARCH)-linux-musl
BEARSSL := /usr/lib/$(ARCH)-linux-gnu/libbearssl.a
# Read-only data and code share pages: separate ones would take 8 KB of padding. Canaries in more functions are the better use of it.
LINK := $(HOSTCC) -nostdlib $(CFLAGS) -static-pie -Wl,--no-dynamic-linker,--gc-sections,--build-id=none,-s \
	-Wl,-z,text,-z,relro,-z,now,-z,noexecstack,-z,noseparate-code,-z,pack-relative-relocs,-e,relr_start

# The libraries without their tables for unwinding: 11 KB that nothing reads.
LIBS := $(B)/lib/libbearssl.a $(B)/lib/libc.a $(B)/lib/libgcc.a
LINKED = $(MUSLLIB)/rcrt1.o $(MUSLLIB)/crti.o $(OBJ) $(LIBS) $(MUSLLIB)/crtn.o

all: $(B)/k3sbox

$(B)/k3sbox: $(OBJ) $(LIBS)
	$(Q)$(LINK) -o $@.new $(LINKED)
	@mv $@.new $@   # a running k3sbox keeps its file

$(B)/lib/libbearssl.a: $(BEARSSL)
$(B)/lib/libc.a: $(MUSLLIB)/libc.a
$(B)/lib/libgcc.a: $(GCCLIB)libgcc.a
$(LIBS): | $(B)/.deps
	@mkdir -p $(@D)
	@objcopy -R .eh_frame $< $@

$(B)/obj/%.o: %.c Makefile | $(B)/include
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Every function with a local array or a local whose address is taken has a canary where what others send is parsed; in these
# rooms, which plan and supervise, the functions with arrays of characters have one. That leaves 640 KB room for what is useful.
PLANNING := $(filter common/plan/% common/cluster/% common/image/% applets/run/% applets/doctor/% \
	$(addprefix applets/,doctor.c init.c run.c status.c stop.c wait.c),$(SRC))
$(PLANNING:%.c=$(B)/obj/%.o): CFLAGS += -fstack-protector

# Runs before anything is relocated. Packed relocations take 1 KB, those that musl before 1.2.4 knows would take 55.
$(B)/obj/common/base/relr.o: CFLAGS += -fno-lto -fno-stack-protector

# Functions and data of ours that the linker drops, because nothing leads to them.
unused: $(B)/k3sbox
	@$(LINK) -fno-lto -Wl,--print-gc-sections -o $(B)/unused.$$$$ $(LINKED) 2>&1 | \
		sed -nE "s/.*'\.(text|data|bss|rodata)\.([A-Za-z_0-9]+)' in file '$(B)\/obj\/([^']*)\.o'/\3: \2/p"; rm -f $(B)/unused.$$$$

# The registry: one line per applets/*.c, rewritten only when the set of files changes. Two makes at once use names of their own.
$(B)/obj/common/app/main.o: $(B)/applets.inc
$(B)/applets.inc: FORCE
	@mkdir -p $(@D)
	@printf 'APPLET(%s)\n' $(APPLETS) >$@.$$$$; if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

# musl-gcc looks at musl's headers alone; the kernel's uapi headers and BearSSL's come in by these links.
$(B)/include: $(B)/.deps
	@mkdir -p $@
	@ln -sfn /usr/include/linux $@/linux
	@ln -sfn /usr/include/asm-generic $@/asm-generic
	@ln -sfn /usr/include/$(ARCH)-linux-gnu/asm $@/asm
	@ln -sfn /usr/include/bearssl $@/bearssl; ln -sfn /usr/include/bearssl.h $@/bearssl.h

$(BEARSSL) $(MUSLLIB)/libc.a $(GCCLIB)libgcc.a: | $(B)/.deps
# What the build needs; installed if it is missing and we are root.
$(B)/.deps:
	@mkdir -p $(@D)
	@dist/need musl-gcc=musl-tools gcc=gcc /usr/include/bearssl.h=libbearssl-dev /usr/include/linux/seccomp.h=linux-libc-dev
	@touch $@

# Bytes of code and data by room, as they would be without optimization by the linker; the rest is BearSSL and the C library.
size: $(B)/k3sbox
	@$(LINK) -fno-lto -Wl,-Map=$(B)/k3sbox.map -o $(B)/size.$$$$ $(LINKED); rm -f $(B)/size.$$$$
	@awk -f dist/size.awk $(B)/k3sbox.map; stat -c 'build/k3sbox %s bytes (limit 655360)' $(B)/k3sbox

# `make help` prints this list.
#   make            build/k3sbox (installs missing build packages)
#   make install    binary, completion and manual pages into $(DESTDIR)$(PREFIX); PREFIX is /usr/local
#   make dist       the release: an archive, its checksum, and what it is made of (SPDX)
#   make unit       unit tests, with sanitizers
#   make test       all tests: builds the components of k3s first (20 minutes), see HACKING.md
#   make demo       a cluster in an unprivileged gVisor container, and two pods that talk
#   make test-long  a node in namespaces of its own, natively
#   make test-vm    a node in a container on cgroup version 2, in a virtual machine
#   make bench      benchmarks
#   make size       bytes by room; make unused: functions that nothing calls
#   make clean      removes what was built, except for the rig
help:
	@sed -n 's/^#   //p' Makefile

install: $(B)/k3sbox docs
	install -D -m 755 $(B)/k3sbox $(DESTDIR)$(PREFIX)/bin/k3sbox
	install -D -m 644 $(B)/docs/k3sbox.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/k3sbox
	install -D -m 644 $(B)/docs/TROUBLESHOOTING.md $(DESTDIR)$(PREFIX)/share/doc/k3sbox/TROUBLESHOOTING.md
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(B)/docs/*.1 $(DESTDIR)$(PREFIX)/share/man/man1

# Completion, manual pages and a page of errors, from what the binary says of itself.
docs: $(B)/k3sbox
	@mkdir -p $(B)/docs
	@dist/completion.sh $(B)/k3sbox >$(B)/docs/k3sbox.bash
	@dist/man.sh $(B)/k3sbox >$(B)/docs/k3sbox.1
	@dist/troubleshooting.sh $(B)/k3sbox >$(B)/docs/TROUBLESHOOTING.md
	@for a in $$($(B)/k3sbox --list | grep -vxE '$(DELEGATES)'); do dist/man.sh $(B)/k3sbox $$a >$(B)/docs/k3sbox-$$a.1 || exit 1; done
# Their help is k3s's.
DELEGATES := kubectl|ctr|crictl

# The release: the same sources give the same bytes.
RELEASE := k3sbox-$(VERSION)-linux-$(ARCH)
dist: docs
	@rm -rf $(B)/dist; mkdir -p $(B)/dist/$(RELEASE)/examples $(B)/dist/$(RELEASE)/man
	@cp $(B)/k3sbox README.md LICENSE $(B)/docs/k3sbox.bash $(B)/docs/TROUBLESHOOTING.md $(B)/dist/$(RELEASE)
	@cp $(B)/docs/*.1 $(B)/dist/$(RELEASE)/man; cp dist/examples/* $(B)/dist/$(RELEASE)/examples; cp -r dist/schema $(B)/dist/$(RELEASE)
	@dist/sbom.sh $(B)/k3sbox >$(B)/dist/$(RELEASE).spdx.json
	@tar -C $(B)/dist --sort=name --mtime=@$${SOURCE_DATE_EPOCH:-0} --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX \
		-cf - $(RELEASE) | gzip -9n >$(B)/dist/$(RELEASE).tar.gz
	@rm -r $(B)/dist/$(RELEASE); cd $(B)/dist && sha256sum $(RELEASE)* >SHA256SUMS && cat SHA256SUMS

clean:
	rm -rf $(B)/obj $(B)/lib $(B)/san $(B)/unit $(B)/fuzz $(B)/include $(B)/.deps $(B)/applets.inc $(B)/k3sbox

-include $(OBJ:.o=.d)
-include tests/tests.mk

FORCE:
.PHONY: all help install docs dist clean unused size FORCE
.DELETE_ON_ERROR:
