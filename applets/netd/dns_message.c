/* The codec of DNS messages. What a name means is dns_answer.c's. */
#include "netd/dns_message.h"

#include <string.h>

#include "netd/bytes.h"

enum {
	QR = 0x80, OPCODE = 0x78, AA = 0x04, TC = 0x02, RD = 0x01,   /* of byte 2 */
	RA = 0x80, CD = 0x10,                                        /* of byte 3 */
	POINTER = 0xc0, POINTER_MAX = 0x3fff,
	RECORD = 10,               /* type, class, TTL, length */
};

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)bytes_get16(p) << 16 | bytes_get16(p + 2);
}

/* ---- questions ---- */

size_t dns_message_question(const unsigned char *m, size_t n)
{
	size_t at = DNS_HEADER;

	if (n < DNS_HEADER || m[2] & QR || bytes_get16(m + 4) != 1) return 0;
	while (at < n && m[at]) {
		if (m[at] > DNS_LABEL_MAX) return 0;   /* a pointer, or no label */
		at += 1u + m[at];
		if (at - DNS_HEADER >= DNS_NAME_MAX) return 0;
	}
	at += 1 + 4;
	return at <= n ? at : 0;
}

/* Names are compared as they were sent: servers repeat them letter by letter, and mixed case is one
 * more thing that a forger has to guess. */
bool dns_message_answers(const unsigned char *m, size_t n, const unsigned char *question,
	size_t question_n)
{
	return question_n > DNS_HEADER && n >= question_n && m[2] & QR && !memcmp(m, question, 2) &&
		bytes_get16(m + 4) == 1 &&
		!memcmp(m + DNS_HEADER, question + DNS_HEADER, question_n - DNS_HEADER);
}

bool dns_message_name(const unsigned char *m, size_t n, size_t *at, struct dns_name *out)
{
	size_t i = *at, start = i, end = 0;
	bool jumped = false;

	out->n = 0;
	for (size_t len = 1; len;) {
		if (i >= n) return false;
		len = m[i];
		if (len >= POINTER) {
			if (i + 2 > n) return false;
			if (!jumped) *at = i + 2;
			jumped = true;
			i = bytes_get16(m + i) & POINTER_MAX;
			if (i >= start) return false;   /* only backwards: so it ends */
			start = i;
			continue;
		}
		if (len > DNS_LABEL_MAX || i + 1 + len > n || end + 1 + len > DNS_NAME_MAX)
			return false;
		memcpy(out->b + end, m + i, 1 + len);
		end += 1 + len;
		i += 1 + len;
	}
	out->n = (uint8_t)end;
	if (!jumped) *at = i;
	return true;
}

static bool read_record(const unsigned char *m, size_t n, size_t *at, struct dns_record *out)
{
	if (!dns_message_name(m, n, at, &out->owner) || *at + RECORD > n) return false;
	const unsigned char *p = m + *at;
	out->type = bytes_get16(p);
	out->class = bytes_get16(p + 2);
	out->ttl = get32(p + 4);
	out->data_n = bytes_get16(p + 8);
	out->data = *at + RECORD;
	if (out->data_n > n - out->data) return false;
	*at = out->data + out->data_n;
	return true;
}

static uint16_t clamp_size(uint16_t size)
{
	return size < DNS_PLAIN_SIZE ? DNS_PLAIN_SIZE : size > DNS_EDNS_SIZE ? DNS_EDNS_SIZE : size;
}

/* A query has no records but additional ones: OPT, once. */
static bool read_additional(const unsigned char *m, size_t n, size_t at, struct dns_asked *out)
{
	struct dns_record r;

	if (bytes_get16(m + 6) || bytes_get16(m + 8)) return false;
	for (unsigned left = bytes_get16(m + 10); left; left--) {
		if (!read_record(m, n, &at, &r)) return false;
		if (r.type != DNS_OPT) continue;
		if (out->edns || r.owner.n != 1) return false;
		out->edns = true;
		out->udp_size = clamp_size(r.class);
		out->edns_version = (uint8_t)(r.ttl >> 16);
	}
	return true;
}

