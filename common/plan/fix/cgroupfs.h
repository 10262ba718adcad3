/* Mounts of the applet cgroupfs over hierarchies of cgroup version 1 that lack files, and their
 * servers. The process that mounts keeps what a server needs, so that one that ends can be started
 * again, and requests only wait meanwhile. */
#ifndef K3SBOX_FIX_CGROUPFS_H
#define K3SBOX_FIX_CGROUPFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan/rows.h"

/* The group in a hierarchy whose files stand in for missing ones (applets/cgroupfs/files.h). */
#define CGROUPFS_SPARE ".k3sbox"

/* Room for a request, in bytes: the least that the kernel accepts, and enough where no file is
 * written. */
enum { CGROUPFS_REQUEST = 8192, CGROUPFS_ENDED = 1024 };

/* What a server leaves to the next one, in a file that the process which mounts keeps. */
struct cgroupfs_state {
	unsigned char request[CGROUPFS_REQUEST];   /* the one that it is about */
	/* CPU time, in ns, of groups that were removed below a group (its inode number; 0: a free
	 * row). More groups with groups below them than rows are not to be expected: kubelets have
	 * at most some hundred pods. */
	struct cgroupfs_ended { uint64_t group, ns; } ended[CGROUPFS_ENDED];
};

/* Mounts a FUSE file system, in a mount namespace that is of no further use. 0 or an errno
 * value. */
int cgroupfs_try(void *unused);

/* Mounts over the hierarchy at this mount point and starts the server. 0; or -errno with the detail
 * in e, and nothing is mounted. */
int cgroupfs_add(const char *point, struct err *e);

/* Has this process mounted it? Or failed to? */
bool cgroupfs_is_mounted(void);
bool cgroupfs_tried(void);
/* Is this the process of a server that runs? */
bool cgroupfs_is_server(pid_t pid);
/* If it was, it has ended (was waited for): true. */
bool cgroupfs_ended(pid_t pid);
/* Starts the servers that have ended. 0 or -errno of one that does not start. */
int cgroupfs_restart(void);
/* Unmounts everything and ends the servers. */
void cgroupfs_close(void);

/* Over the mount points in the result's value, which blanks separate. */
step_apply cgroupfs_mount;
step_undo cgroupfs_unmount;

#endif
