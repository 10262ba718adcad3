/* /etc/passwd, which the kubelet (from 1.33 on) insists on opening; a minimal root has none. */
#ifndef K3SBOX_PASSWD_H
#define K3SBOX_PASSWD_H

/* 0 if it can be opened, else -errno. */
int passwd_check(void);
/* Writes one with root alone; only where there is none. 0 or -errno. */
int passwd_make(void);
/* Removes it if it still is the one that passwd_make() wrote. 0 or -errno. */
int passwd_clean(void);

#endif
