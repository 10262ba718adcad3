/* The archive of the pause image, where k3s looks for image archives at its start. */
#ifndef K3SBOX_FIX_PAUSE_H
#define K3SBOX_FIX_PAUSE_H

#include "app/applet.h"
#include "plan/rows.h"

/* What is packed where no registry can be reached. */
#define PAUSE_IMAGE "docker.io/k3sbox/pause:" K3SBOX_VERSION

step_apply pause_pack;
step_undo pause_remove;

#endif
