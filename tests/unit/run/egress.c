/* The environment of k3s: what it gets of proxies and authorities, and what is kept from it. */
#include "run/egress.h"

#include <string.h>

#include "base/buf.h"
#include "unit.h"

#define CLUSTER "10.42.0.0/16,.svc"
#define OWN "localhost,127.0.0.0/8,::1," CLUSTER

/* The variables, separated by blanks, before and after. */
static const struct { struct egress e; const char *before, *after; } rows[] = {
	{ {0}, "A=1 B=", "A=1 B=" },
	{ {0}, "NO_PROXY=x no_proxy=y A=1", "A=1" },
	{ {0}, "HTTPS_PROXY=http://p:1 A=1",
	  "A=1 CONTAINERD_HTTPS_PROXY=http://p:1 CONTAINERD_NO_PROXY=" OWN },
	{ {0}, "https_proxy=http://p:1 http_proxy=http://q:1 no_proxy=a,b HTTPS_PROXY=",
	  "CONTAINERD_HTTPS_PROXY=http://p:1 CONTAINERD_HTTP_PROXY=http://q:1 "
	  "CONTAINERD_NO_PROXY=a,b," OWN },
	{ { .https = "http://10.42.0.1:1", .http = "http://10.42.0.1:2" }, "HTTPS_PROXY=socks5://p",
	  "CONTAINERD_HTTPS_PROXY=http://10.42.0.1:1 CONTAINERD_NO_PROXY=" OWN },
	{ {0}, "HTTP_PROXY=p NO_PROXY=*",
	  "CONTAINERD_HTTP_PROXY=p CONTAINERD_NO_PROXY=*," OWN },
	/* what is set for containerd stays */
	{ { .https = "x" }, "HTTPS_PROXY=a CONTAINERD_https_proxy=b NO_PROXY=c",
	  "CONTAINERD_https_proxy=b CONTAINERD_NO_PROXY=c," OWN },
	{ {0}, "HTTPS_PROXY=a CONTAINERD_NO_PROXY=",
	  "CONTAINERD_NO_PROXY= CONTAINERD_HTTPS_PROXY=a" },
	/* authorities */
	{ { .bundle = "/b" }, "SSL_CERT_FILE=/a SSL_CERT_DIR=/d SSL_CERT_FILES=1",
	  "SSL_CERT_DIR=/d SSL_CERT_FILES=1 SSL_CERT_FILE=/b" },
	{ {0}, "SSL_CERT_FILE=/a", "SSL_CERT_FILE=/a" },
};

TEST(what_k3s_gets)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		_cleanup_strv_ struct strv from = {0}, out = {0};
		_cleanup_buf_ struct buf line = {0};
		char words[512], *rest = words, *w;
		struct egress e = rows[i].e;

		e.cluster = CLUSTER;
		strcpy(words, rows[i].before);
		while ((w = strsep(&rest, " "))) strv_add(&from, w);
		egress_environment(from.v, &e, &out);
		for (size_t k = 0; k < out.n; k++)
			buf_printf(&line, "%s%s", k ? " " : "", out.v[k]);
		CHECK_STR(line.data, rows[i].after);
	}
}

UNIT_MAIN("egress")
