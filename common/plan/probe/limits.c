/* Probes of limits that a node reaches: inotify, open files, memory mappings. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/spawn.h"
#include "plan/fix/limits.h"
#include "plan/probe/probe.h"

/* What k3s has with one pod, and half as much again. */
enum { INSTANCES = 32, WATCHES = 256 };

enum { TOO_FEW_INSTANCES = 1, TOO_FEW_WATCHES };

/* Each on a file of its own: two on the same are one. */
static bool add_watch(int fd)
{
	char path[32];
	int file = memfd_create("k3sbox", MFD_CLOEXEC);

	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	return file < 0 || inotify_add_watch(fd, path, IN_MODIFY) >= 0 || errno != ENOSPC;
}

/* In a child, whose end closes all. */
static int use_inotify(void *arg)
{
	int fd = -1;

	(void)arg;
	limits_raise_files();
	for (int i = 0; i < INSTANCES; i++)
		if ((fd = inotify_init1(IN_CLOEXEC)) < 0)
			return errno == EMFILE ? TOO_FEW_INSTANCES : 0;
	for (int i = 0; i < WATCHES; i++)
		if (!add_watch(fd)) return TOO_FEW_WATCHES;
	return 0;
}

/* Other programs of the same user count too: in a container, those of others that have its IDs. */
void probe_inotify(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(use_inotify, NULL, 2000);
	if (e != TOO_FEW_INSTANCES && e != TOO_FEW_WATCHES) return;
	const char *what = e == TOO_FEW_INSTANCES ? "instances" : "watches";
	probe_obstacle(r, limits_can_raise(FACT_INOTIFY) ? KIND_INOTIFY_RAISED : KIND_NONE,
		"the kernel refuses %d inotify %s (fs.inotify.max_user_%s)",
		e == TOO_FEW_INSTANCES ? INSTANCES : WATCHES, what, what);
}

enum { LEAST_FILES = 4096, LEAST_MAPPINGS = 65530 };

static int open_files(void *arg)
{
	int fd = open("/", O_PATH | O_CLOEXEC);

	(void)arg;
	limits_raise_files();
	return fd >= 0 && fcntl(fd, F_DUPFD_CLOEXEC, LEAST_FILES - 1) < 0;
}

/* Mappings are not tried: that many take 50 ms. */
void probe_limits(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	if (spawn_call(open_files, NULL, 2000) == 1) {
		probe_obstacle(r, KIND_NONE, "a process cannot have %d open files (RLIMIT_NOFILE)",
			LEAST_FILES);
		r->help = "raise the limit (ulimit -n, docker run --ulimit nofile=1048576)";
	} else if (limits_read("vm/max_map_count") < LEAST_MAPPINGS) {
		probe_obstacle(r, limits_can_raise(FACT_LIMITS) ? KIND_LIMITS_RAISED : KIND_NONE,
			"vm.max_map_count is less than %d, the kernel's default", LEAST_MAPPINGS);
	}
}
