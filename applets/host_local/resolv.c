/* Reads resolv.conf as upstream's plugins/ipam/host-local/dns.go: white space at both ends of a
 * line and lines of one word are ignored. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/text.h"
#include "host_local/host_local.h"

enum { LINE_MAX_GO = 64 * 1024 };   /* the longest line of bufio.Scanner */

/* Takes the next word (strings.Fields) off the line. */
static struct str word(struct str *line)
{
	size_t n = 0;

	for (size_t k; (k = go_space(*line)); line->n -= k) line->s += k;
	while (n < line->n && !go_space((struct str){ line->s + n, line->n - n })) n++;
	struct str s = { line->s, n };
	line->s += n;
	line->n -= n;
	return s;
}

static void add(struct cni *c, struct slice *l, struct str s)
{
	*(struct str *)go_slice_add(&c->arena, l, sizeof s) = s;
}

static void take_line(struct cni *c, struct str line, struct cni_dns *dns)
{
	struct str key = word(&line), s = word(&line);

	if (!key.n || !s.n || *key.s == '#' || *key.s == ';') return;
	if (go_str_is(key, "nameserver")) {
		add(c, &dns->nameservers, s);
	} else if (go_str_is(key, "domain")) {
		dns->domain = s;
	} else if (go_str_is(key, "search") || go_str_is(key, "options")) {
		for (; s.n; s = word(&line))
			add(c, *key.s == 's' ? &dns->search : &dns->options, s);
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
	const char *all = b.len ? arena_copy(&c->arena, b.data, b.len) : "";
	struct text_lines l = text_lines(all, b.len);
	while (text_line(&l)) {
		if (l.len >= LINE_MAX_GO)
			return cni_fail(c, CNI_INTERNAL, "bufio.Scanner: token too long");
		take_line(c, (struct str){ l.line, l.len }, dns);
	}
	return 0;
}
