/* Listens where the files of PORTS_DIR say. Connections are the gate's, datagrams the relay's. */
#include "netd/ports.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "netd/sockets.h"

/* A caller sends its request at once; the loop stands still until then. */
enum { REQUEST_MS = 200 };

/* ---- listeners ---- */

static int note(struct ports *p, const char *name, bool udp, int place)
{
	size_t i = 0;

	while (i < p->n && *p->v[i].name) i++;
	if (i == sizeof p->v / sizeof *p->v) return -ENOSPC;
	p->v[i] = (struct ports_listener){ .udp = udp, .place = (uint32_t)place };
	memcpy(p->v[i].name, name, strlen(name) + 1);
	if (i == p->n) p->n++;
	return 0;
}

/* Takes over fd. */
static int add(struct ports *p, const char *name, const struct port *port, int fd)
{
	const struct listener l = { .fd = fd, .side = POLICY_INSIDE, .to = port->pod };
	const struct relay_port u = { .fd = fd, .to = port->pod };
	int place = port->udp ? relay_add(p->relay, &u) : gate_add(p->gate, &l);

	/* Both tables together have as many places as this one. */
	return place < 0 ? place : note(p, name, port->udp, place);
}

static void remove_all(struct ports *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->v[i].name, name)) continue;
		if (p->v[i].udp) relay_remove(p->relay, p->v[i].place);
		else gate_remove(p->gate, p->v[i].place);
		*p->v[i].name = 0;
	}
}

/* An address that exists only inside, or only outside, or a family that one side does not have. */
static bool is_elsewhere(int r)
{
	return r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT;
}

static int fail(const struct port *port, const char *where, int r, struct err *e)
{
	char text[ENDPOINT_TEXT];

	endpoint_format(&port->host, text);
	return err_errno(e, r, "hostPort %s/%s%s", text, port->udp ? "udp" : "tcp", where);
}

static int open_port(struct ports *p, const char *name, const struct port *port, struct err *e)
{
	static const struct ip any6 = { .len = 16 };
	int in = sockets_inside(&port->host, port->udp), out;

	if (in < 0 && !is_elsewhere(in)) return fail(port, " on the node", in, e);
	int r = in < 0 ? 0 : add(p, name, port, in);
	out = sockets_outside(p->channel, &port->host, port->udp);
	if (out < 0 && !is_elsewhere(out))
		return fail(port, " outside of the cluster's namespaces", out, e);
	int r2 = out < 0 ? 0 : add(p, name, port, out);
	if (r < 0 || r2 < 0) return fail(port, "", r < 0 ? r : r2, e);
	if (in >= 0 || out >= 0 || !ip_cmp(&port->host.address, &any6)) return 0;
	return fail(port, "", -EADDRNOTAVAIL, e);
}

/* Listens as the attachment's file says; without a file, no more. How many listeners there are. */
static int update(struct ports *p, const char *name, struct err *e)
{
	static struct port v[PORTS_MAX];
	_cleanup_buf_ struct buf text = {0};
	char path[PATH_MAX];

	remove_all(p, name);
	int n = io_join(path, sizeof path, PORTS_DIR, name);
	if (!n) n = io_read(path, &text, PORTS_FILE_MAX);
	if (n == -ENOENT) return 0;
	if (n >= 0) n = ports_parse(text.data ? text.data : "", text.len, v, PORTS_MAX);
	if (n < 0) return err_errno(e, n, "%s", path);
	int r = 0;
	for (int i = 0; !r && i < n; i++) r = open_port(p, name, &v[i], e);
	if (r < 0) remove_all(p, name);
	return r < 0 ? r : n;
}

/* For ports of a netd that has ended. What a plugin has asked for since then is not touched. */
static int open_attachment(void *arg, const char *name, struct err *e)
{
	struct ports *p = arg;

	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->v[i].name, name)) return 1;
	int r = update(p, name, e);
	return r < 0 ? r : !r;
}

static const struct retry_kind attachment = { "host ports of", open_attachment };

/* ---- calls ---- */

static void answer(struct ports *p, int fd)
{
	struct pollfd wait = { fd, POLLIN, 0 };
	char name[PORTS_NAME + 1];
	struct err e = {0};

	ssize_t n = poll(&wait, 1, REQUEST_MS) == 1 ? recv(fd, name, PORTS_NAME, MSG_DONTWAIT) : 0;
	if (n <= 0 || !ports_is_name(name, (size_t)n)) return;
	name[n] = 0;
	const char *text = update(p, name, &e) < 0 ? e.text : "ok";
	size_t len = strlen(text);
	/* A caller that is gone has been killed, and its runtime calls DEL. */
	send(fd, text, len < PORTS_ANSWER ? len : PORTS_ANSWER - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ports_on_call(struct ports *p)
{
	_cleanup_close_ int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) answer(p, fd);
}

static int open_socket(struct ports *p)
{
	const struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = PORTS_SOCKET };
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = PORTS_DATA };
	int r = io_mkdirs(PORTS_DIR, 0700);

	if (!r) r = io_unlink(PORTS_SOCKET);   /* of a netd that was killed */
	if (r < 0) return r;
	p->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0) return -errno;
	if (bind(p->fd, (const struct sockaddr *)&a, sizeof a) < 0 || listen(p->fd, 64) < 0 ||
		epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->fd, &ev) < 0) {
		r = -errno;
		close(p->fd);
		p->fd = -1;
	}
	return r;
}

/* The socket first: what is written after the directory was read is told by it. */
int ports_init(struct ports *p, int64_t now)
{
	p->retries.arg = p;
	p->fd = -1;
	int r = open_socket(p);
	if (r < 0) return r;
	_cleanup_closedir_ DIR *d = opendir(PORTS_DIR);
	if (!d) return -errno;
	for (struct dirent *f; (f = readdir(d));) {
		if (ports_is_name(f->d_name, strlen(f->d_name)))
			retries_open(&p->retries, &attachment, f->d_name, now);
	}
	return 0;
}
