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

/* Reads of one side per event: enough to keep a fast stream going, and then the others have their turn. */
enum { READS_PER_EVENT = 4 };

int flows_init(struct flows *f, int epoll, uint32_t max)
{
	*f = (struct flows){ .epoll = epoll, .max = max };
	f->v = calloc(max, sizeof *f->v);
	f->scratch = malloc(FLOW_SCRATCH);
	if (f->v && f->scratch) return 0;
	flows_free(f);
	return -ENOMEM;
}

void flows_free(struct flows *f)
{
	for (uint32_t i = 0; f->v && i < f->fresh; i++)
		for (int s = 0; s < FLOW_SIDES && (f->v[i].state == FLOW_OPEN || f->v[i].state == FLOW_DIALLING); s++) {
			close(f->v[i].side[s].fd);
			free(f->v[i].side[s].pending);
		}
	free(f->v);
	free(f->scratch);
	f->v = NULL;
	f->scratch = NULL;
}

bool flows_admit(const struct flows *f, uint32_t source)
{
	return f->used < f->max && f->by_source[source % FLOW_SOURCES] < f->max / 2;
}

void flow_reset_fd(int fd)
{
	static const struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}

/* ---- the table ---- */

static struct flow *take_free(struct flows *f, uint32_t *index)
{
	if (f->free_list) {
		*index = f->free_list - 1;
		f->free_list = f->v[*index].next;
	} else if (f->fresh < f->max) {
		*index = f->fresh++;
	} else {
		return NULL;
	}
	return &f->v[*index];
}

static int watch(struct flows *f, uint32_t index, int side, uint32_t events)
{
	struct flow_side *s = &f->v[index].side[side];
	struct epoll_event ev = { .events = events, .data.u64 = FLOW_DATA(index, side) };

	if (s->events == events) return 0;
	int op = !s->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
	if (epoll_ctl(f->epoll, op, s->fd, &ev) < 0) return -errno;
	s->events = events;
	return 0;
}

static void end(struct flows *f, struct flow *w, bool reset)
{
	for (int s = 0; s < FLOW_SIDES; s++) {
		/* close(2) takes it out of epoll as well: no other descriptor refers to it. */
		if (reset) flow_reset_fd(w->side[s].fd);
		else close(w->side[s].fd);
		free(w->side[s].pending);
		w->side[s] = (struct flow_side){ .fd = -1 };
	}
	f->dialling -= w->state == FLOW_DIALLING;
	f->by_source[w->source]--;
	f->used--;
	w->state = FLOW_ENDED;
	w->next = f->ended_list;
	f->ended_list = (uint32_t)(w - f->v) + 1;
}

