/* The mark of our processes: which k3sbox it belongs to. */
#include "cluster/leftovers.h"
#include "unit.h"

TEST(mark)
{
	char a[LEFTOVERS_MARK_SIZE], b[LEFTOVERS_MARK_SIZE];

	leftovers_mark(a);
	leftovers_mark(b);
	CHECK_STR(a, b);
	CHECK(!strncmp(a, LEFTOVERS_MARK "=", sizeof LEFTOVERS_MARK) && strchr(a, '/'));
}

TEST(agreement)
{
	static const char ours[] = "K3SBOX_CHILD=1a-2b/3c-4d-5e";
	static const struct { const char *theirs; bool agrees; } cases[] = {
		{ "K3SBOX_CHILD=1a-2b/3c-4d-5e", true },
		/* the same /run/k3sbox, another mount namespace */
		{ "K3SBOX_CHILD=1a-2b/9-9-9", true },
		/* /run/k3sbox was removed and made again */
		{ "K3SBOX_CHILD=0-0/3c-4d-5e", true },
		{ "K3SBOX_CHILD=1a-2b", true },               /* an older k3sbox's */
		{ "K3SBOX_CHILD=1a-2", false }, { "K3SBOX_CHILD=1a-2bb", false },
		{ "K3SBOX_CHILD=0-0/3c-4d-5", false }, { "K3SBOX_CHILD=0-0/3c-4d-5e/", false },
		{ "K3SBOX_CHILD=1", false }, { "K3SBOX_CHILD=", false }, { "K3SBOX_CHILD", false },
		{ "OTHER=/3c-4d-5e", false }, { "", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK(leftovers_mark_agrees(ours, cases[i].theirs) == cases[i].agrees);
}

UNIT_MAIN("leftovers")
