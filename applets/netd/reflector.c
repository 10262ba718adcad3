/* Lists and watches: what to ask for next, and what to make of answers. */
#include "netd/reflector.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum { PAGE = 500, WATCH_LEAST_S = 300, PROBLEM_MAX = 16384, GONE = 410, TOO_MANY = 429 };

void reflector_init(struct reflector *r, const struct reflector_target *target)
{
	*r = (struct reflector){ .target = target, .failed_at = -REFLECTOR_CALM_MS - 1 };
}

static void end_response(struct reflector *r)
{
	http_free(&r->http);
	split_free(&r->split);
	r->splitting = false;
	r->events = false;
	r->status = 0;
	buf_free(&r->problem);
}

void reflector_free(struct reflector *r)
{
	end_response(r);
	buf_free(&r->next);
}

static void log_line(const struct reflector *r, const char *text)
{
	r->target->log(r->target->arg, r->target->path, text);
}

/* ---- objects ---- */

static void change(struct reflector *r, enum reflector_change what, const struct json *j,
	const struct json_node *object)
{
	struct err e = {0};

	if (r->target->change(r->target->arg, what, j, object, &e) < 0) log_line(r, e.text);
}

static void keep_version(struct reflector *r, const struct json *j, const struct json_node *object)
{
	char v[REFLECTOR_VERSION];

	/* It goes into a URL. */
	if (json_string(j, json_path(j, object, "metadata.resourceVersion"), v, sizeof v, NULL) == 0
		&& v[strspn(v, "0123456789")] == 0)
		memcpy(r->version, v, sizeof v);
}

static void on_error_event(struct reflector *r, const struct json *j,
	const struct json_node *status)
{
	int64_t code = 0;

	json_int(j, json_get(j, status, "code"), &code);
	r->status = code > 0 && code < 1000 ? (int)code : 500;
	if (json_is(j, json_get(j, status, "reason"), "Expired")) r->status = GONE;
}

/* An event that ends the watch returns -EPIPE. */
static int on_event(struct reflector *r, const struct json *j)
{
	const struct json_node *type = json_get(j, json_root(j), "type");
	const struct json_node *object = json_get(j, json_root(j), "object");

	r->events = true;
	if (json_is(j, type, "ERROR")) {
		on_error_event(r, j, object);
		return -EPIPE;
	}
	if (json_is(j, type, "DELETED")) change(r, REFLECTOR_REMOVE, j, object);
	else if (json_is(j, type, "ADDED") || json_is(j, type, "MODIFIED"))
		change(r, REFLECTOR_PUT, j, object);
	else if (!json_is(j, type, "BOOKMARK")) return -EBADMSG;
	keep_version(r, j, object);
	return 0;
}

static int on_object(void *arg, const char *text, size_t n)
{
	struct reflector *r = arg;
	_cleanup_json_ struct json j = {0};
	char line[sizeof j.error + 64];

	if (!text) {
		snprintf(line, sizeof line, "an object of %zu bytes is left out", n);
		log_line(r, line);
		return 0;
	}
	int e = json_parse(&j, text, n);
	if (e < 0) {
		snprintf(line, sizeof line, "an object that is not JSON is left out: %s", j.error);
		log_line(r, line);
		return 0;   /* its end was found, so the next one can be read */
	}
	if (r->watching) return on_event(r, &j);
	change(r, REFLECTOR_PUT, &j, json_root(&j));
	return 0;
}

/* ---- responses ---- */

static int on_body(void *arg, const char *p, size_t n)
{
	struct reflector *r = arg;

	if (r->http.status != 200) {
		if (r->problem.len + n <= PROBLEM_MAX) buf_add(&r->problem, p, n);
		return 0;
	}
	if (!r->splitting) {
		split_init(&r->split, !r->watching, REFLECTOR_OBJECT_MAX, on_object, r);
		r->splitting = true;
		if (!r->watching && !r->next.len) r->target->begin(r->target->arg);
	}
	return split_feed(&r->split, p, n);
}

/* A page of a list is complete: its version, and whether there is another page. */
static int end_page(struct reflector *r)
{
	_cleanup_json_ struct json j = {0};
	char token[4096] = "";

	if (!r->splitting || !split_is_between(&r->split)) return -EBADMSG;
	int e = json_parse(&j, r->split.rest.data, r->split.rest.len);
	if (e < 0) return e;
	const struct json_node *meta = json_get(&j, json_root(&j), "metadata");
	if (json_get(&j, meta, "continue"))
		e = json_string(&j, json_get(&j, meta, "continue"), token, sizeof token, NULL);
	if (e < 0) return e;
	buf_reset(&r->next);
	keep_version(r, &j, json_root(&j));
	for (const char *t = token; *t; t++)   /* base64, also that of URLs */
		if (strchr("+/=", *t)) buf_printf(&r->next, "%%%02X", *t);
		else buf_putc(&r->next, *t);
	if (*token || !*r->version) return *token ? 0 : -EBADMSG;
	r->target->sweep(r->target->arg);
	r->watching = r->complete = true;
	r->expired = false;
	return 0;
}

