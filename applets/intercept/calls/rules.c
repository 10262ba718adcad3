/* The table of system calls that have a rule. */
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
#ifndef SYS_fsopen
#define SYS_fsopen 430
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

#define SYS(n) .name = #n, .nr = SYS_##n
#define NO RULE_NONE
#define ARGS(d, p, f, b) .dirfd = d, .path = p, .flags = f, .buf = b
#define NO_ARGS ARGS(NO, NO, NO, NO)
#define WRITES_TO(a) ARGS(NO, NO, NO, a)

/* A file that is about to be created cannot be a missing one; fstatat(fd, "") is fstat by another
 * name. */
#define NOT_NEW(a) .pass = { a, O_CREAT | O_EXCL, O_CREAT | O_EXCL }
#define NOT_FSTAT(a) .pass = { a, AT_EMPTY_PATH, AT_EMPTY_PATH }

const struct syscall_rule syscall_rules[] = {
	{ SYS(open), F_PATH, ARGS(NO, 0, 1, NO), NOT_NEW(1), .enter = open_enter,
	  .why = "opens a stand-in if the kernel has no such file" },
	{ SYS(creat), F_PATH, ARGS(NO, 0, NO, NO), .enter = creat_enter, .why = "as open" },
	{ SYS(openat), F_PATH, ARGS(0, 1, 2, NO), NOT_NEW(2), .enter = open_enter,
	  .why = "as open; runc opens each directory of a sysctl's path with O_PATH" },
	{ SYS(openat2), F_PATH, ARGS(0, 1, NO, NO), .enter = openat2_enter,
	  .why = "as open; runc and Go use it" },

	{ SYS(stat), F_STAT | F_RUNC, ARGS(NO, 0, NO, 1), .enter = path_enter, .exit = stat_exit,
	  .why = "describes a stand-in if the kernel has no such file" },
	{ SYS(lstat), F_STAT | F_RUNC, ARGS(NO, 0, NO, 1), .enter = path_nofollow_enter,
	  .exit = stat_exit, .why = "as stat" },
	{ SYS(newfstatat), F_STAT | F_RUNC | F_HOT, ARGS(0, 1, 3, 2), NOT_FSTAT(3),
	  .enter = path_enter, .exit = stat_exit, .why = "as stat" },
	{ SYS(statx), F_STAT | F_HOT, ARGS(0, 1, 2, 4), .enter = path_enter, .exit = statx_exit,
	  .why = "as stat; runc compares the mount ID of a sysctl with that of procfs" },
	{ SYS(access), F_STAT, ARGS(NO, 0, NO, NO), .enter = path_enter, .exit = access_exit,
	  .why = "as stat" },
	{ SYS(faccessat), F_STAT, ARGS(0, 1, NO, NO), .enter = path_enter, .exit = access_exit,
	  .why = "as stat" },
	{ SYS(faccessat2), F_STAT, ARGS(0, 1, 3, NO), .enter = path_enter, .exit = access_exit,
	  .why = "as stat" },
	{ SYS(readlink), F_STAT, ARGS(NO, 0, NO, 1), .enter = readlink_enter, .exit = readlink_exit,
	  .why = "as stat; names of open stand-ins in /proc/self/fd" },
	{ SYS(readlinkat), F_STAT, ARGS(0, 1, NO, 2), .enter = readlink_enter,
	  .exit = readlink_exit, .why = "as readlink" },
	{ SYS(truncate), F_STAT, ARGS(NO, 0, NO, NO), .enter = path_enter, .exit = truncate_exit,
	  .why = "shells and os.WriteFile truncate before they write" },
	{ SYS(getxattr), F_STAT, ARGS(NO, 0, NO, NO), .enter = path_enter, .exit = xattr_exit,
	  .why = "as stat; ls asks for each file" },
	{ SYS(lgetxattr), F_STAT, ARGS(NO, 0, NO, NO), .enter = path_nofollow_enter,
	  .exit = xattr_exit, .why = "as getxattr" },
	{ SYS(listxattr), F_STAT, ARGS(NO, 0, NO, NO), .enter = path_enter, .exit = xattr_exit,
	  .why = "as getxattr" },
	{ SYS(llistxattr), F_STAT, ARGS(NO, 0, NO, NO), .enter = path_nofollow_enter,
	  .exit = xattr_exit, .why = "as getxattr" },
	{ SYS(getdents64), F_LIST | F_HOT, NO_ARGS, .enter = getdents_enter,
	  .why = "lists stand-ins that the kernel lacks" },

	{ SYS(statfs), F_STATFS | F_STAT, ARGS(NO, 0, NO, 1), .exit = statfs_exit,
	  .why = "file system types" },
	{ SYS(fstatfs), F_STATFS | F_CGROUP | F_HOT, NO_ARGS, .exit = fstatfs_exit,
	  .why = "as statfs; runc checks that sysctls are on procfs, control files on cgroupfs" },

	{ SYS(symlink), F_PATH, NO_ARGS, .enter = symlink_enter,
	  .why = "paths may mean something else" },
	{ SYS(symlinkat), F_PATH, NO_ARGS, .enter = symlink_enter, .why = "as symlink" },
	{ SYS(chroot), F_PATH | F_STATFS, NO_ARGS, .exit = root_exit,
	  .why = "paths start elsewhere" },
	{ SYS(pivot_root), F_PATH | F_STATFS | F_RUNC, NO_ARGS, .enter = pivot_root_enter,
	  .why = "as chroot; emulated by a chroot if missing" },
	{ SYS(umount2), F_PROPAGATION | F_RUNC, NO_ARGS, .enter = umount_enter,
	  .why = "a path that is no mount point; the old root after an emulated pivot_root" },
	{ SYS(unshare), F_PATH | F_STATFS | F_REAPER, NO_ARGS, .exit = root_exit,
	  .why = "as chroot" },
	{ SYS(setns), F_PATH | F_STATFS | F_REAPER | F_RUNC, NO_ARGS, .enter = setns_enter,
	  .why = "as chroot; emulated by a chroot or as a shared namespace if missing" },
	{ SYS(io_uring_setup), F_PATH, NO_ARGS, .error = ENOSYS,
	  .why = "refused: it opens files without a system call" },

	{ SYS(mount), F_PATH | F_PROPAGATION | F_MOUNTS | F_RUNC, NO_ARGS, .enter = mount_enter,
	  .why = "flags and options that this kernel lacks; file systems that a tracee serves" },
	{ SYS(fsopen), F_PATH, NO_ARGS, .enter = fsopen_enter,
	  .why = "file systems that a tracee serves" },
	{ SYS(uname), F_UNAME, NO_ARGS, .exit = uname_exit, .why = "kernel release" },
	{ SYS(prctl), F_DUMPABLE | F_REAPER, NO_ARGS, .enter = prctl_enter,
	  .why = "undumpable processes could not be read; subreapers are noted" },
	{ SYS(wait4), F_REAPER, NO_ARGS, .enter = wait_enter,
	  .why = "reports reparented children" },
	{ SYS(waitid), F_REAPER, NO_ARGS, .enter = wait_enter, .why = "as wait4" },
	{ SYS(clone), F_REAPER, NO_ARGS, .pass = { 0, CLONE_NEWPID, 0 }, .enter = clone_enter,
	  .why = "children in a new PID namespace are not reparented outside it" },
	{ SYS(ptrace), F_NOTE, NO_ARGS, .exit = ptrace_exit,
	  .why = "warns that tracers do not nest" },

	{ SYS(write), F_HOT, NO_ARGS, .enter = write_enter, .why = "values written to stand-ins" },
	{ SYS(pwrite64), F_HOT, NO_ARGS, .enter = pwrite_enter, .why = "as write" },
	{ SYS(writev), F_HOT, NO_ARGS, .enter = writev_enter, .why = "as write" },
	{ SYS(sendfile), F_HOT, WRITES_TO(0), .enter = copy_enter,
	  .why = "refused for stand-ins; callers fall back to write" },
	{ SYS(splice), F_HOT, WRITES_TO(2), .enter = copy_enter, .why = "as sendfile" },
	{ SYS(copy_file_range), F_HOT, WRITES_TO(2), .enter = copy_enter, .why = "as sendfile" },
	{ SYS(pwritev), F_HOT, WRITES_TO(0), .enter = copy_enter, .why = "as sendfile" },
	{ SYS(pwritev2), F_HOT, WRITES_TO(0), .enter = copy_enter, .why = "as sendfile" },
	{ SYS(read), F_HOT, NO_ARGS, .enter = read_enter,
	  .why = "refused for O_PATH descriptors and directories" },
	{ SYS(pread64), F_HOT, NO_ARGS, .enter = read_enter, .why = "as read" },
	{ SYS(ftruncate), F_HOT, NO_ARGS, .enter = ftruncate_enter,
	  .why = "sysctls have no length" },
	{ SYS(fstat), F_HOT | F_RUNC, NO_ARGS, .exit = fstat_exit,
	  .why = "device, size and type of stand-ins; inode number of procfs, which runc checks" },
	{ SYS(fchown), F_RUNC, NO_ARGS, .exit = fchown_exit,
	  .why = "pipes that cannot be given to the user of a container" },
	{ SYS(fchownat), F_RUNC, NO_ARGS, .exit = fchownat_exit,
	  .why = "O_PATH descriptors whose owner cannot be changed; runc uses them for devices" },
	{ SYS(lseek), F_HOT, NO_ARGS, .exit = lseek_exit, .why = "rewinddir" },
	{ SYS(close), F_HOT, NO_ARGS, .exit = close_exit,
	  .why = "the last descriptor ends the watch" },
	{ SYS(dup2), F_HOT, NO_ARGS, .exit = close_exit, .why = "as close" },
	{ SYS(dup3), F_HOT, NO_ARGS, .exit = close_exit, .why = "as close" },
	{ SYS(close_range), F_HOT | F_RUNC, NO_ARGS, .exit = close_range_exit,
	  .why = "as close; a last descriptor that does not fit into an int" },
};
const size_t syscall_rule_count = sizeof syscall_rules / sizeof *syscall_rules;

/* Each number has one row at most. */
enum { NR_MAX = 512 };

const struct syscall_rule *syscall_rule_find(long nr, unsigned features)
{
	static uint8_t index[NR_MAX];   /* row + 1; filled when first used */
	static bool ready;

	for (size_t i = 0; !ready && i < syscall_rule_count; i++)
		index[syscall_rules[i].nr] = (uint8_t)(i + 1);
	ready = true;
	if (nr < 0 || nr >= NR_MAX || !index[nr]) return NULL;
	const struct syscall_rule *r = &syscall_rules[index[nr] - 1];
	return r->features & features ? r : NULL;
}
