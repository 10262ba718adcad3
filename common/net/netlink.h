/* rtnetlink, as little as plugins need: requests are built in a buffer, sent, and answered by an
 * acknowledgement or a dump. Functions return 0 or -errno. What sandboxes do not know they say themselves
 * (EOPNOTSUPP, EINVAL). */
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

/* In the current network namespace; the socket stays in it whatever setns(2) does later. */
int nl_open(struct nl *nl);
void nl_close(struct nl *nl);

/* ---- requests ---- */

struct nl_request {
	_Alignas(4) char data[2048];
	bool full;           /* something did not fit: nl_talk() refuses to send it */
};

/* Starts a request with the fixed part of its family (struct ifinfomsg, ifaddrmsg, rtmsg). */
void nl_begin(struct nl_request *r, uint16_t type, uint16_t flags, const void *fixed, size_t n);
void nl_put(struct nl_request *r, uint16_t type, const void *data, size_t n);
void nl_put_u32(struct nl_request *r, uint16_t type, uint32_t v);
void nl_put_str(struct nl_request *r, uint16_t type, const char *s);
/* Attributes put between the two lie in it. */
size_t nl_nest(struct nl_request *r, uint16_t type);
void nl_nest_end(struct nl_request *r, size_t nest);

/* Sends it; fn (may be NULL) sees every message of the answer and stops it by returning an error. */
typedef int nl_answer(void *arg, const struct nlmsghdr *h);
int nl_talk(struct nl *nl, struct nl_request *r, nl_answer *fn, void *arg);

/* Attribute of a message behind a fixed part of that size; NULL if it is not there. */
const struct rtattr *nl_attribute(const struct nlmsghdr *h, size_t fixed, uint16_t type);

/* ---- what is asked most ---- */

struct nl_link {
	int index;
	unsigned flags;      /* IFF_ */
	char name[16];
};

int nl_link_get(struct nl *nl, const char *name, struct nl_link *out);   /* -ENODEV */
int nl_link_up(struct nl *nl, int index, bool up);
int nl_link_delete(struct nl *nl, int index);

/* Addresses of a link, of both families in the kernel's order; at most max are stored, *n is how many
 * there are. */
int nl_addresses(struct nl *nl, int index, struct cidr *out, size_t max, size_t *n);
int nl_address_add(struct nl *nl, int index, const struct cidr *a);      /* -EEXIST if it has it */
/* Route to dst by a gateway (may be none) over the link. */
int nl_route_add(struct nl *nl, int index, const struct cidr *dst, const struct ip *gateway);

/* Enters the network namespace at a path. */
int nl_enter_netns(const char *path);

#endif
