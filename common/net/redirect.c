/* Builds and loads nat tables. Not a general iptables: only what netd needs, and nothing that
 * gVisor refuses. */
#include "net/redirect.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "base/buf.h"
#include "base/cleanup.h"

static const char table[] = "nat";

/* A hook's chain: its rules, then an entry that lets everything pass. The table has four chains, of
 * which only two have rules here. */
static const struct { unsigned hook; enum redirect_chain chain; } hooks[] = {
	{ NF_INET_PRE_ROUTING, REDIRECT_PREROUTING },
	{ NF_INET_LOCAL_IN, REDIRECT_CHAIN_COUNT },
	{ NF_INET_LOCAL_OUT, REDIRECT_OUTPUT },
	{ NF_INET_POST_ROUTING, REDIRECT_CHAIN_COUNT },
};

struct redirect4_target {
	struct xt_entry_target target;
	struct nf_nat_ipv4_multi_range_compat range;
};
struct redirect6_target {
	struct xt_entry_target target;
	struct nf_nat_range range;
};

/* How verdicts are written: negative, and one less, as positive numbers are jumps. */
enum { VERDICT_ACCEPT = -NF_ACCEPT - 1 };

static const struct { int domain, level, set, get_info; } families[REDIRECT_FAMILIES] = {
	[REDIRECT_IPV4] = { AF_INET, IPPROTO_IP, IPT_SO_SET_REPLACE, IPT_SO_GET_INFO },
	[REDIRECT_IPV6] = { AF_INET6, IPPROTO_IPV6, IP6T_SO_SET_REPLACE, IP6T_SO_GET_INFO },
};

static void match_link(const char *link, char *name, unsigned char *mask)
{
	size_t len = strnlen(link, IFNAMSIZ - 1);

	memcpy(name, link, len);
	memset(mask, 0xff, len + 1);   /* with its end: the whole name */
}

static void match_network(const struct cidr *to, void *address, void *mask)
{
	struct ip network = cidr_network(to), last = cidr_last(to);

	memcpy(address, network.b, network.len);
	for (size_t i = 0; i < network.len; i++)
		((uint8_t *)mask)[i] = (uint8_t)~(network.b[i] ^ last.b[i]);
}

/* rule: what the entry matches; NULL: everything. */
static void add_entry(struct buf *b, enum redirect_family family, const struct redirect_rule *rule,
	const void *target, size_t n)
{
	struct ipt_entry four = { .target_offset = sizeof four };
	struct ip6t_entry six = { .target_offset = sizeof six };
	bool is_four = family == REDIRECT_IPV4;

	four.next_offset = (uint16_t)(sizeof four + n);
	six.next_offset = (uint16_t)(sizeof six + n);
	if (rule) {
		four.ip.proto = IPPROTO_TCP;
		six.ipv6.proto = IPPROTO_TCP;
		six.ipv6.flags = IP6T_F_PROTO;
	}
	if (rule && rule->link)
		match_link(rule->link, is_four ? four.ip.iniface : six.ipv6.iniface,
			is_four ? four.ip.iniface_mask : six.ipv6.iniface_mask);
	if (rule && rule->to.bits)
		match_network(&rule->to, is_four ? (void *)&four.ip.dst : &six.ipv6.dst,
			is_four ? (void *)&four.ip.dmsk : &six.ipv6.dmsk);
	buf_add(b, is_four ? (const void *)&four : &six, is_four ? sizeof four : sizeof six);
	buf_add(b, target, n);
}

static void add_accept(struct buf *b, enum redirect_family family,
	const struct redirect_rule *rule)
{
	struct xt_standard_target t = { .verdict = VERDICT_ACCEPT };

	t.target.u.target_size = sizeof t;
	add_entry(b, family, rule, &t, sizeof t);
}

static void name_redirect(struct xt_entry_target *t, size_t size)
{
	t->u.target_size = (uint16_t)size;   /* with the padding at its end */
	memcpy(t->u.user.name, "REDIRECT", sizeof "REDIRECT");
}