bool dns_message_read(const unsigned char *m, size_t n, struct dns_asked *out)
{
	size_t question = dns_message_question(m, n), at = DNS_HEADER;

	*out = (struct dns_asked){ .udp_size = DNS_PLAIN_SIZE };
	if (!question || !dns_message_name(m, question, &at, &out->name)) return false;
	out->id = bytes_get16(m);
	out->opcode = (m[2] & OPCODE) >> 3;
	out->recursion = m[2] & RD;
	out->unchecked = m[3] & CD;
	out->type = bytes_get16(m + at);
	out->class = bytes_get16(m + at + 2);
	/* Other kinds of messages use the sections in ways of their own. */
	out->malformed = !out->opcode && !read_additional(m, n, question, out);
	return true;
}

/* ---- writing ---- */

static void put(struct dns_writer *w, const void *p, size_t n)
{
	if (w->full || n > w->max - w->n) {
		w->full = true;
		return;
	}
	memcpy(w->m + w->n, p, n);
	w->n += n;
}

static void put16(struct dns_writer *w, uint32_t v)
{
	unsigned char b[2];

	bytes_put16(b, v);
	put(w, b, 2);
}

static void put32(struct dns_writer *w, uint32_t v)
{
	put16(w, v >> 16);
	put16(w, v);
}

static void put_opt(struct dns_writer *w, unsigned extended_rcode)
{
	static const unsigned char root = 0;

	put(w, &root, 1);
	put16(w, DNS_OPT);
	put16(w, DNS_EDNS_SIZE);
	put32(w, extended_rcode << 24);
	put16(w, 0);
}

size_t dns_message_ask(uint16_t id, const struct dns_name *name, uint16_t type,
	unsigned char out[DNS_QUESTION + DNS_OPT_SIZE])
{
	struct dns_writer w = { .m = out, .max = DNS_QUESTION + DNS_OPT_SIZE };

	memset(out, 0, DNS_HEADER);
	bytes_put16(out, id);
	out[2] = RD;
	out[5] = out[11] = 1;
	w.n = DNS_HEADER;
	put(&w, name->b, name->n);
	put16(&w, type);
	put16(&w, DNS_CLASS_IN);
	put_opt(&w, 0);
	return w.n;
}

/* Does the name at this place of the message, which this code has written, read so? Letter by
 * letter: a name that is pointed to is repeated in the case that it was asked in. */
static bool reads(const unsigned char *m, size_t at, const uint8_t *name)
{
	for (;;) {
		while (m[at] >= POINTER) at = bytes_get16(m + at) & POINTER_MAX;
		if (m[at] != *name || memcmp(m + at, name, 1u + *name)) return false;
		if (!*name) return true;
		at += 1u + *name;
		name += 1u + *name;
	}
}

static bool find_known(const struct dns_writer *w, const uint8_t *name, uint16_t *at)
{
	for (unsigned i = 0; i < w->known_n; i++) {
		*at = w->known[i];
		if (reads(w->m, *at, name)) return true;
	}
	return false;
}

/* SRV's target is never a pointer (RFC 2782); later names may point to it all the same. */
static void put_name(struct dns_writer *w, const struct dns_name *name, bool compress)
{
	unsigned fresh = w->known_n;
	uint16_t at;

	for (const uint8_t *p = name->b; !w->full; p += 1u + *p) {
		if (compress && *p && find_known(w, p, &at)) {
			put16(w, (uint32_t)POINTER << 8 | at);
			break;
		}
		bool room = fresh < DNS_KNOWN_NAMES && w->n <= POINTER_MAX;
		if (*p && room) w->known[fresh++] = (uint16_t)w->n;
		put(w, p, 1u + *p);
		if (!*p) break;
	}
	/* Not before it stands there as a whole. */
	if (!w->full) w->known_n = fresh;
}

struct record_start { size_t n, length; unsigned known; };

static struct record_start begin_record(struct dns_writer *w, const struct dns_name *owner,
	enum dns_type type)
{
	struct record_start s = { .n = w->n, .known = w->known_n };

	w->full = false;
	put_name(w, owner, true);
	put16(w, type);
	put16(w, DNS_CLASS_IN);
	put32(w, w->ttl);
	s.length = w->n;
	put16(w, 0);
	return s;
}

