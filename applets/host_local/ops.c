/* The commands: upstream's main.go and backend/allocator/allocator.go, and GC and STATUS, which
 * upstream does not implement. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cni/attachment.h"
#include "host_local/host_local.h"
#include "host_local/store.h"

/* ---- ADD ---- */

/* Reads all leases, which removes empty ones. False if they had been read already. */
static bool remove_empty(struct hl_store *s)
{
	struct hl_leases mine;
	return s->better && !s->scanned && !hl_store_find(s, &mine);
}

static int take_wanted(struct hl_store *s, const struct hl_set *set, size_t index,
	const struct ip *a, struct ip *got,
	const struct hl_range **pool)
{
	const struct hl_range *r = *pool = hl_set_find(set, a);
	char text[IP_TEXT];

	ip_format(a, text);
	if (!ip_cmp(a, &r->gateway))
		return cni_fail(s->c, CNI_INTERNAL, "requested ip %s is subnet's gateway", text);
	int n = hl_store_reserve(s, a, index);
	if (!n && remove_empty(s)) n = hl_store_reserve(s, a, index);
	if (n < 0) return -1;
	if (n) {
		*got = *a;
		return 0;
	}
	_cleanup_buf_ struct buf b = {0};
	hl_set_format(set, &b);
	return cni_fail(s->c, CNI_INTERNAL,
		"requested IP address %s is not available in range set %s", text, b.data);
}

static int refuse_second(struct hl_store *s, const struct hl_set *set, const struct hl_leases *l)
{
	char text[IP_TEXT];

	for (const struct hl_lease *v = l->list.v, *end = v + l->list.n; v < end; v++) {
		if (!v->ip.len || !hl_set_find(set, &v->ip)) continue;
		ip_format(&v->ip, text);
		return cni_fail(s->c, CNI_INTERNAL,
			"%s has been allocated to %s, duplicate allocation is not allowed", text,
			s->c->id);
	}
	return 0;
}

static int fail_full(struct hl_store *s, const struct hl_set *set, unsigned code)
{
	_cleanup_buf_ struct buf b = {0};
	hl_set_format(set, &b);
	return cni_fail(s->c, code, "no IP addresses available in range set: %s", b.data);
}

static int take_next(struct hl_store *s, const struct hl_set *set, size_t index, struct ip *got,
	const struct hl_range **pool)
{
	struct hl_leases mine;
	struct hl_iter it;

	if (hl_store_find(s, &mine) < 0 || refuse_second(s, set, &mine) < 0) return -1;
	struct ip last = hl_store_last(s, index);
	hl_iter_start(&it, set, &last);
	while (hl_iter_next(&it, got, pool)) {
		int n = hl_store_reserve(s, got, index);
		if (n) return n < 0 ? -1 : 0;
	}
	return fail_full(s, set, CNI_INTERNAL);
}

/* Takes the first requested address that is in the set off the list; false if there is none. */
static bool pick_wanted(struct hl_conf *conf, const struct hl_set *set, struct ip *a)
{
	for (size_t i = 0; i < conf->wanted_count; i++) {
		if (!hl_set_find(set, &conf->wanted[i])) continue;
		*a = conf->wanted[i];
		conf->wanted_count--;
		memmove(conf->wanted + i, conf->wanted + i + 1,
			(conf->wanted_count - i) * sizeof *a);
		return true;
	}
	return false;
}

static int add_one(struct hl_store *s, struct hl_conf *conf, size_t i, struct cni_result *r)
{
	const struct hl_set *set = &conf->sets[i];
	const struct hl_range *pool;
	struct ip got;
	struct ip wanted;

	int status = pick_wanted(conf, set, &wanted) ? take_wanted(s, set, i, &wanted, &got, &pool)
		: take_next(s, set, i, &got, &pool);
	if (status < 0) {
		_cleanup_buf_ struct buf why = s->c->msg;
		s->c->msg = (struct buf){0};
		cni_forgive(s->c);
		buf_printf(&s->c->msg, "failed to allocate for range %zu: ", i);
		return cni_fail_str(s->c, CNI_INTERNAL, "", (struct str){ why.data, why.len });
	}
	struct cni_ip *ip = cni_append(s->c, &r->ips, sizeof *ip);
	ip->address = (struct cidr){ got, pool->subnet.ones, pool->subnet.bits };
	ip->gateway = pool->gateway;
	return 0;
}

static int fail_leftover(struct cni *c, const struct hl_conf *conf)
{
	_cleanup_buf_ struct buf b = {0};
	char text[IP_TEXT];

	for (size_t i = 0; i < conf->wanted_count; i++) {
		ip_format(&conf->wanted[i], text);
		buf_printf(&b, " %s", text);
	}
	return cni_fail(c, CNI_INTERNAL, "failed to allocate all requested IPs:%s", b.data);
}

int hl_add(struct cni *c, struct cni_result *r)
{
	_cleanup_store_ struct hl_store s = HL_STORE_CLOSED;
	struct hl_conf conf;
	size_t done = 0;
	int status = 0;

	if (hl_load(c, &conf) < 0) return -1;
	if (conf.resolv_conf.n && hl_resolv_conf(c, conf.resolv_conf, &r->dns) < 0) return -1;
	if (hl_store_open(c, &conf, &s) < 0) return -1;
	for (; !status && done < conf.set_count; done += !status)
		status = add_one(&s, &conf, done, r);
	if (!status && conf.wanted_count) status = fail_leftover(c, &conf);
	if (status && done) hl_store_release(&s, done);
	r->routes = conf.routes;
	return status;
}

