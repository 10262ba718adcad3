/* Fuzz target: an answer of the API, as a list and as a watch, down to the store of Services. */
#include "netd/pick.h"
#include "netd/reflector.h"
#include "netd/services.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct services *store;

static int change(void *arg, enum reflector_change what, const struct json *j,
	const struct json_node *object, struct err *e)
{
	char namespace_[SERVICE_NAMESPACE], name[SERVICE_NAME];
	bool slice = json_get(j, object, "addressType");

	(void)arg;
	if (what == REFLECTOR_REMOVE) {
		if (service_parse_name(j, object, namespace_, name) < 0) return -EBADMSG;
		services_remove(store, slice ? SERVICE_KIND_SLICE : SERVICE_KIND_SERVICE,
			namespace_, name);
		return 0;
	}
	struct service_slice *s = slice ? service_slice_parse(j, object, e) : NULL;
	struct service_object *o = slice ? NULL : service_parse(j, object, e);
	if (s) services_put_slice(store, s);
	if (o) services_put_service(store, o);
	return s || o ? 0 : -EBADMSG;
}

static void begin(void *arg)
{
	(void)arg;
	services_begin(store, SERVICE_KIND_SERVICE);
	services_begin(store, SERVICE_KIND_SLICE);
}

static void sweep(void *arg)
{
	(void)arg;
	services_sweep(store, SERVICE_KIND_SERVICE);
	services_sweep(store, SERVICE_KIND_SLICE);
}

static void nothing(void *arg, const char *path, const char *text)
{
	(void)arg, (void)path, (void)text;
}

/* Every front finds itself, and what is picked for it is one of its backends. */
static void look(void)
{
	struct picker p = { .services = store };
	const struct service_front *f;

	for (size_t i = 0; (f = services_front(store, i)); i++) {
		struct pick_request q = { .at = f->at, .protocol = f->protocol };
		struct endpoint to;
		if (!f->at.port) continue;
		if (!services_at(store, &f->at, f->protocol)) abort();
		if (!pick_endpoint(&p, &q, 1, &to) && (!to.port || !to.address.len)) abort();
	}
	free(p.affinities);
}

static void answer(struct reflector *r, const char *head, const uint8_t *data, size_t size,
	size_t piece)
{
	struct buf path = {0};
	int e;

	reflector_request(r, 1, 1000, &path);
	buf_free(&path);
	e = reflector_feed(r, head, strlen(head));
	for (size_t at = 0; !e && at < size; at += piece)
		e = reflector_feed(r, (const char *)data + at, size - at < piece ? size - at : piece);
	if (e < 0 && reflector_ended(r, e, 1, 2000) < 0) abort();
	look();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char watched[] = "HTTP/1.1 200 OK\r\n\r\n", listed[] = "HTTP/1.1 200 OK\r\nContent-Length: ";
	static const struct reflector_target target = { "/x", change, begin, sweep, nothing, NULL };
	struct reflector r;
	char head[80];

	store = services_new();
	reflector_init(&r, &target);
	snprintf(head, sizeof head, "%s%zu\r\n\r\n", listed, size);
	answer(&r, head, data, size, 7);
	r.watching = true;
	answer(&r, watched, data, size, size + 1);
	answer(&r, "", data, size, size + 1);
	reflector_free(&r);
	services_free(store);
	return 0;
}
