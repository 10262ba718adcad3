/* The handlers that rules.c names. */
#ifndef K3SBOX_HANDLERS_H
#define K3SBOX_HANDLERS_H

#include "intercept/calls/rules.h"

handler open_enter, creat_enter, openat2_enter;                         /* h_open.c */
handler path_enter, path_nofollow_enter, readlink_enter;                /* h_stat.c */
handler stat_reply, statx_reply, access_reply, readlink_reply, truncate_reply;
handler write_enter, pwrite_enter, writev_enter, copy_enter, read_enter;            /* h_fd.c */
handler close_exit, fstat_exit, fchown_exit, ftruncate_enter, lseek_exit;
handler fstatfs_exit, statfs_exit;                                      /* h_statfs.c */
handler getdents_enter;                                                 /* h_dir.c */
handler mount_enter;                                                    /* h_mount.c */
handler setns_enter, pivot_root_enter, umount_exit;                     /* h_ns.c */
handler clone_enter, wait_enter, subreaper_exit;                        /* h_wait.c */
void leave_pid_namespace(struct call *c);                               /* after an unshare or setns */
handler uname_exit, prctl_enter, ptrace_exit, symlink_enter, root_exit; /* h_misc.c */

#endif
