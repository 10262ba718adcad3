/* Fuzz target: only types and sources change, lines stay lines, and a second rewriting finds
 * nothing left to do. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "intercept/view/cgroups.h"
#include "intercept/view/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines(const char *p, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++) count += p[i] == '\n';
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fstype rules[] = { { "9p", "ext4", NULL },
		{ "overlay", "xfs", "/dev/vda" } };
	struct buf one = {0}, two = {0}, none = {0}, cgroups = {0};
	const char *text = (const char *)data + 1;

	if (size < 1) return 0;
	bool info = data[0] & 1;
	mountinfo_rewrite(text, size - 1, info, rules, 0, &none);
	if (none.len != size - 1 || (none.len && memcmp(none.data, text, none.len))) abort();
	mountinfo_rewrite(text, size - 1, info, rules, 2, &one);
	static const char *const names[] = { "pids", "devices" };
	cgroups_in_mounts(text, size - 1, info, names, 2, &cgroups);
	if (lines(text, size - 1) != lines(cgroups.data ? cgroups.data : "", cgroups.len)) abort();
	cgroups_of_process(text, size - 1, names, 2, &cgroups);
	cgroups_of_kernel(text, size - 1, names, 2, &cgroups);
	mountinfo_rewrite(one.data ? one.data : "", one.len, info, rules, 2, &two);
	if (lines(text, size - 1) != lines(one.data ? one.data : "", one.len)) abort();
	if (one.len != two.len || (one.len && memcmp(one.data, two.data, one.len))) abort();
	buf_free(&one);
	buf_free(&two);
	buf_free(&none);
	buf_free(&cgroups);
	return 0;
}
