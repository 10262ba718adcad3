/* The flow table, and the copying. Where a flow goes is decided elsewhere (policy.c, listen.c). */
#include "netd/flow.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

/* Reads of one side per event: enough to keep a fast stream going; then the others have a turn. */
enum { READS_PER_EVENT = 4, DIALLING_SHARE = 8, DIALLING_LEAST = 64 };

int flows_init(struct flows *f, int epoll, uint32_t max)
{
	*f = (struct flows){ .epoll = epoll, .max = max, .trying_until = INT64_MAX };
	f->v = calloc(max, sizeof *f->v);
	f->scratch = malloc(FLOW_SCRATCH);
	if (f->v && f->scratch) return 0;
	flows_free(f);
	return -ENOMEM;
}

static bool is_live(const struct flow *w)
{
	return w->state != FLOW_FREE && w->state != FLOW_ENDED;
}

void flows_free(struct flows *f)
{
	for (uint32_t i = 0; f->v && i < f->fresh; i++)
		for (int s = 0; s < FLOW_SIDES && is_live(&f->v[i]); s++) {
			close(f->v[i].side[s].fd);
			free(f->v[i].side[s].pending);
		}
	free(f->v);
	free(f->scratch);
	f->v = NULL;
	f->scratch = NULL;
}

bool flows_admit(struct flows *f, uint32_t source, int64_t now)
{
	uint32_t s = source % FLOW_SOURCES, most = f->max / DIALLING_SHARE;

	if (now - f->failed_since >= 1000) {
		memset(f->failed_by, 0, sizeof f->failed_by);
		f->failed_since = now;
	}
	if (most < DIALLING_LEAST) most = DIALLING_LEAST;
	return f->used_by[s] < f->max - f->used && f->dialling_by[s] < most &&
		f->failed_by[s] < FLOW_FAILURES;
}

void flows_count_failure(struct flows *f, uint32_t source)
{
	uint16_t *n = &f->failed_by[source % FLOW_SOURCES];

	*n += *n < FLOW_FAILURES;
}

static void set_reset_on_close(int fd, bool on)
{
	const struct linger l = { .l_onoff = on };

	/* It cannot fail on a TCP socket; on another one there is no reset. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}

void flow_reset_fd(int fd)
{
	set_reset_on_close(fd, true);
	close(fd);
}

/* ---- the table ---- */

static void list_add(struct flows *f, struct flow *w)
{
	struct flow_list *l = &f->lists[w->state];
	uint32_t own = (uint32_t)(w - f->v) + 1;

	w->prev = l->last;
	w->next = 0;
	if (l->last) f->v[l->last - 1].next = own;
	else l->first = own;
	l->last = own;
}

static void list_remove(struct flows *f, struct flow *w)
{
	struct flow_list *l = &f->lists[w->state];

	if (w->prev) f->v[w->prev - 1].next = w->next;
	else l->first = w->next;
	if (w->next) f->v[w->next - 1].prev = w->prev;
	else l->last = w->prev;
}

static struct flow *first_of(const struct flows *f, enum flow_state state)
{
	return f->lists[state].first ? &f->v[f->lists[state].first - 1] : NULL;
}

static void count_dialling(struct flows *f, const struct flow *w, uint32_t n)
{
	if (!is_live(w) || w->state == FLOW_OPEN) return;
	f->dialling += n;
	f->dialling_by[w->source] += n;
}

static void change_state(struct flows *f, struct flow *w, enum flow_state to)
{
	list_remove(f, w);
	count_dialling(f, w, -1u);
	w->state = to;
	count_dialling(f, w, 1);
	list_add(f, w);
}

/* A flow that is in the list of FREE. */
static struct flow *take_free(struct flows *f)
{
	struct flow *w = first_of(f, FLOW_FREE);

	if (w || f->fresh == f->max) return w;
	w = &f->v[f->fresh++];
	list_add(f, w);
	return w;
}

/* With no events epoll still reports a reset, which must not wait for something to send.
 * But a side that was told the end and has sent its own reports a hang-up for good: off with it,
 * until there is something to do. */
static int watch(struct flows *f, struct flow *w, int side, uint32_t events)
{
	struct flow_side *s = &w->side[side];
	struct epoll_event ev = { .events = events,
		.data.u64 = FLOW_DATA((uint64_t)(w - f->v), side) };
	bool keep = events || !s->shut;

	if (keep == s->watched && (!keep || s->events == events)) return 0;
	int op = !keep ? EPOLL_CTL_DEL : s->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(f->epoll, op, s->fd, &ev) < 0) return -errno;
	s->watched = keep;
	s->events = events;
	return 0;
}

