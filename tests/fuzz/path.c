/* Fuzz target: normalising twice changes nothing, the result is absolute and clean, components stay
 * components. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "intercept/view/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two strings: what stands before the first NUL, and the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char base[5000], in[5000], out[PATH_MAX], again[PATH_MAX];
	int pid;

	if (size >= sizeof in) return 0;
	const uint8_t *nul = memchr(data, 0, size);
	size_t n = nul ? (size_t)(nul - data) : 0;
	memcpy(base, data, n);
	base[n] = 0;
	size_t rest = nul ? size - n - 1 : size;
	memcpy(in, data + size - rest, rest);
	in[rest] = 0;
	if (path_join(out, base, in) < 0) return 0;
	if (*out != '/' || strlen(out) >= PATH_MAX || strstr(out, "//") || strstr(out, "/./")
		|| path_climbs(out))
		abort();
	if (out[1] && out[strlen(out) - 1] == '/') abort();
	if (path_join(again, "/", out) < 0 || strcmp(out, again)) abort();
	const char *below = path_below(out, "/proc");
	if (below && strncmp(out, "/proc", 5)) abort();
	if (below && *below && below != out + 6) abort();
	if (!path_below(out, "/") || !path_below(out, out)) abort();
	const char *mine = path_proc(out, &pid);
	if (mine && (!below || mine < below || pid < 0)) abort();
	return 0;
}
