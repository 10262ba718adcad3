/* Requests and answers of rtnetlink(7), and the few questions that plugins ask. It builds and reads
 * messages; what they mean is the caller's. */
#include "net/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"

int nl_open(struct nl *nl)
{
	nl->seq = 0;
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	return nl->fd < 0 ? -errno : 0;
}

void nl_close(struct nl *nl)
{
	if (nl->fd >= 0) close(nl->fd);
	nl->fd = -1;
}

static struct nlmsghdr *header(struct nl_request *r)
{
	return (struct nlmsghdr *)(void *)r->data;
}

/* Room for n bytes at the end, aligned; NULL if there is none. */
static void *extend(struct nl_request *r, size_t n)
{
	struct nlmsghdr *h = header(r);
	size_t at = NLMSG_ALIGN(h->nlmsg_len);

	if (n > sizeof r->data - at || NLMSG_ALIGN(n) > sizeof r->data - at) {
		r->full = true;
		return NULL;
	}
	/* gVisor takes no attribute without the padding behind it. */
	h->nlmsg_len = (uint32_t)(at + NLMSG_ALIGN(n));
	return r->data + at;
}

void nl_begin(struct nl_request *r, uint16_t type, uint16_t flags, const void *fixed, size_t n)
{
	memset(r, 0, sizeof *r);
	struct nlmsghdr *h = header(r);
	h->nlmsg_len = sizeof *h;
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(extend(r, n), fixed, n);
}

void nl_put(struct nl_request *r, uint16_t type, const void *data, size_t n)
{
	struct rtattr *a = extend(r, RTA_LENGTH(n));

	if (!a) return;
	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	if (n) memcpy(RTA_DATA(a), data, n);
}

void nl_put_bytes(struct nl_request *r, const void *data, size_t n)
{
	void *to = extend(r, n);
	if (to) memcpy(to, data, n);
}

void nl_put_u32(struct nl_request *r, uint16_t type, uint32_t v)
{
	nl_put(r, type, &v, sizeof v);
}

void nl_put_str(struct nl_request *r, uint16_t type, const char *s)
{
	nl_put(r, type, s, strlen(s) + 1);
}

size_t nl_nest(struct nl_request *r, uint16_t type)
{
	size_t at = NLMSG_ALIGN(header(r)->nlmsg_len);
	nl_put(r, type, NULL, 0);
	return at;
}

void nl_nest_end(struct nl_request *r, size_t nest)
{
	if (r->full) return;
	struct rtattr *a = (struct rtattr *)(void *)(r->data + nest);
	a->rta_len = (unsigned short)(header(r)->nlmsg_len - nest);
}

/* One datagram of an answer. 1: more follow; 0: it was the last; -errno. */
static int take_answer(struct nl *nl, char *data, size_t n, nl_answer *fn, void *arg)
{
	for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)data; NLMSG_OK(h, n);
		h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_seq != nl->seq) continue;
		if (h->nlmsg_type == NLMSG_DONE) return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))) return -EBADMSG;
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		}
		int r = fn ? fn(arg, h) : 0;
		if (r < 0) return r;
	}
	return 1;
}

enum { ANSWER = 32768 };   /* what Linux puts into one datagram at most */

/* Room for the next datagram: *heap where data is too small, as gVisor puts a whole dump into
 * one. */
static ssize_t receive(struct nl *nl, char *data, char **heap, char **out)
{
	ssize_t n = recv(nl->fd, NULL, 0, MSG_PEEK | MSG_TRUNC);

	if (n < 0) return -errno;
	*out = data;
	size_t size = n > ANSWER ? (size_t)n : ANSWER;
	if (size > ANSWER) {
		char *more = realloc(*heap, size);
		if (!more) return -ENOMEM;
		*out = *heap = more;
	}
	n = recv(nl->fd, *out, size, MSG_TRUNC);
	if (n < 0) return -errno;
	return n > 0 && (size_t)n <= size ? n : -EBADMSG;
}

int nl_talk(struct nl *nl, struct nl_request *req, nl_answer *fn, void *arg)
{
	_Alignas(4) char data[ANSWER];
	_cleanup_free_ char *heap = NULL;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *h = header(req);
	char *answer = data;
	int r;

	if (req->full) return -EMSGSIZE;
	h->nlmsg_seq = ++nl->seq;
	/* A dump ends with DONE and a change with its acknowledgement; a request for one thing
	 * ends the same way if it asks for an acknowledgement too. */
	h->nlmsg_flags |= NLM_F_ACK;
	if (sendto(nl->fd, req->data, h->nlmsg_len, 0, (struct sockaddr *)&kernel,
		sizeof kernel) < 0)
		return -errno;
	do {
		ssize_t n = receive(nl, data, &heap, &answer);
		if (n == -EINTR) r = 1;
		else if (n < 0) return (int)n;
		else r = take_answer(nl, answer, (size_t)n, fn, arg);
	} while (r > 0);
	return r;
}

