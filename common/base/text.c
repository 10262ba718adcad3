/* Numbers, fields, lines and times in text. Pure. */
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

const char *text_number(const char *s, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = s;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');
		if (v > (UINT64_MAX - digit) / 10) return NULL;
		v = v * 10 + digit;
	}
	*out = v;
	return p > s ? p : NULL;
}

const char *text_unsigned(const char *s, unsigned *out)
{
	uint64_t v;
	const char *end = text_number(s, &v);

	if (!end || v > INT_MAX) return NULL;
	*out = (unsigned)v;
	return end;
}

int text_hex(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_field(const char *line, unsigned index, char *out, size_t size)
{
	for (const char *s = line;; index--) {
		s += strspn(s, " \t");
		size_t n = strcspn(s, " \t\n");
		if (!n) return false;
		if (!index) {
			if (n >= size) return false;
			memcpy(out, s, n);
			out[n] = 0;
			return true;
		}
		s += n;
	}
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The distance is that of optimal string alignment; the rows are those of its usual table. */
unsigned text_resembles(const char *word, size_t n, const char *name)
{
	enum { LONGEST = 32, MOST = 2 };
	unsigned rows[3][LONGEST + 1], *older = rows[0], *old = rows[1], *row = rows[2];
	size_t m = strlen(name);

	if (n > LONGEST || m > LONGEST) return 0;
	for (size_t k = 0; k <= m; k++) row[k] = (unsigned)k;
	for (size_t i = 1; i <= n; i++) {
		unsigned *spare = older;
		older = old, old = row, row = spare;
		row[0] = (unsigned)i;
		for (size_t k = 1; k <= m; k++) {
			unsigned other = word[i - 1] != name[k - 1];
			row[k] = least(old[k - 1] + other, least(old[k], row[k - 1]) + 1);
			if (i > 1 && k > 1 && word[i - 1] == name[k - 2] &&
				word[i - 2] == name[k - 1])
				row[k] = least(row[k], older[k - 2] + 1);
		}
	}
	return row[m] <= MOST && row[m] * 3 <= n ? MOST + 1 - row[m] : 0;
}

bool text_nearer(const char *word, size_t n, const char *name, unsigned *near)
{
	unsigned now = text_resembles(word, n, name);
	bool nearer = now > *near;

	if (nearer) *near = now;
	return nearer;
}

struct text_lines text_lines(const char *text, size_t len)
{
	return (struct text_lines){ .next = text, .end = text + len };
}

bool text_line(struct text_lines *l)
{
	if (l->next >= l->end) return false;
	const char *nl = memchr(l->next, '\n', (size_t)(l->end - l->next));
	l->line = l->next;
	l->len = (size_t)((nl ? nl : l->end) - l->next);
	l->ended = nl != NULL;
	l->next = nl ? nl + 1 : l->end;
	return true;
}

/* Days since 0000-03-01 make years of which only the last has a day more or less. (gmtime(3) would
 * bring 5 KB of time zones into the binary.) */
void text_time(time_t t, char out[TEXT_TIME_SIZE])
{
	enum { DAY = 86400, TO_1970 = 719468, YEARS_400 = 146097 };
	uint64_t now = t < 0 ? 0 : (uint64_t)t, days = now / DAY + TO_1970;
	unsigned s = (unsigned)(now % DAY), d = (unsigned)(days % YEARS_400);
	unsigned y = (d - d / 1460 + d / 36524 - d / (YEARS_400 - 1)) / 365;
	unsigned day = d - (365 * y + y / 4 - y / 100), month = (5 * day + 2) / 153;

	y += (unsigned)(days / YEARS_400 % 200) * 400 + (month > 9);
	snprintf(out, TEXT_TIME_SIZE, "%u-%02u-%02uT%02u:%02u:%02uZ", y,
		month > 9 ? month - 9 : month + 3, day - (153 * month + 2) / 5 + 1, s / 3600,
		s / 60 % 60, s % 60);
}
