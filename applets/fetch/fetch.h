/* Getting k3s: for the applet, and for those that need a k3s and find none. */
#ifndef K3SBOX_FETCH_H
#define K3SBOX_FETCH_H

#include "plan/rows.h"

/* Says so, fetches the k3s of the stable channel and puts its name into o->k3s. If that fails, the
 * reason has been printed, and o->k3s stays NULL. */
void fetch_missing(struct plan_options *o, bool quiet);

#endif
