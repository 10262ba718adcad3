/* The CNI configuration and plugin links that containerd finds when flannel is off: /etc/cni/net.d and /opt/cni/bin. */
#ifndef K3SBOX_CNI_SETUP_H
#define K3SBOX_CNI_SETUP_H

#include <stddef.h>

#define CNI_CONF_DIR "/etc/cni/net.d"
#define CNI_BIN_DIR "/opt/cni/bin"

/* Writes our conflist and links noop, host-local and loopback to this program. A loopback or host-local that is there already stays (the
 * real ones do as well). -EEXIST if another network configuration is in the folder, or another program has the name noop; 0 or -errno. */
int cni_setup(void);

/* Removes our conflist and our links, nothing else. 0 or -errno. */
int cni_unset(void);

/* After -EEXIST: what is in the way. */
const char *cni_setup_obstacle(void);

#endif
