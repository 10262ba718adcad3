#include "net/link.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include "unit.h"

/* Bridge, pair and port, as the switch makes them, in two namespaces that end with the program. */
TEST(a_pair_joins_two_namespaces_over_a_bridge)
{
	struct nl here, there;
	struct link_info bridge, port, peer;

	if (unshare(CLONE_NEWNET) < 0) return;
	CHECK(!nl_open(&there));
	int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK(netns >= 0 && !unshare(CLONE_NEWNET) && !nl_open(&here));
	CHECK(link_get(&here, "switch", &bridge) == -ENODEV);
	CHECK(!link_add_bridge(&here, "switch") && link_add_bridge(&here, "switch") == -EEXIST);
	CHECK(!link_add_veth(&here, "port", "eth0", netns));
	CHECK(link_add_veth(&here, "port", "eth1", netns) == -EEXIST);
	CHECK(!link_get(&here, "switch", &bridge) && !link_get(&here, "port", &port));
	CHECK(!port.master && port.index > 0);
	CHECK(!link_get(&there, "eth0", &peer) && link_get(&here, "eth0", &peer) == -ENODEV);
	CHECK(!link_get(&there, "eth0", &peer) && memcmp(peer.mac, port.mac, 6));
	CHECK(!link_set_mtu(&here, port.index, 65000) && !link_set_mtu(&there, peer.index, 65000));
	CHECK(!link_set_master(&here, port.index, bridge.index));
	CHECK(!nl_link_up(&here, port.index, true) && !link_get(&here, "port", &port));
	CHECK(port.master == bridge.index && port.mtu == 65000 && port.flags & IFF_UP);
	CHECK(!link_set_master(&here, port.index, 0) && !link_get(&here, "port", &port));
	CHECK(!port.master);
	nl_close(&here);
	nl_close(&there);
	close(netns);
}

UNIT_MAIN("link")
