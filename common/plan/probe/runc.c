/* The probe of what runc needs of a process that is not dumpable, and of the runc that k3s has. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/spawn.h"
#include "plan/probe/probe.h"

/* Where a container joins a namespace, runc's first process in it is not dumpable (nsexec.c), and
 * runc opens the mount namespace of that (since 1.2: goCreateMountSources). */
static int open_namespace(void *arg)
{
	char path[64], c;
	int p[2];

	(void)arg;
	if (pipe2(p, O_CLOEXEC) < 0) return errno;
	pid_t pid = fork();
	if (pid < 0) return errno;
	if (!pid) {
		if (prctl(PR_SET_DUMPABLE, 0) < 0 || write(p[1], "", 1) != 1) _exit(1);
		for (;;) pause();
	}
	close(p[1]);
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
	int e = 0, fd = -1;
	if (read(p[0], &c, 1) == 1 && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) e = errno;
	if (fd >= 0) close(fd);
	kill(pid, SIGKILL);
	spawn_wait(pid);
	return e;
}

#define UNPACKED "data/current/bin/runc"

/* The function that opens it, by the name that Go keeps for its stack traces. True if the file
 * cannot be read. */
static bool opens_namespace(const char *runc)
{
	static const char function[] = "goCreateMountSources";
	_cleanup_buf_ struct buf b = {0};

	return io_read(runc, &b, 64 << 20) < 0 || b.failed ||
		memmem(b.data, b.len, function, sizeof function - 1);
}

/* Has this k3s, and not one before it, unpacked its programs in the data directory? */
static bool is_unpacked(const struct plan_options *o, char path[PATH_MAX])
{
	struct stat k3s, link;

	if (io_join(path, PATH_MAX, o->data_dir, "data/current") < 0 || lstat(path, &link) < 0 ||
		stat(o->k3s, &k3s) < 0) return false;
	return link.st_ctime >= k3s.st_ctime && !io_join(path, PATH_MAX, o->data_dir, UNPACKED) &&
		io_exists(path);
}

/* k3s unpacks itself for `ctr`, too: if it has not done so, in a directory that is removed. */
static bool runc_opens_namespace(const struct plan_options *o)
{
	enum { UNPACK_MS = 60000 };
	char path[PATH_MAX], dir[PATH_MAX], flag[PATH_MAX + 16];
	char *argv[] = { (char *)o->k3s, (char *)"ctr", flag, (char *)"--version", NULL };
	_cleanup_buf_ struct buf out = {0};
	size_t had;

	if (!o->k3s) return true;
	if (is_unpacked(o, path)) return opens_namespace(path);
	if (probe_dir(o, dir, sizeof dir, &had) < 0) return true;
	snprintf(flag, sizeof flag, "--data-dir=%s", dir);
	/* ctr does not know the flag: how it ends tells nothing. */
	spawn_capture(o->k3s, argv, &out, 4096, true, UNPACK_MS);
	bool opens = io_join(path, sizeof path, dir, UNPACKED) < 0 || opens_namespace(path);
	probe_dir_done(o, dir, had);
	return opens;
}

void probe_runc_init(const struct plan_options *o, struct fact_result *r)
{
	int e = spawn_call(open_namespace, NULL, 2000);

	/* What there is no name for (old gVisor) is the fact join's business. */
	if (e != EACCES && e != EPERM) return;
	if (runc_opens_namespace(o))
		probe_obstacle_errno(r, KIND_NONE,
			"open /proc/PID/ns/mnt of a process that is not dumpable, which this runc "
			"does", e);
	else snprintf(r->why, sizeof r->why, "this k3s has a runc that does not need them");
}
