/* Lists and watches against scripted answers, cut at every place. */
#include "netd/reflector.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "unit.h"

static struct reflector r;
static char seen[256];    /* what happened: "begin +a +b sweep -a" */
static unsigned logged;

static void note(const char *what, const char *name)
{
	if (strlen(seen) + strlen(what) + strlen(name) + 2 > sizeof seen) return;
	sprintf(seen + strlen(seen), "%s%s%s", *seen ? " " : "", what, name);
}

static int change(void *arg, enum reflector_change what, const struct json *j,
	const struct json_node *object, struct err *e)
{
	char name[64];

	(void)arg;
	if (json_string(j, json_path(j, object, "metadata.name"), name, sizeof name, NULL) < 0)
		return err_set(e, -EBADMSG, "no name");
	note(what == REFLECTOR_PUT ? "+" : "-", name);
	return 0;
}

static void on_begin(void *arg) { (void)arg; note("begin", ""); }
static void on_sweep(void *arg) { (void)arg; note("sweep", ""); }
static void on_log(void *arg, const char *path, const char *text) { (void)arg, (void)path, (void)text; logged++; }

static const struct reflector_target target = { "/x", change, on_begin, on_sweep, on_log, NULL };

static int64_t now;

static void begin(void)
{
	reflector_free(&r);
	reflector_init(&r, &target);
	*seen = 0;
	logged = 0;
	now = 1000000;
}

/* The path of the next request. */
static const char *request(void)
{
	static char text[512];
	struct buf b = {0};

	reflector_request(&r, 7, now, &b);
	snprintf(text, sizeof text, "%s", b.data);
	buf_free(&b);
	return text;
}

/* The answer, in pieces of n bytes. */
static int feed(const char *text, size_t n)
{
	size_t all = strlen(text);
	int e = 0;

	for (size_t at = 0; at < all && !e; at += n)
		e = reflector_feed(&r, text + at, all - at < n ? all - at : n);
	return e;
}

static char answer_text[4096];

static const char *answer(int status, const char *body)
{
	sprintf(answer_text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
	return answer_text;
}

#define OBJECT(name, version) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define LIST(meta, items) "{\"kind\":\"L\",\"metadata\":{" meta "},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define STREAM "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* One chunk of a stream. */
static const char *chunk(const char *body)
{
	sprintf(answer_text, "%zx\r\n%s\r\n", strlen(body), body);
	return answer_text;
}

static void list(void)
{
	begin();
	request();
	CHECK(feed(answer(200, LIST("\"resourceVersion\":\"10\"", OBJECT("a", "9"))), 1000) == 1);
	*seen = 0;
}

TEST(a_list_then_a_watch)
{
	for (size_t n = 1; n < 90; n++) {
		begin();
		CHECK_STR(request(), "/x?limit=500&resourceVersion=0");
		CHECK(feed(answer(200, LIST("\"resourceVersion\":\"10\"", OBJECT("a", "9") ", " OBJECT("b}\\\"]", "8"))), n) == 1);
		CHECK_STR(request(), "/x?watch=1&allowWatchBookmarks=true&resourceVersion=10&timeoutSeconds=307");
		CHECK(feed(STREAM, n) == 0);
		CHECK(feed(chunk(EVENT("ADDED", OBJECT("c", "11"))), n) == 0);
		CHECK(feed(chunk(EVENT("DELETED", OBJECT("a", "12")) EVENT("MODIFIED", OBJECT("c", "13"))), n) == 0);
		CHECK(feed(chunk(EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"20\"}}")), n) == 0);
		CHECK(feed("0\r\n\r\n", n) == -EPIPE);
		CHECK(reflector_ended(&r, -EPIPE, 7, now + 500) == 0);
		CHECK_STR(seen, "begin +a +b}\"] sweep +c -a +c");
		CHECK(strstr(request(), "resourceVersion=20&"));
		CHECK(!logged);
	}
}

TEST(pages)
{
	begin();
	request();
	CHECK(feed(answer(200, LIST("\"resourceVersion\":\"10\",\"continue\":\"ab+/=\"", OBJECT("a", "9"))), 10) == 1);
	CHECK_STR(request(), "/x?limit=500&continue=ab%2B%2F%3D");
	CHECK(feed(answer(200, LIST("\"resourceVersion\":\"10\",\"continue\":\"\"", OBJECT("b", "9"))), 10) == 1);
	CHECK_STR(seen, "begin +a +b sweep");
	CHECK(strstr(request(), "watch=1"));
	/* a token that has expired: the list begins again */
	begin();
	request();
	feed(answer(200, LIST("\"resourceVersion\":\"10\",\"continue\":\"t\"", OBJECT("a", "9"))), 10);
	request();
	CHECK(feed(answer(410, "{}"), 10) == -ESTALE && reflector_ended(&r, -ESTALE, 7, now) == 0);
	CHECK_STR(request(), "/x?limit=500");
}

