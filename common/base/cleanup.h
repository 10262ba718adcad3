/* Scope-bound release of resources (gcc/clang cleanup attribute). A handler runs when the variable
 * goes out of scope, on every path. errno survives it, so `return -errno` after a failed call still
 * reports that call. */
#ifndef K3SBOX_CLEANUP_H
#define K3SBOX_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void cleanup_freep(void *p)
{
	int saved = errno;
	free(*(void **)p);
	errno = saved;
}

static inline void cleanup_closep(int *fd)
{
	int saved = errno;
	if (*fd >= 0) close(*fd);
	errno = saved;
}

static inline void cleanup_closedirp(DIR **d)
{
	int saved = errno;
	if (*d) closedir(*d);
	errno = saved;
}

static inline void cleanup_fclosep(FILE **f)
{
	int saved = errno;
	if (*f) fclose(*f);
	errno = saved;
}

#define _cleanup_free_ CLEANUP(cleanup_freep)
#define _cleanup_close_ CLEANUP(cleanup_closep)
#define _cleanup_closedir_ CLEANUP(cleanup_closedirp)
#define _cleanup_fclose_ CLEANUP(cleanup_fclosep)

#endif
