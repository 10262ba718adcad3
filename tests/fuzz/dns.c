/* Fuzz target: a DNS message as a question and as an answer. */
#include "netd/dns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const uint8_t *data, size_t size)
{
	size_t n = dns_question(data, size);
	unsigned char *answer = malloc(size + 1);

	if (!answer) abort();
	memcpy(answer, data, size);
	if (n > size || n > DNS_QUESTION || (n && n < 17)) abort();
	if (dns_answers(data, size, data, n)) abort();   /* a question is not its answer */
	if (n) {
		answer[2] |= 0x80;
		if (!dns_answers(answer, size, data, n) || dns_question(answer, size)) abort();
		if (dns_answers(answer, n - 1, data, n)) abort();
	}
	free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_message(data, size);
	return 0;
}
