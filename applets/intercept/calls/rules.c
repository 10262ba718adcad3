#include "intercept/calls/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "intercept/calls/handlers.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

#define NO_ARGS .dirfd = RULE_NONE, .path = RULE_NONE, .flags = RULE_NONE, .buf = RULE_NONE
#define ARGS(d, p, f, b) .dirfd = d, .path = p, .flags = f, .buf = b
#define SYS(n) .name = #n, .nr = SYS_##n

/* A file that is about to be made cannot be one that is missing; fstatat(fd, "") is fstat under another
 * name. */
#define NOT_NEW(a) .pass = { a, O_CREAT | O_EXCL, O_CREAT | O_EXCL }
#define NOT_FSTAT(a) .pass = { a, AT_EMPTY_PATH, AT_EMPTY_PATH }

const struct rule rules[] = {
	{ SYS(open), F_PATH, ARGS(RULE_NONE, 0, 1, RULE_NONE), NOT_NEW(1), .enter = open_enter,
	  .why = "opens what the kernel lacks" },
	{ SYS(creat), F_PATH, ARGS(RULE_NONE, 0, RULE_NONE, RULE_NONE), .enter = creat_enter, .why = "as open" },
	{ SYS(openat), F_PATH, ARGS(0, 1, 2, RULE_NONE), NOT_NEW(2), .enter = open_enter,
	  .why = "as open; runc walks to a sysctl with O_PATH, a component at a time" },
	{ SYS(openat2), F_PATH, ARGS(0, 1, RULE_NONE, RULE_NONE), .enter = openat2_enter,
		.why = "as open; runc, Go" },

	{ SYS(stat), F_STAT | F_RUNC, ARGS(RULE_NONE, 0, RULE_NONE, 1), .enter = path_enter, .exit = stat_reply,
	  .why = "describes what the kernel lacks" },
	{ SYS(lstat), F_STAT | F_RUNC, ARGS(RULE_NONE, 0, RULE_NONE, 1), .enter = path_nofollow_enter,
		.exit = stat_reply, .why = "as stat" },
	{ SYS(newfstatat), F_STAT | F_RUNC | F_HOT, ARGS(0, 1, 3, 2), NOT_FSTAT(3), .enter = path_enter,
		.exit = stat_reply, .why = "as stat" },
	{ SYS(statx), F_STAT | F_HOT, ARGS(0, 1, 2, 4), .enter = path_enter, .exit = statx_reply,
	  .why = "as stat; runc compares a sysctl's mount id with procfs's" },
	{ SYS(access), F_STAT, ARGS(RULE_NONE, 0, RULE_NONE, RULE_NONE), .enter = path_enter,
		.exit = access_reply, .why = "as stat" },
	{ SYS(faccessat), F_STAT, ARGS(0, 1, RULE_NONE, RULE_NONE), .enter = path_enter,
		.exit = access_reply, .why = "as stat" },
	{ SYS(faccessat2), F_STAT, ARGS(0, 1, 3, RULE_NONE), .enter = path_enter, .exit = access_reply,
		.why = "as stat" },
	{ SYS(readlink), F_STAT, ARGS(RULE_NONE, 0, RULE_NONE, 1), .enter = readlink_enter, .exit = readlink_reply,
	  .why = "as stat; names in /proc/self/fd" },
	{ SYS(readlinkat), F_STAT, ARGS(0, 1, RULE_NONE, 2), .enter = readlink_enter, .exit = readlink_reply,
		.why = "as readlink" },
	{ SYS(truncate), F_STAT, ARGS(RULE_NONE, 0, RULE_NONE, RULE_NONE), .enter = path_enter,
		.exit = truncate_reply,
	  .why = "shells and os.WriteFile cut before they write" },
	{ SYS(getdents64), F_LIST | F_HOT, NO_ARGS, .enter = getdents_enter, .why = "lists what the kernel lacks" },

	{ SYS(statfs), F_STATFS | F_STAT, ARGS(RULE_NONE, 0, RULE_NONE, 1), .exit = statfs_exit,
		.why = "file-system types" },
	{ SYS(fstatfs), F_STATFS | F_CGROUP | F_HOT, NO_ARGS, .exit = fstatfs_exit,
	  .why = "file-system types; runc checks that a sysctl lies on procfs, a cgroup file on a cgroup file system" },

	{ SYS(symlink), F_PATH, NO_ARGS, .enter = symlink_enter, .why = "what paths mean may change" },
	{ SYS(symlinkat), F_PATH, NO_ARGS, .enter = symlink_enter, .why = "as symlink" },
	{ SYS(chroot), F_PATH | F_STATFS, NO_ARGS, .exit = root_exit, .why = "paths start elsewhere" },
	{ SYS(pivot_root), F_PATH | F_STATFS | F_RUNC, NO_ARGS, .enter = pivot_root_enter, .why = "as chroot" },
	{ SYS(umount2), F_RUNC, NO_ARGS, .exit = umount_exit, .why = "the old root after a pivot_root that was none" },
	{ SYS(unshare), F_PATH | F_STATFS | F_REAPER, NO_ARGS, .exit = root_exit, .why = "as chroot" },
	{ SYS(setns), F_PATH | F_STATFS | F_REAPER | F_RUNC, NO_ARGS, .enter = setns_enter, .why = "as chroot" },
	{ SYS(io_uring_setup), F_PATH, NO_ARGS, .error = ENOSYS, .why = "opens files out of anybody's sight" },

	{ SYS(mount), F_PROPAGATION | F_MOUNTS | F_RUNC, NO_ARGS, .enter = mount_enter,
		.why = "flags and options that this kernel lacks" },
	{ SYS(uname), F_UNAME, NO_ARGS, .exit = uname_exit, .why = "another kernel release" },
	{ SYS(prctl), F_DUMPABLE | F_REAPER, NO_ARGS, .enter = prctl_enter,
	  .why = "an undumpable process could not be read; who asks for orphans" },
	{ SYS(wait4), F_REAPER, NO_ARGS, .enter = wait_enter, .why = "the ends of orphans" },
	{ SYS(waitid), F_REAPER, NO_ARGS, .enter = wait_enter, .why = "as wait4" },
	{ SYS(clone), F_REAPER, NO_ARGS, .pass = { 0, CLONE_NEWPID, 0 }, .enter = clone_enter,
	  .why = "children in another PID namespace have a reaper there" },
	{ SYS(ptrace), F_NOTE, NO_ARGS, .exit = ptrace_exit, .why = "says that tracers do not nest" },

	{ SYS(write), F_HOT, NO_ARGS, .enter = write_enter, .why = "values written to stand-ins" },
	{ SYS(pwrite64), F_HOT, NO_ARGS, .enter = pwrite_enter, .why = "as write" },
	{ SYS(writev), F_HOT, NO_ARGS, .enter = writev_enter, .why = "as write" },
	{ SYS(sendfile), F_HOT, ARGS(RULE_NONE, RULE_NONE, RULE_NONE, 0), .enter = copy_enter, .why = "values that no write(2) brings; callers fall back to it" },
	{ SYS(splice), F_HOT, ARGS(RULE_NONE, RULE_NONE, RULE_NONE, 2), .enter = copy_enter, .why = "as sendfile" },
	{ SYS(copy_file_range), F_HOT, ARGS(RULE_NONE, RULE_NONE, RULE_NONE, 2), .enter = copy_enter, .why = "as sendfile" },
	{ SYS(pwritev), F_HOT, ARGS(RULE_NONE, RULE_NONE, RULE_NONE, 0), .enter = copy_enter, .why = "as sendfile" },
	{ SYS(pwritev2), F_HOT, ARGS(RULE_NONE, RULE_NONE, RULE_NONE, 0), .enter = copy_enter, .why = "as sendfile" },
	{ SYS(read), F_HOT, NO_ARGS, .enter = read_enter, .why = "not from O_PATH descriptors and folders" },
	{ SYS(pread64), F_HOT, NO_ARGS, .enter = read_enter, .why = "as read" },
	{ SYS(ftruncate), F_HOT, NO_ARGS, .enter = ftruncate_enter, .why = "sysctls have no length" },
	{ SYS(fstat), F_HOT | F_RUNC, NO_ARGS, .exit = fstat_exit,
	  .why = "device, size and kind of stand-ins; the inode number of procfs's root, which runc checks" },
	{ SYS(fchown), F_RUNC, NO_ARGS, .exit = fchown_exit, .why = "pipes that cannot be given to a container's user" },
	{ SYS(lseek), F_HOT, NO_ARGS, .exit = lseek_exit, .why = "rewinddir" },
	{ SYS(close), F_HOT, NO_ARGS, .exit = close_exit, .why = "the last descriptor ends the watch" },
	{ SYS(dup2), F_HOT, NO_ARGS, .exit = close_exit, .why = "as close" },
	{ SYS(dup3), F_HOT, NO_ARGS, .exit = close_exit, .why = "as close" },
	{ SYS(close_range), F_HOT, NO_ARGS, .exit = close_exit, .why = "as close" },
};
const size_t rule_count = sizeof rules / sizeof *rules;

/* Rows by number: each number has one row at most. */
enum { NR_MAX = 512 };

const struct rule *rule_find(long nr, unsigned features)
{
	static uint8_t index[NR_MAX];   /* row + 1; filled when first used */
	static bool ready;

	for (size_t i = 0; !ready && i < rule_count; i++) index[rules[i].nr] = (uint8_t)(i + 1);
	ready = true;
	if (nr < 0 || nr >= NR_MAX || !index[nr]) return NULL;
	const struct rule *r = &rules[index[nr] - 1];
	return r->features & features ? r : NULL;
}
