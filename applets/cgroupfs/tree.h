/* A cgroup hierarchy as cgroupfs shows it: groups are directories, every file is a link to the
 * kernel's own, and the files that are missing are links as files.h says.
 *
 * A node is the inode number of a group, with a hash of the name for a file in it. So the numbers
 * that the kernel remembers mean the same to the next server. Functions return 0 or -errno. */
#ifndef K3SBOX_CGROUPFS_TREE_H
#define K3SBOX_CGROUPFS_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct cgroupfs_ended;
struct tree_group;

struct tree {
	/* where everybody reaches it and the spare group; borrowed. spare is NULL if there is
	 * none: then nothing is shown that needs it, and nothing hidden */
	const char *real, *spare;
	/* of CGROUPFS_ENDED rows; NULL: nothing is added for groups that were removed. Borrowed */
	struct cgroupfs_ended *ended;
	uint64_t root;             /* its inode number */
	struct tree_group *v;      /* the groups that were seen */
	size_t n;
};

struct tree_entry {
	uint64_t node;
	struct stat st;            /* mode and times are those that are shown */
	bool fresh;                /* what it shows is brought up to date by each lookup */
};

/* The hierarchy's root becomes the working directory. */
int tree_open(struct tree *t, const char *real, const char *spare);
void tree_close(struct tree *t);

int tree_lookup(struct tree *t, uint64_t node, const char *name, struct tree_entry *out);
int tree_stat(struct tree *t, uint64_t node, struct tree_entry *out);
int tree_link(struct tree *t, uint64_t node, char target[PATH_MAX]);
int tree_mkdir(struct tree *t, uint64_t node, const char *name, mode_t mode,
	struct tree_entry *out);
int tree_rmdir(struct tree *t, uint64_t node, const char *name);

/* Calls fn for the entries behind this offset until it returns false. next is the offset behind the
 * entry. */
typedef bool tree_each(void *arg, uint64_t node, uint64_t next, const char *name, bool is_dir);
int tree_list(struct tree *t, uint64_t node, uint64_t offset, tree_each *fn, void *arg);

#endif
