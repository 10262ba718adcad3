/* Reads the list of attachments by the names that libcni has given it. */
#include "cni/attachment.h"

#include <stddef.h>

static const struct go_type attachments_type = {
	.kind = GO_SLICE, .name = "[]types.GCAttachment", .size = sizeof(struct slice),
	.elem = &(const struct go_type){
		.kind = GO_STRUCT, .name = "types.GCAttachment", .bare = "GCAttachment",
			.size = sizeof(struct cni_attachment),
		.fields = (const struct go_field[]){
			{ .name = "containerID", .offset = offsetof(struct cni_attachment, id),
				.type = &go_string },
			{ .name = "ifname", .offset = offsetof(struct cni_attachment, ifname),
				.type = &go_string },
			{ 0 },
		},
	},
};

int cni_valid_attachments(struct cni *c, struct slice *valid)
{
	const struct json_node *root = json_root(&c->conf);
	const struct json_node *n = json_get(&c->conf, root, "cni.dev/valid-attachments");
	struct str why;

	if (!n) n = json_get(&c->conf, root, "cni.dev/attachments");
	/* null is what Go makes of an empty one */
	if (!n || (n->type != JSON_ARRAY && n->type != JSON_NULL))
		return cni_fail(c, CNI_BAD_CONFIG, "GC needs the list cni.dev/valid-attachments");
	if (go_decode(&c->conf, n, &attachments_type, valid, &c->arena, false, &why) < 0)
		return cni_fail_str(c, CNI_BAD_CONFIG, "cni.dev/valid-attachments: ", why);
	for (size_t i = 0; i < valid->n; i++)
		if (!((struct cni_attachment *)valid->v)[i].id.n)
			return cni_fail(c, CNI_BAD_CONFIG,
				"cni.dev/valid-attachments: one has no containerID");
	return 0;
}