static void end_record(struct dns_writer *w, const struct record_start *s)
{
	unsigned char *count = w->m + 6 + 2 * w->section;

	if (w->full) {
		w->n = s->n;
		w->known_n = s->known;
		if (w->section != DNS_ADDITIONAL) w->m[2] |= TC;
		return;
	}
	bytes_put16(w->m + s->length, (uint32_t)(w->n - s->length - 2));
	bytes_put16(count, bytes_get16(count) + 1u);
}

void dns_writer_begin(struct dns_writer *w, const struct dns_asked *asked, unsigned char *m,
	size_t size)
{
	*w = (struct dns_writer){ .m = m, .max = size, .asked = asked };
	memset(m, 0, DNS_HEADER);
	bytes_put16(m, asked->id);
	m[2] = (unsigned char)(QR | asked->opcode << 3 | (asked->recursion ? RD : 0));
	m[3] = (unsigned char)(RA | (asked->unchecked ? CD : 0));
	m[5] = 1;
	w->n = DNS_HEADER;
	put_name(w, &asked->name, false);
	put16(w, asked->type);
	put16(w, asked->class);
	if (asked->edns) w->max -= DNS_OPT_SIZE;
}

void dns_writer_address(struct dns_writer *w, const struct dns_name *owner, const struct ip *a)
{
	struct record_start s = begin_record(w, owner, a->len == 4 ? DNS_A : DNS_AAAA);

	put(w, a->b, a->len);
	end_record(w, &s);
}

void dns_writer_name(struct dns_writer *w, const struct dns_name *owner, enum dns_type type,
	const struct dns_name *target)
{
	struct record_start s = begin_record(w, owner, type);

	put_name(w, target, true);
	end_record(w, &s);
}

void dns_writer_srv(struct dns_writer *w, const struct dns_name *owner, uint16_t port,
	const struct dns_name *target)
{
	enum { WEIGHT = 100 };
	struct record_start s = begin_record(w, owner, DNS_SRV);

	put16(w, 0);
	put16(w, WEIGHT);
	put16(w, port);
	put_name(w, target, false);
	end_record(w, &s);
}

void dns_writer_txt(struct dns_writer *w, const struct dns_name *owner, const char *text)
{
	struct record_start s = begin_record(w, owner, DNS_TXT);
	unsigned char n = (unsigned char)strlen(text);

	put(w, &n, 1);
	put(w, text, n);
	end_record(w, &s);
}

void dns_writer_soa(struct dns_writer *w, const struct dns_name *zone,
	const struct dns_name *server, uint32_t serial)
{
	static const uint32_t refresh = 7200, retry = 1800, expire = 86400;
	struct record_start s = begin_record(w, zone, DNS_SOA);

	put_name(w, server, true);
	put_name(w, server, true);   /* no mailbox */
	put32(w, serial);
	put32(w, refresh);
	put32(w, retry);
	put32(w, expire);
	put32(w, w->ttl);            /* of "does not exist" */
	end_record(w, &s);
}

size_t dns_writer_end(struct dns_writer *w, enum dns_rcode rcode, bool authoritative)
{
	w->m[3] |= rcode & 15;
	if (authoritative) w->m[2] |= AA;
	if (!w->asked->edns) return w->n;
	w->max += DNS_OPT_SIZE;
	w->full = false;
	put_opt(w, rcode >> 4);
	bytes_put16(w->m + 10, bytes_get16(w->m + 10) + 1u);
	return w->n;
}

/* ---- reading an answer ---- */

void dns_reader_begin(struct dns_reader *r, const unsigned char *m, size_t n)
{
	struct dns_name asked;

	*r = (struct dns_reader){ .m = m, .n = n, .at = DNS_HEADER };
	if (n < DNS_HEADER || !dns_message_name(m, n, &r->at, &asked)) return;
	r->at += 4;
	r->left = bytes_get16(m + 6);
}

bool dns_reader_next(struct dns_reader *r, struct dns_record *out)
{
	if (!r->left || r->at > r->n) return false;
	r->left--;
	if (read_record(r->m, r->n, &r->at, out)) return true;
	r->left = 0;
	return false;
}
