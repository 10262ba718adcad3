/* What k3s leaves behind when it is gone: mounts, network namespaces, cgroups. */
#ifndef K3SBOX_SWEEP_H
#define K3SBOX_SWEEP_H

struct err;
struct runstate;

/* To be called when no process of this k3s runs any more. Idempotent. 0, or -errno of the first
 * thing that cannot be removed; the rest is removed all the same. -EBUSY: another k3s or kubelet
 * runs, which uses the same directories, or a pod of one; then only what is k3sbox's alone is
 * removed. */
int sweep_all(const struct runstate *s, struct err *e);

/* Removes what containerd has kept in /run of a k3s that ran here: its state, and the sockets of
 * shims that have ended. 0 or -errno; -EBUSY as above, then nothing is removed. */
int sweep_containerd(struct err *e);

#endif
