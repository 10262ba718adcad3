/* The /proc/sys files that k3s and its parts need, with their values. Not for putting them
 * there: plan/fix/procsys.c, the interceptor. */
#include "plan/seeds.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#define INT_RANGE .min = INT_MIN, .max = INT_MAX
#define READ_ONLY .min = 1, .max = 0

const struct seed seeds[] = {
	{ "vm/overcommit_memory", "1", SEED_FATAL, .min = 0, .max = 2, .who = "kubelet",
	  .why = "requires 1 (always overcommit) and writes it" },
	{ "vm/panic_on_oom", "0", SEED_FATAL, .min = 0, .max = 2, .who = "kubelet",
	  .why = "requires 0: the OOM killer runs, no panic" },
	{ "kernel/panic", "10", SEED_FATAL, INT_RANGE, .who = "kubelet",
	  .why = "requires 10: reboot that many seconds after a panic" },
	{ "kernel/panic_on_oops", "1", SEED_FATAL, .min = 0, .max = 1, .who = "kubelet",
	  .why = "requires 1" },
	{ "kernel/keys/root_maxkeys", "1000000", SEED_FATAL, INT_RANGE, .who = "kubelet",
	  .why = "requires 1000000: each container's session keyring is a key" },
	{ "kernel/keys/root_maxbytes", "25000000", SEED_FATAL, INT_RANGE, .who = "kubelet",
	  .why = "requires 25000000: 25 bytes per key" },
	{ "kernel/cap_last_cap", NULL, SEED_READ, READ_ONLY, .who = "runc",
	  .why = "which capabilities exist; read in each container" },
	{ "kernel/pid_max", "4194304", SEED_READ, .min = 301, .max = 4194304, .who = "kubelet",
	  .why = "upper bound of its own pid limit" },
	{ "net/ipv4/ip_forward", "1", SEED_LOGGED, .min = 0, .max = 1, .who = "k3s, CNI",
		.why = "pods' packets are routed" },
	{ "net/ipv4/conf/all/forwarding", "1", SEED_LOGGED, .min = 0, .max = 1, .who = "k3s",
		.why = "as ip_forward" },
	{ "net/ipv4/conf/default/forwarding", "1", SEED_LOGGED, .min = 0, .max = 1, .who = "k3s",
		.why = "as ip_forward" },
	{ "net/ipv4/conf/all/route_localnet", "1", SEED_LOGGED, .min = 0, .max = 1,
		.who = "kube-proxy",
	  .why = "node ports on localhost" },
	{ "net/ipv4/ip_unprivileged_port_start", "0", SEED_LOGGED, .min = 0, .max = 65535,
		.who = "containerd, runc",
	  .why = "set in each pod when enable_unprivileged_ports is on" },
	{ "net/ipv4/ping_group_range", "0\t2147483647", SEED_LOGGED, INT_RANGE,
		.who = "containerd, runc",
	  .why = "set in each pod when enable_unprivileged_icmp is on" },
	{ "net/bridge/bridge-nf-call-iptables", "1", SEED_LOGGED, .min = 0, .max = 1,
		.who = "k3s, kube-proxy",
	  .why = "bridged packets pass iptables" },
	{ "net/core/devconf_inherit_init_net", "1", SEED_LOGGED, .min = 0, .max = 3, .who = "k3s",
		.why = "IPv6 defaults of new namespaces" },
};
const size_t seed_count = sizeof seeds / sizeof *seeds;

const struct seed *seed_find(const char *path)
{
	for (size_t i = 0; i < seed_count; i++)
		if (!strcmp(seeds[i].path, path)) return &seeds[i];
	return NULL;
}

/* The highest capability that this kernel knows: prctl(2) refuses the first unknown one with
 * EINVAL. */
static int last_capability(void)
{
	int cap = 0;
	while (cap < 63 && prctl(PR_CAPBSET_READ, cap + 1, 0, 0, 0) >= 0) cap++;
	return cap;
}

size_t seed_value(const struct seed *s, char *out, size_t size)
{
	int n = s->value ? snprintf(out, size, "%s\n", s->value)
		: snprintf(out, size, "%d\n", last_capability());
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

/* One decimal integer with a sign; advances *p. False if there is none or it does not fit an
 * int. */
static bool integer(const char **p, const char *end, long *out)
{
	bool negative = *p < end && **p == '-';
	long v = 0;

	if (negative) ++*p;
	const char *first = *p;
	for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
		v = v * 10 + (**p - '0');
		if (v > (long)INT_MAX + negative) return false;
	}
	*out = negative ? -v : v;
	return *p > first;
}

int seed_check_write(const struct seed *s, const char *data, size_t n)
{
	const char *p = data, *end = data + n;
	long v;

	if (s->min > s->max) return -EPERM;
	/* As many numbers as the value has: ping_group_range takes two. */
	size_t want = s->value && strchr(s->value, '\t') ? 2 : 1;
	while (want--) {
		while (p < end && blank(*p)) p++;
		if (!integer(&p, end, &v) || v < s->min || v > s->max) return -EINVAL;
		if (p < end && !blank(*p) && *p) return -EINVAL;
	}
	return 0;
}
