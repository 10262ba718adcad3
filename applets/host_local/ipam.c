/* Chooses between host-local's functions and another program. */
#include "host_local/ipam.h"

#include <string.h>

#include "base/cleanup.h"
#include "cni/delegate.h"
#include "host_local/host_local.h"

/* The IPAM plugin's name; NULL: host-local, which is in this program. */
static int plugin_of(struct cni *c, char **name)
{
	const struct json_node *type = json_path(&c->conf, json_root(&c->conf), "ipam.type");

	*name = NULL;
	if (json_is(&c->conf, type, "host-local")) return 0;
	if (!(*name = json_strdup(&c->conf, type)))
		return cni_fail(c, CNI_BAD_CONFIG, "ipam.type is no string");
	/* It would call itself without end. */
	if (!strcmp(*name, c->plugin->name))
		return cni_fail(c, CNI_BAD_CONFIG, "%s is not an IPAM plugin", *name);
	return 0;
}

/* The version that an answer says it is in; upstream then converts. */
static struct str version_of(struct cni *c, const struct json *j)
{
	enum { LONGEST = 16 };
	struct str v = { arena_alloc(&c->arena, LONGEST), 0 };
	int r = json_string(j, json_get(j, json_root(j), "cniVersion"), (char *)v.s, LONGEST, &v.n);

	return r || !v.n ? c->version : v;
}

static bool has_addresses(const struct cni_result *r)
{
	for (size_t i = 0; i < r->ips.n; i++)
		if (!((struct cni_ip **)r->ips.v)[i]) return false;
	return r->ips.n;
}

/* An address from another program. What it did is undone if its answer is of no use. */
static int add_by_program(struct cni *c, const char *plugin, struct cni_result *r)
{
	_cleanup_buf_ struct buf answer = {0};
	struct json j = {0};
	struct str why = {0};

	int status = cni_delegate(c, plugin, "ADD", &answer);
	if (!status && json_parse(&j, answer.data ? answer.data : "", answer.len) < 0)
		status = cni_fail(c, CNI_INTERNAL, "IPAM plugin %s: %s", plugin, j.error);
	if (!status && cni_parse_result(c, &j, json_root(&j), version_of(c, &j), r, &why) < 0)
		status = cni_fail_str(c, CNI_INTERNAL, "", why);
	json_free(&j);
	if (!status && has_addresses(r)) return 0;
	if (!status) status = cni_fail(c, CNI_INTERNAL, "IPAM plugin returned missing IP config");
	/* The first error is the one to tell. */
	cni_delegate(c, plugin, "DEL", NULL);
	return status;
}

int hl_ipam_add(struct cni *c, struct cni_result *r)
{
	_cleanup_free_ char *plugin = NULL;

	if (plugin_of(c, &plugin) < 0) return -1;
	return plugin ? add_by_program(c, plugin, r) : hl_add(c, r);
}

static int ask(struct cni *c, int (*in_process)(struct cni *), const char *command)
{
	_cleanup_free_ char *plugin = NULL;

	if (plugin_of(c, &plugin) < 0) return -1;
	return plugin ? cni_delegate(c, plugin, command, NULL) : in_process(c);
}

int hl_ipam_del(struct cni *c)
{
	return ask(c, hl_del, "DEL");
}

int hl_ipam_check(struct cni *c, const struct cni_result *r)
{
	_cleanup_free_ char *plugin = NULL;

	if (plugin_of(c, &plugin) < 0) return -1;
	return plugin ? cni_delegate(c, plugin, "CHECK", NULL) : hl_check_result(c, r);
}

int hl_ipam_gc(struct cni *c)
{
	return ask(c, hl_gc, "GC");
}

int hl_ipam_status(struct cni *c)
{
	return ask(c, hl_status, "STATUS");
}
