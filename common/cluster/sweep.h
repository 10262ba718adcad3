/* What k3s leaves behind when it is gone: mounts, network namespaces, cgroups. */
#ifndef K3SBOX_RUN_SWEEP_H
#define K3SBOX_RUN_SWEEP_H

struct runstate;

/* Nobody of this k3s may be running any more. Where another k3s or kubelet runs, which has the same folders, or a pod of one, all stays
 * but what is k3sbox's alone. Idempotent. Says on stderr what stays; 0, or -errno of the first that would not go. */
int sweep_all(const struct runstate *s);

#endif
