/* Fuzz target: a file of host ports. What is read, is written and read the same. */
#include "world/ports.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct port v[8], again[8];
	struct buf b = {0};
	int n = ports_parse((const char *)data, size, v, 8);

	if (n < 0) return 0;
	ports_format(v, (size_t)n, &b);
	if (ports_parse(b.data ? b.data : "", b.len, again, 8) != n) abort();
	for (int i = 0; i < n; i++)
		if (v[i].udp != again[i].udp || !endpoint_same(&v[i].host, &again[i].host) ||
			!endpoint_same(&v[i].pod, &again[i].pod))
			abort();
	buf_free(&b);
	return 0;
}
