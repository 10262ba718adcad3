/* kubeconfig files: reading, merging, where kubectl writes. */
#include "base/err.h"
#include "cluster/kubeconfig.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "unit.h"

/* As k3s v1.34 writes it; data are base64 of "CA", "CERT" and "KEY". */
static const char k3s_yaml[] =
	"apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: Q0E=\n    server: "
	"https://127.0.0.1:6443\n  name: default\n"
	"contexts:\n- context:\n    cluster: default\n    user: default\n  name: "
	"default\ncurrent-context: default\nkind: Config\n"
	"users:\n- name: default\n  user:\n    client-certificate-data: Q0VSVA==\n    "
	"client-key-data: S0VZ\n";

static struct err e;
static struct kubeconfig ours;
static struct buf out;

static int parse(const char *text, struct kubeconfig *k)
{
	kubeconfig_free(k);
	return kubeconfig_parse(k, text, strlen(text), &e);
}

static const char *merge(const char *old)
{
	if (!ours.server) parse(k3s_yaml, &ours);
	buf_free(&out);
	return kubeconfig_merge(old, strlen(old), &ours, "k3sbox", &out, &e) ? NULL : out.data;
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;
	for (; (text = strstr(text, part)); text += strlen(part)) n++;
	return n;
}

TEST(k3s_own)
{
	struct kubeconfig k = {0};
	CHECK(!parse(k3s_yaml, &k));
	CHECK_STR(k.server, "https://127.0.0.1:6443");
	CHECK_STR(k.ca, "CA");
	CHECK_STR(k.cert, "CERT");
	CHECK_STR(k.key, "KEY");
	kubeconfig_free(&k);
}

TEST(the_current_context_counts)
{
	struct kubeconfig k = {0};
	CHECK(!parse("clusters:\n  - name: a\n    cluster: {server: https://a}\n  - name: b\n    "
		"cluster: {server: https://b, tls-server-name: x}\n"
		"contexts:\n  - name: one\n    context: {cluster: a, user: u}\n  - name: two\n    "
		"context: {cluster: b, user: u}\n"
		"users:\n  - name: u\n    user: {token: t, client-key: k.pem}\ncurrent-context: "
		"two\n", &k));
	CHECK_STR(k.server, "https://b");
	CHECK_STR(k.tls_name, "x");
	CHECK_STR(k.token, "t");
	CHECK_STR(k.key_file, "k.pem");
	kubeconfig_free(&k);
}

TEST(bad_ones)
{
	struct kubeconfig k = {0};
	static const char *const bad[] =
		{ "", "a: b\n", "current-context: x\n", "clusters: 3\ncontexts: "
		  "{}\ncurrent-context: x\n", "\t\n",
		"clusters:\n- name: c\n  cluster: {server: s, certificate-authority-data: "
		"'!'}\ncontexts:\n- name: x\n  context: {cluster: c}\n"
		"current-context: x\n" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK(parse(bad[i], &k) == -EBADMSG);
		CHECK(e.text[0]);
		e.text[0] = 0;
	}
	/* Every beginning of a good file: no crash, and never a server without its certificates'
	 * text being whole base64. */
	for (size_t n = 0; n < sizeof k3s_yaml; n++) {
		kubeconfig_free(&k);
		(void)kubeconfig_parse(&k, k3s_yaml, n, &e);
	}
	kubeconfig_free(&k);
}

TEST(merge_into_nothing)
{
	const char *m = merge("");
	CHECK(m && strstr(m, "current-context: k3sbox\n") && strstr(m, "apiVersion: v1\n"));
	struct kubeconfig k = {0};
	CHECK(!parse(m, &k));
	CHECK_STR(k.cert, "CERT");
	kubeconfig_free(&k);
	CHECK(merge("# only a comment"));
	CHECK(!strncmp(out.data, "# only a comment\n", 17));
}

static const char theirs[] =
	"# my file\napiVersion: v1\nkind: Config\npreferences: {}\nclusters:\n# production\n- "
	"cluster:\n    server: https://prod  # do not touch\n"
	"  name: prod\n\n# behind the clusters\ncontexts:\n- context:\n    cluster: prod\n    "
	"user: me\n  name: prod\ncurrent-context: prod\n"
	"users:\n- name: me\n  user:\n    exec:\n      command: aws\n      args:\n      - eks\n   "
	"   env: null\n      apiVersion: x\n";

