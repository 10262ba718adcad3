/* Names that steps and their users share. */
#ifndef K3SBOX_STEPS_H
#define K3SBOX_STEPS_H

#include "app/applet.h"

/* The pause image that is packed where no registry can be reached; KNOB_PAUSE_IMAGE's value. */
#define STEPS_PAUSE_IMAGE "docker.io/k3sbox/pause:" K3SBOX_VERSION

#endif
