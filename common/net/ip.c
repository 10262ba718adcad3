/* Addresses and prefixes: text and arithmetic. Pure. */
#include "net/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* IPv4 in IPv6 notation becomes IPv4, as in Go. */
static void fold_mapped(struct ip *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->len != 16 || memcmp(a->b, mapped, 12)) return;
	memmove(a->b, a->b + 12, 4);
	memset(a->b + 4, 0, 12);
	a->len = 4;
}

/* *six: was it written with colons? */
static bool parse(struct ip *out, const char *s, size_t n, bool *six)
{
	char text[IP_TEXT];

	*out = (struct ip){0};
	if (!n || n >= sizeof text || memchr(s, 0, n)) return false;
	memcpy(text, s, n);
	text[n] = 0;
	*six = strchr(text, ':') != NULL;
	if (inet_pton(*six ? AF_INET6 : AF_INET, text, out->b) != 1) {
		*out = (struct ip){0};
		return false;
	}
	out->len = *six ? 16 : 4;
	fold_mapped(out);
	return true;
}

bool ip_parse(struct ip *out, const char *s, size_t n)
{
	bool six;
	return parse(out, s, n, &six);
}

bool cidr_parse(struct cidr *out, const char *s, size_t n)
{
	const char *slash = memchr(s, '/', n);
	bool six;

	*out = (struct cidr){0};
	if (!slash || !parse(&out->addr, s, (size_t)(slash - s), &six)) return false;
	unsigned bits = six ? 128 : 32, ones = 0;
	const char *p = slash + 1, *end = s + n;
	if (p == end) goto bad;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9') goto bad;
		ones = ones * 10 + (unsigned)(*p - '0');
		if (ones > bits) goto bad;
	}
	out->ones = (uint8_t)ones;
	out->bits = (uint8_t)bits;
	return true;
bad:
	*out = (struct cidr){0};
	return false;
}

/* First longest run of at least two zero groups; its length in *n. */
static int longest_zeros(const unsigned group[8], int *n)
{
	int best = -1;

	*n = 1;
	for (int i = 0; i < 8; i++) {
		int k = 0;
		while (i + k < 8 && !group[i + k]) k++;
		if (k > *n) {
			best = i;
			*n = k;
		}
	}
	return best;
}

static void format6(const uint8_t *b, char *out, size_t size)
{
	unsigned group[8];
	int zeros;
	const char *colon = "";
	size_t n = 0;

	for (int i = 0; i < 8; i++) group[i] = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
	int from = longest_zeros(group, &zeros);
	for (int i = 0; i < 8; i++) {
		if (i == from) {
			n += (size_t)snprintf(out + n, size - n, "::");
			i += zeros - 1;
			colon = "";
			continue;
		}
		n += (size_t)snprintf(out + n, size - n, "%s%x", colon, group[i]);
		colon = ":";
	}
}

void ip_format(const struct ip *a, char out[IP_TEXT])
{
	if (a->len == 16) format6(a->b, out, IP_TEXT);
	else if (a->len == 4)
		snprintf(out, IP_TEXT, "%u.%u.%u.%u", a->b[0], a->b[1], a->b[2], a->b[3]);
	else snprintf(out, IP_TEXT, "<nil>");
}

void cidr_format(const struct cidr *c, char out[CIDR_TEXT])
{
	unsigned ones = c->ones;

	/* The mask's low 32 bits are what counts for IPv4 in IPv6 notation. */
	if (c->addr.len == 4 && c->bits == 128) ones = ones > 96 ? ones - 96 : 0;
	ip_format(&c->addr, out);
	if (c->addr.len && c->bits) snprintf(out + strlen(out), 5, "/%u", ones);
}

int ip_cmp(const struct ip *a, const struct ip *b)
{
	if (a->len != b->len || !a->len) return -2;
	int r = memcmp(a->b, b->b, a->len);
	return r < 0 ? -1 : r > 0;
}

bool ip_same(const struct ip *a, const struct ip *b)
{
	return a->len == b->len && !memcmp(a->b, b->b, a->len);
}

struct ip ip_next(const struct ip *a)
{
	struct ip r = *a;
	for (int i = r.len - 1; i >= 0; i--)
		if (++r.b[i]) break;
	return r;
}

/* The mask's byte i. */
static uint8_t mask(const struct cidr *c, int i)
{
	int left = c->ones - i * 8;
	return left >= 8 ? 0xff : left <= 0 ? 0 : (uint8_t)(0xff00 >> left);
}

struct ip cidr_network(const struct cidr *c)
{
	struct ip r = c->addr;
	for (int i = 0; i < r.len; i++) r.b[i] &= mask(c, i);
	return r;
}

struct ip cidr_last(const struct cidr *c)
{
	struct ip r = c->addr;
	for (int i = 0; i < r.len; i++) r.b[i] |= (uint8_t)~mask(c, i);
	return r;
}

bool cidr_contains(const struct cidr *c, const struct ip *a)
{
	if (!a->len || a->len != c->addr.len || c->bits != a->len * 8) return false;
	for (int i = 0; i < a->len; i++)
		if ((a->b[i] ^ c->addr.b[i]) & mask(c, i)) return false;
	return true;
}
