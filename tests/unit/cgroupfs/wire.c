/* cgroupfs/wire.c: what is taken out of requests, and what replies look like. */
#include "cgroupfs/wire.h"

#include <errno.h>
#include <string.h>

#include <linux/fuse.h>

#include "unit.h"

static unsigned char request[WIRE_REQUEST];
static struct wire_request q;
static struct wire_reply reply;

static int parse(uint32_t opcode, const void *body, size_t n)
{
	struct fuse_in_header h = { .len = (uint32_t)(sizeof h + n), .opcode = opcode, .unique = 7,
		.nodeid = 5 };

	memcpy(request, &h, sizeof h);
	memcpy(request + sizeof h, body, n);
	return wire_parse(request, h.len, &q);
}

TEST(names_are_checked)
{
	char longest[300];

	CHECK(!parse(FUSE_LOOKUP, "memory.stat", 12));
	CHECK(q.unique == 7 && q.node == 5);
	CHECK_STR(q.name, "memory.stat");
	CHECK(parse(FUSE_LOOKUP, "memory.stat", 11) == -EINVAL);   /* no end */
	CHECK(parse(FUSE_LOOKUP, "", 1) == -EINVAL);
	CHECK(parse(FUSE_LOOKUP, "", 0) == -EINVAL);
	CHECK(parse(FUSE_LOOKUP, "a/b", 4) == -EINVAL);
	CHECK(parse(FUSE_RMDIR, ".", 2) == -EINVAL);
	CHECK(parse(FUSE_RMDIR, "..", 3) == -EINVAL);
	memset(longest, 'x', sizeof longest);
	longest[255] = 0;
	CHECK(!parse(FUSE_LOOKUP, longest, 256));
	longest[255] = 'x';
	longest[256] = 0;
	CHECK(parse(FUSE_LOOKUP, longest, 257) == -ENAMETOOLONG);
}

TEST(headers_that_do_not_fit_are_not_answered)
{
	CHECK(!parse(FUSE_GETATTR, "", 0));
	CHECK(wire_parse(request, sizeof(struct fuse_in_header) - 1, &q) == -EBADMSG);
	CHECK(wire_parse(request, sizeof(struct fuse_in_header) + 1, &q) == -EBADMSG);
	CHECK(wire_parse(request, 0, &q) == -EBADMSG);
}

TEST(mkdir_has_a_mode_without_the_umask)
{
	struct { struct fuse_mkdir_in in; char name[4]; } m = { { 0777, 022 }, "abc" };

	CHECK(!parse(FUSE_MKDIR, &m, sizeof m));
	CHECK(q.mode == 0755);
	CHECK_STR(q.name, "abc");
	CHECK(parse(FUSE_MKDIR, &m, sizeof m.in) == -EINVAL);
	CHECK(parse(FUSE_MKDIR, &m, 3) == -EINVAL);
}

TEST(init_answers_with_the_smaller_minor_number)
{
	struct fuse_init_in in = { 7, 31, 0, 0, 0, {0} };
	struct fuse_init_out out;

	CHECK(!parse(FUSE_INIT, &in, sizeof in));
	wire_init(&reply, &q);
	CHECK(reply.len == sizeof(struct fuse_out_header) + sizeof out);
	memcpy(&out, reply.data + sizeof(struct fuse_out_header), sizeof out);
	CHECK(out.major == 7 && out.minor == 31 && out.max_write == 4096 && !out.flags);
	CHECK(parse(FUSE_INIT, &in, 7) == -EINVAL);
	CHECK(parse(FUSE_INIT, &in, 3) == -EINVAL);
}

TEST(replies_carry_length_error_and_number)
{
	struct fuse_out_header h;

	CHECK(!parse(FUSE_GETATTR, "", 0));
	wire_status(&reply, &q, -ENOENT);
	memcpy(&h, reply.data, sizeof h);
	CHECK(reply.len == sizeof h && h.len == sizeof h && h.error == -ENOENT && h.unique == 7);
	wire_text(&reply, &q, "/a");
	memcpy(&h, reply.data, sizeof h);
	CHECK(h.len == sizeof h + 2 && !h.error && !memcmp(reply.data + sizeof h, "/a", 2));
}

TEST(entries_stop_at_the_size_that_was_asked_for)
{
	struct fuse_read_in in = { .size = 100 };
	struct fuse_dirent d;

	CHECK(!parse(FUSE_READDIR, &in, sizeof in));
	wire_status(&reply, &q, 0);
	CHECK(wire_dirent(&reply, &q, 9, 1, "tasks", false));       /* 24 + 5, to 32 */
	CHECK(wire_dirent(&reply, &q, 10, 2, "kubepods", true));    /* 32 */
	CHECK(wire_dirent(&reply, &q, 11, 3, "x", true));           /* 32: 96 */
	CHECK(!wire_dirent(&reply, &q, 12, 4, "y", true));
	CHECK(reply.len == sizeof(struct fuse_out_header) + 96);
	memcpy(&d, reply.data + sizeof(struct fuse_out_header) + 32, FUSE_NAME_OFFSET);
	CHECK(d.ino == 10 && d.off == 2 && d.namelen == 8 && d.type == 4);
	in.size = 1 << 30;
	CHECK(!parse(FUSE_READDIR, &in, sizeof in));
	wire_status(&reply, &q, 0);
	while (wire_dirent(&reply, &q, 1, 1, "abcdefgh", false)) ;
	CHECK(reply.len <= WIRE_REPLY && reply.len > WIRE_REPLY - 40);
}

UNIT_MAIN("cgroupfs wire")