static void add_redirect(struct buf *b, enum redirect_family family,
	const struct redirect_rule *rule)
{
	struct redirect4_target four = {0};
	struct redirect6_target six = {0};
	uint16_t port = htons(rule->port);

	if (family == REDIRECT_IPV4) {
		name_redirect(&four.target, sizeof four);
		four.range.rangesize = 1;
		four.range.range[0].flags = NF_NAT_RANGE_PROTO_SPECIFIED;
		four.range.range[0].min.all = four.range.range[0].max.all = port;
		add_entry(b, family, rule, &four, sizeof four);
		return;
	}
	name_redirect(&six.target, sizeof six);
	six.range.flags = NF_NAT_RANGE_PROTO_SPECIFIED;
	six.range.min_proto.all = six.range.max_proto.all = port;
	add_entry(b, family, rule, &six, sizeof six);
}

static void add_error(struct buf *b, enum redirect_family family)
{
	struct xt_error_target t = {0};

	t.target.u.target_size = sizeof t;
	memcpy(t.target.u.user.name, XT_ERROR_TARGET, sizeof XT_ERROR_TARGET);
	memcpy(t.errorname, XT_ERROR_TARGET, sizeof XT_ERROR_TARGET);
	add_entry(b, family, NULL, &t, sizeof t);
}

static bool is_of(enum redirect_family family, const struct redirect_rule *r)
{
	return !r->to.bits || (r->to.bits == 32) == (family == REDIRECT_IPV4);
}

/* The head is the same for both families. */
_Static_assert(sizeof(struct ipt_replace) == sizeof(struct ip6t_replace), "struct ipt_replace");

void redirect_build(enum redirect_family family, const struct redirect_rule *rules, size_t n,
	unsigned old, void *counters, struct buf *out)
{
	struct ipt_replace head = { .num_counters = old, .counters = counters };
	_cleanup_buf_ struct buf entries = {0};

	memcpy(head.name, table, sizeof table);
	for (size_t h = 0; h < sizeof hooks / sizeof *hooks; h++) {
		head.valid_hooks |= 1u << hooks[h].hook;
		head.hook_entry[hooks[h].hook] = (unsigned)entries.len;
		for (size_t i = 0; i < n; i++) {
			if (rules[i].chain != hooks[h].chain || !is_of(family, &rules[i])) continue;
			(rules[i].port ? add_redirect : add_accept)(&entries, family, &rules[i]);
			head.num_entries++;
		}
		head.underflow[hooks[h].hook] = (unsigned)entries.len;
		add_accept(&entries, family, NULL);
		head.num_entries++;
	}
	add_error(&entries, family);
	head.num_entries++;
	head.size = (unsigned)entries.len;
	buf_add(out, (const char *)&head, sizeof head);
	buf_add(out, entries.data, entries.len);
	out->failed |= entries.failed;
}

int redirect_load(enum redirect_family family, const struct redirect_rule *rules, size_t n,
	struct err *e)
{
	struct ipt_getinfo info = {0};
	socklen_t len = sizeof info;
	_cleanup_buf_ struct buf b = {0};
	int level = families[family].level;

	_cleanup_close_ int fd = socket(families[family].domain, SOCK_RAW | SOCK_CLOEXEC,
		IPPROTO_RAW);
	if (fd < 0) return err_errno(e, -errno, "a raw socket for the nat table");
	memcpy(info.name, table, sizeof table);
	if (getsockopt(fd, level, families[family].get_info, &info, &len) < 0)
		return err_errno(e, -errno, "the nat table");
	size_t old = info.num_entries ? info.num_entries : 1;
	_cleanup_free_ void *counters = calloc(old, sizeof(struct xt_counters));
	if (!counters) return err_errno(e, -ENOMEM, "the nat table");
	redirect_build(family, rules, n, info.num_entries, counters, &b);
	if (b.failed) return err_errno(e, -ENOMEM, "the nat table");
	if (setsockopt(fd, level, families[family].set, b.data, (socklen_t)b.len) < 0)
		return err_errno(e, -errno, "rules for the nat table");
	return 0;
}

int redirect_original(int fd, struct endpoint *to)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof a;

	/* A socket of IPv6 that takes both has connections of IPv4, too. */
	if (getsockopt(fd, IPPROTO_IPV6, IP6T_SO_ORIGINAL_DST, &a, &n) < 0) {
		n = sizeof a;
		if (getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, &a, &n) < 0) return -errno;
	}
	*to = endpoint_from_sockaddr(&a);
	return to->address.len ? 0 : -EAFNOSUPPORT;
}
