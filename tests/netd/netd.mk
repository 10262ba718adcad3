# A world with a switch and netd, but without k3s: see world.c.
$(B)/netd/world: tests/netd/world.c $(OBJ)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 -O1 -g $(WARN) -static -o $@ $< $(filter-out %/app/main.o,$(OBJ)) \
		-Wl,--unresolved-symbols=ignore-all
test-parts: $(B)/netd/world
