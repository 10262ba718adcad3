/* The probe of the cluster's certificate authorities, and how it reads their dates. Certificates
 * that they have signed are renewed by k3s as it starts. */
#include "plan/probe/validity.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/text.h"
#include "net/der.h"
#include "net/pem.h"
#include "plan/probe/probe.h"

enum { DER_INTEGER = 0x02, DER_UTC_TIME = 0x17, DER_TIME = 0x18, DER_SEQUENCE = 0x30,
	DER_VERSION = 0xa0 };

/* "261122101449Z", or with all four digits of the year (RFC 5280, 4.1.2.5). */
static bool take_time(struct der *d, char out[16])
{
	const char *century = "";
	struct der t;
	uint8_t tag;

	if (!der_next(d, &tag, &t) || (tag != DER_UTC_TIME && tag != DER_TIME)) return false;
	size_t n = (size_t)(t.end - t.p);
	if (tag == DER_UTC_TIME) century = n && t.p[0] >= '5' ? "19" : "20";
	if (strlen(century) + n != 15) return false;
	snprintf(out, 16, "%s%.*s", century, (int)n - 1, (const char *)t.p);
	return strspn(out, "0123456789") == 14;
}

bool validity_read(const uint8_t *der, size_t len, struct validity *out)
{
	struct der file = { der, der + len }, certificate, tbs, skipped, validity;

	if (!der_enter(&file, DER_SEQUENCE, &certificate) ||
		!der_enter(&certificate, DER_SEQUENCE, &tbs))
		return false;
	if (tbs.p < tbs.end && *tbs.p == DER_VERSION) der_enter(&tbs, DER_VERSION, &skipped);
	return der_enter(&tbs, DER_INTEGER, &skipped) &&    /* serial number */
		der_enter(&tbs, DER_SEQUENCE, &skipped) &&  /* algorithm */
		der_enter(&tbs, DER_SEQUENCE, &skipped) &&  /* issuer */
		der_enter(&tbs, DER_SEQUENCE, &validity) &&
		take_time(&validity, out->from) && take_time(&validity, out->until);
}

struct validity_look {
	const char *file, *now;
	struct fact_result *r;
};

static bool look(void *arg, const uint8_t *der, size_t len)
{
	const struct validity_look *l = arg;
	struct validity v;

	if (!validity_read(der, len, &v)) return false;
	bool early = strcmp(l->now, v.from) < 0;
	if (!early && strcmp(l->now, v.until) <= 0) return true;
	const char *date = early ? v.from : v.until;
	probe_obstacle(l->r, KIND_NONE, "%.140s is %s %.4s-%.2s-%.2s (today is %.4s-%.2s-%.2s)",
		l->file, early ? "not valid before" : "no longer valid since", date, date + 4,
		date + 6, l->now, l->now + 4, l->now + 6);
	return true;
}

void probe_certificates(const struct plan_options *o, struct fact_result *r)
{
	static const char *const names[] = { "server-ca", "client-ca", "request-header-ca" };
	char file[PATH_MAX], text_now[TEXT_TIME_SIZE], now[TEXT_TIME_SIZE] = "";

	text_time(time(NULL), text_now);
	for (size_t i = 0, n = 0; text_now[i]; i++)
		if (text_now[i] >= '0' && text_now[i] <= '9') now[n++] = text_now[i];
	for (size_t i = 0; i < sizeof names / sizeof *names && r->state == RESULT_OK; i++) {
		_cleanup_buf_ struct buf text = {0};
		struct validity_look l = { file, now, r };
		int n = snprintf(file, sizeof file, "%s/server/tls/%s.crt", o->data_dir, names[i]);
		if (n < 0 || (size_t)n >= sizeof file) return;
		unsigned broken;
		if (io_read(file, &text, 1 << 20) < 0 || !text.data) continue;
		pem_each(text.data, "CERTIFICATE", look, &l, &broken);
	}
}
