/* Lines of ours in /etc/hosts. */
#ifndef K3SBOX_FIX_HOSTS_H
#define K3SBOX_FIX_HOSTS_H

#include "plan/rows.h"

/* Adds the node's address and name, with a mark. A file that is bind-mounted (as in containers)
 * and cannot be replaced is written in place. */
step_apply hosts_add_node;
/* Removes the marked lines. */
step_undo hosts_clean;

#endif
