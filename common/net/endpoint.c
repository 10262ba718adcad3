/* Endpoints: text and socket addresses. */
#include "net/endpoint.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool endpoint_parse(struct endpoint *out, const char *s, size_t n)
{
	size_t at = n, port = 0;

	*out = (struct endpoint){0};
	while (at && s[at - 1] != ':') at--;
	if (!at || at == n || n - at > 5) return false;
	for (size_t i = at; i < n; i++) {
		if (s[i] < '0' || s[i] > '9') return false;
		port = port * 10 + (size_t)(s[i] - '0');
	}
	if (!port || port > UINT16_MAX) return false;
	out->port = (uint16_t)port;
	size_t len = at - 1;
	bool brackets = len > 2 && s[0] == '[' && s[len - 1] == ']';
	return ip_parse(&out->address, s + brackets, len - 2u * brackets);
}

void endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT])
{
	char address[IP_TEXT];

	ip_format(&e->address, address);
	snprintf(out, ENDPOINT_TEXT, e->address.len == 16 ? "[%s]:%u" : "%s:%u", address, e->port);
}

bool endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && ip_same(&a->address, &b->address);
}

int endpoint_family(const struct endpoint *e)
{
	return e->address.len == 4 ? AF_INET : AF_INET6;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *a)
{
	memset(a, 0, sizeof *a);
	if (e->address.len == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)a;
		*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(e->port) };
		memcpy(&in->sin_addr, e->address.b, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)a;
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(e->port) };
	memcpy(&in6->sin6_addr, e->address.b, 16);
	return sizeof *in6;
}

struct endpoint endpoint_from_sockaddr(const struct sockaddr_storage *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct endpoint e = {0};

	if (a->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;
		e = (struct endpoint){ .address.len = 4, .port = ntohs(in->sin_port) };
		memcpy(e.address.b, &in->sin_addr, 4);
	} else if (a->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
		bool four = !memcmp(&in6->sin6_addr, mapped, sizeof mapped);
		e = (struct endpoint){ .port = ntohs(in6->sin6_port) };
		e.address.len = four ? 4 : 16;
		memcpy(e.address.b, in6->sin6_addr.s6_addr + (four ? 12 : 0), e.address.len);
	}
	return e;
}
