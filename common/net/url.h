/* URLs of HTTP, taken apart (RFC 3986; a host name has no other letters than ASCII's). Pure. */
#ifndef K3SBOX_URL_H
#define K3SBOX_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { URL_HOST = 254 };

struct url {
	bool plain;                /* http: without TLS */
	char host[URL_HOST];       /* a name, or an address without brackets */
	uint16_t port;
	const char *path;          /* into the text: "/…", "?…" or "" */
};

/* [http://|https://]HOST[:PORT][/PATH]; without a scheme it is https. False for anything else, such
 * as a URL with a user or with a blank. */
bool url_parse(const char *text, struct url *out);

/* HOST[:PORT], an IPv6 address in brackets: n bytes of s. Without a port, port stays as it is. */
bool url_split(const char *s, size_t n, char host[URL_HOST], uint16_t *port);

/* A port, 1 to 65535: n bytes of s. */
bool url_port(const char *s, size_t n, uint16_t *port);

#endif
