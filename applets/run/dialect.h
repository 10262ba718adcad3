/* How a given k3s takes the settings that the plan decided on. Pure: what the binary says about
 * itself and the user's arguments go in, the command line, the files and the refusals come out. */
#ifndef K3SBOX_RUN_DIALECT_H
#define K3SBOX_RUN_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "plan/plan.h"

/* What `k3s --version` and `k3s server --help` said. */
struct dialect {
	char version[64];          /* "v1.36.3+k3s1" */
	/* of Kubernetes 1.minor.patch; 0.0: not understood, the newest is assumed */
	unsigned minor, patch;
	const char *help;          /* borrowed; "": unknown, every flag is taken to be there */
};

/* A knob that is to be turned. */
struct dialect_turn { enum knob knob; const char *value; };

struct dialect_env {
	const char *data_dir;
	/* an address by which the API is reached as well, for its certificate; NULL: none */
	const char *address;
	/* full name of the link `crun` to k3sbox, in a directory of k3s's PATH */
	const char *shim;
	bool old_kernel;           /* uname's version is below 4.11 or cannot be read */
	bool control_plane;
	const struct k3s_args *args;   /* the user's */
	/* file names in k3s's images directory: a packaged component that one of them names stays
	 * on; NULL: none */
	const struct strv *archives;
};

struct dialect_launch {
	struct strv argv;          /* "k3s", verb, ours, the user's */
	struct strv last;          /* of argv: what has to come after the user's */
	struct strv files;         /* path, content, path, content, …: to be written, mode 0600 */
	struct strv env;           /* NAME=value: in k3s's environment */
	/* containerd templates that an earlier run may have needed: removed if ours */
	struct strv remove;
	struct strv refused;       /* one message for each knob that this k3s does not have */
	bool shim_in_path;         /* the shim's directory goes into PATH */
};

/* Takes "k3s version v1.30.4+k3s1 (98262b5d)\n…"; help is borrowed. Returns false if no version
 * is in it. */
bool dialect_parse(struct dialect *d, const char *version_output, const char *help);

void dialect_build(const struct dialect *d, const struct dialect_env *e,
	const struct dialect_turn *turns, size_t n, struct dialect_launch *out);
void dialect_launch_free(struct dialect_launch *l);

#endif