/* The status of an answer or of an ERROR event decides: 0, or -errno for reflector_ended(). */
static int judge_status(int status)
{
	if (status == 200) return 0;
	if (status == GONE) return -ESTALE;
	return status == TOO_MANY || status >= 500 ? -EBUSY : -EPROTO;
}

static int end_of_response(struct reflector *r)
{
	int e = judge_status(r->http.status);

	/* A watch that ends is asked for again, after a look at how long it lasted. */
	if (!e) e = r->watching ? -EPIPE : end_page(r);
	return e < 0 ? e : 1;
}

int reflector_feed(struct reflector *r, const char *p, size_t n)
{
	ssize_t used = http_feed(&r->http, p, n);

	if (r->status) return judge_status(r->status);
	if (used < 0) return (int)used;
	if (r->http.state != HTTP_DONE) return 0;
	if ((size_t)used < n) return -EBADMSG;   /* more than was asked for */
	return end_of_response(r);
}

/* ---- requests ---- */

/* With a version other than 0 a limit would mean exactly this version, which may be gone soon. */
static void list_query(const struct reflector *r, struct buf *b)
{
	if (r->next.len) buf_printf(b, "?limit=%d&continue=%s", PAGE, r->next.data);
	else if (r->expired) buf_printf(b, "?limit=%d", PAGE);
	else if (*r->version) buf_printf(b, "?resourceVersion=%s", r->version);
	else buf_printf(b, "?limit=%d&resourceVersion=0", PAGE);
}

void reflector_request(struct reflector *r, unsigned seed, int64_t now, struct buf *path)
{
	end_response(r);
	http_init(&r->http, on_body, r);
	r->asked_at = now;
	buf_puts(path, r->target->path);
	if (!r->watching) list_query(r, path);
	else buf_printf(path, "?watch=1&allowWatchBookmarks=true&resourceVersion=%s"
		"&timeoutSeconds=%u", r->version, WATCH_LEAST_S + seed % WATCH_LEAST_S);
}

/* ---- failures ---- */

/* Is the next request the same as the last, so that what is known stays good? */
static bool may_resume(int reason)
{
	return reason != -ESTALE && reason != -EPROTO && reason != -EBADMSG && reason != -EMSGSIZE;
}

static void list_anew(struct reflector *r)
{
	r->watching = false;
	buf_reset(&r->next);
}

static int next_wait(struct reflector *r, int reason, unsigned seed)
{
	int most = reason == -ECONNREFUSED || !r->complete ? REFLECTOR_REFUSED_MS
		: REFLECTOR_MOST_MS;

	r->wait_ms = r->wait_ms ? r->wait_ms * 2 : REFLECTOR_FIRST_MS;
	if (r->wait_ms > most) r->wait_ms = most;
	return r->wait_ms + (int)(seed % (unsigned)r->wait_ms);
}

/* Once in a row of failures; before the API server is up failures are what is to be expected. */
static void tell(struct reflector *r, int reason, int64_t now)
{
	char line[160];

	if (now - r->failed_at > REFLECTOR_CALM_MS) {
		r->first_failure = now;
		r->wait_ms = 0;
		r->told = false;
	}
	r->failed_at = now;
	if (r->told || (!r->complete && now - r->first_failure < REFLECTOR_TROUBLE_MS)) return;
	r->told = true;
	if (r->http.status >= 300)
		snprintf(line, sizeof line, "the API server answers %d", r->http.status);
	else
		snprintf(line, sizeof line, "%s", strerror(-reason));
	log_line(r, line);
}

/* The version that was asked for is too old. The first time a list from the last known one is asked
 * for at once; if that is too old as well, one from none. */
static bool is_answered_by_list(struct reflector *r, int reason)
{
	bool first = r->watching || !r->expired;

	if (reason != -ESTALE || !first) return false;
	if (!r->watching) r->expired = true;
	list_anew(r);
	return true;
}

int reflector_ended(struct reflector *r, int reason, unsigned seed, int64_t now)
{
	bool in_order = !reason || reason == -EPIPE || reason == -ECONNRESET;
	bool was_short = !r->events && now - r->asked_at < REFLECTOR_SHORT_MS;

	if (r->watching && r->http.status == 200 && in_order) {
		if (!was_short) return 0;
		reason = -EPROTO;
	}
	if (is_answered_by_list(r, reason)) return 0;
	tell(r, reason ? reason : -EPIPE, now);
	/* A list that was cut begins again: its pages belong together. */
	if (!r->watching || !may_resume(reason)) list_anew(r);
	return next_wait(r, reason, seed);
}
