/* Finds the objects of a PEM text. What they mean is the caller's business. */
#include "net/pem.h"

#include <bearssl.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"

static void sink(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t a = strlen(name), b = strlen(suffix);

	return a >= b && !strcmp(name + a - b, suffix);
}

int pem_each(const char *pem, const char *suffix, pem_use *use, void *arg, unsigned *broken)
{
	br_pem_decoder_context dec;
	_cleanup_buf_ struct buf der = {0};
	size_t left = strlen(pem);
	bool wanted = false;
	unsigned bad = 0;
	int n = 0;

	br_pem_decoder_init(&dec);
	while (left && (broken || !bad)) {
		size_t k = br_pem_decoder_push(&dec, pem, left);
		pem += k;
		left -= k;
		switch (br_pem_decoder_event(&dec)) {
		case BR_PEM_BEGIN_OBJ:
			wanted = ends_in(br_pem_decoder_name(&dec), suffix);
			buf_reset(&der);
			br_pem_decoder_setdest(&dec, wanted ? sink : NULL, &der);
			break;
		case BR_PEM_END_OBJ:
			if (wanted && !der.failed && use(arg, (uint8_t *)der.data, der.len)) n++;
			wanted = false;
			break;
		case BR_PEM_ERROR:
			bad++;
			wanted = false;
			break;
		}
	}
	if (der.data) explicit_bzero(der.data, der.cap);
	bad += wanted;   /* the text ended inside an object */
	if (broken) *broken = bad;
	return bad && !broken ? -EBADMSG : n;
}
