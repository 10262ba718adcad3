#include "intercept/view/mountinfo.h"
#include "unit.h"

static const struct fstype rules_9p[] = { { "9p", "ext4", NULL },
	{ "overlay", "xfs", "/dev/vda" } };

static const char *rewritten(const char *text, bool info)
{
	static struct buf out;
	buf_reset(&out);
	mountinfo_rewrite(text, strlen(text), info, rules_9p, 2, &out);
	return out.data ? out.data : "";
}

TEST(info)
{
	CHECK_STR(rewritten("1 0 0:16 / / rw,relatime shared:1 master:2 - 9p none rw,trans=fd\n",
		true),
		"1 0 0:16 / / rw,relatime shared:1 master:2 - ext4 none rw,trans=fd\n");
	CHECK_STR(rewritten("1 0 0:16 / / rw - overlay none rw\n", true),
		"1 0 0:16 / / rw - xfs /dev/vda rw\n");
	/* gVisor writes two blanks where there are no optional fields */
	CHECK_STR(rewritten("10 10 0:10 / / rw  - 9p none rw\n", true),
		"10 10 0:10 / / rw  - ext4 none rw\n");
	/* a mount point called "-", a type only at the right place */
	CHECK_STR(rewritten("1 0 0:16 / /- rw - 9p 9p 9p\n", true),
		"1 0 0:16 / /- rw - ext4 9p 9p\n");
	CHECK_STR(rewritten("1 0 0:16 - 9p rw - tmpfs 9p rw\n", true),
		"1 0 0:16 - 9p rw - tmpfs 9p rw\n");
}

TEST(mounts)
{
	CHECK_STR(rewritten("none / 9p rw 0 0\nnone /x overlay rw 0 0\n", false),
		"none / ext4 rw 0 0\n/dev/vda /x xfs rw 0 0\n");
	CHECK_STR(rewritten("9p /9p tmpfs 9p 0 0\n", false), "9p /9p tmpfs 9p 0 0\n");
}

TEST(odd_text_stays)
{
	static const char *const odd[] = { "", "\n", "x", "9p", " ", "1 0 0:1 / / rw - 9p",
		"a b c - ", "\n\n9p\n", "- - - - - - -" };
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		CHECK_STR(rewritten(odd[i], true), odd[i]);
	CHECK_STR(rewritten("1 0 0:1 / / rw - 9p s", true), "1 0 0:1 / / rw - ext4 s");
}

UNIT_MAIN("mountinfo")