static void drop_pending(struct flows *f, struct flow_side *s)
{
	f->pending -= s->pending_n;
	free(s->pending);
	s->pending = NULL;
	s->pending_n = s->pending_at = 0;
}

static void end(struct flows *f, struct flow *w, bool reset)
{
	for (int s = 0; s < FLOW_SIDES; s++) {
		/* close(2) takes it out of epoll too: no other descriptor refers to it. */
		set_reset_on_close(w->side[s].fd, reset);
		close(w->side[s].fd);
		drop_pending(f, &w->side[s]);
		w->side[s] = (struct flow_side){ .fd = -1 };
	}
	if (w->state != FLOW_OPEN) flows_count_failure(f, w->source);
	f->used_by[w->source]--;
	f->used--;
	change_state(f, w, FLOW_ENDED);
}

static void prepare_socket(int fd)
{
	int on = 1;

	/* The kernel finds out that a peer has vanished, so no timer of ours has to. Either option
	 * may be missing; then nothing is lost. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	set_reset_on_close(fd, true);
}

/* Takes over left; NULL if there is no room. */
static struct flow *begin(struct flows *f, enum flow_state state, int left, uint32_t source)
{
	struct flow *w = take_free(f);

	if (!w) {
		flow_reset_fd(left);
		return NULL;
	}
	w->source = source % FLOW_SOURCES;
	w->reply = (struct proxy_reply){ .done = false };
	w->to_proxy = false;
	w->side[FLOW_LEFT] = (struct flow_side){ .fd = left };
	w->side[FLOW_RIGHT] = (struct flow_side){ .fd = -1 };
	f->used_by[w->source]++;
	f->used++;
	change_state(f, w, state);
	prepare_socket(left);
	return w;
}

static int watch_dial(struct flows *f, struct flow *w, int right, int64_t now)
{
	w->side[FLOW_RIGHT].fd = right;
	w->deadline = now + FLOW_DIAL_MS;
	prepare_socket(right);
	int r = watch(f, w, FLOW_LEFT, EPOLLRDHUP);   /* tells if it gives up */
	return r < 0 ? r : watch(f, w, FLOW_RIGHT, EPOLLOUT);
}

int flows_add(struct flows *f, int left, int right, uint32_t source, int64_t now)
{
	struct flow *w = begin(f, FLOW_DIALLING, left, source);

	if (!w) {
		flow_reset_fd(right);
		return -EMFILE;
	}
	int r = watch_dial(f, w, right, now);
	if (r < 0) end(f, w, true);
	return r;
}

static int add_waiting(struct flows *f, int left, const struct endpoint *to, uint32_t source,
	int64_t deadline, bool to_proxy)
{
	struct flow *w = begin(f, FLOW_WAITING, left, source);

	if (!w) return -EMFILE;
	w->to = *to;
	w->to_proxy = to_proxy;
	w->deadline = deadline;
	/* Its bytes stay where they are, so only new ones may wake. */
	int r = watch(f, w, FLOW_LEFT, EPOLLIN | EPOLLRDHUP | EPOLLET);
	if (r < 0) end(f, w, true);
	return r;
}

/* Dials the next endpoint. 0, or -errno: there is none, or all have been tried. */
static int try_next(struct flows *f, struct flow *w, int64_t now)
{
	struct flow_side *right = &w->side[FLOW_RIGHT];

	if (w->client.dialled == FLOW_TRIES) return -ECONNREFUSED;
	int fd = f->service.dial(f->service.arg, &w->to, &w->client, now);
	if (fd < 0) return fd;
	if (right->fd >= 0) close(right->fd);
	*right = (struct flow_side){ .fd = fd };
	prepare_socket(fd);
	w->deadline = now + (FLOW_TRY_MS << w->client.dialled++);
	if (w->deadline < f->trying_until) f->trying_until = w->deadline;
	return watch(f, w, FLOW_RIGHT, EPOLLOUT);
}

int flows_add_trying(struct flows *f, int left, const struct endpoint *to,
	const struct flow_client *client, uint32_t source, int64_t now)
{
	int right = f->service.dial(f->service.arg, to, client, now);

	if (right < 0) return right;
	struct flow *w = begin(f, FLOW_TRYING, left, source);
	if (!w) {
		flow_reset_fd(right);
		return 0;
	}
	w->to = *to;
	w->client = *client;
	w->client.dialled = 1;
	int r = watch_dial(f, w, right, now);
	w->deadline = now + FLOW_TRY_MS;
	if (w->deadline < f->trying_until) f->trying_until = w->deadline;
	if (r < 0) end(f, w, true);
	return 0;
}

int flows_add_waiting(struct flows *f, int left, const struct endpoint *to, uint32_t source,
	int64_t deadline)
{
	return add_waiting(f, left, to, source, deadline, false);
}

int flows_add_to_proxy(struct flows *f, int left, const struct endpoint *to, uint32_t source,
	int64_t deadline)
{
	return add_waiting(f, left, to, source, deadline, true);
}

/* ---- copying ---- */

/* Writes what waits for this side. 1: nothing waits any more; 0: its socket is full; -errno. */
static int flush(struct flows *f, struct flow_side *to)
{
	while (to->pending_at < to->pending_n) {
		const char *rest = to->pending + to->pending_at;
		ssize_t n = send(to->fd, rest, to->pending_n - to->pending_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return errno == EAGAIN ? 0 : -errno;
		to->pending_at += (uint32_t)n;
	}
	drop_pending(f, to);
	return 1;
}

/* Keeps what did not fit into the socket. */
static int keep_pending(struct flows *f, struct flow_side *to, const char *data, size_t n)
{
	to->pending = malloc(n);
	if (!to->pending) return -ENOMEM;
	memcpy(to->pending, data, n);
	to->pending_n = (uint32_t)n;
	to->pending_at = 0;
	f->pending += n;
	return 0;
}

static int put(struct flows *f, struct flow_side *to, const char *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k = send(to->fd, data + done, n - done, MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR) continue;
		if (k < 0 && errno != EAGAIN) return -errno;
		if (k < 0) return keep_pending(f, to, data + done, n - done);
		done += (size_t)k;
	}
	return 0;
}

/* Moves what has come in on one side to the other, as far as that takes it. 0 or -errno. */
static int copy(struct flows *f, struct flow_side *from, struct flow_side *to)
{
	size_t most = f->pending > FLOW_PENDING_MAX ? FLOW_SMALL : FLOW_SCRATCH;

	for (int i = 0; i < READS_PER_EVENT && !to->pending && !from->eof; i++) {
		ssize_t n = recv(from->fd, f->scratch, most, 0);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return errno == EAGAIN ? 0 : -errno;
		from->eof = !n;
		int r = put(f, to, f->scratch, (size_t)n);
		if (r < 0) return r;
		f->bytes += (uint64_t)n;
		if ((size_t)n < most) return 0;
	}
	return 0;
}

/* Passes an end of file on once everything before it has gone. */
static int pass_end(struct flow_side *from, struct flow_side *to)
{
	if (!from->eof || to->shut || to->pending) return 0;
	to->shut = true;
	return shutdown(to->fd, SHUT_WR) < 0 ? -errno : 0;
}

static uint32_t wanted(const struct flow_side *own, const struct flow_side *other)
{
	return (own->eof || other->pending ? 0 : EPOLLIN) | (own->pending ? EPOLLOUT : 0);
}

/* 0, or the -errno that the kernel noted for this socket. */
static int socket_error(int fd)
{
	int e = 0;
	socklen_t n = sizeof e;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0 ? -errno : -e;
}

static int on_open(struct flows *f, struct flow *w, int side, uint32_t events)
{
	struct flow_side *own = &w->side[side], *other = &w->side[!side];
	int r = 0;

	/* Where the data before it would still be read, the read reports the error after it. */
	if (events & (EPOLLHUP | EPOLLERR) && !(own->events & EPOLLIN)) {
		r = socket_error(own->fd);
		/* Watched for nothing but this, unless that changed in this batch. */
		if (!r && !own->events && !own->shut) r = -ECONNRESET;
	}
	if (r >= 0 && own->pending) r = flush(f, own);
	if (r >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) r = copy(f, own, other);
	if (r >= 0) r = pass_end(own, other);
	if (r >= 0) r = pass_end(other, own);
	for (int s = 0; r >= 0 && s < FLOW_SIDES; s++)
		r = watch(f, w, s, wanted(&w->side[s], &w->side[!s]));
	return r;
}

/* The left side ends while the right one is connecting. If it has sent nothing, it has given up;
 * what it sent before its end must get there. */
static int on_early_end(struct flows *f, struct flow *w, uint32_t events)
{
	char c;

	if (events & (EPOLLHUP | EPOLLERR)) return -ECONNRESET;
	if (recv(w->side[FLOW_LEFT].fd, &c, 1, MSG_PEEK) == 0) return -ECONNABORTED;
	return watch(f, w, FLOW_LEFT, 0);
}

/* ---- opening ---- */

static int open_flow(struct flows *f, struct flow *w)
{
	change_state(f, w, FLOW_OPEN);
	int r = watch(f, w, FLOW_LEFT, EPOLLIN);
	return r < 0 ? r : watch(f, w, FLOW_RIGHT, EPOLLIN);
}

/* The right side is connected, or not. A request that waits for it is a proxy's. */
static int on_dialled(struct flows *f, struct flow *w)
{
	struct flow_side *right = &w->side[FLOW_RIGHT];
	int r = socket_error(right->fd);

	if (!r && !right->pending) return open_flow(f, w);
	if (!r) r = flush(f, right);
	if (r == 1) {
		change_state(f, w, FLOW_ASKING);
		return watch(f, w, FLOW_RIGHT, EPOLLIN);
	}
	if (r < 0 && right->pending) f->proxy.failed(f->proxy.arg, r);
	return r;
}

/* The proxy answers. What follows its answer stays in the socket. */
static int on_reply(struct flows *f, struct flow *w)
{
	int fd = w->side[FLOW_RIGHT].fd;
	ssize_t n = recv(fd, f->scratch, FLOW_SMALL, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
	if (n > 0) {
		n = (ssize_t)proxy_reply_feed(&w->reply, f->scratch, (size_t)n);
		if (recv(fd, f->scratch, (size_t)n, 0) != n) return -EIO;
		if (!w->reply.done) return 0;
		if (w->reply.status / 100 == 2) return open_flow(f, w);
	}
	f->proxy.failed(f->proxy.arg, n < 0 ? -errno : !n ? -ECONNRESET : w->reply.status);
	return -ECONNREFUSED;
}

static int dial_waiting(struct flows *f, struct flow *w, const char *name, int64_t now)
{
	_cleanup_buf_ struct buf request = {0};
	int right = f->proxy.dial(f->proxy.arg, &w->to, name, w->to_proxy ? NULL : &request);

	if (right < 0) return right;
	int r = request.failed ? -ENOMEM : 0;
	change_state(f, w, FLOW_DIALLING);
	if (!r && request.len)
		r = keep_pending(f, &w->side[FLOW_RIGHT], request.data, request.len);
	int e = watch_dial(f, w, right, now);
	return r < 0 ? r : e;
}

/* The client's first bytes are there, or it has ended. At the time limit: what is there must do. */
static int on_first_bytes(struct flows *f, struct flow *w, bool all, int64_t now)
{
	char name[PROXY_NAME];
	ssize_t n = recv(w->side[FLOW_LEFT].fd, f->scratch, FLOW_SMALL, MSG_PEEK);

	if (n == 0) return -ECONNABORTED;
	if (n < 0 && errno != EAGAIN) return -errno;
	if (n > 0 && w->to_proxy) return dial_waiting(f, w, NULL, now);
	int r = n < 0 ? 0 : proxy_find_name(f->scratch, (size_t)n, name);
	if (!r && !all && n < FLOW_SMALL) return 0;
	return dial_waiting(f, w, r > 0 ? name : NULL, now);
}

/* A flow that was not opened. Its client has sent a request, perhaps: what is not read when the
 * socket is closed would make the kernel reset the connection, and the answer be lost. */
static void fail(struct flows *f, struct flow *w, int reason)
{
	_cleanup_buf_ struct buf answer = {0};
	int fd = w->side[FLOW_LEFT].fd;
	bool told = w->to_proxy && w->state != FLOW_OPEN && reason != -ECONNABORTED;

	if (told) f->proxy.explain(f->proxy.arg, &w->to, reason, &answer);
	told = told && recv(fd, f->scratch, FLOW_SCRATCH, 0) > 0 &&
		send(fd, answer.data, answer.len, MSG_NOSIGNAL) == (ssize_t)answer.len;
	end(f, w, !told);
}

void flows_event(struct flows *f, uint32_t index, int side, uint32_t events, int64_t now)
{
	struct flow *w = index < f->fresh ? &f->v[index] : NULL;
	int r = 0;

	if (!w || !is_live(w)) return;   /* ended by an earlier event of this batch */
	if (w->state == FLOW_OPEN) r = on_open(f, w, side, events);
	else if (w->state == FLOW_WAITING) r = on_first_bytes(f, w, false, now);
	else if (side == FLOW_LEFT) r = on_early_end(f, w, events);
	else if (w->state == FLOW_ASKING) r = on_reply(f, w);
	else r = on_dialled(f, w);
	if (r < 0 && w->state == FLOW_TRYING && side == FLOW_RIGHT) r = try_next(f, w, now);
	if (r < 0) fail(f, w, r);
	else if (w->side[FLOW_LEFT].shut && w->side[FLOW_RIGHT].shut) end(f, w, false);
}

static void on_time_out(struct flows *f, struct flow *w, int64_t now)
{
	int r = -ETIMEDOUT;

	if (w->state == FLOW_WAITING) r = on_first_bytes(f, w, true, now);
	else if (w->state == FLOW_TRYING) r = try_next(f, w, now);
	else if (w->state == FLOW_ASKING || w->side[FLOW_RIGHT].pending)
		f->proxy.failed(f->proxy.arg, r);
	if (r < 0) fail(f, w, r);
}

/* Their limits differ, so all are looked at, but only when one may have been reached. */
static int settle_trying(struct flows *f, int64_t now)
{
	struct flow *w = first_of(f, FLOW_TRYING), *next;

	if (w && now < f->trying_until) return (int)(f->trying_until - now);
	f->trying_until = INT64_MAX;
	for (; w; w = next) {
		next = w->next ? &f->v[w->next - 1] : NULL;
		if (w->deadline <= now) on_time_out(f, w, now);
		if (w->state == FLOW_TRYING && w->deadline < f->trying_until)
			f->trying_until = w->deadline;
	}
	return f->trying_until == INT64_MAX ? -1 : (int)(f->trying_until - now);
}

int flows_settle(struct flows *f, int64_t now)
{
	/* Each list begins with its oldest flow, though not always with the one whose time is up
	 * first; to end another one a little late does no harm. */
	static const enum flow_state limited[] = { FLOW_WAITING, FLOW_DIALLING, FLOW_ASKING };
	struct flow *w;
	int wait = settle_trying(f, now);

	for (size_t i = 0; i < sizeof limited / sizeof *limited; i++) {
		while ((w = first_of(f, limited[i])) && w->deadline <= now) on_time_out(f, w, now);
		if (w && (wait < 0 || w->deadline - now < wait)) wait = (int)(w->deadline - now);
	}
	while ((w = first_of(f, FLOW_ENDED))) change_state(f, w, FLOW_FREE);
	return wait;
}
