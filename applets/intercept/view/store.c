/* Values that were written to seeded sysctls. */
#include "intercept/view/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intercept/view/path.h"

bool store_per_net(const struct seed *seed)
{
	return path_below(seed->path, "net") != NULL;
}

struct store_value *store_find(const struct store *s, const struct seed *seed, uint64_t ns)
{
	if (!store_per_net(seed)) ns = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].seed == seed && s->v[i].ns == ns) return &s->v[i];
	return NULL;
}

static struct store_value *add(struct store *s, const struct seed *seed, uint64_t ns)
{
	if (!(s->n & (s->n - 1))) {   /* capacity doubles whenever n is a power of two */
		struct store_value *v = realloc(s->v, (s->n ? s->n * 2 : 1) * sizeof *v);
		if (!v) return NULL;
		s->v = v;
	}
	s->v[s->n] = (struct store_value){ .seed = seed, .ns = store_per_net(seed) ? ns : 0 };
	return &s->v[s->n++];
}

static bool blank(char c)
{
	return !c || strchr(" \t\n\r\v\f", c);
}

int store_write(struct store *s, const struct seed *seed, uint64_t ns, const char *data, size_t n,
	bool real_refused)
{
	int r = seed_check_write(seed, data, n);
	if (r < 0) return r;
	while (n && blank(data[n - 1])) n--;
	while (n && blank(*data)) data++, n--;
	if (n >= STORE_VALUE) return -EINVAL;

	struct store_value *v = store_find(s, seed, ns);
	if (!v) {
		if (s->n >= STORE_MAX) return -ENOSPC;
		v = add(s, seed, ns);
		if (!v) return -ENOMEM;
	}
	/* Several numbers are shown with a tab between them, as proc_dointvec prints them. */
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		if (!blank(data[i])) v->value[len++] = data[i];
		else if (!blank(data[i + 1])) v->value[len++] = '\t';
	v->value[len] = 0;
	v->real_refused |= real_refused;
	return 0;
}

size_t store_read(const struct store *s, const struct seed *seed, uint64_t ns, char *out,
	size_t size)
{
	const struct store_value *v = store_find(s, seed, ns);
	if (!v) return seed_value(seed, out, size);
	int n = snprintf(out, size, "%s\n", v->value);
	return n < (int)size ? (size_t)n : size - 1;
}

void store_free(struct store *s)
{
	free(s->v);
	*s = (struct store){0};
}