const struct rtattr *nl_attribute(const struct nlmsghdr *h, size_t fixed, uint16_t type)
{
	if (h->nlmsg_len < NLMSG_SPACE(fixed)) return NULL;
	size_t n = h->nlmsg_len - NLMSG_SPACE(fixed);
	const struct rtattr *a = (const void *)((const char *)h + NLMSG_SPACE(fixed));
	for (; RTA_OK(a, n); a = RTA_NEXT(a, n))
		if ((a->rta_type & NLA_TYPE_MASK) == type) return a;
	return NULL;
}

static int take_link(void *arg, const struct nlmsghdr *h)
{
	struct nl_link *want = arg;
	const struct ifinfomsg *i = NLMSG_DATA(h);
	const struct rtattr *name = nl_attribute(h, sizeof *i, IFLA_IFNAME);

	if (h->nlmsg_type != RTM_NEWLINK || !name) return 0;
	if (strncmp(RTA_DATA(name), want->name, RTA_PAYLOAD(name))) return 0;
	want->index = i->ifi_index;
	want->flags = i->ifi_flags;
	return 0;
}

/* By a dump, because some kernels and sandboxes do not support a request by name. */
int nl_link_get(struct nl *nl, const char *name, struct nl_link *out)
{
	struct ifinfomsg fixed = { .ifi_family = AF_UNSPEC };
	struct nl_request r;

	*out = (struct nl_link){0};
	if (strlen(name) >= sizeof out->name) return -ENODEV;
	memcpy(out->name, name, strlen(name) + 1);
	nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, &fixed, sizeof fixed);
	int e = nl_talk(nl, &r, take_link, out);
	if (e < 0) return e;
	return out->index ? 0 : -ENODEV;
}

int nl_link_up(struct nl *nl, int index, bool up)
{
	struct ifinfomsg fixed = { .ifi_index = index, .ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP };
	struct nl_request r;

	nl_begin(&r, RTM_NEWLINK, 0, &fixed, sizeof fixed);
	return nl_talk(nl, &r, NULL, NULL);
}

struct address_list {
	int index;
	struct cidr *out;
	size_t max, n;
};

static int take_address(void *arg, const struct nlmsghdr *h)
{
	struct address_list *l = arg;
	const struct ifaddrmsg *i = NLMSG_DATA(h);
	size_t len = i->ifa_family == AF_INET ? 4 : 16;
	const struct rtattr *a = nl_attribute(h, sizeof *i, IFA_LOCAL);

	if (h->nlmsg_type != RTM_NEWADDR || (int)i->ifa_index != l->index) return 0;
	if (!a) a = nl_attribute(h, sizeof *i, IFA_ADDRESS);
	if (!a || RTA_PAYLOAD(a) < len) return 0;
	if (l->n < l->max) {
		struct cidr *c = &l->out[l->n];
		*c = (struct cidr){ .addr.len = (uint8_t)len, .ones = i->ifa_prefixlen,
			.bits = (uint8_t)(len * 8) };
		memcpy(c->addr.b, RTA_DATA(a), len);
	}
	l->n++;
	return 0;
}

int nl_addresses(struct nl *nl, int index, struct cidr *out, size_t max, size_t *n)
{
	struct ifaddrmsg fixed = { .ifa_family = AF_UNSPEC };
	struct address_list l = { index, out, max, 0 };
	struct nl_request r;

	nl_begin(&r, RTM_GETADDR, NLM_F_DUMP, &fixed, sizeof fixed);
	int e = nl_talk(nl, &r, take_address, &l);
	*n = l.n;
	return e;
}

int nl_link_delete(struct nl *nl, int index)
{
	struct ifinfomsg fixed = { .ifi_index = index };
	struct nl_request r;

	nl_begin(&r, RTM_DELLINK, 0, &fixed, sizeof fixed);
	return nl_talk(nl, &r, NULL, NULL);
}

static unsigned char family_of(const struct ip *a)
{
	return a->len == 4 ? AF_INET : AF_INET6;
}

static int change_address(struct nl *nl, uint16_t type, uint16_t flags, int index,
	const struct cidr *a)
{
	/* An address outside of the link's networks can have no duplicate there; the kernel would
	 * not let it be used until it has looked for one. */
	struct ifaddrmsg fixed = { .ifa_family = family_of(&a->addr), .ifa_prefixlen = a->ones,
		.ifa_flags = a->ones == 128 ? IFA_F_NODAD : 0, .ifa_index = (unsigned)index };
	struct nl_request r;

	nl_begin(&r, type, flags, &fixed, sizeof fixed);
	nl_put(&r, IFA_LOCAL, a->addr.b, a->addr.len);
	nl_put(&r, IFA_ADDRESS, a->addr.b, a->addr.len);
	return nl_talk(nl, &r, NULL, NULL);
}

