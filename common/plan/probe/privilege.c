/* Probes of privileges, files and system calls that the parts of k3s depend on. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "plan/fix/kmsg.h"
#include "plan/fix/passwd.h"
#include "plan/fix/procsys.h"
#include "plan/fix/writable.h"
#include "plan/probe/probe.h"
#include "plan/seeds.h"

void probe_root(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	if (geteuid()) probe_obstacle(r, KIND_NONE, "running as user %u", (unsigned)geteuid());
}

/* k3s, containerd and runc keep their state there, as k3sbox does. */
void probe_run(const struct plan_options *o, struct fact_result *r)
{
	char dir[] = "/run/k3sbox-XXXXXX";
	bool made = !mkdir("/run", 0755);   /* an image from scratch has none */

	(void)o;
	if (mkdtemp(dir)) rmdir(dir);
	else probe_obstacle_errno(r, KIND_NONE, "a directory in /run", errno);
	if (made) rmdir("/run");
}

void probe_k3s(const struct plan_options *o, struct fact_result *r)
{
	enum { ASK_MS = 20000, SHOWN = 120 };
	char *argv[] = { (char *)o->k3s, (char *)"--version", NULL };
	_cleanup_buf_ struct buf out = {0};

	if (!o->k3s) {
		probe_obstacle(r, KIND_NONE, "no k3s in PATH");
		return;
	}
	int status = spawn_capture(o->k3s, argv, &out, 1 << 16, true, ASK_MS);
	if (status < 0) probe_obstacle_errno(r, KIND_NONE, o->k3s, -status);
	else if (status || !out.data || !strstr(out.data, "k3s"))
		probe_obstacle(r, KIND_NONE,
			"'%.80s --version' is not k3s's output (exit status %d): %.*s", o->k3s,
			spawn_status(status), SHOWN,
			out.data && *out.data ? out.data : "nothing");
	else
		snprintf(r->why, sizeof r->why, "%.100s is %.*s", o->k3s,
			(int)strcspn(out.data, "\n"), out.data);
}

void probe_kmsg(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = kmsg_check();
	/* Where /dev cannot be written to, no link can be made. */
	enum obstacle_kind kind = e != -ENOENT ? KIND_KMSG_REFUSED
		: access("/dev", W_OK) < 0 ? KIND_KMSG_SEALED : KIND_KMSG_ABSENT;
	if (e < 0) probe_obstacle_errno(r, kind, "open /dev/kmsg", -e);
}

void probe_passwd(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = passwd_check();
	if (e < 0) probe_obstacle_errno(r, KIND_NONE, "/etc/passwd", -e);
}

static int try_writable(void *mounts)
{
	return -writable_make(mounts, PROC_SYS, NULL);
}

/* kube-proxy, flannel and others set what they find different. */
void probe_procsys_write(const struct plan_options *o, struct fact_result *r)
{
	_cleanup_mounts_ struct mounts m = {0};

	(void)o;
	if (mounts_read(&m) < 0 || !writable_is_needed(&m, PROC_SYS)) return;
	int e = probe_in_mount_namespace(try_writable, &m);
	if (e) probe_obstacle_errno(r, KIND_PROCSYS_WRITE_CLOSED,
		PROC_SYS " is mounted read-only, and remounting it fails", e);
	else probe_obstacle(r, KIND_PROCSYS_WRITE_READONLY, PROC_SYS " is mounted read-only");
}

void probe_procsys(const struct plan_options *o, struct fact_result *r)
{
	const char *first = NULL;
	int n = 0, error = 0;

	(void)o;
	for (size_t i = 0; i < seed_count; i++) {
		if (!procsys_wanted(&seeds[i])) continue;
		int e = procsys_check(&seeds[i]);
		if (e < 0 && !n++) first = seeds[i].path, error = -e;
	}
	if (n == 1) probe_obstacle(r, KIND_NONE, PROC_SYS "/%s: %s", first, strerror(error));
	else if (n)
		probe_obstacle(r, KIND_NONE, PROC_SYS "/%s: %s; and %d more", first,
		strerror(error), n - 1);
}

