/* host-local, the IPAM plugin: compatible with containernetworking's in configuration, store and
 * messages. */
#include "app/applet.h"
#include "cni/plugin.h"
#include "host_local/host_local.h"

/* The answer to a call without any CNI_ variable, such as a check whether the plugin works. */
static const char bare_answer[] = "{\"cniVersion\": \"0.4.0\", \"ips\": "
	"[{\"version\": \"4\", \"address\": \"10.244.0.1/24\"}]}\n";

static const char help[] =
	"A CNI IPAM plugin with the configuration, store and messages of containernetworking's\n"
	"host-local (https://www.cni.dev/plugins/current/ipam/host-local/); both can share one\n"
	"store. Versions 0.1.0 to 1.1.0. Differences:\n"
	"  GC and STATUS do what the specification says (upstream's do nothing)\n"
	"  ADD does not read all leases\n"
	"  leases appear complete or not at all, so a crash leaks no address; leases that another\n"
	"  plugin left empty are removed\n"
	"  leases from before a reboot are removed (the store's lock file notes the boot)\n"
	"With K3SBOX_CNI_COMPAT=1.1.1 or 1.9.1 it behaves as that upstream release, to the byte.\n"
	"Called without any CNI_ variable it prints a result and succeeds.\n";

static int add(struct cni *c)
{
	struct cni_result r = {0};
	return hl_add(c, &r) < 0 ? -1 : cni_print_result(c, &r, c->version, c->version);
}

static int run(int argc, char **argv)
{
	static const struct cni_plugin plugin = {
		.name = "host-local", .help = help, .bare_answer = bare_answer,
		.run = { [CNI_ADD] = add, [CNI_DEL] = hl_del, [CNI_CHECK] = hl_check,
			[CNI_GC] = hl_gc, [CNI_STATUS] = hl_status },
	};
	return cni_main(&plugin, argc, argv);
}

const struct applet applet_host_local = {
	.name = "host-local",
	.group = GROUP_CNI,
	.link_dir = "/opt/cni/bin",
	.summary = "CNI IPAM plugin: addresses from ranges, kept in files",
	.more = help,
	.flags = APPLET_RAW,
	.run_raw = run,
};
