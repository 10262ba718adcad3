/* How long a flow of datagrams lives: they have no end of their own, so one that was not used for a
 * while is over; later if it was more than a question and its answer. */
#ifndef K3SBOX_NETD_EXCHANGE_H
#define K3SBOX_NETD_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	EXCHANGE_SHORT_MS = 30000,   /* after a question and its answer */
	EXCHANGE_LONG_MS = 180000,   /* after more of both */
	EXCHANGE_LOOK_MS = 5000,     /* between two looks for what is over */
};

struct exchange {
	uint8_t sent, received;    /* up to 2 */
	int64_t used_at;           /* monotonic ms */
};

static inline void exchange_sent(struct exchange *x, int64_t now)
{
	x->sent += x->sent < 2;
	x->used_at = now;
}

static inline void exchange_received(struct exchange *x, int64_t now)
{
	x->received += x->received < 2;
	x->used_at = now;
}

static inline bool exchange_is_over(const struct exchange *x, int64_t now)
{
	bool lasting = x->sent == 2 && x->received == 2;

	return now - x->used_at >= (lasting ? EXCHANGE_LONG_MS : EXCHANGE_SHORT_MS);
}

#endif
