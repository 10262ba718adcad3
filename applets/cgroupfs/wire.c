/* Structures of linux/fuse.h to and from bytes. What a request means is serve.c's business. */
#include "cgroupfs/wire.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include <linux/fuse.h>

#include "base/path.h"

/* ---- requests ---- */

/* How many bytes stand before the name in the requests that have one; -1: it has none. */
static int before_name(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP: case FUSE_RMDIR: return 0;
	case FUSE_MKDIR: return sizeof(struct fuse_mkdir_in);
	default: return -1;
	}
}

static int parse_name(const unsigned char *body, size_t len, struct wire_request *q)
{
	int skip = before_name(q->opcode);

	if (skip < 0) return 0;
	if (len < (size_t)skip + 2) return -EINVAL;
	const char *name = (const char *)body + skip, *end = memchr(name, 0, len - (size_t)skip);
	if (!end || end == name || memchr(name, '/', (size_t)(end - name))) return -EINVAL;
	if (path_is_dots(name)) return -EINVAL;
	if (end - name > NAME_MAX) return -ENAMETOOLONG;
	q->name = name;
	return 0;
}

/* The structure at the body's start; false if it is not whole. */
static bool take(void *to, size_t size, const unsigned char *body, size_t len)
{
	if (len < size) return false;
	memcpy(to, body, size);
	return true;
}

static int parse_body(const unsigned char *body, size_t len, struct wire_request *q)
{
	struct fuse_mkdir_in mkdir_in = {0};
	struct fuse_read_in read_in = {0};
	bool whole = true;

	switch (q->opcode) {
	case FUSE_INIT:
		whole = take(&q->major, sizeof q->major, body, len) &&
			take(&q->minor, sizeof q->minor, body + sizeof q->major,
				len - sizeof q->major);
		break;
	case FUSE_MKDIR:
		whole = take(&mkdir_in, sizeof mkdir_in, body, len);
		q->mode = mkdir_in.mode & ~mkdir_in.umask;
		break;
	case FUSE_READDIR:
		whole = take(&read_in, sizeof read_in, body, len);
		q->offset = read_in.offset;
		q->size = read_in.size;
		break;
	default:
		break;
	}
	return whole ? parse_name(body, len, q) : -EINVAL;
}

int wire_parse(const void *data, size_t len, struct wire_request *q)
{
	struct fuse_in_header h;

	*q = (struct wire_request){0};
	if (!take(&h, sizeof h, data, len) || h.len != len) return -EBADMSG;
	q->opcode = h.opcode;
	q->unique = h.unique;
	q->node = h.nodeid;
	return parse_body((const unsigned char *)data + sizeof h, len - sizeof h, q);
}

/* ---- replies ---- */

static void put(struct wire_reply *r, const void *data, size_t n)
{
	memcpy(r->data + r->len, data, n);
	r->len += n;
	const uint32_t len = (uint32_t)r->len;
	memcpy(r->data, &len, sizeof len);
}

void wire_status(struct wire_reply *r, const struct wire_request *q, int error)
{
	const struct fuse_out_header h = { .error = error, .unique = q->unique };

	r->len = 0;
	put(r, &h, sizeof h);
}

static void put_reply(struct wire_reply *r, const struct wire_request *q, const void *data,
	size_t n)
{
	wire_status(r, q, 0);
	put(r, data, n);
}

/* A kernel with another major number sends INIT once more, with ours. */
void wire_init(struct wire_reply *r, const struct wire_request *q)
{
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = q->minor < FUSE_KERNEL_MINOR_VERSION ? q->minor
			: FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096, .time_gran = 1,
	};

	put_reply(r, q, &out, sizeof out);
}

static void put_attr(struct wire_reply *r, uint64_t node, const struct stat *st)
{
	const struct fuse_attr a = {
		.ino = node, .mode = st->st_mode, .nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid, .gid = st->st_gid, .blksize = 4096,
		.atime = (uint64_t)st->st_atim.tv_sec, .mtime = (uint64_t)st->st_mtim.tv_sec,
		.ctime = (uint64_t)st->st_ctim.tv_sec,
		.mtimensec = (uint32_t)st->st_mtim.tv_nsec,
	};

	put(r, &a, sizeof a);
}

void wire_entry(struct wire_reply *r, const struct wire_request *q, uint64_t node,
	const struct stat *st, unsigned seconds)
{
	const struct fuse_entry_out out = {
		.nodeid = node, .entry_valid = seconds, .attr_valid = seconds,
	};

	put_reply(r, q, &out, offsetof(struct fuse_entry_out, attr));
	put_attr(r, node, st);
}

void wire_attr(struct wire_reply *r, const struct wire_request *q, uint64_t node,
	const struct stat *st, unsigned seconds)
{
	const struct fuse_attr_out out = { .attr_valid = seconds };

	put_reply(r, q, &out, offsetof(struct fuse_attr_out, attr));
	put_attr(r, node, st);
}

void wire_text(struct wire_reply *r, const struct wire_request *q, const char *text)
{
	size_t n = strlen(text);

	if (n > WIRE_REPLY - sizeof(struct fuse_out_header)) wire_status(r, q, -ENAMETOOLONG);
	else put_reply(r, q, text, n);
}

void wire_open(struct wire_reply *r, const struct wire_request *q)
{
	put_reply(r, q, &(struct fuse_open_out){0}, sizeof(struct fuse_open_out));
}

void wire_statfs(struct wire_reply *r, const struct wire_request *q)
{
	const struct fuse_statfs_out out = {
		.st = { .bsize = 4096, .frsize = 4096, .namelen = NAME_MAX },
	};

	put_reply(r, q, &out, sizeof out);
}

bool wire_dirent(struct wire_reply *r, const struct wire_request *q, uint64_t node, uint64_t next,
	const char *name, bool is_dir)
{
	static const unsigned char zeros[8];
	const struct fuse_dirent d = {
		.ino = node, .off = next, .namelen = (uint32_t)strlen(name),
		.type = is_dir ? DT_DIR : DT_LNK,
	};
	size_t n = FUSE_NAME_OFFSET + d.namelen, whole = FUSE_REC_ALIGN(n);

	if (r->len + whole > sizeof r->data ||
	    r->len + whole > q->size + sizeof(struct fuse_out_header)) return false;
	put(r, &d, FUSE_NAME_OFFSET);
	put(r, name, d.namelen);
	put(r, zeros, whole - n);
	return true;
}
