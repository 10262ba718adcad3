/* Pools and range sets: upstream's backend/allocator/range.go, range_set.go and the RangeIter of
 * allocator.go. Pure. */
#include <errno.h>

#include "base/buf.h"
#include "base/err.h"
#include "host_local/host_local.h"

static int refuse(const char *what, const struct ip *a, const struct cidr *subnet, struct err *e)
{
	char ip[IP_TEXT], net[CIDR_TEXT];

	ip_format(a, ip);
	cidr_format(subnet, net);
	return err_set(e, -EINVAL, "%s %s not in network %s", what, ip, net);
}

/* In the subnet, and between start and end as far as these are known. */
static bool in_range(const struct hl_range *r, const struct ip *a)
{
	if (!cidr_contains(&r->subnet, a)) return false;
	if (r->start.len && ip_cmp(a, &r->start) < 0) return false;
	return !r->end.len || ip_cmp(a, &r->end) <= 0;
}

static int check_subnet(const struct hl_range *r, struct err *e)
{
	const struct cidr *s = &r->subnet;
	char text[CIDR_TEXT];

	if (!s->addr.len) return err_set(e, -EINVAL, "IP <nil> not v4 nor v6");
	cidr_format(s, text);
	if (s->ones > s->bits - 2)
		return err_set(e, -EINVAL, "Network %s too small to allocate from", text);
	if (s->addr.len * 8 != s->bits)
		return err_set(e, -EINVAL, "IPNet IP and Mask version mismatch");
	struct ip network = cidr_network(s);
	if (!ip_cmp(&network, &s->addr)) return 0;
	ip_format(&network, text);
	return err_set(e, -EINVAL, "Network has host bits set. For a subnet mask of length %u "
		"the network address is %s", s->ones, text);
}

static int canonicalize(struct hl_range *r, struct err *e)
{
	int failed = check_subnet(r, e);
	if (failed) return failed;
	struct ip first = ip_next(&r->subnet.addr);
	if (!r->gateway.len) r->gateway = first;
	/* The gateway may be in the range; the iterator skips it. */
	if (!r->start.len) r->start = first;
	else if (!in_range(r, &r->start)) return refuse("RangeStart", &r->start, &r->subnet, e);
	if (r->end.len)
		return in_range(r, &r->end) ? 0 : refuse("RangeEnd", &r->end, &r->subnet, e);
	r->end = cidr_last(&r->subnet);
	if (r->end.len == 4) r->end.b[3]--;   /* not the broadcast address */
	return 0;
}

static bool overlap(const struct hl_range *a, const struct hl_range *b)
{
	return in_range(a, &b->start) || in_range(a, &b->end) || in_range(b, &a->start) ||
		in_range(b, &a->end);
}

static void format(const struct hl_range *r, struct buf *out)
{
	char start[IP_TEXT], end[IP_TEXT];

	ip_format(&r->start, start);
	ip_format(&r->end, end);
	buf_printf(out, "%s-%s", start, end);
}

void hl_set_format(const struct hl_set *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		if (i) buf_putc(out, ',');
		format(&s->v[i], out);
	}
}

static int refuse_overlap(const struct hl_range *a, const struct hl_range *b, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	format(a, &text);
	buf_puts(&text, " and ");
	format(b, &text);
	return err_set(e, -EINVAL, "subnets %s overlap", text.data);
}

int hl_set_canonicalize(struct hl_set *s, struct err *e)
{
	if (!s->n) return err_set(e, -EINVAL, "empty range set");
	for (size_t i = 0; i < s->n; i++) {
		int r = canonicalize(&s->v[i], e);
		if (r < 0) return r;
		if (s->v[i].start.len != s->v[0].start.len)
			return err_set(e, -EINVAL, "mixed address families");
	}
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = i + 1; k < s->n; k++)
			if (overlap(&s->v[i], &s->v[k]))
				return refuse_overlap(&s->v[i], &s->v[k], e);
	return 0;
}

bool hl_set_overlaps(const struct hl_set *a, const struct hl_set *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (overlap(&a->v[i], &b->v[k])) return true;
	return false;
}

const struct hl_range *hl_set_find(const struct hl_set *s, const struct ip *a)
{
	for (size_t i = 0; i < s->n; i++)
		if (in_range(&s->v[i], a)) return &s->v[i];
	return NULL;
}

void hl_iter_start(struct hl_iter *i, const struct hl_set *s, const struct ip *last)
{
	const struct hl_range *r = hl_set_find(s, last);

	*i = (struct hl_iter){ .set = s };
	if (!r) return;
	i->at = (size_t)(r - s->v);
	i->current = *last;
}

/* One step; false when it is back at the first address. */
static bool step(struct hl_iter *i)
{
	if (!i->current.len) {
		i->current = i->first = i->set->v[i->at].start;
		return true;
	}
	if (!ip_cmp(&i->current, &i->set->v[i->at].end)) {
		i->at = (i->at + 1) % i->set->n;
		i->current = i->set->v[i->at].start;
	} else {
		i->current = ip_next(&i->current);
	}
	if (i->first.len) return ip_cmp(&i->current, &i->first) != 0;
	i->first = i->current;
	return true;
}

bool hl_iter_next(struct hl_iter *i, struct ip *a, const struct hl_range **pool)
{
	while (step(i)) {
		const struct hl_range *r = &i->set->v[i->at];
		if (!ip_cmp(&i->current, &r->gateway)) continue;
		*a = i->current;
		*pool = r;
		return true;
	}
	return false;
}
