/* The leases on disk, shared with upstream's plugin: dataDir/NETWORK/ADDRESS holds
 * "ID\r\nIFNAME" (older: "ID"), last_reserved_ip.N the newest address of range set N, and lock
 * is what flock(2) is taken on. */
#ifndef K3SBOX_HOST_LOCAL_STORE_H
#define K3SBOX_HOST_LOCAL_STORE_H

#include <limits.h>
#include <sys/stat.h>

#include "host_local/host_local.h"
#include "host_local/index.h"

#define HL_LOCK "lock"
#define HL_LAST_PREFIX "last_reserved_ip."
/* A lease before it gets its name; at most one, of the process that holds the lock. */
#define HL_TEMP ".k3sbox-lease"

/* A file of the store that names an owner. */
struct hl_lease {
	char *name;        /* relative to the store */
	struct ip ip;      /* none if the name is not an address */
	bool old;          /* it contains only the ID */
};

struct hl_leases {
	struct slice list;    /* struct hl_lease, in the order of upstream's walk */
	size_t exact;         /* how many of them are not old */
};

struct hl_store {
	struct cni *c;
	char path[PATH_MAX];
	int dir, lock;
	int last;          /* last_reserved_ip.N, from hl_store_last() to the reservation */
	off_t last_size;
	int64_t boot_time;
	bool better;       /* not upstream's semantics; needs a file system with locks */
	bool scanned;      /* the index has all leases of the directory */
	bool changed;      /* the directory was changed under this lock */
	bool crowded;      /* the last address tried was taken: test the next ones first */
	struct hl_index index;
};

#define HL_STORE_CLOSED { .dir = -1, .lock = -1, .last = -1, .index.fd = -1 }

/* Makes the directory if needed, takes the lock until the store is closed, and removes the
 * leases of an earlier boot. 0, or -1 after cni_fail(); hl_store_close() is needed in every
 * case. */
int hl_store_open(struct cni *c, const struct hl_conf *conf, struct hl_store *s);
void hl_store_close(struct hl_store *s);
#define _cleanup_store_ __attribute__((cleanup(hl_store_close)))

/* The content of a lease of this attachment. */
struct str hl_store_owner(struct cni *c);

/* Finds the files of this attachment. 0, or -1 after cni_fail() if the store could not be read
 * to its end (upstream ignores that). */
int hl_store_find(struct hl_store *s, struct hl_leases *l);

/* The newest address of a range set, or none. */
struct ip hl_store_last(struct hl_store *s, size_t set);
/* Takes the address for this attachment: 1 done, 0 taken already, -1 after cni_fail(). */
int hl_store_reserve(struct hl_store *s, const struct ip *a, size_t set);
/* Removes this attachment's leases, as upstream does in this number of rounds: leases with only
 * the ID are removed in a round that finds no others. 0, or -1 after cni_fail() if some are left
 * (upstream ignores that). */
int hl_store_release(struct hl_store *s, size_t rounds);
bool hl_store_taken(struct hl_store *s, const struct ip *a);
/* Removes a file of the store. 0, also if it does not exist, or -errno. */
int hl_store_remove(struct hl_store *s, const char *name);
/* -1 after cni_fail(): "OPERATION STORE/NAME: reason". */
int hl_store_fail(struct hl_store *s, const char *op, const char *name, int err);

/* Calls fn for every file below the store: its path (a directory's ends in "/"), its content
 * without white space at both ends (.s NULL: unreadable), and whether it is a regular file
 * directly in the store. 0, or -errno if the walk is not complete. */
typedef void hl_visit(void *arg, const char *path, struct str content, bool plain);
int hl_store_walk(struct hl_store *s, hl_visit *fn, void *arg);

#endif
