/* Time that only goes forward. */
#ifndef K3SBOX_CLOCK_H
#define K3SBOX_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since some moment of this boot. */
static inline int64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void clock_sleep_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 },
		NULL);
}

#endif
