/* What k3s leaves behind when it is gone: mounts, network namespaces, cgroups. */
#ifndef K3SBOX_RUN_SWEEP_H
#define K3SBOX_RUN_SWEEP_H

/* Nobody of k3s may be running. Idempotent. Says on stderr what would not go; 0, or -errno of the first of
 * these. */
int sweep(const char *data_dir);

#endif
