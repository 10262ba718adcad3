/* Open stand-ins: which inodes they are, and which processes hold one that must be watched.
 *
 * A stand-in is a memfd of the tracee. Its inode identifies it through dup, fork, SCM_RIGHTS and
 * opening it anew, whatever the number of the descriptor. A read-only one is COLD: only its name
 * and its file system have to be reported. One that can be written, that was opened with O_PATH, or
 * that plays a directory is HOT: all calls of the processes that hold it stop, until they have
 * closed it. */
#ifndef K3SBOX_SPECIAL_H
#define K3SBOX_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "intercept/trace/tracee.h"
#include "intercept/view/store.h"
#include "plan/seeds.h"

enum { SPECIAL_MAX = 512, HOT_MAX = 4096 };

struct special {
	uint64_t dev, ino;
	char *path;               /* absolute, canonical, as the tracee sees it */
	const struct seed *seed;  /* NULL: not a sysctl */
	uint64_t ns;              /* the network namespace that its value belongs to */
	bool is_ns;               /* stands for a file in /proc/PID/ns */
	pid_t mnt_of;             /* the one of the mount namespace of this process */
	int fd;                   /* our own, to keep the content up to date; -1: cold */
	bool dir;                 /* plays a directory */
	bool opath;               /* opened with O_PATH */
	bool real;                /* no memfd: the kernel's file, whose refused writes are kept */
	bool listed;              /* the entries of the directory have been read */
	/* f_type, st_dev and mount ID of the directory that it appears in. */
	uint64_t fs_type;
	uint64_t fs_dev, mnt_id;
	bool has_mnt_id;
};

struct specials {
	struct special v[SPECIAL_MAX];   /* no two with the same inode */
	size_t next, n;
	pid_t hot[HOT_MAX];              /* thread groups that hold a hot one */
	size_t hot_n;
};

/* The stand-in behind a descriptor of the tracee, or NULL. */
struct special *special_of_fd(struct specials *s, struct tracee *t, int fd);
struct special *special_by_id(struct specials *s, uint64_t dev, uint64_t ino);
/* Adds one (path is copied); if the table is full the oldest cold one is dropped. NULL: out of
 * memory. */
struct special *special_add(struct specials *s, const struct special *new, const char *path);

bool special_is_hot(const struct specials *s, pid_t tgid);
void special_set_hot(struct specials *s, pid_t tgid);
/* The group holds no hot one any more. */
void special_cool(struct specials *s, pid_t tgid);
/* The same, if its descriptors in /proc say so. */
void special_rescan(struct specials *s, pid_t tgid);
/* Writes the current value to all open stand-ins of the seed. */
void special_refresh(struct specials *s, const struct store *values, const struct seed *seed,
	uint64_t ns);

void special_free(struct specials *s);

#endif
