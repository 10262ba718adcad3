/* Domain names: from text, apart, and below one another. */
#include "netd/dns_name.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool dns_name_parse(struct dns_name *out, const char *text, size_t n)
{
	out->n = 0;
	if (n && text[n - 1] == '.') n--;
	if (n > DNS_NAME_MAX - 2) return false;   /* a length in front, the root behind */
	for (size_t at = 0, len; at < n; at += len + 1) {
		const char *dot = memchr(text + at, '.', n - at);
		len = dot ? (size_t)(dot - text) - at : n - at;
		if (!len || len > DNS_LABEL_MAX || (dot && at + len + 1 == n)) return false;
		out->b[at] = (uint8_t)len;
		memcpy(out->b + at + 1, text + at, len);
	}
	out->n = (uint8_t)(n ? n + 2 : 1);
	out->b[out->n - 1] = 0;
	return true;
}

bool dns_name_make(struct dns_name *out, const char *parts, ...)
{
	char text[DNS_NAME_MAX + 1];
	va_list ap;

	va_start(ap, parts);
	int n = vsnprintf(text, sizeof text, parts, ap);
	va_end(ap);
	out->n = 0;
	return n >= 0 && n < (int)sizeof text && dns_name_parse(out, text, (size_t)n);
}

/* Not tolower(3): names know no locale. */
static char lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

void dns_name_split(const struct dns_name *name, struct dns_labels *out)
{
	out->n = 0;
	for (size_t i = 0; i < name->n; i++) out->text[i] = lower(name->b[i]);
	for (size_t at = 0; at < name->n && name->b[at]; at += 1u + name->b[at])
		out->v[out->n++] = (struct dns_label){ out->text + at + 1, name->b[at] };
}

bool dns_label_is(const struct dns_label *label, const char *text)
{
	return strlen(text) == label->n && !memcmp(text, label->s, label->n);
}

/* Lengths of labels are no letters, so whole names can be compared as if they were text. */
int dns_name_below(const struct dns_name *name, const struct dns_name *zone)
{
	size_t at = 0;

	if (!zone->n) return -1;
	while (at + zone->n < name->n) at += 1u + name->b[at];
	if (at + zone->n != name->n) return -1;
	for (size_t i = 0; i < zone->n; i++)
		if (lower(name->b[at + i]) != lower(zone->b[i])) return -1;
	return (int)at;
}
