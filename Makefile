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
SRC := $(sort $(wildcard common/*.c applets/*.c applets/*/*.c))
OBJ := $(SRC:%.c=$(B)/obj/%.o)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wformat=2 -Wpointer-arith -Werror
CPPFLAGS := -D_GNU_SOURCE -Icommon -I$(B) -isystem $(B)/include
CFLAGS := -std=c11 -Oz -g0 -fno-jump-tables $(WARN) -fPIE -fstack-protector --param=ssp-buffer-size=4 -flto \
	-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
# musl-gcc picks the start file of a dynamic executable for -static-pie, so every file is named here. No crtbegin and no unwind
# tables: nothing here throws. Relative relocations are packed, common/start.c unpacks them.
GCCLIB := $(dir $(shell $(HOSTCC) -print-libgcc-file-name 2>/dev/null))
MUSLLIB := /usr/lib/$(ARCH)-linux-musl
BEARSSL := /usr/lib/$(ARCH)-linux-gnu/libbearssl.a
LINK := $(HOSTCC) $(CFLAGS) -Wno-error -flto=auto -nostdlib -static-pie -Wl,--no-dynamic-linker -Wl,-z,text,-z,relro,-z,now,-z,noexecstack,-z,separate-code \
	-Wl,-O2,-z,pack-relative-relocs,-e,k3sbox_start,-T,common/link.ld,--no-eh-frame-hdr,--gc-sections,--build-id=none,-s

all: $(B)/k3sbox

$(B)/k3sbox: $(OBJ) $(BEARSSL) common/link.ld
	$(Q)$(LINK) -o $@.new $(MUSLLIB)/rcrt1.o $(MUSLLIB)/crti.o $(OBJ) $(BEARSSL) $(MUSLLIB)/libc.a $(GCCLIB)libgcc.a $(MUSLLIB)/crtn.o
	@mv $@.new $@   # a running k3sbox keeps its file

# These two are known to the linker and the compiler by name, so they stay out of link-time optimization.
$(B)/obj/common/start.o $(B)/obj/common/fortify.o: CFLAGS += -fno-lto
$(B)/obj/common/start.o: CFLAGS += -fno-stack-protector

$(B)/obj/%.o: %.c Makefile | $(B)/include
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The registry: one line per applets/*.c, rewritten only when the set of files changes. Two makes at once use names of their own.
$(B)/obj/common/main.o: $(B)/applets.inc
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

$(BEARSSL): | $(B)/.deps
# What the build needs; installed if it is missing and we are root.
$(B)/.deps:
	@mkdir -p $(@D)
	@dist/need musl-gcc=musl-tools gcc=gcc /usr/include/bearssl.h=libbearssl-dev /usr/include/linux/seccomp.h=linux-libc-dev
	@touch $@

install: $(B)/k3sbox
	install -D -m 755 $(B)/k3sbox $(DESTDIR)$(PREFIX)/bin/k3sbox

clean:
	rm -rf $(B)/obj $(B)/san $(B)/unit $(B)/fuzz $(B)/include $(B)/.deps $(B)/applets.inc $(B)/k3sbox

-include $(OBJ:.o=.d)
-include tests/tests.mk

FORCE:
.PHONY: all install clean FORCE
.DELETE_ON_ERROR:
