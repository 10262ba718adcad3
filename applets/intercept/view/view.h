/* What the program sees in place of what the kernel shows: the state of this room. stand_in.h says
 * what stands in for a path, resolve.h what a path of a tracee means, special.h which open files
 * are stand-ins, root.h in whose root directory a tracee is. */
#ifndef K3SBOX_VIEW_H
#define K3SBOX_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "intercept/view/mountinfo.h"
#include "intercept/view/special.h"
#include "intercept/view/store.h"

struct path_map {
	char *from, *to;           /* absolute, normalised */
	bool over;                 /* --replace: TO comes first; --map: TO has what FROM lacks */
	bool leaf;                 /* TO is neither a file nor a directory: FROM is all there is */
};

/* What was asked for; constant once the program runs. */
struct view_config {
	bool seeds;                /* --seeds */
	bool cgroup;               /* --cgroup, --controller */
	bool namespaces;           /* --runc: files in /proc/PID/ns */
	const char **controllers;  /* --controller */
	size_t controller_n;
	struct path_map *maps;     /* --map, --replace */
	size_t map_n;
	struct fstype *fstypes;    /* --fstype */
	size_t fstype_n;
};

enum { PLAIN_SLOTS = 4096, SERVED_ROOTS = 64 };

struct view_cache {
	/* By hash: paths for which there is no stand-in. Each entry holds for a second, and until a
	 * symlink is made or a root changes (link_gen). */
	struct plain_path { uint64_t hash; uint32_t until; unsigned gen; } plain[PLAIN_SLOTS];
	unsigned link_gen;
	/* By root: the mount points of file systems that a process serves, which may be a
	 * tracee. */
	struct served_mounts {
		uint64_t root;
		uint32_t until;
		struct strv points;
	} served[SERVED_ROOTS];
	bool fuse_mounted;         /* a tracee has mounted a file system that it may serve */
	int mount_events;          /* /proc/self/mountinfo, for poll(2); -1: not open */
	unsigned root_gen;         /* goes up when any tracee may have changed its root */
};

/* The tracer's own root directory, mount namespace and network namespace. */
struct view_own {
	struct root_id { uint64_t dev, ino; char mnt[48]; } root;
	uint64_t net;              /* as tracee_net_ns() */
};

struct view {
	struct view_config cfg;
	struct view_cache cache;
	struct view_own own;
	struct store store;        /* values written to seeded sysctls */
	struct specials specials;  /* open stand-ins */
};

void view_init(struct view *v);
void view_free(struct view *v);
/* A symlink was made, or a thread changed its root: forget what paths mean. */
static inline void view_links_changed(struct view *v) { v->cache.link_gen++; }
static inline void view_roots_changed(struct view *v) { v->cache.root_gen++, v->cache.link_gen++; }
/* A tracee is about to mount a file system that it may serve, or has just done so. */
void view_fuse_mounted(struct view *v);

#endif
