/* Secrets in text: which are removed, and what stays. */
#include "doctor/mask.h"

#include <stdlib.h>

#include "unit.h"

static bool masked(const char *text, const char *want)
{
	_cleanup_buf_ struct buf b = {0};

	mask_text(text, &b);
	if (!strcmp(b.data ? b.data : "", want)) return true;
	fprintf(stderr, "%s\n", b.data);
	return false;
}

#define CHECK_MASKED(text, want) CHECK(masked(text, want))
#define SAME(text) CHECK_MASKED(text, text)

TEST(named)
{
	CHECK_MASKED("--token abc --x", "--token *** --x");
	CHECK_MASKED("--agent-token=abc", "--agent-token=***");
	CHECK_MASKED("token: abc\nnext", "token: ***\nnext");
	CHECK_MASKED("{\"token\":\"abc\",\"a\":1}", "{\"token\":\"***\",\"a\":1}");
	CHECK_MASKED("x=\"{\\\"client_secret\\\": \\\"abc\\\"}\"",
		"x=\"{\\\"client_secret\\\": \\\"***\\\"}\"");
	CHECK_MASKED("K3S_TOKEN=abc", "K3S_TOKEN=***");
	CHECK_MASKED("Password = 'a:b@c'", "Password = '***'");
	CHECK_MASKED("client-key-data: QUJD", "client-key-data: ***");
	CHECK_MASKED("Authorization: Bearer a.b.c", "Authorization: Bearer ***");
	CHECK_MASKED("Proxy-Authorization: Basic QWxhZGRpbg==\r\n",
		"Proxy-Authorization: Basic ***\r\n");
	CHECK_MASKED("--vpn-auth name=tailscale,joinKey=tskey-1",
		"--vpn-auth ***");
}

TEST(forms_of_values)
{
	CHECK_MASKED("{\"auths\":{\"r\":{\"auth\":\"dTpw\"}}}", "{\"auths\":{\"r\":{\"auth\":\"***\"}}}");
	CHECK_MASKED("auth: dTpw", "auth: ***");
	CHECK_MASKED("[\"--token\",\"abc\"]", "[\"--token\",\"***\"]");
	CHECK_MASKED("'--token' 'abc'", "'--token' '***'");
	CHECK_MASKED("password: \"a b\" c", "password: \"***\" c");
	CHECK_MASKED("{\"password\":\"a\\\"b\"}", "{\"password\":\"***\"}");
	CHECK_MASKED("password:\tabc", "password:\t***");
	CHECK_MASKED("password=a\\b c", "password=*** c");
	CHECK_MASKED("token: Bearer x y", "token: *** y");
	CHECK_MASKED("tokens: [a, b]", "tokens: ***]");
	CHECK_MASKED("Authorization: Digest x", "Authorization: Digest ***");
	CHECK_MASKED("https://b/c?se=1&sig=abc", "https://b/c?se=1&sig=***");
	CHECK_MASKED("--secrets-encryption --token abc", "--secrets-encryption --token ***");
	CHECK_MASKED("apikey=a passphrase=b", "apikey=*** passphrase=***");
}

TEST(shapes)
{
	CHECK_MASKED("http://u:p@proxy:3128/ x", "http://***@proxy:3128/ x");
	CHECK_MASKED("mysql://u:p/w@tcp(h:1)/db", "mysql://***@tcp(h:1)/db");
	CHECK_MASKED("https://a:b@c,https://d:e@f", "https://***@f");
	CHECK_MASKED("a\n-----BEGIN X KEY-----\nMII\nabc\n-----END X KEY-----\nb", "a\n***\nb");
	CHECK_MASKED("http://u:p\"q@proxy:3128", "http://***@proxy:3128");
	CHECK_MASKED("MIIBdzCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAjMSEwHwYDVQQDDBhrM3Mtc2Vy\n",
		"***\n");
	CHECK_MASKED("-----BEGIN CERTIFICATE-----\nMII", "***");
	CHECK_MASKED("is K10aaaaaaaaaaaaaaaaaa::server:bbb.", "is ***");
	CHECK_MASKED("(eyJhbGciOiJSUzI1NiIsImtpZCI)", "(***");
	CHECK_MASKED("certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJ",
		"certificate-authority-data: ***");
}

TEST(kept)
{
	SAME("Node password rejected, duplicate hostname");
	SAME("secret \"kube-system/x\" not found");
	SAME("GET https://10.43.0.1:443/api: x509");
	SAME("controller=\"token-cleaner-controller\"");
	SAME("K10 and eyJ are short");
	SAME("id 585ee52b1abb8c486903e22603364892cf9936a606114b7cea44d6ec8afb8e77");
	SAME("certificate-authority: /etc/ca.crt");
	SAME("iptables -t nat -A");
	SAME("");
}

TEST(words)
{
	char *const v[] = { (char *)"run", (char *)"--", (char *)"--token", (char *)"a b",
		(char *)"--agent-token=c d", (char *)"-t", (char *)"e",
		(char *)"--datastore-endpoint=postgres://u:p@h/d", (char *)"--disable", NULL };
	_cleanup_buf_ struct buf b = {0};

	char *const flags[] = { (char *)"--secrets-encryption", (char *)"--token", (char *)"abc",
		NULL };
	_cleanup_buf_ struct buf c = {0};

	mask_words(flags, &c);
	CHECK(!strstr(c.data, "abc"));
	mask_words(v, &b);
	CHECK_STR(b.data, "run -- --token *** --agent-token=*** -t *** "
		"--datastore-endpoint=postgres://***@h/d --disable ");
	CHECK(mask_is_secret("K3S_AGENT_TOKEN_FILE") && mask_is_secret("-t"));
	CHECK(!mask_is_secret("--tls-san") && !mask_is_secret("K3S_NODE_NAME"));
}

UNIT_MAIN("mask")
