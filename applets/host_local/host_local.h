/* host-local: addresses from ranges, leases as files, as containernetworking/plugins' plugin of that name
 * does it. The operations are also called by other applets in process (noop). */
#ifndef K3SBOX_HOST_LOCAL_H
#define K3SBOX_HOST_LOCAL_H

#include "cni/result.h"

struct buf;
struct err;

/* One pool: addresses start to end, given out as addresses of the subnet. */
struct hl_range {
	struct ip start, end;
	struct cidr subnet;
	struct ip gateway;
};

/* Pools of which one address is given: what the configuration calls a range set. */
struct hl_set {
	struct hl_range *v;
	size_t n;
};

struct hl_conf {
	struct str name, version;
	struct str data_dir, resolv_conf;     /* may hold NULs, as no path can */
	struct slice routes;                  /* struct cni_route * */
	struct hl_set *sets;
	size_t set_count;
	struct ip *wanted;                    /* requested addresses, each once, in the order they were given */
	size_t wanted_count;
};

/* Reads and checks the configuration in c->conf and CNI_ARGS. 0, or -1 after cni_fail(). */
int hl_load(struct cni *c, struct hl_conf *conf);

/* Fills in defaults and checks; 0 or -EINVAL. */
int hl_set_canonicalize(struct hl_set *s, struct err *e);
bool hl_set_overlaps(const struct hl_set *a, const struct hl_set *b);
/* The pool that has the address, or NULL. */
const struct hl_range *hl_set_find(const struct hl_set *s, const struct ip *a);
void hl_set_format(const struct hl_set *s, struct buf *out);

/* Goes round a set: each address once, gateways left out. */
struct hl_iter {
	const struct hl_set *set;
	size_t at;                 /* pool */
	struct ip current, first;  /* first: where it ends */
};

/* Starts behind last if that is in the set (the round-robin), else at the beginning. */
void hl_iter_start(struct hl_iter *i, const struct hl_set *s, const struct ip *last);
/* Next candidate, with its pool; false when all were seen. */
bool hl_iter_next(struct hl_iter *i, struct ip *a, const struct hl_range **pool);

/* A path with a NUL in it is refused in Go's words, of which op is the first ("open "); 0, or -1 after
 * cni_fail(). Not after an earlier error. */
int hl_check_path(struct cni *c, const char *op, struct str path);

/* Appends what the file says; 0, or -1 after cni_fail(). */
int hl_resolv_conf(struct cni *c, struct str path, struct cni_dns *dns);

/* The commands. hl_add fills the result; nothing is printed. */
int hl_add(struct cni *c, struct cni_result *r);
int hl_del(struct cni *c);
int hl_check(struct cni *c);
/* hl_check() that also wants the addresses of a result (may be NULL) to be held. */
int hl_check_result(struct cni *c, const struct cni_result *r);
int hl_gc(struct cni *c);
int hl_status(struct cni *c);

extern const char hl_help[];

#endif
