/* What the interceptor says about itself. Each returns an exit status. */
#ifndef K3SBOX_REPORT_H
#define K3SBOX_REPORT_H

#include "intercept/trace/tracer.h"

int report_rules(unsigned features);
int report_filter(unsigned features);
void report_stats(const struct tracer *tr, bool json);

#endif