TEST(gone)
{
	list();
	/* by the status */
	request();
	CHECK(feed(answer(410, "{}"), 10) == -ESTALE);
	CHECK(reflector_ended(&r, -ESTALE, 7, now) == 0);
	CHECK_STR(request(), "/x?resourceVersion=10");
	CHECK(feed(answer(410, "{}"), 10) == -ESTALE && reflector_ended(&r, -ESTALE, 7, now) == 0);
	CHECK_STR(request(), "/x?limit=500");
	CHECK(feed(answer(410, "{}"), 10) == -ESTALE && reflector_ended(&r, -ESTALE, 7, now) > 0);
	request();
	CHECK(feed(answer(200, LIST("\"resourceVersion\":\"30\"", OBJECT("z", "9"))), 1000) == 1);
	CHECK_STR(seen, "begin +z sweep");
	/* by an event */
	request();
	feed(STREAM, 10);
	CHECK(feed(chunk(EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}")), 10) == -ESTALE);
	CHECK(reflector_ended(&r, -ESTALE, 7, now) == 0);
	CHECK_STR(request(), "/x?resourceVersion=30");
}

TEST(what_fails_for_a_while_is_tried_again_from_the_same_version)
{
	static const int reasons[] = { -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH };

	for (size_t i = 0; i < 3; i++) {
		list();
		request();
		int first = reflector_ended(&r, reasons[i], 0, now);
		CHECK(first == REFLECTOR_FIRST_MS);
		CHECK(strstr(request(), "watch=1") && strstr(request(), "resourceVersion=10&"));
		CHECK(reflector_ended(&r, reasons[i], 0, now += 1000) == 2 * first);
		CHECK(logged == 1 && !*seen);
		for (int k = 0; k < 20; k++) CHECK(reflector_ended(&r, reasons[i], 0, now += 1000) <= REFLECTOR_MOST_MS);
		CHECK(reflector_ended(&r, reasons[i], 0, now += 2 * REFLECTOR_CALM_MS) == first);
		CHECK(logged == 2);
	}
	list();
	request();
	CHECK(feed(answer(429, "{}"), 10) == -EBUSY && reflector_ended(&r, -EBUSY, 0, now) > 0);
	CHECK(strstr(request(), "resourceVersion=10&"));
}

TEST(a_watch_that_is_cut)
{
	list();
	request();
	feed(STREAM, 100);
	feed(chunk(EVENT("ADDED", OBJECT("c", "11"))), 100);
	feed("40\r\n{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"na", 100);
	CHECK(reflector_ended(&r, 0, 7, now + 100) == 0);
	CHECK_STR(seen, "+c");
	CHECK(strstr(request(), "resourceVersion=11&"));
	/* at once and without an event: an error */
	feed(STREAM, 100);
	CHECK(reflector_ended(&r, 0, 7, now + 100) > 0);
	CHECK_STR(request(), "/x?resourceVersion=11");
}

TEST(a_list_that_is_cut_begins_again)
{
	begin();
	request();
	feed("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"items\":[" OBJECT("a", "9"), 10);
	CHECK(reflector_ended(&r, -EPIPE, 0, now) > 0);
	CHECK_STR(request(), "/x?limit=500&resourceVersion=0");
	CHECK_STR(seen, "begin +a");
}

TEST(what_is_not_valid)
{
	static const char *const bodies[] = { "x", "]", "{}", "{\"items\":[}]}", "\"", "{\"items\":[]}",
		"{\"metadata\":{\"resourceVersion\":\"1&x=\"}}" };

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		begin();
		request();
		CHECK(feed(answer(200, bodies[i]), 3) < 0);
		CHECK(!strstr(seen, "sweep"));
	}
	/* one object among others */
	begin();
	request();
	CHECK(feed(answer(200, LIST("\"resourceVersion\":\"1\"", OBJECT("a", "1") ",{\"metadata\":{1}}," "{}," OBJECT("b", "1"))), 5) == 1);
	CHECK_STR(seen, "begin +a +b sweep");
	CHECK(logged == 2);
	/* an event of no known type: the watch is given up */
	request();
	feed(STREAM, 10);
	CHECK(feed(chunk(EVENT("X", "{}")), 10) == -EBADMSG && reflector_ended(&r, -EBADMSG, 0, now) > 0);
	CHECK_STR(request(), "/x?resourceVersion=1");
}

TEST(an_object_that_is_too_large_is_left_out)
{
	static char spaces[4097];
	char head[64];
	size_t pieces = REFLECTOR_OBJECT_MAX / 4096 + 1;

	memset(spaces, ' ', 4096);
	begin();
	request();
	const char *front = "{\"items\":[{", *back = "}," OBJECT("b", "1") "],\"metadata\":{\"resourceVersion\":\"1\"}}";
	sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", pieces * 4096 + strlen(front) + strlen(back));
	feed(head, 100);
	feed(front, 100);
	for (size_t i = 0; i < pieces; i++) CHECK(feed(spaces, 4096) == 0);
	CHECK(r.split.text.len <= REFLECTOR_OBJECT_MAX);
	CHECK(feed(back, 100) == 1);
	CHECK_STR(seen, "begin +b sweep");
	CHECK(logged == 1);
	reflector_free(&r);
}

UNIT_MAIN("reflector")
