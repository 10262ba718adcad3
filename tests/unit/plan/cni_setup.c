/* plan/fix/cni_setup.c: the configuration of a world's pods, in a mount namespace of its own */
#include "plan/fix/cni_setup.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "plan/plan.h"
#include "unit.h"

static bool hide(const char *path)
{
	return !io_mkdirs(path, 0755) && !mount("none", path, "tmpfs", 0, NULL);
}

static bool is_private(void)
{
	return !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) &&
		hide("/etc/cni") && hide("/opt/cni") && hide("/run");
}

/* What is written for a node of these addresses, without white space. */
static const char *written(enum obstacle_kind kind, const char *node, const char *flag)
{
	static char out[2048];
	static struct fact_result seen;
	static struct step_row row;
	struct strv user = { .v = (char *[]){ (char *)flag }, .n = flag != NULL };
	const struct plan_options o = { .node_network = node, .args.user = &user };
	struct plan_step s = { .row = &row, .seen = &seen };
	struct buf b = {0};
	struct err e = {0};
	size_t n = 0;

	row.when = kind;
	snprintf(seen.value, sizeof seen.value, "%s", node);
	if (cni_setup(&o, &s, &e) < 0) return e.text[0] ? "error" : "failed";
	if (io_read("/etc/cni/net.d/10-k3sbox.conflist", &b, 1 << 16) < 0) return "no file";
	for (size_t i = 0; i < b.len && n < sizeof out - 1; i++)
		if (!strchr(" \n", b.data[i])) out[n++] = b.data[i];
	out[n] = 0;
	buf_free(&b);
	return out;
}

TEST(ranges_and_routes_of_a_world)
{
	if (!is_private()) return;
	const char *one = written(KIND_FLANNEL_SWITCH, "10.42.0.1/24", NULL);
	CHECK(strstr(one, "\"gateway\":\"10.42.0.1\",\"ipam\":{\"type\":\"host-local\",\"ranges\":["
		"[{\"subnet\":\"10.42.0.0/24\",\"rangeStart\":\"10.42.0.2\","
		"\"rangeEnd\":\"10.42.0.253\",\"gateway\":\"10.42.0.1\"}]],\"dataDir\""));
	const char *two = written(KIND_FLANNEL_SWITCH, "10.42.0.1/24,fd42::1/64", NULL);
	CHECK(strstr(two, "}],[{\"subnet\":\"fd42::/64\",\"rangeStart\":\"fd42::2\",\"rangeEnd\":"
		"\"fd42::ffff:ffff:ffff:fffd\",\"gateway\":\"fd42::1\"}]],"
		"\"routes\":[{\"dst\":\"::/0\"}],\"dataDir\""));
	struct json j = {0};
	CHECK(!json_parse(&j, two, strlen(two)));
	json_free(&j);
	CHECK(!strcmp(written(KIND_FLANNEL_SWITCH, "fd42::1/64", NULL), "error"));
}

TEST(ranges_without_traffic)
{
	static const struct { const char *flag, *ranges; } cases[] = {
		{ NULL, "[[{\"subnet\":\"10.42.0.0/24\"}]]" },
		{ "--cluster-cidr=10.9.0.0/16", "[[{\"subnet\":\"10.9.0.0/24\"}]]" },
		{ "--cluster-cidr=fd42::/56,10.9.8.0/25",
			"[[{\"subnet\":\"10.9.8.0/25\"}],[{\"subnet\":\"fd42::/64\"}]]" },
	};

	if (!is_private()) return;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK(strstr(written(KIND_FLANNEL_LINKS, "", cases[i].flag), cases[i].ranges));
}

UNIT_MAIN("cni_setup")
