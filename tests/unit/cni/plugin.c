/* Unit tests of the CNI frame: versions, errors, decoding and printing of results, and
 * host-local's iteration and index. */
#include "cni/result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_local/host_local.h"
#include "host_local/index.h"
#include "unit.h"

static struct cni c;
static const struct cni_plugin plugin = { .name = "test" };

static void end(void)
{
	json_free(&c.conf);
	arena_free(&c.arena);
}

/* A call with this configuration, up to where the plugin's own part begins. */
static struct cni *call(const char *conf)
{
	end();
	unsetenv("K3SBOX_CNI_COMPAT");
	cni_begin(&c, &plugin);
	c.id = "c1", c.ifname = "eth0", c.args = "", c.path = "", c.netns = "";
	if (conf && json_parse(&c.conf, conf, strlen(conf)) < 0) abort();
	return &c;
}

static const char *message(void)
{
	return c.msg.data ? c.msg.data : "";
}

TEST(versions)
{
	static const struct { const char *a, *b; bool r; } rows[] = {
		{ "1.0.0", "1.0.0", true }, { "0.4.0", "1.0.0", false }, { "1.1.0", "1.0.0", true },
		{ "0.3.1", "0.3.0", true },
		{ "", "0.1.0", true }, { "", "0.2.0", false }, { "0.10.0", "0.4.0", true },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		CHECK(cni_version_at_least(go_str(rows[i].a), rows[i].b) == rows[i].r);
}

TEST(first_error_stays)
{
	call(NULL);
	CHECK(cni_fail(&c, 7, "one %d", 1) == -1 && cni_fail(&c, 8, "two") == -1);
	CHECK(c.code == 7);
	CHECK_STR(message(), "one 1");
	cni_forgive(&c);
	CHECK(!c.code && !c.msg.len);
}

/* Type errors as Go 1.26 (the newest release's) and 1.19 (Debian's) word them. */
static const struct { const char *conf, *newer, *older; } type_errors[] = {
	{ "{\"ipam\":\"x\"}", "json: cannot unmarshal string into Go struct field Net.ipam of "
		"type allocator.IPAMConfig", NULL },
	{ "{\"ipam\":{\"type\":5}}", "json: cannot unmarshal number into Go struct field "
		"IPAMConfig.ipam.type of type string", NULL },
	{ "{\"ipam\":{\"subnet\":[]}}", "json: cannot unmarshal array into Go struct field "
		"IPAMConfig.ipam.Range.subnet of type string",
	  "json: cannot unmarshal array into Go struct field IPAMConfig.ipam.subnet of type "
	"string" },
	{ "{\"ipam\":{\"ranges\":[[{\"gateway\":true}]]}}",
	  "json: cannot unmarshal bool into Go struct field Range.ipam.ranges.gateway of type "
	"net.IP", NULL },
	{ "{\"ipam\":{\"routes\":[{\"dst\":7}]}}",
	  "json: cannot unmarshal number into Go struct field IPAMConfig.ipam.routes.dst of type "
	"string",
	  "json: cannot unmarshal number into Go struct field IPAMConfig.ipam.routes of type "
	"string" },
	{ "{\"runtimeConfig\":{\"ips\":[5]}}",
	  "json: cannot unmarshal number into Go struct field .runtimeConfig.ips of type *ip.IP",
	  NULL },
	{ "{\"ipam\":{\"subnet\":\"x\"}}", "invalid CIDR address: x", NULL },
	{ "{\"ipam\":{\"type\":5,\"subnet\":\"x\"}}", "invalid CIDR address: x", NULL },
	{ "{\"ipam\":{\"gateway\":\"x\"}}", "invalid IP address: x", NULL },
	{ "{\"ipam\":null}", "IPAM config missing 'ipam' key", NULL },
	{ "{\"ipam\":{}}", "no IP ranges specified", NULL },
	{ "{\"ipam\":{\"subnet\":\"10.0.0.0/24\"},\"runtimeConfig\":{\"ips\":[null]}}",
	  "cannot understand ip: IP <nil> not v4 nor v6", NULL },
};

TEST(type_errors)
{
	for (size_t i = 0; i < sizeof type_errors / sizeof *type_errors; i++)
		for (int old = 0; old < 2; old++) {
			struct hl_conf conf;
			call(type_errors[i].conf);
			if (old) c.compat = CNI_111;
			CHECK(hl_load(&c, &conf) < 0 && c.code == CNI_INTERNAL);
			CHECK_STR(message(), old && type_errors[i].older ? type_errors[i].older
				: type_errors[i].newer);
		}
}

/* The whole round of a set, as far as n. */
static const char *around(const char *conf_text, const char *last, size_t n)
{
	static struct buf b;
	struct hl_conf conf;
	struct hl_iter it;
	struct ip a = {0};
	const struct hl_range *pool;

	buf_reset(&b);
	buf_puts(&b, "");
	if (hl_load(call(conf_text), &conf) < 0) return message();
	ip_parse(&a, last, strlen(last));
	hl_iter_start(&it, &conf.sets[0], &a);
	while (n-- && hl_iter_next(&it, &a, &pool)) {
		char text[IP_TEXT];
		ip_format(&a, text);
		buf_printf(&b, "%s%s", b.len ? " " : "", text);
	}
	return b.data;
}

TEST(round_robin)
{
	static const char net[] = "{\"ipam\":{\"subnet\":\"10.1.0.0/29\"}}",
		pools[] = "{\"ipam\":{\"ranges\":[[{\"subnet\":\"10.1.0.0/30\"},"
			"{\"subnet\":\"10.2.0.0/24\",\"rangeStart\":\"10.2.0.10\","
			"\"rangeEnd\":\"10.2.0.11\"}]]}}";
	CHECK_STR(around(net, "", 99), "10.1.0.2 10.1.0.3 10.1.0.4 10.1.0.5 10.1.0.6");
	CHECK_STR(around(net, "10.1.0.4", 99), "10.1.0.5 10.1.0.6 10.1.0.2 10.1.0.3 10.1.0.4");
	CHECK_STR(around(net, "10.1.0.6", 99), "10.1.0.2 10.1.0.3 10.1.0.4 10.1.0.5 10.1.0.6");
	CHECK_STR(around(net, "10.9.0.6", 2), "10.1.0.2 10.1.0.3");
	CHECK_STR(around(pools, "", 99), "10.1.0.2 10.2.0.10 10.2.0.11");
	CHECK_STR(around(pools, "10.2.0.10", 99), "10.2.0.11 10.1.0.2 10.2.0.10");
	CHECK_STR(around("{\"ipam\":{\"subnet\":\"fd00::/126\"}}", "", 99), "fd00::2 fd00::3");
}

static const char *printed(const char *result, const char *version)
{
	static struct json j;
	struct cni_result r = {0};
	struct str v = go_str(version), why = {0};

	json_free(&j);
	call(NULL);
	if (json_parse(&j, result, strlen(result)) < 0) return "no JSON";
	if (cni_parse_result(&c, &j, json_root(&j), go_str("1.1.0"), &r, &why) < 0)
		return why.s;
	const char *s = cni_print_result(&c, &r, v, v) < 0 ? message() : c.out.data;
	json_free(&j);
	return s;
}

#define RESULT "{\"interfaces\":[{\"name\":\"eth0\",\"mtu\":1500}]," \
	"\"ips\":[{\"address\":\"10.1.0.2/24\",\"interface\":0}]," \
	"\"routes\":[{\"dst\":\"0.0.0.0/0\",\"mtu\":9}],\"dns\":{}}"

TEST(layouts)
{
	CHECK_STR(printed(RESULT, "1.0.0"),
		"{\n    \"cniVersion\": \"1.0.0\",\n    \"interfaces\": [\n        {\n            "
		"\"mtu\": 1500,\n"
		"            \"name\": \"eth0\"\n        }\n    ],\n    \"ips\": [\n        {\n   "
		"         \"address\": \"10.1.0.2/24\",\n"
		"            \"interface\": 0\n        }\n    ],\n    \"routes\": [\n        {\n  "
		"          \"dst\": \"0.0.0.0/0\",\n"
		"            \"mtu\": 9\n        }\n    ]\n}");
	CHECK_STR(printed(RESULT, "0.4.0"),
		"{\n    \"cniVersion\": \"0.4.0\",\n    \"interfaces\": [\n        {\n            "
		"\"name\": \"eth0\"\n        }\n    ],\n"
		"    \"ips\": [\n        {\n            \"version\": \"4\",\n            "
		"\"interface\": 0,\n"
		"            \"address\": \"10.1.0.2/24\"\n        }\n    ],\n    \"routes\": [\n "
		"       {\n"
		"            \"dst\": \"0.0.0.0/0\",\n            \"mtu\": 9\n        }\n    ],\n "
		"   \"dns\": {}\n}");
	CHECK_STR(printed(RESULT, "0.2.0"),
		"{\n    \"cniVersion\": \"0.2.0\",\n    \"ip4\": {\n        \"ip\": "
		"\"10.1.0.2/24\",\n        \"routes\": [\n"
		"            {\n                \"dst\": \"0.0.0.0/0\"\n            }\n        ]\n"
		"    },\n    \"dns\": {}\n}");
	CHECK_STR(printed("{\"ips\":[]}", "0.2.0"), "cannot convert: no valid IP addresses");
	CHECK_STR(printed("{\"ips\":[{\"address\":\"x\"}]}", "1.0.0"), "invalid CIDR address: x");
	CHECK_STR(printed("{\"ips\":5}", "1.0.0"),
		"json: cannot unmarshal number into Go struct field Result.ips of type "
		"[]*types100.IPConfig");
}

TEST(go_texts)
{
	char scratch[64];
	struct buf b = {0};
	go_quote(&b, "a\"\\\n\x01\xff\xc3\xa9\xe2\x80\xa8", 11);
	CHECK_STR(b.data, "\"a\\\"\\\\\\n\\x01\\xff\xc3\xa9\\u2028\"");
	buf_free(&b);
	CHECK_STR(go_strerror(ENOENT, scratch, sizeof scratch), "no such file or directory");
	CHECK_STR(go_strerror(EMFILE, scratch, sizeof scratch), "too many open files");
}

/* ---- the index: valid only as long as the directory is unchanged ---- */

static char store[] = "/tmp/k3sbox-unit.XXXXXX";

static bool reopen(struct hl_index *x, int dir, int64_t boot)
{
	hl_index_close(x);
	return hl_index_open(x, &c.arena, dir, boot);
}

TEST(index)
{
	struct hl_index x = { .fd = -1 };
	struct ip a;

	call(NULL);
	CHECK(mkdtemp(store));
	int dir = open(store, O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0);
	CHECK(!reopen(&x, dir, 1000));
	if (x.fd < 0) {
		/* without a writable /run every call reads the leases */
		hl_index_commit(&x, dir, 1000);
		CHECK(!reopen(&x, dir, 1000));
		goto out;
	}
	for (int i = 0; i < 200; i++) {
		char text[IP_TEXT];
		snprintf(text, sizeof text, "10.0.0.%d", i);
		ip_parse(&a, text, strlen(text));
		hl_index_add(&x, (uint64_t)i, &a);
	}
	hl_index_commit(&x, dir, 1000);
	CHECK(reopen(&x, dir, 1001) && x.n == 200 && hl_index_at(&x, 199)->owner == 199 &&
		!hl_index_at(&x, 200));
	hl_index_remove(&x, &a);
	ip_parse(&a, "10.0.0.7", 8);
	hl_index_remove(&x, &a);
	hl_index_commit(&x, dir, 1000);
	CHECK(reopen(&x, dir, 1000) && x.n == 198 && hl_index_at(&x, 7)->owner == 198);
	CHECK(!reopen(&x, dir, 1010));                          /* another boot */
	CHECK(reopen(&x, dir, 1000));
	/* created and removed within one tick of the kernel's clock */
	CHECK(mkdirat(dir, "x", 0700) == 0 && unlinkat(dir, "x", AT_REMOVEDIR) == 0);
	CHECK(!reopen(&x, dir, 1000));
	hl_index_clear(&x);
	hl_index_commit(&x, dir, 1000);
	CHECK(reopen(&x, dir, 1000) && x.n == 0);
	CHECK(pwrite(x.fd, "x", 1, 20) == 1 && !reopen(&x, dir, 1000));   /* damaged */
out:;
	char link[64], path[256];
	snprintf(link, sizeof link, "/proc/self/fd/%d", x.fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n > 0) unlinkat(AT_FDCWD, (path[n] = 0, path), 0);
	hl_index_close(&x);
	close(dir);
	rmdir(store);
}

TEST(memory_is_freed)
{
	end();
}

UNIT_MAIN("cni")
