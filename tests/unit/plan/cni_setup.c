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
static const char *written(const char *node)
{
	static char out[2048];
	static struct fact_result seen;
	static struct step_row row;
	const struct plan_options o = { .node_network = node };
	struct plan_step s = { .row = &row, .seen = &seen };
	struct buf b = {0};
	struct err e = {0};
	size_t n = 0;

	row.when = KIND_FLANNEL_SWITCH;
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
	const char *one = written("10.42.0.1/24");
	CHECK(strstr(one, "\"gateway\":\"10.42.0.1\",\"ipam\":{\"type\":\"host-local\",\"ranges\":["
		"[{\"subnet\":\"10.42.0.0/24\",\"rangeStart\":\"10.42.0.2\","
		"\"rangeEnd\":\"10.42.0.253\",\"gateway\":\"10.42.0.1\"}]],\"dataDir\""));
	const char *two = written("10.42.0.1/24,fd42::1/64");
	CHECK(strstr(two, "}],[{\"subnet\":\"fd42::/64\",\"rangeStart\":\"fd42::2\",\"rangeEnd\":"
		"\"fd42::ffff:ffff:ffff:fffd\",\"gateway\":\"fd42::1\"}]],"
		"\"routes\":[{\"dst\":\"::/0\"}],\"dataDir\""));
	struct json j = {0};
	CHECK(!json_parse(&j, two, strlen(two)));
	json_free(&j);
	CHECK(!strcmp(written("fd42::1/64"), "error"));
}

UNIT_MAIN("cni_setup")
