/* The detail of an error: formatting, and what is kept where the text is too short. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "unit.h"

TEST(texts)
{
	struct err e = {0};

	CHECK(err_set(&e, -EINVAL, "line %u", 7u) == -EINVAL);
	CHECK(!strcmp(e.text, "line 7"));
	CHECK(err_errno(&e, -ENOENT, "%s", "/x") == -ENOENT);
	CHECK(!strcmp(e.text, "/x: No such file or directory"));
	CHECK(err_set(NULL, -EIO, "x") == -EIO && err_errno(NULL, -EIO, "x") == -EIO);
}

TEST(long_names_leave_the_reason)
{
	static const char reason[] = ": No such file or directory";
	char name[4096];
	struct err e = {0};

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = 0;
	err_errno(&e, -ENOENT, "%s", name);
	CHECK(strlen(e.text) == sizeof e.text - 1 && *e.text == 'n');
	CHECK(!strcmp(e.text + strlen(e.text) - strlen(reason), reason));
}

UNIT_MAIN("err")
