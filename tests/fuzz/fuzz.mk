# Fuzz targets: tests/fuzz/NAME.c with its corpus in tests/fuzz/NAME. libFuzzer is clang's, so the sources are built once more.
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZOBJ := $(patsubst %.c,$(B)/fuzz/obj/%.o,$(filter-out common/base/fortify.c common/app/main.c,$(SRC)))
FUZZFLAGS := -std=c11 -Wno-gnu-variable-sized-type-not-at-end -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

$(B)/fuzz/obj/%.o: %.c | $(B)/include test-deps
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) $(FUZZFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(B)/fuzz/libk3sbox.a: $(FUZZOBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/fuzz/%: tests/fuzz/%.c $(B)/fuzz/libk3sbox.a
	$(Q)clang $(CPPFLAGS) -I. $(FUZZFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(B)/fuzz/libk3sbox.a $(BEARSSL)

-include $(FUZZOBJ:.o=.d) $(FUZZ:=.d)
test-parts: $(FUZZ)

# FUZZ_SECONDS=600 make fuzz
fuzz: $(FUZZ)
	@FUZZ=$(abspath $(B))/fuzz bash tests/run.sh tests/fuzz.test
.PHONY: fuzz
