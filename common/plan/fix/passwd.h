/* /etc/passwd, which the kubelet (from 1.33 on) insists on opening; a minimal root has none. */
#ifndef K3SBOX_FIX_PASSWD_H
#define K3SBOX_FIX_PASSWD_H

#include "plan/rows.h"

/* 0 if it can be opened, else -errno. */
int passwd_check(void);
/* Writes one with root alone; only where there is none. */
step_apply passwd_make;
/* Removes it if it still is the one that passwd_make() wrote. */
step_undo passwd_remove;

#endif