int nl_address_add(struct nl *nl, int index, const struct cidr *a)
{
	return change_address(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, a);
}

int nl_address_delete(struct nl *nl, int index, const struct cidr *a)
{
	return change_address(nl, RTM_DELADDR, 0, index, a);
}

static unsigned char scope_of(const struct nl_route *r)
{
	if (r->scope >= 0) return (unsigned char)r->scope;
	return r->gateway.len ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
}

static int change_route(struct nl *nl, uint16_t type, uint16_t flags,
	const struct nl_route *route)
{
	const struct cidr *dst = &route->dst;
	struct rtmsg fixed = {
		.rtm_family = family_of(&dst->addr), .rtm_dst_len = dst->ones,
		.rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT,
		.rtm_scope = scope_of(route), .rtm_type = RTN_UNICAST,
	};
	struct nl_request r;

	/* A larger number goes only into RTA_TABLE. */
	if (route->table >= 256) fixed.rtm_table = RT_TABLE_UNSPEC;
	else if (route->table) fixed.rtm_table = (unsigned char)route->table;
	nl_begin(&r, type, flags, &fixed, sizeof fixed);
	if (dst->ones) nl_put(&r, RTA_DST, dst->addr.b, dst->addr.len);
	if (route->gateway.len) nl_put(&r, RTA_GATEWAY, route->gateway.b, route->gateway.len);
	/* Always named: gVisor accepts a route without a link and then finds no way. */
	nl_put_u32(&r, RTA_OIF, (uint32_t)route->index);
	if (route->priority) nl_put_u32(&r, RTA_PRIORITY, route->priority);
	if (route->table > 255) nl_put_u32(&r, RTA_TABLE, route->table);
	return nl_talk(nl, &r, NULL, NULL);
}

int nl_route_put(struct nl *nl, const struct nl_route *route)
{
	return change_route(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
}

int nl_route_delete(struct nl *nl, const struct nl_route *route)
{
	return change_route(nl, RTM_DELROUTE, 0, route);
}

int nl_route_add(struct nl *nl, int index, const struct cidr *dst, const struct ip *gateway)
{
	struct nl_route r = { .index = index, .dst = *dst, .scope = -1 };

	if (gateway) r.gateway = *gateway;
	return nl_route_put(nl, &r);
}

struct route_list {
	struct nl_route *out;
	size_t max, n;
};

static void get_ip(const struct nlmsghdr *h, uint16_t type, size_t len, struct ip *out)
{
	const struct rtattr *a = nl_attribute(h, sizeof(struct rtmsg), type);

	if (!a || RTA_PAYLOAD(a) != len) return;
	out->len = (uint8_t)len;
	memcpy(out->b, RTA_DATA(a), len);
}

static uint32_t get_number(const struct nlmsghdr *h, uint16_t type, uint32_t otherwise)
{
	const struct rtattr *a = nl_attribute(h, sizeof(struct rtmsg), type);

	if (a && RTA_PAYLOAD(a) == sizeof otherwise)
		memcpy(&otherwise, RTA_DATA(a), sizeof otherwise);
	return otherwise;
}

static int take_route(void *arg, const struct nlmsghdr *h)
{
	struct route_list *l = arg;
	const struct rtmsg *i = NLMSG_DATA(h);
	size_t len = i->rtm_family == AF_INET ? 4 : 16;

	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_SPACE(sizeof *i) ||
	    i->rtm_type != RTN_UNICAST)
		return 0;
	if (l->n < l->max) {
		struct nl_route *r = &l->out[l->n];
		*r = (struct nl_route){
			.index = (int)get_number(h, RTA_OIF, 0),
			.priority = get_number(h, RTA_PRIORITY, 0),
			.table = get_number(h, RTA_TABLE, i->rtm_table), .scope = i->rtm_scope,
			.dst = {
				.addr.len = (uint8_t)len, .ones = i->rtm_dst_len,
				.bits = (uint8_t)(len * 8),
			},
		};
		get_ip(h, RTA_DST, len, &r->dst.addr);
		get_ip(h, RTA_GATEWAY, len, &r->gateway);
	}
	l->n++;
	return 0;
}

int nl_routes(struct nl *nl, struct nl_route *out, size_t max, size_t *n)
{
	struct rtmsg fixed = { .rtm_family = AF_UNSPEC };
	struct route_list l = { .out = out, .max = max };
	struct nl_request r;

	nl_begin(&r, RTM_GETROUTE, NLM_F_DUMP, &fixed, sizeof fixed);
	int e = nl_talk(nl, &r, take_route, &l);
	*n = l.n;
	return e;
}

int nl_enter_netns(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return -errno;
	return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}
