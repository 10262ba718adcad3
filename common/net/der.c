/* Reads the objects of a DER encoding one by one. */
#include "net/der.h"

#include <stddef.h>

bool der_next(struct der *d, uint8_t *tag, struct der *content)
{
	if (d->end - d->p < 2) return false;
	*tag = *d->p++;
	size_t len = *d->p++;
	if (len & 0x80) {
		size_t bytes = len & 0x7f;
		if (!bytes || bytes > 3 || (size_t)(d->end - d->p) < bytes) return false;
		for (len = 0; bytes; bytes--) len = len << 8 | *d->p++;
	}
	if ((size_t)(d->end - d->p) < len) return false;
	*content = (struct der){ d->p, d->p + len };
	d->p += len;
	return true;
}

bool der_enter(struct der *d, uint8_t want, struct der *content)
{
	uint8_t tag;
	return der_next(d, &tag, content) && tag == want;
}