/* What runc checks before it accepts a procfs (filepath-securejoin's pathrs-lite:
 * verifyProcRoot, verifyProcHandle). */
void probe_procfs(const struct plan_options *o, struct fact_result *r)
{
	struct stat st;
	struct statfs fs;

	(void)o;
	if (stat("/proc", &st) < 0) probe_obstacle_errno(r, KIND_PROCFS_ABSENT, "/proc", errno);
	else if (st.st_ino != 1)
		probe_obstacle(r, KIND_PROCFS_OLD,
		"/proc has inode number %llu: runc does not accept it as a procfs",
		(unsigned long long)st.st_ino);
	else if (statfs("/proc/self/stat", &fs) < 0)
		probe_obstacle_errno(r, KIND_PROCFS_OLD, "statfs(2) of /proc/self/stat", errno);
}

/* In a pod runc reads the sandbox's own procfs, whatever is mounted over ours. */
void probe_cap_last_cap(const struct plan_options *o, struct fact_result *r)
{
	char path[64], line[16];

	(void)o;
	/* the step PROCSYS_MOUNT hides the real one at the usual path */
	snprintf(path, sizeof path, K3SBOX_RUN "/proc-sys/kernel/cap_last_cap");
	if (access(K3SBOX_RUN "/proc-sys/kernel", F_OK) < 0)
		snprintf(path, sizeof path, PROC_SYS "/kernel/cap_last_cap");
	int e = io_read_line(path, line, sizeof line);
	if (e < 0) probe_obstacle_errno(r, KIND_NONE, path, -e);
}

/* containerd's enable_unprivileged_ports and _icmp set these in each pod. */
void probe_pod_sysctls(const struct plan_options *o, struct fact_result *r)
{
	static const char *const names[] = { "net/ipv4/ip_unprivileged_port_start",
		"net/ipv4/ping_group_range" };
	char path[96], line[64];

	(void)o;
	for (size_t i = 0; i < sizeof names / sizeof *names && !r->state; i++) {
		snprintf(path, sizeof path, PROC_SYS "/%s", names[i]);
		int e = io_read_line(path, line, sizeof line);
		if (e < 0) probe_obstacle_errno(r, KIND_NONE, path, -e);
	}
}

#define OOM_SCORE "/proc/self/oom_score_adj"

/* The kubelet asks for -998 for its pods' sandboxes and critical pods. */
static int lower_oom_score(void *arg)
{
	char now[16];
	(void)arg;
	int r = io_read_line(OOM_SCORE, now, sizeof now);
	if (r < 0) return -r;
	char want[16];
	snprintf(want, sizeof want, "%d", atoi(now) - 1);
	return -io_poke(OOM_SCORE, atoi(now) > -1000 ? want : now);
}

/* runc's nsexec.c writes the string with its NUL, which gVisor takes since 2023. */
static int write_score_as_runc(void *arg)
{
	char now[16];
	(void)arg;
	int r = io_read_line(OOM_SCORE, now, sizeof now);
	if (r < 0) return -r;
	_cleanup_close_ int fd = open(OOM_SCORE, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, now, strlen(now) + 1) < 0 ? errno : 0;
}

void probe_oom_score(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(write_score_as_runc, NULL, 2000);
	if (e) {
		probe_obstacle_errno(r, KIND_OOM_SCORE_UNWRITABLE,
			"writing to " OOM_SCORE " as runc does", e < 0 ? -e : e);
		return;
	}
	e = spawn_call(lower_oom_score, NULL, 2000);
	if (e) probe_obstacle_errno(r, KIND_OOM_SCORE_NOT_LOWER,
		"lowering " OOM_SCORE " (CAP_SYS_RESOURCE)", e < 0 ? -e : e);
}

/* What containerd gives to containers (pkg/oci/spec.go, defaultUnixCaps), all below 32. */
#define CAP(name) (1u << CAP_##name)
enum {
	CONTAINERS_HAVE = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FSETID) | CAP(FOWNER) | CAP(MKNOD) |
		CAP(NET_RAW) | CAP(SETGID) | CAP(SETUID) | CAP(SETPCAP) | CAP(NET_BIND_SERVICE) |
		CAP(SYS_CHROOT) | CAP(KILL) | CAP(AUDIT_WRITE),
};