static void prepare_socket(int fd)
{
	int on = 1;

	/* A peer that is gone without a word is found out by the kernel, so no timer of ours has to. Both may be missing; then nothing is lost. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

int flows_add(struct flows *f, int left, int right, uint32_t source, int64_t now)
{
	uint32_t index;
	struct flow *w = take_free(f, &index);

	if (!w) {
		flow_reset_fd(left);
		flow_reset_fd(right);
		return -EMFILE;
	}
	*w = (struct flow){ .state = FLOW_DIALLING, .source = source % FLOW_SOURCES, .deadline = now + FLOW_DIAL_MS,
		.side = { [FLOW_LEFT].fd = left, [FLOW_RIGHT].fd = right } };
	f->by_source[w->source]++;
	f->used++;
	f->dialling++;
	f->opened++;
	prepare_socket(left);
	prepare_socket(right);
	int r = watch(f, index, FLOW_RIGHT, EPOLLOUT);
	if (r < 0) end(f, w, true);
	return r;
}

/* ---- copying ---- */

/* Writes what waits for this side. 1: nothing waits any more; 0: its socket is full; -errno. */
static int flush(struct flow_side *to)
{
	while (to->pending_at < to->pending_n) {
		ssize_t n = send(to->fd, to->pending + to->pending_at, to->pending_n - to->pending_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return errno == EAGAIN ? 0 : -errno;
		to->pending_at += (uint32_t)n;
	}
	free(to->pending);
	to->pending = NULL;
	to->pending_n = to->pending_at = 0;
	return 1;
}

/* Keeps what did not fit into the socket. */
static int keep(struct flow_side *to, const char *data, size_t n)
{
	to->pending = malloc(n);
	if (!to->pending) return -ENOMEM;
	memcpy(to->pending, data, n);
	to->pending_n = (uint32_t)n;
	to->pending_at = 0;
	return 0;
}

static int put(struct flow_side *to, const char *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k = send(to->fd, data + done, n - done, MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR) continue;
		if (k < 0) return errno == EAGAIN ? keep(to, data + done, n - done) : -errno;
		done += (size_t)k;
	}
	return 0;
}

/* Moves what has come in on one side to the other, as far as that takes it. 0 or -errno. */
static int copy(struct flows *f, struct flow_side *from, struct flow_side *to)
{
	for (int i = 0; i < READS_PER_EVENT && !to->pending && !from->eof; i++) {
		ssize_t n = recv(from->fd, f->scratch, FLOW_SCRATCH, 0);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return errno == EAGAIN ? 0 : -errno;
		from->eof = !n;
		int r = put(to, f->scratch, (size_t)n);
		if (r < 0) return r;
		f->bytes += (uint64_t)n;
		if ((size_t)n < FLOW_SCRATCH) return 0;
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

static int on_open(struct flows *f, struct flow *w, uint32_t index, int side, uint32_t events)
{
	struct flow_side *own = &w->side[side], *other = &w->side[!side];
	int r = 0;

	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) r = flush(own);
	if (r >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) r = copy(f, own, other);
	if (r >= 0) r = pass_end(own, other);
	if (r >= 0) r = pass_end(other, own);
	for (int s = 0; r >= 0 && s < FLOW_SIDES; s++) r = watch(f, index, s, wanted(&w->side[s], &w->side[!s]));
	return r;
}

/* The right side is connected, or not. */
static int on_dialled(struct flows *f, struct flow *w, uint32_t index)
{
	int e = 0;
	socklen_t n = sizeof e;

	if (getsockopt(w->side[FLOW_RIGHT].fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0) return -errno;
	if (e) return -e;
	w->state = FLOW_OPEN;
	f->dialling--;
	int r = watch(f, index, FLOW_LEFT, EPOLLIN);
	return r < 0 ? r : watch(f, index, FLOW_RIGHT, EPOLLIN);
}

void flows_event(struct flows *f, uint32_t index, int side, uint32_t events)
{
	struct flow *w = index < f->fresh ? &f->v[index] : NULL;
	int r = 0;

	if (!w || w->state == FLOW_FREE || w->state == FLOW_ENDED) return;   /* ended by an earlier event of this batch */
	if (w->state == FLOW_DIALLING) r = on_dialled(f, w, index);
	else r = on_open(f, w, index, side, events);
	if (r < 0) end(f, w, true);
	else if (w->side[FLOW_LEFT].shut && w->side[FLOW_RIGHT].shut) end(f, w, false);
}

int flows_settle(struct flows *f, int64_t now)
{
	int64_t next = -1;

	for (uint32_t i = 0, left = f->dialling; left && i < f->fresh; i++) {
		struct flow *w = &f->v[i];
		if (w->state != FLOW_DIALLING) continue;
		left--;
		if (w->deadline <= now) end(f, w, true);
		else if (next < 0 || w->deadline - now < next) next = w->deadline - now;
	}
	while (f->ended_list) {
		struct flow *w = &f->v[f->ended_list - 1];
		f->ended_list = w->next;
		*w = (struct flow){ .next = f->free_list };
		f->free_list = (uint32_t)(w - f->v) + 1;
	}
	return (int)next;
}
