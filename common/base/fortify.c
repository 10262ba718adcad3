/* Debian's libbearssl.a was built with _FORTIFY_SOURCE and needs glibc's checked functions, which
 * musl does not have. */
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
void *__memset_chk(void *to, int c, size_t n, size_t room);

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	if (n > room) abort();
	return memcpy(to, from, n);
}

void *__memset_chk(void *to, int c, size_t n, size_t room)
{
	if (n > room) abort();
	return memset(to, c, n);
}
