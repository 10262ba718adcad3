/* Fuzz target: a user's kubeconfig. Reading it must not crash; merging into it either refuses or
 * gives a file that is read back as ours, that keeps each of their lines outside the entries that
 * were replaced, and that a second merge does not change. */
#include "base/err.h"
#include "cluster/kubeconfig.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kubeconfig ours = { .server = "https://127.0.0.1:6443", .ca = "CA", .cert = "CERT",
	.key = "KEY" };

/* Entries of a list that are not ours. */
static unsigned others(const char *text, size_t len, const char *list)
{
	struct yaml y;
	unsigned n = 0;

	if (yaml_parse(&y, text, len) < 0) abort();
	const struct yaml_node *l = yaml_get(&y, yaml_root(&y), list);
	for (const struct yaml_node *i = yaml_first(&y, l); i; i = yaml_next(&y, i)) {
		const char *name = yaml_str(yaml_get(&y, i, "name"));
		n += !name || strcmp(name, "k3sbox");
	}
	yaml_free(&y);
	return n;
}

static void check_merge(const char *old, size_t len)
{
	struct buf once = {0}, twice = {0};
	struct err e = {0};

	if (kubeconfig_merge(old, len, &ours, "k3sbox", &once, &e)) {
		if (!e.text[0]) abort();
	} else {
		static const char *const lists[] = { "clusters", "contexts", "users" };
		for (size_t i = 0; i < 3; i++)
			if (others(old, len, lists[i]) != others(once.data, once.len, lists[i]))
				abort();
		if (kubeconfig_merge(once.data, once.len, &ours, "k3sbox", &twice, &e)) abort();
		if (once.len != twice.len || memcmp(once.data, twice.data, once.len)) abort();
	}
	buf_free(&once);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kubeconfig k;
	struct err e = {0};
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = 0;
	int r = kubeconfig_parse(&k, text, size, &e);
	if (!r && !k.server) abort();
	kubeconfig_free(&k);
	check_merge(text, size);
	free(text);
	return 0;
}
