/* The handlers that the table in rules.c names. */
#ifndef K3SBOX_HANDLERS_H
#define K3SBOX_HANDLERS_H

#include "intercept/trace/flight.h"

/* open.c */
call_handler open_enter, creat_enter, openat2_enter;
/* stat.c */
call_handler path_enter, path_nofollow_enter, readlink_enter;
call_handler stat_exit, statx_exit, access_exit, readlink_exit, truncate_exit, xattr_exit;
/* fd.c */
call_handler write_enter, pwrite_enter, writev_enter, copy_enter, read_enter, ftruncate_enter;
call_handler close_exit, close_range_exit, fstat_exit, fchown_exit, fchownat_exit, lseek_exit;
/* statfs.c */
call_handler fstatfs_exit, statfs_exit;
/* dir.c */
call_handler getdents_enter;
/* mount.c */
call_handler mount_enter;
call_handler fsopen_enter;
/* umount.c */
call_handler umount_enter;
/* ns.c */
call_handler setns_enter, pivot_root_enter, umount_exit, root_exit;
/* wait.c */
call_handler clone_enter, wait_enter, subreaper_exit;
/* misc.c */
call_handler uname_exit, prctl_enter, ptrace_exit, symlink_enter;

/* wait.c: the thread has left its PID namespace for its next children (unshare, setns). */
void wait_left_pid_namespace(struct call *c);

#endif
