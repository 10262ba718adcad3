/* The texts of an image archive: reference, configuration, manifest. Pure. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "image/image.h"

/* Length of the longest prefix of s, at most n bytes, that consists of these characters. */
static size_t span(const char *s, size_t n, const char *set)
{
	size_t k = 0;
	while (k < n && s[k] && strchr(set, s[k])) k++;
	return k;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

/* One path component of a repository (github.com/distribution/reference: alphanumerics joined by
 * ".", "_", "__" or dashes). */
static bool is_component(const char *s, size_t n)
{
	for (;;) {
		size_t k = span(s, n, LOWER DIGIT);
		if (!k) return false;
		s += k;
		n -= k;
		if (!n) return true;
		k = *s == '-' ? span(s, n, "-") : *s == '_' ? span(s, n, "_") : *s == '.';
		if (!k || (*s == '_' && k > 2)) return false;
		s += k;
		n -= k;
	}
}

static bool is_repository(const char *s, size_t n)
{
	for (;;) {
		const char *slash = memchr(s, '/', n);
		size_t len = slash ? (size_t)(slash - s) : n;
		if (!is_component(s, len)) return false;
		if (!slash) return true;
		s = slash + 1;
		n -= len + 1;
	}
}

/* Host name or address, with or without a port. */
static bool is_domain(const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n);
	size_t host = colon ? (size_t)(colon - s) : n;
	size_t port = colon ? n - host - 1 : 0;

	if (!host || span(s, host, LOWER UPPER DIGIT ".-") != host) return false;
	if (strchr(".-", s[0]) || strchr(".-", s[host - 1])) return false;
	return !colon || (port && span(colon + 1, port, DIGIT) == port);
}

static bool is_word(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(s, word, n);
}

static bool is_label(const char *s)
{
	size_t n = strlen(s);
	return n && n <= 128 && !strchr(".-", *s) && span(s, n, LOWER UPPER DIGIT "_.-") == n;
}

static int bad_tag(const char *tag, const char *cause, struct err *e)
{
	return err_set(e, -EINVAL, "'%s' is not an image name (%s); valid names look like "
		"busybox:1.36 or registry.example:5000/team/app:v1", tag, cause);
}

int image_tag(const char *tag, struct buf *out, struct err *e)
{
	enum { NAME_MAX_BYTES = 255 };
	const char *slash = strchr(tag, '/'), *last = strrchr(tag, '/');
	const char *label = strchr(last ? last : tag, ':');
	const char *name = tag;
	size_t len = label ? (size_t)(label - tag) : strlen(tag),
		domain = slash ? (size_t)(slash - tag) : 0;

	if (strchr(tag, '@')) return bad_tag(tag, "a digest cannot be chosen", e);
	if (label && !is_label(label + 1)) return bad_tag(tag, "bad tag after the colon", e);
	/* Docker's rule: the part before the first '/' is a host if it has a dot, a colon or a
	 * capital letter, or is "localhost". */
	bool special = span(tag, domain, LOWER DIGIT "_-") != domain ||
		is_word(tag, domain, "localhost");
	bool host = domain && special;
	if (host) {
		if (!is_domain(tag, domain)) return bad_tag(tag, "bad host name", e);
		name = slash + 1;
		len -= domain + 1;
	}
	bool hub = !host || is_word(tag, domain, "docker.io") ||
		is_word(tag, domain, "index.docker.io");
	if (!is_repository(name, len))
		return bad_tag(tag, "only lower-case letters and digits, joined by . _ - or /", e);
	if ((host ? domain : sizeof "docker.io/library" - 1) + 1 + len > NAME_MAX_BYTES)
		return bad_tag(tag, "longer than 255 characters", e);
	if (hub && len == 64 && span(name, len, "abcdef" DIGIT) == len)
		return bad_tag(tag, "64 hexadecimal digits would be an image's ID", e);
	if (hub) buf_puts(out, memchr(name, '/', len) ? "docker.io/" : "docker.io/library/");
	else buf_add(out, tag, domain + 1);
	buf_add(out, name, len);
	buf_puts(out, label ? label : ":latest");
	return 0;
}

static void list(struct buf *out, const char *key, const struct strv *l)
{
	if (!l || !l->n) return;
	buf_printf(out, "\"%s\":[", key);
	for (size_t i = 0; i < l->n; i++) {
		if (i) buf_putc(out, ',');
		buf_json(out, l->v[i]);
	}
	buf_puts(out, "],");
}

static void string(struct buf *out, const char *key, const char *value)
{
	if (!value) return;
	buf_printf(out, "\"%s\":", key);
	buf_json(out, value);
	buf_putc(out, ',');
}

/* Times are fixed, so that the same files give the same image and digest anywhere. */
void image_config(const struct image *im, const char *layer_sha256, struct buf *out)
{
	buf_puts(out, "{\"created\":\"1970-01-01T00:00:00Z\",\"os\":\"linux\",");
	string(out, "architecture", im->arch);
	buf_puts(out, "\"config\":{");
	list(out, "Entrypoint", im->entrypoint);
	list(out, "Cmd", im->cmd);
	string(out, "User", im->user);
	string(out, "WorkingDir", im->workdir);
	list(out, "Env", im->env);
	if (out->data && out->data[out->len - 1] == ',') out->len--;
	buf_printf(out, "},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]},"
		"\"history\":[{\"created\":\"1970-01-01T00:00:00Z\","
		"\"created_by\":\"k3sbox image\"}]}",
		layer_sha256);
}

void image_manifest(const struct image *im, const char *config_name, const char *layer_name,
	struct buf *out)
{
	buf_puts(out, "[{\"Config\":");
	buf_json(out, config_name);
	buf_puts(out, ",\"RepoTags\":[");
	buf_json(out, im->tag);
	buf_puts(out, "],\"Layers\":[");
	buf_json(out, layer_name);
	buf_puts(out, "]}]");
}
