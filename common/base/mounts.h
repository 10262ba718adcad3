/* /proc/self/mountinfo (proc(5)) and unmounting. */
#ifndef K3SBOX_MOUNTS_H
#define K3SBOX_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

struct mount_entry {
	unsigned id;
	char *root, *point, *type, *source, *super;   /* octal escapes decoded */
	unsigned major, minor;
	bool shared;                                  /* has a peer group (propagates) */
};

struct mounts {
	struct mount_entry *v;
	size_t n;
	char *text;    /* the entries point into it */
};

/* Parses mountinfo's text, which it takes over and changes (free()d with the list). Pure. Lines
 * that make no sense are left out. */
void mounts_parse(struct mounts *m, char *text);

/* Reads this process's mounts. 0 or -errno. */
int mounts_read(struct mounts *m);
void mounts_free(struct mounts *m);
#define _cleanup_mounts_ __attribute__((cleanup(mounts_free)))

/* The last (topmost) mount at exactly this path; NULL if there is none. */
const struct mount_entry *mounts_at(const struct mounts *m, const char *point);

/* Is it served by a process (FUSE), so that access to its files may have to wait for that
 * process? */
bool mounts_is_served(const struct mount_entry *e);

/* Does the comma-separated option list have this word? */
bool mounts_has_option(const char *options, const char *word);

/* Adds and drops flags of the mount at this path, of MS_RDONLY, MS_NOSUID, MS_NODEV and MS_NOEXEC.
 * Nothing else about it changes, nor does any other mount of the same file system. 0 or -errno. */
int mounts_remount(const char *point, unsigned long add, unsigned long drop);

/* Unmounts what is mounted now and was not when the list was made: for where a mount namespace of
 * its own does not keep a process's mounts to itself (gVisor of 2022). 0 or the first -errno. */
int mounts_undo_since(const struct mounts *before);

/* Unmounts everything at and below the directory, newest first, lazily where it is busy; again
 * until nothing is left. Returns how many mounts were unmounted, or -errno of the first that could
 * not be. */
int mounts_umount_within(const char *dir);
/* The same for what is mounted below the directory, not for a mount at the directory itself. */
int mounts_umount_below(const char *dir);

#endif
