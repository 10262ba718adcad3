# Tests. Unit programs and a second k3sbox are built with ASan and UBSan by the host's compiler from the same sources.
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANFLAGS := -std=c11 -O1 -g $(WARN) $(SAN)
SANOBJ := $(SRC:%.c=$(B)/san/%.o)
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))

$(B)/san/%.o: %.c | $(B)/include
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(CPPFLAGS) $(SANFLAGS) -MMD -MP -c -o $@ $<
$(B)/san/common/main.o: $(B)/applets.inc

$(B)/san/k3sbox: $(SANOBJ)
	$(Q)$(HOSTCC) $(SAN) -o $@ $(filter-out %/fortify.o,$(SANOBJ)) $(BEARSSL)

# All but main(), so that a unit program takes what it tests; main.o's table is there for tests that walk the applets.
$(B)/san/libk3sbox.a: $(SANOBJ)
	@rm -f $@
	$(Q)ar rcs $@ $(filter-out %/fortify.o %/main.o,$(SANOBJ))

$(B)/unit/%: tests/unit/%.c tests/unit/unit.h $(B)/san/libk3sbox.a
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(CPPFLAGS) -Itests/unit -I. $(SANFLAGS) -MMD -MP -o $@ $< $(B)/san/libk3sbox.a $(BEARSSL)
