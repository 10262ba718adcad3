/* Reads, prints and merges kubeconfig files. */
#include "cluster/kubeconfig.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "base/text.h"
#include "base/yaml.h"

/* ---- reading ---- */

/* The entry of that name in a list of {name: N, what: {…}}; its `what`. */
static const struct yaml_node *entry(const struct yaml *y, const char *list, const char *name,
	const char *what)
{
	const struct yaml_node *items = yaml_get(y, yaml_root(y), list);

	for (const struct yaml_node *n = yaml_first(y, items); n; n = yaml_next(y, n)) {
		const char *s = yaml_str(yaml_get(y, n, "name"));
		if (s && !strcmp(s, name)) return yaml_get(y, n, what);
	}
	return NULL;
}

static char *text_of(const struct yaml *y, const struct yaml_node *map, const char *key)
{
	const char *s = yaml_str(yaml_get(y, map, key));
	return s ? xstrdup(s) : NULL;
}

/* NAME-data decoded. 0 also if it is not there. */
static int data_of(const struct yaml *y, const struct yaml_node *map, const char *key, char **out)
{
	struct buf b = {0};
	const char *s = yaml_str(yaml_get(y, map, key));

	if (!s) return 0;
	if (base64_decode(s, strlen(s), &b) < 0 || !b.data || strlen(b.data) != b.len) {
		buf_free(&b);
		return -EBADMSG;
	}
	*out = b.data;
	return 0;
}

static int take_entries(struct kubeconfig *k, const struct yaml *y, struct err *e)
{
	const char *context = yaml_str(yaml_get(y, yaml_root(y), "current-context"));
	const struct yaml_node *c = context ? entry(y, "contexts", context, "context") : NULL;
	const char *cluster_name = yaml_str(yaml_get(y, c, "cluster")),
		*user_name = yaml_str(yaml_get(y, c, "user"));
	const struct yaml_node *cluster = cluster_name
		? entry(y, "clusters", cluster_name, "cluster") : NULL;
	const struct yaml_node *user = user_name ? entry(y, "users", user_name, "user") : NULL;

	k->server = text_of(y, cluster, "server");
	if (!k->server)
		return err_set(e, -EBADMSG, "it has no current context with a cluster that names "
			"a server");
	k->tls_name = text_of(y, cluster, "tls-server-name");
	k->token = text_of(y, user, "token");
	k->ca_file = text_of(y, cluster, "certificate-authority");
	k->cert_file = text_of(y, user, "client-certificate");
	k->key_file = text_of(y, user, "client-key");
	if (data_of(y, cluster, "certificate-authority-data", &k->ca) ||
		data_of(y, user, "client-certificate-data", &k->cert) ||
		data_of(y, user, "client-key-data", &k->key))
		return err_set(e, -EBADMSG, "its certificate data is not base64 text");
	return 0;
}

int kubeconfig_parse(struct kubeconfig *k, const char *text, size_t len, struct err *e)
{
	_cleanup_yaml_ struct yaml y = {0};

	*k = (struct kubeconfig){0};
	int r = yaml_parse(&y, text, len);
	if (r < 0) return err_set(e, r, "%s", y.error[0] ? y.error : "it is too large");
	return take_entries(k, &y, e);
}

/* Relative names are relative to the kubeconfig's directory, as in client-go. */
static int read_pem(const char *config, const char *file, char **out, struct err *e)
{
	char path[4096];
	struct buf b = {0};
	const char *slash = strrchr(config, '/');

	if (!file || *out) return 0;
	if (*file == '/' || !slash) snprintf(path, sizeof path, "%s", file);
	else snprintf(path, sizeof path, "%.*s/%s", (int)(slash - config), config, file);
	int r = io_read(path, &b, 1 << 20);
	if (!r && (!b.data || strlen(b.data) != b.len)) r = -EBADMSG;
	if (r < 0) {
		buf_free(&b);
		return err_errno(e, r, "%s", path);
	}
	*out = b.data;
	return 0;
}

int kubeconfig_load(struct kubeconfig *k, const char *path, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	*k = (struct kubeconfig){0};
	int r = io_read(path, &text, 4 << 20);
	if (r < 0) return err_set(e, r, "%s", strerror(-r));
	r = kubeconfig_parse(k, text.data ? text.data : "", text.len, e);
	if (!r) r = read_pem(path, k->ca_file, &k->ca, e);
	if (!r) r = read_pem(path, k->cert_file, &k->cert, e);
	if (!r) r = read_pem(path, k->key_file, &k->key, e);
	return r;
}

static void wipe(char *s)
{
	if (s) explicit_bzero(s, strlen(s));
	free(s);
}

void kubeconfig_free(struct kubeconfig *k)
{
	wipe(k->key);
	wipe(k->token);
	free(k->server);
	free(k->tls_name);
	free(k->ca);
	free(k->cert);
	free(k->ca_file);
	free(k->cert_file);
	free(k->key_file);
	*k = (struct kubeconfig){0};
}