TEST(merge_keeps_what_is_theirs)
{
	const char *m = merge(theirs);
	CHECK(m);
	static const char *const kept[] = { "# my file\n", "# production\n", "# do not touch\n",
		"\n\n# behind the clusters\ncontexts:\n", "command: aws\n",
		"  name: prod\n", "preferences: {}\n" };
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) CHECK(count(m, kept[i]) >= 1);
	CHECK(count(m, "current-context:") == 1 && strstr(m, "current-context: k3sbox\n"));
	CHECK(count(m, "name: k3sbox\n") == 3);
	/* the new cluster stands in its list, before the comment that belongs to what follows */
	CHECK(strstr(m, "server: \"https://127.0.0.1:6443\"") < strstr(m, "# behind the clusters"));
}

TEST(merge_cuts_no_block_of_text)
{
	static const char block[] = "users:\n- name: me\n  user:\n    exec:\n      args:\n      - "
		"|\n        run\n        # not a comment\n";
	const char *m = merge(block);
	CHECK(m && !strncmp(m, block, sizeof block - 1));
}

TEST(merge_twice_is_once)
{
	char *once = strdup(merge(theirs));
	const char *twice = merge(once);
	CHECK(twice);
	CHECK_STR(twice, once);
	free(once);
}

TEST(merge_replaces_ours_only)
{
	const char *m = merge(theirs);
	char *old = strdup(m), *at = strstr(old, "127.0.0.1:6443");
	memcpy(at, "9.9.9.9:99    ", 14);
	m = merge(old);
	free(old);
	CHECK(m && !strstr(m, "9.9.9.9") && strstr(m, "https://prod"));
}

TEST(merge_into_indented_and_empty_lists)
{
	CHECK(merge("users:\n  - name: me\n    user: {token: t}\nclusters: "
		"[]\ncontexts:\ncurrent-context: \"\"\n"));
	CHECK(strstr(out.data, "  - name: k3sbox\n    user:\n"));
	struct kubeconfig k = {0};
	CHECK(!parse(out.data, &k));
	kubeconfig_free(&k);
	CHECK(merge("users: null\nclusters: []\ncontexts: []\n"));
	/* lists in another order, one ending where the next begins */
	CHECK(merge("users:\n- name: me\n  user: {token: t}\nclusters: []\ncontexts: []"));
}

TEST(what_is_not_understood_is_not_changed)
{
	static const char *const bad[] = { "{\"clusters\": []}", "clusters: [{name: a}]\n",
		"clusters: {}\n", "- a\n", "just text\n", "clusters:\n- x\n",
		"a: &anchor 1\n" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		e.text[0] = 0;
		CHECK(!merge(bad[i]) && e.text[0]);
	}
}

TEST(target)
{
	char path[64];
	CHECK(!kubeconfig_target(NULL, "/h", path, sizeof path));
	CHECK_STR(path, "/h/.kube/config");
	CHECK(!kubeconfig_target("", "/h", path, sizeof path));
	CHECK_STR(path, "/h/.kube/config");
	CHECK(!kubeconfig_target("/nowhere/a::/proc/self/stat:/nowhere/b", "/h", path,
		sizeof path));
	CHECK_STR(path, "/proc/self/stat");
	CHECK(!kubeconfig_target(":/nowhere/a:/nowhere/b:", "/h", path, sizeof path));
	CHECK_STR(path, "/nowhere/b");
	CHECK(kubeconfig_target(NULL, NULL, path, sizeof path) == -ENOENT);
	CHECK(kubeconfig_target(NULL, "/a/folder/with/a/rather/long/name/that/does/not/fit/at/all",
		path, sizeof path) == -ENAMETOOLONG);
}

TEST(memory_goes)
{
	kubeconfig_free(&ours);
	buf_free(&out);
}

static const char *unmerge(const char *old)
{
	static struct buf b;

	buf_free(&b);
	return kubeconfig_merge(old, strlen(old), NULL, "k3sbox", &b, &e) ? NULL : b.data ? b.data : "";
}

TEST(what_was_merged_is_removed)
{
	_cleanup_buf_ struct buf merged = {0};

	buf_puts(&merged, merge(theirs));
	const char *u = unmerge(merged.data);
	CHECK(u && !strstr(u, "k3sbox") && strstr(u, "current-context: \"\"\n"));
	CHECK(strstr(u, "# my file\n") && strstr(u, "server: https://prod  # do not touch\n"));
	/* from a file that has nothing else: empty lists, which a merge fills again */
	buf_reset(&merged);
	buf_puts(&merged, merge(""));
	u = unmerge(merged.data);
	CHECK_STR(u, "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n"
		"current-context: \"\"\n");
	CHECK(merge(u) && count(out.data, "name: k3sbox\n") == 3);
	/* nothing of that name: no change; another current context stays */
	CHECK_STR(unmerge(theirs), theirs);
	CHECK_STR(unmerge(""), "");
	CHECK(!unmerge("clusters: [{name: k3sbox}]\n") && !unmerge("{a: b}\n"));
}

UNIT_MAIN("kubeconfig")
