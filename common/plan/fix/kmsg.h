/* /dev/kmsg, which the kubelet's OOM watcher opens at start. */
#ifndef K3SBOX_KMSG_H
#define K3SBOX_KMSG_H

/* Can it be opened for reading? 0 or -errno. */
int kmsg_check(void);
/* Where there is none: a symlink to /dev/null. Where it cannot be opened: /dev/null bound over it. 0 or -errno. */
int kmsg_link(void);
int kmsg_bind(void);
/* Takes either back, nothing else. 0 or -errno. */
int kmsg_clean(void);

#endif
