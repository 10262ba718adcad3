/* DNS messages (RFC 1035, EDNS by RFC 6891): questions are read, answers are written and read.
 * Pure: no I/O, no memory but the caller's. Whatever is read may be garbage; nothing is read or
 * written beyond the lengths given. */
#ifndef K3SBOX_NETD_DNS_MESSAGE_H
#define K3SBOX_NETD_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ip.h"
#include "netd/dns_name.h"

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_TXT = 16,
	DNS_AAAA = 28, DNS_SRV = 33, DNS_OPT = 41, DNS_IXFR = 251, DNS_AXFR = 252,
};

enum dns_rcode {
	DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED,
	DNS_BADVERS = 16,          /* needs the client's EDNS */
};

enum {
	DNS_HEADER = 12,
	DNS_QUESTION = DNS_HEADER + DNS_NAME_MAX + 4,   /* the longest header with a question */
	DNS_OPT_SIZE = 11,         /* an OPT record without options */
	DNS_PLAIN_SIZE = 512,      /* what a client without EDNS takes by UDP */
	DNS_EDNS_SIZE = 1232,      /* the most that is sent by UDP: never fragments */
	DNS_STREAM_SIZE = 65535,   /* by TCP */
	DNS_CLASS_IN = 1,
};

struct dns_asked {
	uint16_t id, type, class;
	uint8_t opcode;
	bool recursion, unchecked; /* flags RD and CD */
	bool malformed;            /* what follows the question makes no sense */
	bool edns;
	uint8_t edns_version;
	uint16_t udp_size;         /* that it takes by UDP, DNS_PLAIN_SIZE … DNS_EDNS_SIZE */
	struct dns_name name;
};

/* Length of header and question of a query with exactly one question; 0 if it is no such thing.
 * At most DNS_QUESTION. */
size_t dns_message_question(const unsigned char *m, size_t n);
/* Is this an answer to that question? */
bool dns_message_answers(const unsigned char *m, size_t n, const unsigned char *question,
	size_t question_n);
/* False for what dns_message_question() refuses. */
bool dns_message_read(const unsigned char *m, size_t n, struct dns_asked *out);
/* A question to a server, with EDNS. Its length. */
size_t dns_message_ask(uint16_t id, const struct dns_name *name, uint16_t type,
	unsigned char out[DNS_QUESTION + DNS_OPT_SIZE]);

/* ---- writing an answer ---- */

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

enum { DNS_KNOWN_NAMES = 32 };

/* Records go to `section`, which may only go up. One that does not fit is left out, and the message
 * says that it is truncated, unless the record is an additional one. */
struct dns_writer {
	unsigned char *m;
	size_t n, max;
	enum dns_section section;
	uint32_t ttl;              /* of records to come; seconds */
	bool full;                 /* the record under way does not fit */
	const struct dns_asked *asked;
	uint16_t known[DNS_KNOWN_NAMES];   /* where names are that later ones may point to */
	unsigned known_n;
};

/* size: of m, at least DNS_EDNS_SIZE. */
void dns_writer_begin(struct dns_writer *w, const struct dns_asked *asked, unsigned char *m,
	size_t size);
void dns_writer_address(struct dns_writer *w, const struct dns_name *owner, const struct ip *a);
/* CNAME, NS, PTR. */
void dns_writer_name(struct dns_writer *w, const struct dns_name *owner, enum dns_type type,
	const struct dns_name *target);
/* All of the same priority and weight. */
void dns_writer_srv(struct dns_writer *w, const struct dns_name *owner, uint16_t port,
	const struct dns_name *target);
void dns_writer_txt(struct dns_writer *w, const struct dns_name *owner, const char *text);
void dns_writer_soa(struct dns_writer *w, const struct dns_name *zone,
	const struct dns_name *server, uint32_t serial);
/* The message's length. */
size_t dns_writer_end(struct dns_writer *w, enum dns_rcode rcode, bool authoritative);

/* ---- reading an answer ---- */

struct dns_record {
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t data, data_n;       /* where in the message */
};

/* The records of the answer section, of a message that dns_message_answers(). */
struct dns_reader {
	const unsigned char *m;
	size_t n, at;
	unsigned left;
};
void dns_reader_begin(struct dns_reader *r, const unsigned char *m, size_t n);
bool dns_reader_next(struct dns_reader *r, struct dns_record *out);
/* The name at *at, compressed or not; *at becomes where it ends. */
bool dns_message_name(const unsigned char *m, size_t n, size_t *at, struct dns_name *out);

#endif
