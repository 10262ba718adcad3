/* Keeps a copy of one kind of API objects up to date: it lists them, then watches for changes, by
 * the rules of client-go's reflector (k8s.io/client-go/tools/cache/reflector.go). Pure: the caller
 * (watch.c) connects, carries bytes, and tells the time.
 *
 *   what happened                          what comes next
 *   list complete                          watch from its version
 *   watch ended in order                   watch from the last version seen
 *   connection lost, refused, 429, 5xx     wait, then the same once more; what is known stays
 *   410 Gone, as a status or as an event   list from the last version; if that is gone too, anew
 *   any other error                        wait, then list
 *
 * While a list is read the old objects stay; what it did not name goes when it is complete. */
#ifndef K3SBOX_NETD_REFLECTOR_H
#define K3SBOX_NETD_REFLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/http.h"
#include "netd/split.h"

struct json;
struct json_node;

enum reflector_change { REFLECTOR_PUT, REFLECTOR_REMOVE };

/* What is copied, and into what. */
struct reflector_target {
	const char *path;          /* "/api/v1/services" */
	/* One object. A failure with its reason in e concerns this object alone. */
	int (*change)(void *arg, enum reflector_change what, const struct json *j,
		const struct json_node *object, struct err *e);
	void (*begin)(void *arg);  /* a list begins */
	void (*sweep)(void *arg);  /* it is complete */
	/* One line for the log. */
	void (*log)(void *arg, const char *path, const char *text);
	void *arg;
};

enum {
	REFLECTOR_OBJECT_MAX = 4 << 20,
	REFLECTOR_VERSION = 128,
	REFLECTOR_FIRST_MS = 200, REFLECTOR_MOST_MS = 30000,
	REFLECTOR_REFUSED_MS = 1000,   /* at most that long where nothing listens */
	REFLECTOR_CALM_MS = 120000,    /* after that long the next wait is a short one again */
	REFLECTOR_SHORT_MS = 1000,     /* a watch that ends sooner, without an event, is an error */
	REFLECTOR_TROUBLE_MS = 60000,  /* from then on failures before the first list are logged */
};

struct reflector {
	const struct reflector_target *target;
	bool watching;             /* else: listing */
	bool complete;             /* the first list has been read */
	bool expired;              /* the last version was too old: the list begins from none */
	char version[REFLECTOR_VERSION];   /* "": none */
	struct buf next;           /* of a list in pages: the token of the next one */
	/* this response */
	struct http http;
	struct split split;
	bool splitting, events;
	int status;                /* of an ERROR event; 0: none */
	struct buf problem;        /* the body of an answer that is not 200 */
	int64_t asked_at;
	/* failures in a row */
	int wait_ms;
	int64_t failed_at, first_failure;
	bool told;
};

void reflector_init(struct reflector *r, const struct reflector_target *target);
void reflector_free(struct reflector *r);

/* The next request's path with its query. seed: any number, to spread the ends of watches. */
void reflector_request(struct reflector *r, unsigned seed, int64_t now, struct buf *path);

/* Bytes of the response. 1: it is complete, and the connection may be used for the next request at
 * once; 0: more must come; -errno: it is of no use. Then call reflector_ended() with that. */
int reflector_feed(struct reflector *r, const char *p, size_t n);

/* The connection has ended (reason 0), could not be made or was given up (-errno). Milliseconds
 * after which to try again. */
int reflector_ended(struct reflector *r, int reason, unsigned seed, int64_t now);

#endif
