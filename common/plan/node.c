/* Name, address and default route of this machine, as k3s sees them. */
#include "plan/node.h"

#include <ctype.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/text.h"
#include "net/ip.h"
#include "net/netlink.h"
#include "net/pem.h"
#include "world/switch.h"

void node_make_valid(char *name, size_t max)
{
	size_t n = 0;

	for (const char *s = name; *s && n < max; s++) {
		char c = (char)tolower((unsigned char)*s);
		bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		while (c == '.' && n && name[n - 1] == '-') n--;
		if (letter) name[n++] = c;
		else if (n && name[n - 1] != '.') name[n++] = c == '.' ? c : '-';
	}
	while (n && strchr("-.", name[n - 1])) n--;
	name[n] = 0;
}

void node_host_name(char out[NODE_NAME_SIZE])
{
	if (gethostname(out, NODE_NAME_SIZE) < 0 || !*out)
		snprintf(out, NODE_NAME_SIZE, "localhost");
	out[NODE_NAME_SIZE - 1] = 0;
	for (char *c = out; *c; c++) *c = (char)tolower((unsigned char)*c);
}

/* The subject's common name is "system:node:NAME" (k3s pkg/server/handlers). */
static bool take_name(void *arg, const uint8_t *der, size_t len)
{
	static const char prefix[] = "system:node:";
	enum { PREFIX = sizeof prefix - 1 };
	const uint8_t *at = memmem(der, len, prefix, PREFIX);
	size_t n = at > der ? at[-1] : 0;   /* the length before it: below 128 */

	if (n <= PREFIX || n >= 128 || (size_t)(der + len - at) < n) return false;
	snprintf(arg, NODE_NAME_SIZE, "%.*s", (int)(n - PREFIX), (const char *)at + PREFIX);
	return true;
}

bool node_registered(const struct plan_options *o, char out[NODE_NAME_SIZE])
{
	_cleanup_buf_ struct buf pem = {0};
	char path[PATH_MAX];
	unsigned broken = 0;

	return io_join(path, sizeof path, o->data_dir, "agent/client-kubelet.crt") >= 0 &&
		!io_read(path, &pem, 1 << 16) && pem.data &&
		pem_each(pem.data, "CERTIFICATE", take_name, out, &broken) > 0;
}

void node_name(const struct plan_options *o, char out[NODE_NAME_SIZE])
{
	enum { LONGEST = 63, ID = 9 };   /* with-node-id: "-" and 8 digits */
	const char *given = k3s_args_find(&o->args, "node-name");
	bool id = k3s_args_is_on(&o->args, "with-node-id");

	if (given && *given) {
		snprintf(out, NODE_NAME_SIZE, "%s", given);
		for (char *c = out; *c; c++) *c = (char)tolower((unsigned char)*c);
	} else if (id || !node_registered(o, out)) {
		node_host_name(out);
		node_make_valid(out, id ? LONGEST - ID : LONGEST);
		if (!*out) snprintf(out, NODE_NAME_SIZE, "node");
	}
}

int node_password_copy(const char *data_dir, char *out, size_t size)
{
	return io_join(out, size, data_dir, "k3sbox/node-password");
}

/* Destination :: and a next hop: the kernel's own "unreachable" row has none. */
static bool is_default_v6(const char *line)
{
	enum { DESTINATION, NEXT_HOP = 4 };
	static const char zeros[] = "00000000000000000000000000000000";
	char destination[40], hop[40];

	return text_field(line, DESTINATION, destination, sizeof destination) &&
		text_field(line, NEXT_HOP, hop, sizeof hop) &&
		!strcmp(destination, zeros) && strcmp(hop, zeros);
}

static bool is_default_v4(const char *line)
{
	char destination[16];
	return text_field(line, 1, destination, sizeof destination) &&
		!strcmp(destination, "00000000");
}

/* As k8s.io/apimachinery util/net ChooseHostInterface: a row of all zeros in these files. */
unsigned node_default_routes(void)
{
	_cleanup_buf_ struct buf v4 = {0}, v6 = {0};
	const char *line = NULL;
	unsigned found = 0;

	if (!io_read("/proc/net/route", &v4, 1 << 20) && v4.data) line = strchr(v4.data, '\n');
	for (; line; line = strchr(line + 1, '\n'))
		if (is_default_v4(line + 1)) found |= NODE_IPV4;
	if (!io_read("/proc/net/ipv6_route", &v6, 1 << 20)) line = v6.data;
	for (; line && *line; line = strchr(line, '\n'), line += line != NULL)
		if (is_default_v6(line)) found |= NODE_IPV6;
	return found;
}

/* The links that are up, without loopback, and the first address of each family on one of them. */
struct node_search {
	int links[64];
	size_t n;
	struct ip v4, v6;
	int v4_link;
};

static int take_link(void *arg, const struct nlmsghdr *h)
{
	struct node_search *s = arg;
	const struct ifinfomsg *i = NLMSG_DATA(h);

	if (h->nlmsg_type == RTM_NEWLINK && (i->ifi_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP &&
	    s->n < sizeof s->links / sizeof *s->links)
		s->links[s->n++] = i->ifi_index;
	return 0;
}

static int take_address(void *arg, const struct nlmsghdr *h)
{
	struct node_search *s = arg;
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	struct ip *to = m->ifa_family == AF_INET ? &s->v4 : &s->v6;
	bool is_ours = false;

	for (size_t i = 0; i < s->n; i++) is_ours |= s->links[i] == (int)m->ifa_index;
	const struct rtattr *a = nl_attribute(h, sizeof *m, IFA_LOCAL);
	if (!a) a = nl_attribute(h, sizeof *m, IFA_ADDRESS);
	size_t len = a ? RTA_PAYLOAD(a) : 0;
	if (h->nlmsg_type != RTM_NEWADDR || !is_ours || to->len) return 0;
	if (len != (m->ifa_family == AF_INET ? 4 : 16)) return 0;
	const uint8_t *b = RTA_DATA(a);
	if (len == 16 && b[0] == 0xfe && (b[1] & 0xc0) == 0x80) return 0;   /* link-local */
	if (to == &s->v4) s->v4_link = (int)m->ifa_index;
	memcpy(to->b, b, len);
	to->len = (uint8_t)len;
	return 0;
}

static bool search(struct node_search *s)
{
	struct nl nl;
	struct nl_request r;

	if (nl_open(&nl) < 0) return false;
	nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, &(struct ifinfomsg){0}, sizeof(struct ifinfomsg));
	int e = nl_talk(&nl, &r, take_link, s);
	nl_begin(&r, RTM_GETADDR, NLM_F_DUMP, &(struct ifaddrmsg){0}, sizeof(struct ifaddrmsg));
	if (!e) e = nl_talk(&nl, &r, take_address, s);
	nl_close(&nl);
	return !e;
}

bool node_addresses(const char *cluster, char *out, size_t size)
{
	struct node_search s = {0};
	struct switch_node node;
	char text[IP_TEXT];
	size_t n = 0;

	switch_first_node(&node, cluster);
	*out = 0;
	if (!search(&s)) return false;
	for (size_t i = 0; i < node.n && n < size; i++) {
		const struct ip *found = node.v[i].addr.len == 4 ? &s.v4 : &s.v6;
		if (!found->len) continue;
		ip_format(found, text);
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "," : "", text);
	}
	return *out;
}

int node_first_link(void)
{
	struct node_search s = {0};
	return search(&s) ? s.v4_link : 0;
}

bool node_first_address(char *out, size_t size)
{
	return node_addresses("0.0.0.0/0", out, size) || node_addresses("::/0", out, size);
}
