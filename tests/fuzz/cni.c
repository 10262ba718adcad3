/* Fuzz target: CNI_ARGS, a zero byte, a configuration: through host-local's reading of it and a
 * result's printing in every layout: no crash, what is printed is JSON, every error has a text,
 * an iteration stays within its pools. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cni/result.h"
#include "host_local/host_local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void iterate(const struct hl_conf *conf)
{
	for (size_t i = 0; i < conf->set_count; i++) {
		const struct hl_range *pool;
		struct hl_iter it;
		struct ip a;
		hl_iter_start(&it, &conf->sets[i], &conf->sets[i].v[0].end);
		for (int n = 0; n < 300 && hl_iter_next(&it, &a, &pool); n++)
			if (!ip_cmp(&a, &pool->gateway)) abort();
	}
}

static void print(struct cni *c, const struct hl_conf *conf, const struct json *prev)
{
	static const char *const versions[] = { "0.2.0", "0.4.0", "1.1.0" };

	for (size_t i = 0; i < 3; i++) {
		struct str v = { versions[i], 5 }, why = {0};
		struct cni_result r = {0};
		struct json j;
		if (cni_parse_result(c, prev, json_root(prev), v, &r, &why) < 0 && !why.n) abort();
		r.routes = conf->routes;
		buf_reset(&c->out);
		if (cni_print_result(c, &r, v, v) < 0) {
			cni_forgive(c);
			continue;
		}
		if (json_parse(&j, c->out.data, c->out.len)) abort();
		json_free(&j);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cni_plugin plugin = { .name = "fuzz" };
	_cleanup_free_ char *text = malloc(size + 1);
	struct hl_conf conf = {0};
	struct cni c;

	memcpy(text, data, size);
	text[size] = 0;
	size_t args = strlen(text);
	if (args == size) return 0;
	cni_begin(&c, &plugin);
	c.id = "c1", c.ifname = "eth0", c.netns = "", c.path = "", c.args = text;
	c.compat = size % 2 ? CNI_111 : CNI_BETTER;
	if (!json_parse(&c.conf, text + args + 1, size - args - 1)) {
		if (!hl_load(&c, &conf)) iterate(&conf);
		else if (!c.msg.len || !c.code) abort();
		cni_forgive(&c);
		print(&c, &conf, &c.conf);
	}
	json_free(&c.conf);
	arena_free(&c.arena);
	return 0;
}
