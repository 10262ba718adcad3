/* cgroup v1 controllers and control files that a kernel lacks. */
#include "intercept/view/cgroups.h"

#include <string.h>

#include "base/text.h"

static const struct cgroup_file files[] = {
	/* cAdvisor ignores a container without it. */
	{ "cpuacct.usage_percpu", NULL, NULL, false },
	/* runc reads which devices are allowed, then writes which ones will be. */
	{ "devices.list", "devices", "a *:* rwm\n", false },
	{ "devices.allow", "devices", "", true },
	{ "devices.deny", "devices", "", true },
	{ "pids.max", "pids", "max\n", true },
	{ "pids.current", "pids", "1\n", false },
};

const struct cgroup_file *cgroup_file_find(const char *base, const char *const *names,
	size_t name_n)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (strcmp(files[i].name, base)) continue;
		if (!files[i].controller) return &files[i];
		for (size_t k = 0; k < name_n; k++)
			if (!strcmp(names[k], files[i].controller)) return &files[i];
	}
	return NULL;
}

/* Is name one of the comma-separated words of [p, end)? */
static bool among(const char *p, const char *end, const char *name)
{
	size_t len = strlen(name);

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;
		if ((size_t)(stop - p) == len && !memcmp(p, name, len)) return true;
		p = stop + 1;
	}
	return false;
}

static const char *line_end(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	return nl ? nl : end;
}

/* Does a line name the controller? Between the colons in /proc/PID/cgroup, as the first word in
 * /proc/cgroups. */
static bool has_line(const char *p, const char *end, const char *name, bool process)
{
	for (const char *eol; p < end; p = eol + 1) {
		eol = line_end(p, end);
		const char *from = process ? memchr(p, ':', (size_t)(eol - p)) : p - 1;
		if (!from) continue;
		const char *to = memchr(from + 1, process ? ':' : '\t', (size_t)(eol - from - 1));
		if (to && among(from + 1, to, name)) return true;
	}
	return false;
}

void cgroups_of_process(const char *text, size_t n, const char *const *names, size_t name_n,
	struct buf *out)
{
	const char *end = text + n, *eol = line_end(text, end), *path = text;

	/* "ID:controllers:path", and the path may have colons */
	for (int colons = 0; path < eol && colons < 2; path++) colons += *path == ':';
	buf_add(out, text, n);
	for (size_t i = 0; i < name_n; i++)
		if (n && !has_line(text, end, names[i], true))
			buf_printf(out, "%u:%s:%.*s\n", 100u + (unsigned)i, names[i],
				(int)(eol - path), path);
}

void cgroups_of_kernel(const char *text, size_t n, const char *const *names, size_t name_n,
	struct buf *out)
{
	buf_add(out, text, n);
	for (size_t i = 0; i < name_n; i++)
		if (!has_line(text, text + n, names[i], false))
			buf_printf(out, "%s\t%u\t1\t1\n", names[i], 100u + (unsigned)i);
}

/* The name that the mount point ends in; NULL if none. */
static const char *name_of(const char *point, const char *const *names, size_t name_n)
{
	const char *base = strrchr(point, '/');

	for (size_t i = 0; base && i < name_n; i++)
		if (!strcmp(base + 1, names[i])) return names[i];
	return NULL;
}

/* The options with the controllers are the last word of a line in mountinfo, the fourth in
 * mounts. */
static bool rewrite_mount(const char *line, bool info, const char *const *names, size_t name_n,
	struct buf *out)
{
	static const char mark[] = " - cgroup ";
	char point[256], word[256];

	if (!text_field(line, info ? 4 : 1, point, sizeof point)) return false;
	const char *name = name_of(point, names, name_n);
	if (!name) return false;
	if (info) {
		if (!strstr(line, mark)) return false;
		buf_printf(out, "%.*s rw,%s", (int)(strrchr(line, ' ') - line), line, name);
		return true;
	}
	if (!text_field(line, 2, word, sizeof word) || strcmp(word, "cgroup")) return false;
	if (!text_field(line, 0, word, sizeof word)) return false;
	buf_printf(out, "%s %s cgroup rw,%s 0 0", word, point, name);
	return true;
}

static void mount_line(const char *p, const char *eol, bool info, const char *const *names,
	size_t name_n, struct buf *out)
{
	char line[1024];
	size_t len = (size_t)(eol - p);

	if (len < sizeof line) {
		memcpy(line, p, len);
		line[len] = 0;
		if (rewrite_mount(line, info, names, name_n, out)) return;
	}
	buf_add(out, p, len);
}

void cgroups_in_mounts(const char *text, size_t n, bool info, const char *const *names,
	size_t name_n, struct buf *out)
{
	const char *end = text + n;

	for (const char *eol; text < end; text = eol + 1) {
		eol = line_end(text, end);
		mount_line(text, eol, info, names, name_n, out);
		if (eol < end) buf_putc(out, '\n');
	}
}