/* ---- merging ---- */

static void put_data(struct buf *b, const char *indent, const char *key, const char *pem)
{
	if (!pem) return;
	buf_printf(b, "%s    %s: ", indent, key);
	base64_encode(pem, strlen(pem), b);
	buf_putc(b, '\n');
}

static void put_text(struct buf *b, const char *indent, const char *key, const char *text)
{
	if (!text) return;
	buf_printf(b, "%s    %s: ", indent, key);
	buf_json(b, text);   /* a JSON string is a YAML scalar */
	buf_putc(b, '\n');
}

static void put_cluster(struct buf *b, const char *indent, const struct kubeconfig *k,
	const char *name)
{
	buf_printf(b, "%s- cluster:\n", indent);
	put_data(b, indent, "certificate-authority-data", k->ca);
	put_text(b, indent, "server", k->server);
	put_text(b, indent, "tls-server-name", k->tls_name);
	buf_printf(b, "%s  name: %s\n", indent, name);
}

static void put_context(struct buf *b, const char *indent, const struct kubeconfig *k,
	const char *name)
{
	(void)k;
	buf_printf(b, "%s- context:\n%s    cluster: %s\n%s    user: %s\n%s  name: %s\n", indent,
		indent, name, indent, name,
		indent, name);
}

static void put_user(struct buf *b, const char *indent, const struct kubeconfig *k,
	const char *name)
{
	buf_printf(b, "%s- name: %s\n%s  user:\n", indent, name, indent);
	put_data(b, indent, "client-certificate-data", k->cert);
	put_data(b, indent, "client-key-data", k->key);
	put_text(b, indent, "token", k->token);
}

static const struct section {
	const char *key;
	void (*put)(struct buf *b, const char *indent, const struct kubeconfig *k,
		const char *name);
} sections[] = {
	{ "clusters", put_cluster },
	{ "contexts", put_context },
	{ "users", put_user },
};

enum { SECTIONS = sizeof sections / sizeof *sections };

/* Lines [from, to) of the old file are replaced by text. */
struct splice {
	uint32_t from, to;
	struct buf text;
};

/* Blank and comment lines before the next node belong to what follows them: an entry ends at its
 * last line with content. What is indented deeper than the entry is of it, and may be a block of
 * text with # in it. */
static uint32_t trim_end(const char *old, size_t len, uint32_t indent, uint32_t from, uint32_t to)
{
	struct text_lines l = text_lines(old, len);
	uint32_t last = from;

	for (uint32_t line = 0; line < to && text_line(&l); line++) {
		size_t c = 0;
		while (c < l.len && (l.line[c] == ' ' || l.line[c] == '\t' || l.line[c] == '\r'))
			c++;
		if (line >= from && c < l.len && (l.line[c] != '#' || c > indent)) last = line;
	}
	return last + 1;
}

/* ours NULL: takes the entry out. A list that would be empty is written as one. */
static int plan_section(const struct yaml *y, const struct section *sec,
	const struct kubeconfig *ours,
	const char *name, const char *old, size_t len, struct splice *s)
{
	const struct yaml_node *list = yaml_get(y, yaml_root(y), sec->key);
	char indent[64] = "";

	s->from = s->to = UINT32_MAX;
	if (!ours && !yaml_first(y, list)) return 0;
	if (!list || list->type == YAML_NULL || (list->type == YAML_SEQ && !list->count)) {
		/* Not there, or "clusters: null" / "clusters: []": a fresh list, in its place or at
		 * the end. */
		if (list) {
			s->from = list->line;
			s->to = trim_end(old, len, UINT32_MAX, list->line, list->end);
		}
		buf_printf(&s->text, "%s:\n", sec->key);
		sec->put(&s->text, "", ours, name);
		return 0;
	}
	if (list->type != YAML_SEQ || list->flow) return -EBADMSG;
	const struct yaml_node *item = yaml_first(y, list);
	if (item->indent >= sizeof indent) return -EBADMSG;
	memset(indent, ' ', item->indent);
	if (ours) s->from = s->to = trim_end(old, len, item->indent, list->line, list->end);
	for (; item; item = yaml_next(y, item)) {
		const char *n = yaml_str(yaml_get(y, item, "name"));
		if (item->type != YAML_MAP || item->flow) return -EBADMSG;
		if (!n || strcmp(n, name)) continue;
		s->from = item->line;
		s->to = trim_end(old, len, UINT32_MAX, item->line, item->end);
		if (ours || list->count > 1) break;
		s->from = list->line;
		buf_printf(&s->text, "%s: []\n", sec->key);
	}
	if (ours) sec->put(&s->text, indent, ours, name);
	return 0;
}

/* What goes in at this line. Pure insertions first: they end the entry before it, a replacement
 * starts the next one. */
static void put_splices(struct splice *v, size_t n, uint32_t line, struct buf *out)
{
	for (int replacing = 0; replacing < 2; replacing++) {
		for (size_t i = 0; i < n; i++) {
			if (v[i].from != line || (v[i].from != v[i].to) != replacing) continue;
			buf_add(out, v[i].text.data, v[i].text.len);
			buf_reset(&v[i].text);
		}
	}
}

