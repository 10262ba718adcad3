/* What k3s leaves behind when it is gone: mounts, network namespaces, cgroups. */
#ifndef K3SBOX_SWEEP_H
#define K3SBOX_SWEEP_H

struct runstate;

/* To be called when no process of this k3s runs any more. Where another k3s or kubelet runs, which
 * uses the same directories, or a pod of one, only what is k3sbox's alone is removed. Idempotent.
 * Prints what cannot be removed; 0, or the first -errno. */
int sweep_all(const struct runstate *s);

#endif
