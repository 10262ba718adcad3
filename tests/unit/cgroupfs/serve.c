/* cgroupfs/serve.c: each kind of request gets the answer that the kernel expects. */
#include "cgroupfs/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "base/io.h"
#include "unit.h"

static char root[64];
static struct tree shown;
static struct wire_reply reply;
static unsigned char request[WIRE_REQUEST];

static void begin(void)
{
	strcpy(root, "/tmp/k3sbox-serve-XXXXXX");
	if (!mkdtemp(root) || tree_open(&shown, root, NULL) < 0) abort();
}

static void end(void)
{
	tree_close(&shown);
	io_remove_tree(root);
}

static size_t fill(uint32_t opcode, uint64_t node, const void *body, size_t n)
{
	struct fuse_in_header h = { .len = (uint32_t)(sizeof h + n), .opcode = opcode, .unique = 3,
		.nodeid = node };

	memcpy(request, &h, sizeof h);
	memcpy(request + sizeof h, body, n);
	return h.len;
}

/* The error of the reply; 1: there is no reply. */
static int ask(uint32_t opcode, uint64_t node, const void *body, size_t n)
{
	struct fuse_out_header h;

	serve_answer(&shown, request, fill(opcode, node, body, n), &reply);
	if (!reply.len) return 1;
	memcpy(&h, reply.data, sizeof h);
	return h.len == reply.len && h.unique == 3 ? h.error : 1000;
}

TEST(every_kind_of_request)
{
	struct fuse_mkdir_in m[2] = { { 0755, 0 } };

	begin();
	memcpy(&m[1], "new", 4);
	CHECK(!ask(FUSE_MKDIR, 1, m, sizeof m[0] + 4));
	CHECK(!ask(FUSE_LOOKUP, 1, "new", 4));
	CHECK(!ask(FUSE_RMDIR, 1, "new", 4));
	CHECK(ask(FUSE_LOOKUP, 1, "new", 4) == -ENOENT);
	CHECK(ask(FUSE_LOOKUP, 1, "a/b", 4) == -EINVAL);
	CHECK(!ask(FUSE_GETATTR, 1, "", 0));
	CHECK(ask(FUSE_READLINK, 1, "", 0) == -EINVAL);
	CHECK(!ask(FUSE_STATFS, 1, "", 0));
	CHECK(!ask(FUSE_OPENDIR, 1, "", 0));
	CHECK(!ask(FUSE_RELEASEDIR, 1, "", 0));
	CHECK(!ask(FUSE_ACCESS, 1, "", 0));
	CHECK(ask(FUSE_FORGET, 1, "", 0) == 1);
	CHECK(ask(FUSE_INTERRUPT, 1, "", 0) == 1);
	CHECK(ask(FUSE_CREATE, 1, "x", 2) == -EACCES);
	CHECK(ask(FUSE_UNLINK, 1, "x", 2) == -EPERM);
	CHECK(ask(FUSE_SETATTR, 1, "", 0) == -EPERM);
	CHECK(ask(FUSE_OPEN, 1, "", 0) == -ENOSYS);
	CHECK(ask(4000000000U, 1, "", 0) == -ENOSYS);
	end();
}

TEST(a_request_that_its_server_left_is_answered_by_the_next)
{
	int device[2], state = memfd_create("state", MFD_CLOEXEC);
	unsigned char *left;
	struct fuse_out_header h;

	begin();
	CHECK(state >= 0 && !ftruncate(state, sizeof(struct cgroupfs_state)));
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, device));
	left = mmap(NULL, WIRE_REQUEST, PROT_READ | PROT_WRITE, MAP_SHARED, state, 0);
	CHECK(left != MAP_FAILED);
	memcpy(left, request, fill(FUSE_ACCESS, 1, "", 0));
	/* The end of the file stands for an end of the mount. */
	CHECK(!shutdown(device[1], SHUT_WR));
	CHECK(!serve_device(&shown, device[0], state));
	CHECK(read(device[1], &h, sizeof h) == sizeof h);
	CHECK(h.unique == 3 && !h.error);
	CHECK(!left[0]);
	munmap(left, WIRE_REQUEST);
	close(state);
	close(device[0]);
	close(device[1]);
	end();
}

UNIT_MAIN("cgroupfs serve")