static bool replaced(const struct splice *v, size_t n, uint32_t line)
{
	for (size_t i = 0; i < n; i++)
		if (line >= v[i].from && line < v[i].to) return true;
	return false;
}

/* Copies the old file's lines with the splices in place; those for the end have from UINT32_MAX. */
static void apply(const char *old, size_t len, struct splice *v, size_t n, struct buf *out)
{
	struct text_lines l = text_lines(old, len);
	uint32_t line = 0;

	for (; text_line(&l); line++) {
		put_splices(v, n, line, out);
		if (replaced(v, n, line)) continue;
		buf_add(out, l.line, l.len);
		buf_putc(out, '\n');
	}
	put_splices(v, n, line, out);
	for (size_t i = 0; i < n; i++)
		if (v[i].from == UINT32_MAX) buf_add(out, v[i].text.data, v[i].text.len);
}

static int merge(const struct yaml *y, const char *old, size_t len, const struct kubeconfig *ours,
	const char *name,
	struct buf *out)
{
	struct splice v[SECTIONS + 1] = {0};
	const struct yaml_node *current = yaml_get(y, yaml_root(y), "current-context");
	const struct yaml_node *first = yaml_first(y, yaml_root(y));
	/* ours are written at the margin, and must not take what follows in */
	int r = first && first->indent ? -EBADMSG : 0;

	for (size_t i = 0; i < SECTIONS && !r; i++)
		r = plan_section(y, &sections[i], ours, name, old, len, &v[i]);
	const char *text = yaml_str(current);
	bool change = ours || (text && !strcmp(text, name));
	v[SECTIONS].from = v[SECTIONS].to = UINT32_MAX;
	if (change && current) {
		v[SECTIONS].from = current->line;
		v[SECTIONS].to = trim_end(old, len, UINT32_MAX, current->line, current->end);
	}
	if (change) buf_printf(&v[SECTIONS].text, "current-context: %s\n", ours ? name : "\"\"");
	if (!r) apply(old, len, v, SECTIONS + 1, out);
	for (size_t i = 0; i <= SECTIONS; i++) buf_free(&v[i].text);
	return r;
}

void kubeconfig_print(const struct kubeconfig *ours, const char *name, struct buf *out)
{
	buf_puts(out, "apiVersion: v1\nkind: Config\n");
	for (size_t i = 0; i < SECTIONS; i++) {
		buf_printf(out, "%s:\n", sections[i].key);
		sections[i].put(out, "", ours, name);
	}
	buf_printf(out, "current-context: %s\n", name);
}

/* The merged text must have the intended meaning, or it is not written: a second check, since these
 * files are the user's work. */
static int check_merged(const struct buf *out, const struct kubeconfig *ours)
{
	struct kubeconfig k;
	_cleanup_yaml_ struct yaml y = {0};

	if (!ours) return yaml_parse(&y, out->data, out->len);
	int r = kubeconfig_parse(&k, out->data, out->len, NULL);
	if (!r && strcmp(k.server, ours->server)) r = -EBADMSG;
	kubeconfig_free(&k);
	return r;
}

int kubeconfig_merge(const char *old, size_t len, const struct kubeconfig *ours, const char *name,
	struct buf *out,
	struct err *e)
{
	_cleanup_yaml_ struct yaml y = {0};
	int r = yaml_parse(&y, old, len);

	if (!r && yaml_root(&y)->type == YAML_NULL) {
		buf_add(out, old, len);   /* comments perhaps */
		if (!ours) return 0;
		if (len && old[len - 1] != '\n') buf_putc(out, '\n');
		kubeconfig_print(ours, name, out);
		return 0;
	}
	if (!r && (yaml_root(&y)->type != YAML_MAP || yaml_root(&y)->flow)) r = -EBADMSG;
	if (!r) r = merge(&y, old, len, ours, name, out);
	if (!r) r = out->failed ? -ENOMEM : check_merged(out, ours);
	if (r < 0)
		err_set(e, r, "%s", y.error[0] ? y.error
			: "it is not written as kubectl writes it");
	return r;
}

int kubeconfig_target(const char *env, const char *home, char *out, size_t size)
{
	const char *last = NULL;
	size_t last_len = 0;

	for (const char *p = env; p && *p;) {
		size_t len = strcspn(p, ":");
		if (len >= size) return -ENAMETOOLONG;
		if (len) {
			memcpy(out, p, len);
			out[len] = 0;
			if (!access(out, F_OK)) return 0;
			last = p;
			last_len = len;
		}
		p += len + (p[len] == ':');
	}
	if (last) {
		memcpy(out, last, last_len);
		out[last_len] = 0;
		return 0;
	}
	if (!home || !*home) return -ENOENT;
	return snprintf(out, size, "%s/.kube/config", home) < (int)size ? 0 : -ENAMETOOLONG;
}
