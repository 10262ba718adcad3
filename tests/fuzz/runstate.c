/* Fuzz target: a state file, and a line of /proc/PID/stat. What was read is written and read back
 * as the same. */
#include "cluster/runstate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct runstate a, b;
	struct buf first = {0}, second = {0};
	pid_t parent;
	char state, *text = malloc(size + 1);
	uint64_t start;

	memcpy(text, data, size);
	text[size] = 0;
	process_parse_stat(text, &parent, &state, &start);
	if (!runstate_parse(&a, text, size)) {
		runstate_print(&a, &first);
		if (runstate_parse(&b, first.data, first.len)) abort();
		runstate_print(&b, &second);
		if (first.len != second.len || memcmp(first.data, second.data, first.len)) abort();
		runstate_free(&b);
	}
	runstate_free(&a);
	buf_free(&first);
	buf_free(&second);
	free(text);
	return 0;
}
