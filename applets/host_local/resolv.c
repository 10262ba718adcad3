/* resolv.conf as upstream's dns.go reads it: white space at both ends of a line does not count, neither do
 * lines of one word. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "host_local/host_local.h"

enum { LINE_MAX_GO = 64 * 1024 };   /* bufio.Scanner's longest line */

/* strings.Fields: takes the next one off the line. */
static struct str word(struct str *line)
{
	size_t n = 0;

	for (size_t k; (k = hl_space(line->s, line->n, false)); line->n -= k) line->s += k;
	while (n < line->n && !hl_space(line->s + n, line->n - n, false)) n++;
	struct str s = { line->s, n };
	line->s += n;
	line->n -= n;
	return s;
}

static bool is(struct str s, const char *text)
{
	return s.n == strlen(text) && !memcmp(s.s, text, s.n);
}

static void push(struct cni *c, struct slice *l, struct str s)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4;
		struct str *v = arena_alloc(&c->arena, cap * sizeof *v);
		if (l->n) memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	((struct str *)l->v)[l->n++] = s;
}

static void take_line(struct cni *c, struct str line, struct cni_dns *dns)
{
	struct str key = word(&line), s = word(&line);

	if (!key.n || !s.n || *key.s == '#' || *key.s == ';') return;
	if (is(key, "nameserver")) {
		push(c, &dns->nameservers, s);
	} else if (is(key, "domain")) {
		dns->domain = s;
	} else if (is(key, "search") || is(key, "options")) {
		for (; s.n; s = word(&line)) push(c, *key.s == 's' ? &dns->search : &dns->options, s);
	}
}

int hl_resolv_conf(struct cni *c, struct str path, struct cni_dns *dns)
{
	enum { BIGGEST = 16 << 20 };
	_cleanup_buf_ struct buf b = {0};

	if (hl_check_path(c, "open ", path) < 0) return -1;
	_cleanup_close_ int fd = open(path.s, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return cni_fail_path(c, "open", path.s, errno);
	int r = io_read_fd(fd, &b, BIGGEST);
	if (r < 0) return cni_fail_path(c, "read", path.s, -r);
	const char *all = b.len ? arena_copy(&c->arena, b.data, b.len) : "", *end = all + b.len;
	for (const char *line = all, *eol; line < end; line = eol + 1) {
		eol = memchr(line, '\n', (size_t)(end - line));
		if (!eol) eol = end;
		if (eol - line >= LINE_MAX_GO) return cni_fail(c, CNI_INTERNAL, "bufio.Scanner: token too long");
		take_line(c, (struct str){ line, (size_t)(eol - line) }, dns);
	}
	return 0;
}
