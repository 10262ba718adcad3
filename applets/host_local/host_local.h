/* host-local: addresses from ranges, leases as files, as plugins/ipam/host-local of
 * containernetworking/plugins does it. Other plugins call the operations in process (ipam.h). */
#ifndef K3SBOX_HOST_LOCAL_H
#define K3SBOX_HOST_LOCAL_H

#include "cni/result.h"

struct buf;
struct err;

/* One pool: the addresses from start to end, handed out with the subnet's prefix length. */
struct hl_range {
	struct ip start, end;
	struct cidr subnet;
	struct ip gateway;
};

/* A range set: pools, of which one address is handed out. */
struct hl_set {
	struct hl_range *v;
	size_t n;
};

struct hl_conf {
	struct str name, version;
	struct str data_dir, resolv_conf;     /* may contain NULs: see hl_check_path() */
	struct slice routes;                  /* struct cni_route * */
	struct hl_set *sets;
	size_t set_count;
	struct ip *wanted;                    /* requested addresses, each once, in their order */
	size_t wanted_count;
};

/* Reads and checks the configuration in c->conf and CNI_ARGS. 0, or -1 after cni_fail(). */
int hl_load(struct cni *c, struct hl_conf *conf);

/* Fills in defaults and checks; 0 or -EINVAL. */
int hl_set_canonicalize(struct hl_set *s, struct err *e);
bool hl_set_overlaps(const struct hl_set *a, const struct hl_set *b);
/* The pool that contains the address, or NULL. */
const struct hl_range *hl_set_find(const struct hl_set *s, const struct ip *a);
void hl_set_format(const struct hl_set *s, struct buf *out);

/* Goes round a set: each address once, without the gateways. */
struct hl_iter {
	const struct hl_set *set;
	size_t at;                 /* pool */
	struct ip current, first;  /* first: where it ends */
};

/* Starts after last if that is in the set, else at the beginning. */
void hl_iter_start(struct hl_iter *i, const struct hl_set *s, const struct ip *last);
/* The next candidate, with its pool; false after the last one. */
bool hl_iter_next(struct hl_iter *i, struct ip *a, const struct hl_range **pool);

/* Refuses a path with a NUL in Go's words, which begin with op ("open "). 0, or -1 after
 * cni_fail(). To be called before any other error. */
int hl_check_path(struct cni *c, const char *op, struct str path);

/* Adds what the file contains; 0, or -1 after cni_fail(). */
int hl_resolv_conf(struct cni *c, struct str path, struct cni_dns *dns);

/* The commands. hl_add() fills the result; nothing is printed. */
int hl_add(struct cni *c, struct cni_result *r);
int hl_del(struct cni *c);
int hl_check(struct cni *c);
/* hl_check() that also fails if an address of the result (may be NULL) is not leased. */
int hl_check_result(struct cni *c, const struct cni_result *r);
int hl_gc(struct cni *c);
int hl_status(struct cni *c);

#endif
