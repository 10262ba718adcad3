/* The bundle of certificate authorities for k3s, and for pods. */
#ifndef K3SBOX_FIX_CA_BUNDLE_H
#define K3SBOX_FIX_CA_BUNDLE_H

#include "base/io.h"
#include "plan/rows.h"

#define CA_BUNDLE_FILE K3SBOX_RUN "/ca.pem"

step_apply ca_bundle_write;
step_undo ca_bundle_remove;

#endif
