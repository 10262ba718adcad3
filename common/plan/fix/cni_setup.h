/* The CNI configuration and plugin links that containerd finds when flannel is off:
 * /etc/cni/net.d and /opt/cni/bin. */
#ifndef K3SBOX_FIX_CNI_SETUP_H
#define K3SBOX_FIX_CNI_SETUP_H

#include "plan/rows.h"

#define CNI_CONF_DIR "/etc/cni/net.d"
#define CNI_BIN_DIR "/opt/cni/bin"

/* Writes our conflist and links noop, host-local and loopback to this program. A loopback or
 * host-local that exists stays: the real ones serve as well. -EEXIST if the directory has
 * another network configuration, or another program has the name noop. */
step_apply cni_setup;

/* Removes our conflist and our links, nothing else. */
step_undo cni_unset;

/* Does the directory have a configuration, of whatever origin? */
bool cni_is_configured(void);

/* The same, and are there the plugins that ours needs? */
bool cni_is_set_up(void);

#endif
