/* The part of rtnetlink(7) that plugins and probes need: requests are built in a buffer, sent,
 * and answered by an acknowledgement or a dump. Functions return 0 or -errno; a kernel or
 * sandbox that does not support a request answers EOPNOTSUPP or EINVAL. */
#ifndef K3SBOX_NETLINK_H
#define K3SBOX_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ip.h"

struct nlmsghdr;
struct rtattr;

struct nl {
	int fd;              /* -1: not open */
	uint32_t seq;
};

/* A socket of the current network namespace; it stays there when the process enters another one. */
int nl_open(struct nl *nl);
void nl_close(struct nl *nl);

/* ---- requests ---- */

struct nl_request {
	_Alignas(4) char data[2048];
	bool full;           /* something did not fit: nl_talk() returns -EMSGSIZE */
};

/* Starts a request with the fixed part of its family (struct ifinfomsg, ifaddrmsg, rtmsg). */
void nl_begin(struct nl_request *r, uint16_t type, uint16_t flags, const void *fixed, size_t n);
void nl_put(struct nl_request *r, uint16_t type, const void *data, size_t n);
/* Bytes without an attribute header, such as the message inside VETH_INFO_PEER. */
void nl_put_bytes(struct nl_request *r, const void *data, size_t n);
void nl_put_u32(struct nl_request *r, uint16_t type, uint32_t v);
void nl_put_str(struct nl_request *r, uint16_t type, const char *s);
/* Attributes put between the two calls are inside of this one. */
size_t nl_nest(struct nl_request *r, uint16_t type);
void nl_nest_end(struct nl_request *r, size_t nest);

/* Sends the request and reads the answer. fn (may be NULL) gets each message of it; an error
 * that it returns ends the call. */
typedef int nl_answer(void *arg, const struct nlmsghdr *h);
int nl_talk(struct nl *nl, struct nl_request *r, nl_answer *fn, void *arg);

/* The attribute of a message whose fixed part has this size, or NULL. */
const struct rtattr *nl_attribute(const struct nlmsghdr *h, size_t fixed, uint16_t type);

/* ---- complete requests ---- */

struct nl_link {
	int index;
	unsigned flags;      /* IFF_ */
	char name[16];
};

int nl_link_get(struct nl *nl, const char *name, struct nl_link *out);   /* -ENODEV */
int nl_link_up(struct nl *nl, int index, bool up);
int nl_link_delete(struct nl *nl, int index);

/* Addresses of a link, of both families, in the kernel's order. At most max are stored; *n is
 * how many there are. */
int nl_addresses(struct nl *nl, int index, struct cidr *out, size_t max, size_t *n);

/* -EEXIST if the link has it already. */
int nl_address_add(struct nl *nl, int index, const struct cidr *a);
int nl_address_delete(struct nl *nl, int index, const struct cidr *a);

struct nl_route {
	int index;                 /* of the link that it goes over */
	struct cidr dst;
	struct ip gateway;         /* may be none */
	uint32_t priority;         /* 0: the kernel's default */
	uint32_t table;            /* 0: the main one; others are not for gVisor */
	int scope;                 /* RT_SCOPE_; -1: as the gateway tells */
};
int nl_route_put(struct nl *nl, const struct nl_route *r);
int nl_route_delete(struct nl *nl, const struct nl_route *r);   /* -ESRCH: there is none */

/* A route to dst over the link, by way of a gateway (NULL: none). */
int nl_route_add(struct nl *nl, int index, const struct cidr *dst, const struct ip *gateway);
/* The unicast routes of both families; at most max are stored, *n is how many there are. */
int nl_routes(struct nl *nl, struct nl_route *out, size_t max, size_t *n);

/* Enters the network namespace at a path. */
int nl_enter_netns(const char *path);

#endif
