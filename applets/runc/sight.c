/* The machine as the rules see it: what exists, what this process may do. */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "runc/shim.h"

/* The mount that path is on: the last with the longest destination. */
static const struct json_node *mount_of(const struct json *j, const char *path, size_t *len)
{
	const struct json_node *best = NULL, *mounts = json_get(j, json_root(j), "mounts");

	*len = 0;
	if (!mounts || mounts->type != JSON_ARRAY) return NULL;
	for (const struct json_node *m = json_first(j, mounts); m; m = json_next(j, m)) {
		_cleanup_free_ char *at = json_strdup(j, json_get(j, m, "destination"));
		size_t n = at ? strlen(at) : 0;
		while (n && at[n - 1] == '/') n--;
		if (!at || n < *len || strncmp(path, at, n) || (path[n] && path[n] != '/'))
			continue;
		*len = n;
		best = m;
	}
	return best;
}

/* Where the path that a container will see is on this machine; -ENOENT if nowhere. proc and
 * sysfs show the same in every container, as far as directories that get masked go. */
static int outside(const struct shim_sight *s, const char *path, char *out, size_t size)
{
	const struct json *j = s->config;
	size_t len;
	const struct json_node *m = mount_of(j, path, &len);
	_cleanup_free_ char *type = json_strdup(j, json_get(j, m, "type"));
	_cleanup_free_ char *source = json_strdup(j, json_get(j, m, "source"));
	_cleanup_free_ char *root = json_strdup(j, json_path(j, json_root(j), "root.path"));
	int n = -1;

	if (!m && root)
		n = *root == '/' ? snprintf(out, size, "%s%s", root, path)
			: snprintf(out, size, "%s/%s%s", s->bundle, root, path);
	else if (m && type && !strcmp(type, "proc")) n = snprintf(out, size, "/proc%s", path + len);
	else if (m && type && !strcmp(type, "sysfs")) n = snprintf(out, size, "/sys%s", path + len);
	else if (m && type && !strcmp(type, "bind") && source)
		n = snprintf(out, size, "%s%s", source, path + len);
	return n < 0 || (size_t)n >= size ? -ENOENT : 0;
}

static bool is_directory(const struct shim_sight *s, const char *path)
{
	char real[PATH_MAX];
	struct stat st;

	return !outside(s, path, real, sizeof real) && !lstat(real, &st) && S_ISDIR(st.st_mode);
}

static bool has_sysctl(const struct shim_sight *s, const char *name)
{
	char path[PATH_MAX];

	(void)s;
	if (snprintf(path, sizeof path, "/proc/sys/%s", name) >= (int)sizeof path) return false;
	/* "net.ipv4.ip_forward" or "net/ipv4/…": the first of the two that occurs is the separator
	 * (sysctl(8)); interface names may have dots in the second form. */
	char *key = path + sizeof "/proc/sys/" - 1;
	bool dots = key[strcspn(key, "./")] == '.';
	for (char *c = key; dots && *c; c++) {
		if (*c == '.') *c = '/';
		else if (*c == '/') *c = '.';
	}
	return io_exists(path);
}

/* All, if the kernel does not say: nothing is dropped then. */
static uint64_t own_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &head, data) < 0) return UINT64_MAX;
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

void shim_sight_init(struct shim_sight *s, const char *bundle, const struct json *config)
{
	char line[32];

	*s = (struct shim_sight){
		.is_directory = is_directory, .has_sysctl = has_sysctl, .bundle = bundle,
		.config = config,
	};
	/* Without the file nothing is lowered: -1000 is the least there is. */
	int r = io_read_line("/proc/self/oom_score_adj", line, sizeof line);
	s->oom_score_adj = r < 0 ? -1000 : atoi(line);
	s->capabilities = own_capabilities();
}