/* ---- DEL and CHECK ---- */

int hl_del(struct cni *c)
{
	_cleanup_store_ struct hl_store s = HL_STORE_CLOSED;
	struct hl_conf conf;

	if (hl_load(c, &conf) < 0 || hl_store_open(c, &conf, &s) < 0) return -1;
	return hl_store_release(&s, conf.set_count);
}

/* Every address of the result that is in this network's ranges must be leased to this
 * attachment. */
static int check_addresses(struct cni *c, const struct hl_conf *conf, const struct hl_leases *l,
	const struct cni_result *r)
{
	for (size_t i = 0; i < r->ips.n; i++) {
		const struct cni_ip *ip = ((struct cni_ip **)r->ips.v)[i];
		bool ours = false, held = false;
		char text[IP_TEXT];
		for (size_t k = 0; ip && k < conf->set_count; k++)
			ours |= hl_set_find(&conf->sets[k], &ip->address.addr) != NULL;
		for (size_t k = 0; ours && k < l->list.n; k++)
			held |= !ip_cmp(&((struct hl_lease *)l->list.v)[k].ip, &ip->address.addr);
		if (held || !ours) continue;
		ip_format(&ip->address.addr, text);
		return cni_fail(c, CNI_INTERNAL, "%s is no longer allocated to %s", text, c->id);
	}
	return 0;
}

int hl_check_result(struct cni *c, const struct cni_result *r)
{
	_cleanup_store_ struct hl_store s = HL_STORE_CLOSED;
	struct hl_conf conf;
	struct hl_leases mine;

	if (hl_load(c, &conf) < 0 || hl_store_open(c, &conf, &s) < 0 ||
		hl_store_find(&s, &mine) < 0)
		return -1;
	if (mine.list.n) return r ? check_addresses(c, &conf, &mine, r) : 0;
	return cni_fail(c, CNI_INTERNAL, "host-local: Failed to find address added by container %s",
		c->id);
}

int hl_check(struct cni *c)
{
	return hl_check_result(c, NULL);
}

/* ---- GC: nothing with upstream's semantics, which has none ---- */

struct gc_run {
	struct hl_store *s;
	struct slice valid;            /* of struct cni_attachment */
};

/* Does the lease belong to an attachment that the runtime still has? Old leases name only the
 * container, and an attachment without an interface stands for all of its container. */
static bool is_valid(const struct gc_run *g, struct str content)
{
	const struct cni_attachment *a = g->valid.v;

	for (const struct cni_attachment *end = a + g->valid.n; a < end; a++) {
		size_t n = a->id.n;
		if (content.n < n || memcmp(content.s, a->id.s, n)) continue;
		if (content.n == n) return true;
		if (content.n < n + 2 || memcmp(content.s + n, "\r\n", 2)) continue;
		if (!a->ifname.n || (content.n == n + 2 + a->ifname.n &&
			!memcmp(content.s + n + 2, a->ifname.s, a->ifname.n)))
			return true;
	}
	return false;
}

static void collect(void *arg, const char *path, struct str content, bool plain)
{
	const struct gc_run *g = arg;
	struct ip a;

	if (!plain || !content.s || !ip_parse(&a, path, strlen(path)) || is_valid(g, content))
		return;
	int r = hl_store_remove(g->s, path);
	if (r < 0) hl_store_fail(g->s, "remove", path, -r);
}

int hl_gc(struct cni *c)
{
	_cleanup_store_ struct hl_store s = HL_STORE_CLOSED;
	struct gc_run g = { .s = &s };
	struct hl_conf conf;

	if (c->compat != CNI_BETTER) return 0;
	if (cni_valid_attachments(c, &g.valid) < 0 || hl_load(c, &conf) < 0 ||
		hl_store_open(c, &conf, &s) < 0)
		return -1;
	int r = hl_store_walk(&s, collect, &g);
	if (r < 0) cni_fail_path(c, "read", s.path, -r);
	return c->code ? -1 : 0;
}

/* ---- STATUS: would an ADD find an address? ---- */

static bool has_free(struct hl_store *s, const struct hl_set *set)
{
	const struct hl_range *pool;
	struct hl_iter it;
	struct ip a;

	hl_iter_start(&it, set, &(struct ip){0});
	while (hl_iter_next(&it, &a, &pool))
		if (!hl_store_taken(s, &a)) return true;
	return false;
}

static int writable(struct hl_store *s)
{
	return faccessat(s->dir, ".", W_OK, AT_EACCESS) < 0
		? cni_fail_path(s->c, "open", s->path, errno) : 0;
}

int hl_status(struct cni *c)
{
	struct cni_dns dns = {0};
	_cleanup_store_ struct hl_store s = HL_STORE_CLOSED;
	struct hl_conf conf;

	if (c->compat != CNI_BETTER) return 0;
	if (hl_load(c, &conf) < 0) return -1;
	if ((conf.resolv_conf.n && hl_resolv_conf(c, conf.resolv_conf, &dns) < 0) ||
		hl_store_open(c, &conf, &s) < 0 || writable(&s) < 0) {
		c->code = CNI_NOT_AVAILABLE;
		return -1;
	}
	for (size_t i = 0; i < conf.set_count; i++)
		if (!has_free(&s, &conf.sets[i]) &&
			!(remove_empty(&s) && has_free(&s, &conf.sets[i])))
			return fail_full(&s, &conf.sets[i], CNI_NOT_AVAILABLE);
	return 0;
}
