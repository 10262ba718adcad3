/* Unit tests: TEST(name) { … CHECK(condition); … } and one UNIT_MAIN. Prints a line per test; a test ends at its first failed CHECK. */
#ifndef K3SBOX_UNIT_H
#define K3SBOX_UNIT_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

static struct unit_test *unit_first, **unit_last = &unit_first;
static jmp_buf unit_end;
static char unit_why[512];

#define TEST(id)                                                              \
	static void test_##id(void);                                          \
	static struct unit_test unit_##id = { .name = #id, .run = test_##id };\
	__attribute__((constructor)) static void unit_add_##id(void)          \
	{                                                                     \
		*unit_last = &unit_##id;                                      \
		unit_last = &unit_##id.next;                                  \
	}                                                                     \
	static void test_##id(void)

#define CHECK(cond)                                                           \
	do {                                                                  \
		if (!(cond)) {                                                \
			snprintf(unit_why, sizeof unit_why, "%s:%d: %s", __FILE__, __LINE__, #cond); \
			longjmp(unit_end, 1);                                 \
		}                                                             \
	} while (0)

#define CHECK_STR(got, want)                                                  \
	do {                                                                  \
		const char *unit_g = (got), *unit_w = (want);                 \
		if (!unit_g || strcmp(unit_g, unit_w)) {                      \
			snprintf(unit_why, sizeof unit_why, "%s:%d: want «%s», got «%s»", __FILE__, __LINE__, unit_w, \
				unit_g ? unit_g : "(null)");                  \
			longjmp(unit_end, 1);                                 \
		}                                                             \
	} while (0)

#define UNIT_MAIN(suite)                                                      \
	int main(void)                                                        \
	{                                                                     \
		volatile int failed = 0;                                      \
		setvbuf(stdout, NULL, _IOLBF, 0);                             \
		for (struct unit_test *volatile t = unit_first; t; t = t->next) { \
			if (setjmp(unit_end)) {                               \
				printf("FAIL unit " suite ": %s: %s\n", t->name, unit_why); \
				failed = 1;                                   \
				continue;                                     \
			}                                                     \
			t->run();                                             \
			printf("PASS unit " suite ": %s\n", t->name);         \
		}                                                             \
		return failed;                                                \
	}

#endif
