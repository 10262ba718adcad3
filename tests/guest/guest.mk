# The guest: one static program with a table of commands that print what they see; run bare and under `intercept`.
$(B)/guest/guest: $(wildcard tests/guest/*.c tests/guest/*.h) | $(B)/include
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 -O1 -g $(WARN) -static -pthread -o $@ $(filter %.c,$^)
test-parts: $(B)/guest/guest
