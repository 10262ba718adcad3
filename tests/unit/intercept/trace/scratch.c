/* Slots in the memory that tracees have mapped for the interceptor's strings. */
#include <stdlib.h>

#include "intercept/trace/scratch.h"
#include "unit.h"

enum { PROCESS = 10, OTHER = 20 };

static void free_list(struct scratch *list)
{
	while (list) {
		struct scratch *next = list->next;
		free(list);
		list = next;
	}
}

TEST(a_slot_belongs_to_one_call)
{
	struct scratch *list = NULL, *pool = NULL;
	int slot = -1, seen = 0;

	CHECK(!scratch_get(list, PROCESS, &slot));
	CHECK(scratch_add(&list, PROCESS, 0x10000) == 0);
	CHECK(!scratch_get(list, OTHER, &slot));
	for (int i = 0; i < SCRATCH_SLOTS; i++) {
		pool = scratch_get(list, PROCESS, &slot);
		CHECK(pool && !(seen & 1 << slot));
		seen |= 1 << slot;
		CHECK(scratch_at(pool, slot, SCRATCH_STRINGS) <= 0x10000 + SCRATCH_BYTES);
		CHECK(scratch_at(pool, slot, 1) - scratch_at(pool, slot, 0) >= PATH_MAX);
	}
	CHECK(!scratch_get(list, PROCESS, &slot));   /* full: another pool is needed */
	CHECK(scratch_add(&list, PROCESS, 0x90000) == 0);
	CHECK(scratch_get(list, PROCESS, &slot) && slot == 0);
	scratch_put(pool, 5);
	CHECK(scratch_get(pool, PROCESS, &slot) == pool && slot == 5);
	free_list(list);
}

TEST(a_pool_ends_with_its_address_space)
{
	struct scratch *list = NULL;
	int slot;

	CHECK(scratch_add(&list, PROCESS, 0x10000) == 0);
	struct scratch *pool = scratch_get(list, PROCESS, &slot);
	scratch_forget(list, PROCESS);
	CHECK(pool && !scratch_get(list, PROCESS, &slot));
	/* A call of a dying thread still has a slot, so the record is not reused. */
	CHECK(scratch_add(&list, OTHER, 0x20000) == 0 && list != pool);
	scratch_put(pool, 0);
	CHECK(scratch_add(&list, PROCESS, 0x30000) == 0);
	CHECK(scratch_get(list, PROCESS, &slot) == pool && pool->addr == 0x30000);
	free_list(list);
}

UNIT_MAIN("scratch")
