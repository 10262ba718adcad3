# A world with a switch and netd, but without k3s: see world.c.
$(B)/netd/world: tests/netd/world.c $(OBJ)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 -O1 -g $(WARN) -static -o $@ $< $(filter-out %/app/main.o %/base/relr.o,$(OBJ)) \
		-Wl,--unresolved-symbols=ignore-all
test-parts: $(B)/netd/world

# An API server that says what files say: see api.c.
$(B)/netd/api: tests/netd/api.c $(OBJ) $(BEARSSL)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -I. -Wno-unused-variable -std=c11 -O1 -g $(WARN) -Wno-error=unused-variable -Wno-error=unused-const-variable -static -o $@ $< \
		$(filter-out %/app/main.o %/base/relr.o,$(OBJ)) -Wl,--unresolved-symbols=ignore-all $(BEARSSL)
test-parts: $(B)/netd/api
