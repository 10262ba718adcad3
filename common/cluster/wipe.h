/* Removes a cluster: what k3s keeps on disk, and what it changes in the network outside of
 * namespaces of its own. */
#ifndef K3SBOX_WIPE_H
#define K3SBOX_WIPE_H

struct err;

/* To be called when no k3s runs (sweep_all and sweep_containerd have been there). Of the data
 * directory only k3s's own parts are removed. iptables is changed where iptables-save is found, in
 * PATH or in k3s. 0, or -errno of the first thing that cannot be removed; the rest is removed all
 * the same. */
int wipe_cluster(const char *data_dir, struct err *e);

#endif
