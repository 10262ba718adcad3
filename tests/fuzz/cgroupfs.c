/* Fuzz target: requests to cgroupfs, over a directory that stands in for a hierarchy. The first byte
 * chooses the node, of those that exist, and the header's length is put right unless it is 0xff. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "base/io.h"
#include "cgroupfs/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64];
static struct tree t;
static uint64_t nodes[8];

static void clean(void)
{
	io_remove_tree(root);
}

static void fill(void)
{
	static const char *const files[] = { "cgroup.procs", "cpuacct.usage",
		"memory.usage_in_bytes", "memory.move_charge_at_immigrate" };
	struct tree_entry e;

	strcpy(root, "/tmp/k3sbox-fuzz-XXXXXX");
	if (!mkdtemp(root) || tree_open(&t, root, "/spare") < 0) abort();
	atexit(clean);
	nodes[0] = WIRE_ROOT;
	if (tree_mkdir(&t, WIRE_ROOT, "a", 0755, &e) < 0) abort();
	nodes[1] = e.node;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[128];
		io_join(path, sizeof path, root, files[i]);
		if (io_replace(path, 0600, "12\n", 3) < 0) abort();
	}
	if (tree_lookup(&t, WIRE_ROOT, "cgroup.procs", &e) < 0) abort();
	nodes[2] = e.node;
	if (tree_lookup(&t, WIRE_ROOT, "memory.stat", &e) < 0) abort();
	nodes[3] = e.node;
	nodes[4] = nodes[2] ^ 1;
	nodes[5] = UINT64_MAX;
	nodes[6] = nodes[1] + (1 << 24);
}

/* What is made goes again: the directory must not grow. */
static void take_back(const struct wire_request *q)
{
	struct tree_entry e;

	if (q->opcode == FUSE_MKDIR && q->name) tree_rmdir(&t, q->node, q->name);
	if (tree_lookup(&t, WIRE_ROOT, "a", &e) < 0 &&
	    tree_mkdir(&t, WIRE_ROOT, "a", 0755, &e) < 0) abort();
	nodes[1] = e.node;
}

static void check(const struct wire_request *q, int parsed, const struct wire_reply *r)
{
	struct fuse_out_header h;

	if (!r->len) return;
	if (r->len < sizeof h || r->len > sizeof r->data || parsed == -EBADMSG) abort();
	memcpy(&h, r->data, sizeof h);
	if (h.len != r->len || h.unique != q->unique) abort();
	if (h.error > 0 || h.error < -4095 || (h.error && r->len != sizeof h)) abort();
	if (parsed < 0 && !h.error) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_reply reply;
	struct wire_request q;

	if (!*root) fill();
	if (!size || size > WIRE_REQUEST) return 0;
	unsigned char *request = malloc(size);   /* of exactly its size: ASan sees what is beyond */
	if (!request) abort();
	size_t len = size - 1;
	memcpy(request, data + 1, len);
	if (data[0] != 0xff && len >= sizeof(struct fuse_in_header)) {
		memcpy(request, &(uint32_t){ (uint32_t)len }, 4);
		memcpy(request + offsetof(struct fuse_in_header, nodeid), &nodes[data[0] % 8], 8);
	}
	int parsed = wire_parse(request, len, &q);
	serve_answer(&t, request, len, &reply);
	check(&q, parsed, &reply);
	if (parsed != -EBADMSG) take_back(&q);
	free(request);
	return 0;
}
