/* Moves the processes of a container's root group (cgroup version 2) away, and back. */
#include "plan/fix/cgroup2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"

#define LEAF CGROUP_ROOT "/k3sbox"
/* What the root group passed on before, written before anything is changed. */
#define OURS K3SBOX_RUN "/cgroup-leaf"

static const char *const wanted[] = { "cpu", "cpuset", "memory", "pids" };

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' ')) return true;
	return false;
}

int cgroup2_look(struct cgroup2_root *out)
{
	char line[256];

	*out = (struct cgroup2_root){0};
	int r = io_read_line(CGROUP_ROOT "/cgroup.controllers", out->controllers,
		sizeof out->controllers);
	if (!r) r = io_read_line(CGROUP_ROOT "/cgroup.subtree_control", out->enabled,
		sizeof out->enabled);
	if (r < 0) return r;
	/* The kernel's own root has no such file. In a container with the host's namespace the
	 * path of this process shows that CGROUP_ROOT is not its root. */
	r = io_read_line("/proc/self/cgroup", line, sizeof line);
	out->is_ours = !r && (!strcmp(line, "0::/") || !strcmp(line, "0::/k3sbox")) &&
		io_exists(CGROUP_ROOT "/cgroup.events");
	out->has_systemd = io_exists("/run/systemd/system");
	return 0;
}

const char *cgroup2_absent(const char *controllers)
{
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!has_word(controllers, wanted[i])) return wanted[i];
	return NULL;
}

const char *cgroup2_missing(const struct cgroup2_root *root, size_t *i)
{
	for (; *i < sizeof wanted / sizeof *wanted; ++*i)
		if (has_word(root->controllers, wanted[*i]) && !has_word(root->enabled, wanted[*i]))
			return wanted[(*i)++];
	return NULL;
}

int cgroup2_enable(const char *controller, bool on)
{
	char word[32];

	snprintf(word, sizeof word, "%c%s", on ? '+' : '-', controller);
	return io_poke(CGROUP_ROOT "/cgroup.subtree_control", word);
}

long cgroup2_next_pid(const char **procs)
{
	char *end;
	long pid = strtol(*procs, &end, 10);

	if (end == *procs) return -1;
	*procs = end;
	return pid;
}

/* Once: how many were moved, or -errno. One that has ended, or that the kernel keeps where it is,
 * is left out. */
static int move_all(const char *from, const char *to)
{
	_cleanup_buf_ struct buf text = {0};
	char word[24];
	int moved = 0, r = io_read(from, &text, 1 << 24);
	const char *rest = text.data ? text.data : "";

	for (long pid; r >= 0 && (pid = cgroup2_next_pid(&rest)) >= 0;) {
		snprintf(word, sizeof word, "%ld", pid);
		/* 0 would mean the writer */
		moved += pid > 0 && !io_poke(to, word);
	}
	return r < 0 ? r : moved;
}

/* Until there is nothing left that moves: processes go on starting others meanwhile. */
static int move_until_empty(const char *from, const char *to)
{
	enum { TRIES = 100 };
	int r = 1;

	for (int i = 0; i < TRIES && r > 0; i++) r = move_all(from, to);
	return r < 0 ? r : 0;
}

static int enable_all(struct err *e)
{
	struct cgroup2_root root;
	const char *name;
	size_t i = 0;
	int r = cgroup2_look(&root), first = 0, done = 0;

	if (r < 0) return err_errno(e, r, CGROUP_ROOT);
	while ((name = cgroup2_missing(&root, &i))) {
		r = cgroup2_enable(name, true);
		done += !r;
		if (r < 0 && !first)
			first = err_errno(e, r, "controller %s cannot be passed on", name);
	}
	return done ? 0 : first;
}

int cgroup2_free_root(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	struct cgroup2_root root;
	int r = cgroup2_look(&root);

	if (!r && !io_exists(OURS)) {
		r = io_mkdirs(K3SBOX_RUN, 0700);
		if (!r) r = io_replace(OURS, 0600, root.enabled, strlen(root.enabled));
	}
	if (!r && mkdir(LEAF, 0755) < 0 && errno != EEXIST) r = -errno;
	if (!r) r = move_until_empty(CGROUP_ROOT "/cgroup.procs", LEAF "/cgroup.procs");
	if (r < 0) return err_errno(e, r, LEAF);
	r = enable_all(e);
	if (r < 0) cgroup2_fill_root(o, s->seen->value, NULL);
	return r;
}

int cgroup2_fill_root(const struct plan_options *o, const char *seen, struct err *e)
{
	_cleanup_buf_ struct buf before = {0};
	struct cgroup2_root root = {0};
	int r = io_read(OURS, &before, 4096);

	(void)o, (void)seen;
	if (r == -ENOENT) return 0;
	/* k3s's own group, empty by now; with processes it refuses */
	rmdir(CGROUP_ROOT "/k3s");
	if (!r) r = cgroup2_look(&root);
	/* runc has passed on others, too */
	for (char *rest = root.enabled, *name; !r && (name = strsep(&rest, " "));)
		if (*name && !has_word(before.data ? before.data : "", name))
			r = cgroup2_enable(name, false);
	if (!r && io_exists(LEAF)) {
		r = move_until_empty(LEAF "/cgroup.procs", CGROUP_ROOT "/cgroup.procs");
		if (!r && rmdir(LEAF) < 0) r = -errno;
	}
	return r < 0 ? err_errno(e, r, CGROUP_ROOT) : io_unlink(OURS);
}
