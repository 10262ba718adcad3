/* Builds and loads a nat table. Not a general iptables: only what netd needs, and nothing that
 * gVisor refuses. */
#include "net/redirect.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>

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

struct standard_entry { struct ipt_entry e; struct xt_standard_target target; };
struct redirect_entry {
	struct ipt_entry e;
	struct xt_entry_target target;
	struct nf_nat_ipv4_multi_range_compat range;
};
struct error_entry { struct ipt_entry e; struct xt_error_target target; };

/* How verdicts are written: negative, and one less, as positive numbers are jumps. */
enum { VERDICT_ACCEPT = -NF_ACCEPT - 1 };

static void set_sizes(struct ipt_entry *e, size_t all)
{
	e->target_offset = sizeof *e;
	e->next_offset = (uint16_t)all;
}

static void add_verdict(struct buf *b, const struct ipt_ip *match, int verdict)
{
	struct standard_entry s = {0};

	if (match) s.e.ip = *match;
	set_sizes(&s.e, sizeof s);
	s.target.target.u.target_size = sizeof s.target;
	s.target.verdict = verdict;
	buf_add(b, (const char *)&s, sizeof s);
}

static void add_redirect(struct buf *b, const struct ipt_ip *match, uint16_t port)
{
	struct redirect_entry r = {0};

	r.e.ip = *match;
	set_sizes(&r.e, sizeof r);
	r.target.u.target_size = sizeof r - sizeof r.e;   /* with the padding at its end */
	memcpy(r.target.u.user.name, "REDIRECT", sizeof "REDIRECT");
	r.range.rangesize = 1;
	r.range.range[0].flags = NF_NAT_RANGE_PROTO_SPECIFIED;
	r.range.range[0].min.all = r.range.range[0].max.all = htons(port);
	buf_add(b, (const char *)&r, sizeof r);
}

static void add_error(struct buf *b)
{
	struct error_entry x = {0};

	set_sizes(&x.e, sizeof x);
	x.target.target.u.target_size = sizeof x.target;
	memcpy(x.target.target.u.user.name, XT_ERROR_TARGET, sizeof XT_ERROR_TARGET);
	memcpy(x.target.errorname, XT_ERROR_TARGET, sizeof XT_ERROR_TARGET);
	buf_add(b, (const char *)&x, sizeof x);
}

static void match_rule(const struct redirect_rule *r, struct ipt_ip *m)
{
	*m = (struct ipt_ip){ .proto = IPPROTO_TCP };
	if (r->link) {
		size_t len = strnlen(r->link, sizeof m->iniface - 1);
		memcpy(m->iniface, r->link, len);
		memset(m->iniface_mask, 0xff, len + 1);   /* with its end: the whole name */
	}
	if (!r->to.bits) return;
	uint32_t mask = r->to.ones ? htonl(0xffffffffu << (32 - r->to.ones)) : 0;
	memcpy(&m->dst, r->to.addr.b, sizeof m->dst);
	m->dst.s_addr &= mask;
	m->dmsk.s_addr = mask;
}

void redirect_build(const struct redirect_rule *rules, size_t n, unsigned old, void *counters,
	struct buf *out)
{
	struct ipt_replace head = { .num_counters = old, .counters = counters };
	_cleanup_buf_ struct buf entries = {0};

	memcpy(head.name, table, sizeof table);
	for (size_t h = 0; h < sizeof hooks / sizeof *hooks; h++) {
		head.valid_hooks |= 1u << hooks[h].hook;
		head.hook_entry[hooks[h].hook] = (unsigned)entries.len;
		for (size_t i = 0; i < n; i++) {
			struct ipt_ip m;
			if (rules[i].chain != hooks[h].chain) continue;
			match_rule(&rules[i], &m);
			if (rules[i].port) add_redirect(&entries, &m, rules[i].port);
			else add_verdict(&entries, &m, VERDICT_ACCEPT);
			head.num_entries++;
		}
		head.underflow[hooks[h].hook] = (unsigned)entries.len;
		add_verdict(&entries, NULL, VERDICT_ACCEPT);
		head.num_entries++;
	}
	add_error(&entries);
	head.num_entries++;
	head.size = (unsigned)entries.len;
	buf_add(out, (const char *)&head, sizeof head);
	buf_add(out, entries.data, entries.len);
	out->failed |= entries.failed;
}

int redirect_load(const struct redirect_rule *rules, size_t n, struct err *e)
{
	struct ipt_getinfo info = {0};
	socklen_t len = sizeof info;
	_cleanup_buf_ struct buf b = {0};

	_cleanup_close_ int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0) return err_errno(e, -errno, "a raw socket for the nat table");
	memcpy(info.name, table, sizeof table);
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len) < 0)
		return err_errno(e, -errno, "the nat table");
	size_t old = info.num_entries ? info.num_entries : 1;
	_cleanup_free_ void *counters = calloc(old, sizeof(struct xt_counters));
	if (!counters) return err_errno(e, -ENOMEM, "the nat table");
	redirect_build(rules, n, info.num_entries, counters, &b);
	if (b.failed) return err_errno(e, -ENOMEM, "the nat table");
	if (setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, b.data, (socklen_t)b.len) < 0)
		return err_errno(e, -errno, "rules for the nat table");
	return 0;
}
