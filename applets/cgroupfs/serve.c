/* The server: reads requests, answers them one after the other. */
#include "cgroupfs/serve.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/fuse.h>

/* Groups are made and removed through this mount; only what is done past it is noticed later. */
enum { VALID_S = 60 };

typedef void serve_handler(struct tree *t, const struct wire_request *q, struct wire_reply *r);

static void serve_init(struct tree *t, const struct wire_request *q, struct wire_reply *r)
{
	(void)t;
	wire_init(r, q);
}

static void serve_open(struct tree *t, const struct wire_request *q, struct wire_reply *r)
{
	(void)t;
	wire_open(r, q);
}

static void serve_statfs(struct tree *t, const struct wire_request *q, struct wire_reply *r)
{
	(void)t;
	wire_statfs(r, q);
}

static void serve_entry(struct tree *t, const struct wire_request *q, struct wire_reply *r)
{
	struct tree_entry e;
	int error = q->opcode == FUSE_MKDIR ? tree_mkdir(t, q->node, q->name, q->mode, &e)
		: tree_lookup(t, q->node, q->name, &e);

	if (error < 0) wire_status(r, q, error);
	else wire_entry(r, q, e.node, &e.st, e.fresh ? 0 : VALID_S);
}

static void serve_rmdir(struct tree *t, const struct wire_request *q, struct wire_reply *r)
{
	wire_status(r, q, tree_rmdir(t, q->node, q->name));
}

static void serve_getattr(struct tree *t, const struct wire_request *q, struct wire_reply *r)
{
	struct tree_entry e;
	int error = tree_stat(t, q->node, &e);

	if (error < 0) wire_status(r, q, error);
	else wire_attr(r, q, e.node, &e.st, VALID_S);
}

static void serve_readlink(struct tree *t, const struct wire_request *q, struct wire_reply *r)
{
	char target[PATH_MAX];
	int error = tree_link(t, q->node, target);

	if (error < 0) wire_status(r, q, error);
	else wire_text(r, q, target);
}

struct serve_list { const struct wire_request *q; struct wire_reply *r; };

static bool put_item(void *arg, uint64_t node, uint64_t next, const char *name, bool is_dir)
{
	const struct serve_list *l = arg;
	return wire_dirent(l->r, l->q, node, next, name, is_dir);
}

static void serve_readdir(struct tree *t, const struct wire_request *q, struct wire_reply *r)
{
	struct serve_list l = { q, r };

	wire_status(r, q, 0);
	int error = tree_list(t, q->node, q->offset, put_item, &l);
	if (error < 0) wire_status(r, q, error);
}

static const struct { uint32_t opcode; serve_handler *fn; } handlers[] = {
	{ FUSE_LOOKUP, serve_entry }, { FUSE_READLINK, serve_readlink },
	{ FUSE_GETATTR, serve_getattr }, { FUSE_READDIR, serve_readdir },
	{ FUSE_MKDIR, serve_entry }, { FUSE_RMDIR, serve_rmdir }, { FUSE_INIT, serve_init },
	{ FUSE_OPENDIR, serve_open }, { FUSE_STATFS, serve_statfs },
};

/* The same answer always, or none. */
static const struct { uint8_t opcode, error; bool silent; } fixed[] = {
	{ FUSE_RELEASEDIR, 0, false }, { FUSE_FSYNCDIR, 0, false }, { FUSE_ACCESS, 0, false },
	{ FUSE_DESTROY, 0, false }, { FUSE_FORGET, 0, true }, { FUSE_BATCH_FORGET, 0, true },
	{ FUSE_INTERRUPT, 0, true }, { FUSE_SETATTR, EPERM, false },
	{ FUSE_CREATE, EACCES, false }, { FUSE_MKNOD, EPERM, false },
	{ FUSE_SYMLINK, EPERM, false }, { FUSE_LINK, EPERM, false },
	{ FUSE_UNLINK, EPERM, false }, { FUSE_RENAME, EPERM, false },
	{ FUSE_RENAME2, EPERM, false },
};

static void answer_fixed(const struct wire_request *q, struct wire_reply *r)
{
	wire_status(r, q, -ENOSYS);
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
		if (fixed[i].opcode != q->opcode) continue;
		wire_status(r, q, -fixed[i].error);
		if (fixed[i].silent) r->len = 0;
	}
}

void serve_answer(struct tree *t, const void *request, size_t len, struct wire_reply *r)
{
	struct wire_request q;
	int error = wire_parse(request, len, &q);

	r->len = 0;
	if (error == -EBADMSG) return;
	answer_fixed(&q, r);
	if (error < 0 && r->len) wire_status(r, &q, error);
	for (size_t i = 0; !error && i < sizeof handlers / sizeof *handlers; i++)
		if (handlers[i].opcode == q.opcode) handlers[i].fn(t, &q, r);
}

/* The length of a request that is not answered yet; 0: none. */
static size_t pending(const unsigned char *request)
{
	uint32_t len;

	memcpy(&len, request, sizeof len);
	return len <= WIRE_REQUEST ? len : 0;
}

/* A request was read, or there is one already. 0: the mount is gone. */
static int await(int device, unsigned char *request)
{
	for (;;) {
		if (pending(request)) return 1;
		ssize_t n = read(device, request, WIRE_REQUEST);
		if (n > 0) continue;
		if (!n || errno == ENODEV) return 0;
		/* ENOENT: the one that was to be read has been interrupted. */
		if (errno != EINTR && errno != EAGAIN && errno != ENOENT) return -errno;
	}
}

int serve_device(struct tree *t, int device, int state)
{
	static struct wire_reply reply;
	struct cgroupfs_state *kept = mmap(NULL, sizeof *kept, PROT_READ | PROT_WRITE, MAP_SHARED,
		state, 0);
	int r;

	if (kept == MAP_FAILED) return -errno;
	unsigned char *request = kept->request;
	t->ended = kept->ended;
	while ((r = await(device, request)) > 0) {
		serve_answer(t, request, pending(request), &reply);
		/* ENOENT: the request was interrupted, and expects no reply any more. */
		if (reply.len && write(device, reply.data, reply.len) < 0 && errno == ENODEV) break;
		memset(request, 0, sizeof(uint32_t));
	}
	t->ended = NULL;
	munmap(kept, sizeof *kept);
	return r;
}