/* runc sets them all, whatever it has itself; not every kernel refuses that. */
static int set_lacking(void *arg)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {0};

	(void)arg;
	if (syscall(SYS_capget, &head, data) < 0) return errno;
	unsigned lacking = ~data[0].permitted & (unsigned)CONTAINERS_HAVE;
	if (!lacking) return 0;
	data[0].permitted |= lacking;
	return syscall(SYS_capset, &head, data) < 0 ? errno : 0;
}

void probe_capabilities(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(set_lacking, NULL, 2000);
	if (e) probe_obstacle_errno(r, KIND_NONE,
		"capset(2) of default capabilities that this sandbox lacks", e < 0 ? -e : e);
}

/* containerd's shim and runc change the owner of a container's pipes to its user. */
void probe_pipe_owner(const struct plan_options *o, struct fact_result *r)
{
	int p[2];

	(void)o;
	if (pipe2(p, O_CLOEXEC) < 0) return;
	if (fchown(p[1], geteuid(), getegid()) < 0)
		probe_obstacle_errno(r, KIND_NONE, "fchown(2) of a pipe", errno);
	close(p[0]);
	close(p[1]);
}

/* runc 1.4 sets the owner of device files so. The file is one that belongs to this process. */
void probe_path_owner(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	_cleanup_close_ int fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return;
	if (fchownat(fd, "", (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH) < 0 && errno == EBADF)
		probe_obstacle_errno(r, KIND_NONE, "fchownat(2) with AT_EMPTY_PATH", errno);
}

/* linux/keyctl.h; the C library has no wrapper. */
enum { KEYRING_JOIN = 1, KEYRING_REVOKE = 3, KEYRING_SETPERM = 5, KEYRING_DESCRIBE = 6 };

/*
 * Runs in a child: joins a session keyring as runc does, reports its serial number through the
 * pipe and ends. Its owner may search it (0x3f1b0000 instead of 0x3f130000), so that where a
 * kernel keeps it, the next probe joins this one by its name: however often we probe, it costs
 * one key.
 */
static int join_keyring(void *arg)
{
	enum { OWNER_MAY_SEARCH = 0x3f1b0000 };
	const int *pipe_end = arg;
	int serial = (int)syscall(SYS_keyctl, KEYRING_JOIN, "k3sbox-probe");

	if (serial < 0) return errno;
	if (syscall(SYS_keyctl, KEYRING_SETPERM, serial, OWNER_MAY_SEARCH) < 0) return errno;
	return write(*pipe_end, &serial, sizeof serial) == sizeof serial ? 0 : EIO;
}

/*
 * Whether a key is still there although its only user, a process, has ended. Linux drops a
 * process's credentials, and with them its keys, some RCU grace periods after its end: usually
 * 50 ms later, much more under load. A kernel that lacks the calls by which a key can go has no
 * such delay either.
 */
static bool key_is_kept(int serial)
{
	enum { STEP_MS = 4, SHORT_MS = 20, LONG_MS = 5000 };
	bool can_go = syscall(SYS_keyctl, KEYRING_REVOKE, 0) >= 0 || errno != ENOSYS;
	int64_t end = clock_ms() + (can_go ? LONG_MS : SHORT_MS);

	while (syscall(SYS_keyctl, KEYRING_DESCRIBE, serial, NULL, 0) >= 0) {
		if (clock_ms() >= end) return true;
		clock_sleep_ms(STEP_MS);
	}
	return false;
}

/* How many keys root of this user namespace may still have: in a container with IDs of its own few
 * (kernel.keys.maxkeys), of which all containers with the same IDs take. */
static uint64_t keys_left(uint64_t *most)
{
	enum { USER, KEYS = 3 };
	_cleanup_buf_ struct buf text = {0};
	char user[16], keys[48];
	uint64_t used;

	io_read("/proc/key-users", &text, 1 << 20);
	struct text_lines l = text_lines(text.data, text.len);
	while (text_line(&l)) {
		if (!text_field(l.line, USER, user, sizeof user) || strcmp(user, "0:") ||
			!text_field(l.line, KEYS, keys, sizeof keys)) continue;
		const char *slash = text_number(keys, &used);
		if (slash && *slash == '/' && text_number(slash + 1, most))
			return *most > used ? *most - used : 0;
	}
	return UINT64_MAX;
}

void probe_keyring(const struct plan_options *o, struct fact_result *r)
{
	enum { LEAST_LEFT = 64 };
	uint64_t most = 0, left;
	int p[2], serial;

	(void)o;
	if (pipe2(p, O_CLOEXEC) < 0) {
		probe_obstacle_errno(r, KIND_NONE, "making a pipe", errno);
		return;
	}
	int e = spawn_call(join_keyring, &p[1], 2000);
	close(p[1]);
	bool joined = !e && read(p[0], &serial, sizeof serial) == sizeof serial;
	close(p[0]);
	if (e && e != ENOSYS)   /* runc accepts ENOSYS */
		probe_obstacle_errno(r, KIND_NONE, "keyctl(KEYCTL_JOIN_SESSION_KEYRING)",
			e < 0 ? -e : e);
	else if (joined && key_is_kept(serial))
		probe_obstacle(r, KIND_NONE,
			"keys outlive their processes: each container would use up one of about "
			"200");
	else if ((left = keys_left(&most)) < LEAST_LEFT)
		probe_obstacle(r, KIND_NONE, "%llu of %llu keys are left (kernel.keys.maxkeys): "
			"each container would use one", (unsigned long long)left,
			(unsigned long long)most);
}

/* A grandchild must be reparented to us when the child between has ended. */
static int adopt(void *arg)
{
	int ends = 0;

	(void)arg;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return errno;
	pid_t pid = fork();
	if (pid < 0) return errno;
	if (!pid) _exit(fork() < 0);
	while (wait(NULL) > 0 || errno == EINTR) ends++;
	return ends == 2 ? 0 : ECHILD;
}

void probe_subreaper(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(adopt, NULL, 2000);
	if (e) probe_obstacle_errno(r, KIND_NONE, "prctl(PR_SET_CHILD_SUBREAPER)", e < 0 ? -e : e);
}

#define APPARMOR "/sys/kernel/security/apparmor"

/* containerd loads a profile; the kernel asks for the capability before it looks at the data, which
 * is none here. runc then sets it for the exec. */
static int use_apparmor(void *arg)
{
	(void)arg;
	int r = io_poke(APPARMOR "/.replace", " ");
	if (r == -EACCES || r == -EPERM || r == -EROFS || r == -ENOENT) return -r;
	r = io_poke("/proc/self/attr/apparmor/exec", "exec unconfined");
	if (r == -ENOENT) r = io_poke("/proc/self/attr/exec", "exec unconfined");
	return -r;
}

/* Only where containerd would use it (pkg/apparmor: HostSupports). */
void probe_apparmor(const struct plan_options *o, struct fact_result *r)
{
	const char *container = getenv("container");
	char enabled[8] = "";

	(void)o;
	io_read_line("/sys/module/apparmor/parameters/enabled", enabled, sizeof enabled);
	if (*enabled != 'Y' || (container && *container) || !io_exists(APPARMOR) ||
	    !io_exists("/sbin/apparmor_parser"))
		return;
	int e = spawn_call(use_apparmor, NULL, 2000);
	if (e) probe_obstacle_errno(r, KIND_NONE, "loading and setting an AppArmor profile",
		e < 0 ? -e : e);
}

/* A tracee with the options that the interceptor cannot do without. */
static int trace_child(void *arg)
{
	int status;

	(void)arg;
	pid_t pid = fork();
	if (pid < 0) return errno;
	if (!pid) {
		for (;;) pause();
	}
	int e = ptrace(PTRACE_SEIZE, pid, 0,
		(void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK)) < 0 ? errno
		: 0;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) ;
	return e;
}

void probe_ptrace(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(trace_child, NULL, 2000);
	if (e) probe_obstacle_errno(r, KIND_NONE, "ptrace(PTRACE_SEIZE) with PTRACE_O_EXITKILL",
		e < 0 ? -e : e);
}
