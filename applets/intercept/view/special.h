/* Open files that stand in for others: which inodes they are, and which processes need watching because they hold one.
 *
 * A stand-in is a memfd; its inode identifies it through dup, fork, SCM_RIGHTS and reopening, whatever its number.
 * A read-only one needs no more help than its name and file system (cold). One that can be written, was opened with O_PATH or plays a
 * folder is HOT: every call of the processes that hold it stops, until the last of its descriptors is closed. */
#ifndef K3SBOX_SPECIAL_H
#define K3SBOX_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan/seeds.h"

struct tracer;
struct tracee;

enum { SPECIAL_MAX = 512, HOT_MAX = 4096 };

struct special {
	uint64_t dev, ino;
	char *path;               /* as the tracee would call it: absolute, canonical */
	const struct seed *seed;  /* NULL: none */
	uint64_t ns;              /* the namespace of its value */
	bool is_ns;               /* stands for a file in /proc/PID/ns */
	pid_t mnt_of;             /* that of this process's mount namespace */
	int fd;                   /* ours, to keep the content in step; -1: cold */
	bool dir;                 /* plays a folder */
	bool opath;               /* opened with O_PATH */
	bool real;                /* not a memfd: the kernel's own file, whose refused writes are ours */
	bool listed;              /* a folder's entries were read */
	uint64_t fs_type;         /* f_type, st_dev and mount id of the folder it appears in */
	uint64_t fs_dev, mnt_id;
	bool has_mnt_id;
};

struct specials {
	struct special v[SPECIAL_MAX];   /* no two with the same inode */
	size_t next, n;
	pid_t hot[HOT_MAX];              /* thread groups */
	size_t hot_n;
};

/* The stand-in behind a descriptor of the tracee, or NULL. */
struct special *special_of_fd(struct tracer *tr, struct tracee *t, int fd);
struct special *special_by_id(struct specials *s, uint64_t dev, uint64_t ino);
/* Adds one (path is copied); the oldest cold one goes. NULL: no room. */
struct special *special_add(struct specials *s, const struct special *new, const char *path);

bool special_is_hot(const struct specials *s, pid_t tgid);
void special_set_hot(struct specials *s, pid_t tgid);
/* Looks through the group's descriptors; it cools down if it holds no hot one any more. */
void special_rescan(struct tracer *tr, pid_t tgid);
void special_cool(struct tracer *tr, pid_t tgid);
/* All stand-ins of a seed get its new value. */
void special_refresh(struct tracer *tr, const struct seed *seed, uint64_t ns);

void special_free(struct specials *s);

#endif
