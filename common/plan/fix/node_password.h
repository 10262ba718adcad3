/* The password by which k3s recognizes its node: it lies in /etc, and may get lost where the data
 * directory is kept (a sandbox made anew). */
#ifndef K3SBOX_FIX_NODE_PASSWORD_H
#define K3SBOX_FIX_NODE_PASSWORD_H

#include "plan/rows.h"

step_apply node_password_restore;
/* Leaves it: it is k3s's own file, without which the node would be refused. */
step_undo node_password_leave;

#endif
