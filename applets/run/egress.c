/* Makes k3s's environment of this process's. */
#include "run/egress.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"

#define PREFIX "CONTAINERD_"

static const char *const proxies[][2] = {
	{ "HTTPS_PROXY", "https_proxy" }, { "HTTP_PROXY", "http_proxy" },
};
static const char *const exceptions[2] = { "NO_PROXY", "no_proxy" };

/* The value, if the variable is of this name. */
static const char *value_if(const char *variable, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(variable, name, n) && variable[n] == '=' ? variable + n + 1 : NULL;
}

static const char *get(char *const *from, const char *name)
{
	const char *v = NULL;

	for (; *from && !v; from++) v = value_if(*from, name);
	return v && *v ? v : NULL;
}

static const char *either(char *const *from, const char *const names[2])
{
	const char *v = get(from, names[0]);

	return v ? v : get(from, names[1]);
}

static bool is_any(const char *variable, const char *const names[2])
{
	return value_if(variable, names[0]) || value_if(variable, names[1]);
}

static bool has_prefixed(char *const *from, const char *const names[2])
{
	for (; *from; from++) {
		const size_t n = sizeof PREFIX - 1;
		if (!strncmp(*from, PREFIX, n) && is_any(*from + n, names)) return true;
	}
	return false;
}

static bool is_kept(const char *variable, const struct egress *e)
{
	for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
		if (is_any(variable, proxies[i])) return false;
	if (is_any(variable, exceptions)) return false;
	return !(e->bundle && value_if(variable, "SSL_CERT_FILE"));
}

static void add_exceptions(char *const *from, const struct egress *e, struct strv *out)
{
	const char *list = either(from, exceptions);

	if (has_prefixed(from, exceptions)) return;
	strv_addf(out, PREFIX "NO_PROXY=%s%slocalhost,127.0.0.0/8,::1,%s", list ? list : "",
		list ? "," : "", e->cluster);
}

void egress_environment(char *const *from, const struct egress *e, struct strv *out)
{
	const char *const instead[] = { e->https, e->http };
	bool any = false;

	for (char *const *v = from; *v; v++)
		if (is_kept(*v, e)) strv_add(out, *v);
	for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) {
		const char *url = either(from, proxies[i]);
		bool own = has_prefixed(from, proxies[i]);
		any |= own || url;
		if (own || !url) continue;
		if (instead[i]) url = instead[i];
		strv_addf(out, PREFIX "%s=%s", proxies[i][0], url);
	}
	if (any) add_exceptions(from, e, out);
	if (e->bundle) strv_addf(out, "SSL_CERT_FILE=%s", e->bundle);
}
