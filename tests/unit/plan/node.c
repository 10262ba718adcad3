/* Which name a node gets. */
#include "plan/node.h"

#include <sched.h>
#include <stdlib.h>

#include "base/io.h"
#include "net/netlink.h"
#include "unit.h"

static const char *valid(const char *name, size_t max)
{
	static char out[NODE_NAME_SIZE];
	snprintf(out, sizeof out, "%s", name);
	node_make_valid(out, max);
	return out;
}

TEST(names_that_kubernetes_takes)
{
	CHECK_STR(valid("My_Box", 63), "my-box");
	CHECK_STR(valid("host.example.", 63), "host.example");
	CHECK_STR(valid("-a-.-b..c_", 63), "a.b.c");
	CHECK_STR(valid("_", 63), "");
	CHECK_STR(valid("ok-1.x", 63), "ok-1.x");
	char letters[65];
	memset(letters, 'a', sizeof letters - 1);
	letters[64] = 0;
	CHECK(strlen(valid(letters, 63)) == 63);
	letters[62] = '-';
	CHECK(strlen(valid(letters, 63)) == 62);
}

static const char *named(const struct plan_options *o)
{
	static char out[NODE_NAME_SIZE];
	node_name(o, out);
	return out;
}

TEST(the_user_then_the_cluster_then_the_host)
{
	/* CN=system:node:old.box, as k3s writes it (its other parts do not matter here) */
	static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
		"MB4xHDAaBgNVBAMME3N5c3RlbTpub2RlOm9sZC5ib3g=\n"
		"-----END CERTIFICATE-----\n";
	char dir[] = "/tmp/k3sbox-unit-XXXXXX", path[80], host[NODE_NAME_SIZE],
		name[NODE_NAME_SIZE];
	struct strv user = {0};
	struct plan_options o = { .data_dir = mkdtemp(dir), .args.user = &user };

	node_host_name(host);
	node_make_valid(host, 63);
	CHECK(!strcmp(named(&o), host));
	CHECK(!node_registered(&o, name));
	snprintf(path, sizeof path, "%s/agent/client-kubelet.crt", dir);
	CHECK(!io_mkparents(path, 0700) && !io_replace(path, 0600, pem, sizeof pem - 1));
	CHECK_STR(named(&o), "old.box");
	strv_add(&user, "--node-name=Mine");
	CHECK_STR(named(&o), "mine");
	strv_free(&user);
	strv_add(&user, "--with-node-id");
	CHECK(!strcmp(named(&o), host));
	strv_free(&user);
	io_remove_tree(dir);
}

/* In a network namespace of its own. */
TEST(an_address_for_each_family_of_the_cluster)
{
	struct cidr v4, v6;
	struct nl nl;
	struct nl_link dummy;
	char out[100];

	if (unshare(CLONE_NEWNET) || system("ip link add d type bridge 2>/dev/null") ||
		nl_open(&nl)) return;
	CHECK(cidr_parse(&v4, "192.0.2.7/24", 12) && cidr_parse(&v6, "2001:db8::7/64", 14));
	CHECK(!nl_link_get(&nl, "d", &dummy) && !nl_link_up(&nl, dummy.index, true));
	CHECK(!nl_address_add(&nl, dummy.index, &v4));
	nl_address_add(&nl, dummy.index, &v6);
	nl_close(&nl);
	CHECK(node_addresses("10.42.0.0/16", out, sizeof out));
	CHECK_STR(out, "192.0.2.7");
	CHECK(node_first_address(out, sizeof out));
	CHECK_STR(out, "192.0.2.7");
	CHECK(node_addresses("fd42::/56,10.42.0.0/16", out, sizeof out));
	CHECK_STR(out, "192.0.2.7,2001:db8::7");
}

UNIT_MAIN("node")
