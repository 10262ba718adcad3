/* Names from hashes. They must never change: what an older k3sbox has plugged in is removed by
 * name. */
#include "bridge/name.h"

#include <stdint.h>
#include <string.h>

enum { TAG = 4, REST = 7, PREFIX = sizeof "veth" - 1 };

/* FNV-1a, 64 bits. Names are chosen by the runtime, not by pods. */
static uint64_t add(uint64_t h, struct str s)
{
	for (size_t i = 0; i < s.n; i++) h = (h ^ (uint8_t)s.s[i]) * 0x100000001b3u;
	return (h ^ 0xff) * 0x100000001b3u;   /* an end, which no text holds */
}

static const uint64_t start = 0xcbf29ce484222325u;

/* The upper bits, folded in, are the better mixed ones. */
static void digits(uint64_t h, char *out, size_t n)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15u;
	for (size_t i = 0; i < n; i++, h <<= 5)
		out[i] = "0123456789abcdefghijklmnopqrstuv"[h >> 59];
}

void bridge_name(struct str network, struct str id, struct str ifname, char out[LINK_NAME])
{
	memcpy(out, "veth", PREFIX);
	digits(add(start, network), out + PREFIX, TAG);
	digits(add(add(start, id), ifname), out + PREFIX + TAG, REST);
	out[PREFIX + TAG + REST] = 0;
}

bool bridge_name_is_of(struct str network, const char *name)
{
	char own[LINK_NAME];

	bridge_name(network, (struct str){0}, (struct str){0}, own);
	return strlen(name) == strlen(own) && !memcmp(name, own, PREFIX + TAG);
}
