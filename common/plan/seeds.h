/* The /proc/sys files that k3s and its parts want and sandboxes lack: one table, read by
 * `procsys` (which puts files there), by the probes and by the interceptor. Sources: kubelet
 * pkg/kubelet/cm/container_manager_linux.go setupKernelTunables and
 * component-helpers/node/util/sysctl (values), runc libcontainer/capabilities, k3s
 * pkg/agent/syssetup, moby/sys/capability. */
#ifndef K3SBOX_SEEDS_H
#define K3SBOX_SEEDS_H

#include <stdbool.h>
#include <stddef.h>

enum seed_need {
	/* the reader stops when the file is missing, or cannot be set to the value when it has
	 * another */
	SEED_FATAL,
	SEED_READ,     /* only its presence matters; any value will do */
	/* the reader complains and goes on: worth answering by tracing, not worth a mount. Below
	 * net/ a mount would also show one network namespace's values to all */
	SEED_LOGGED,
};

struct seed {
	const char *path;       /* below /proc/sys/: "vm/panic_on_oom" */
	const char *value;      /* without line end; NULL: made at run time (seed_value) */
	enum seed_need need;
	/* what the kernel accepts on write (one integer); min > max: not writable */
	int min, max;
	const char *who, *why;
};

extern const struct seed seeds[];
extern const size_t seed_count;

/* By path below /proc/sys/; NULL if it is none. */
const struct seed *seed_find(const char *path);

/* The content to show, with its line end (kubelet's pid_max reader cuts off the last byte,
 * whatever it is). Returns its length. */
size_t seed_value(const struct seed *s, char *out, size_t size);

/* Would the kernel take these bytes? 0, -EINVAL (no number, out of range) or -EPERM (not
 * writable). As proc_dointvec_minmax: leading blanks, one decimal number, trailing white space. */
int seed_check_write(const struct seed *s, const char *data, size_t n);

#endif
