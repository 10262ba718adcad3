/* Output about the interceptor itself: --list-rules, --dump-filter, --stats. */
#ifndef K3SBOX_REPORT_H
#define K3SBOX_REPORT_H

#include "intercept/calls/tracer.h"

/* To standard output; both return an exit status. Without a feature, all rules. */
int report_rules(unsigned features);
int report_filter(unsigned features);
/* To standard error. */
void report_stats(const struct tracer *tr, bool json);

#endif
