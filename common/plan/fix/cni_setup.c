/* Installs and removes the CNI configuration and the links of plugins. Other files are never
 * changed. */
#include "plan/fix/cni_setup.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/text.h"
#include "world/switch.h"

#define CONFLIST "10-k3sbox.conflist"

/* Leases lie in /run: they do not outlive the pods. The subnets are those that k3s gives its
 * first node. Version 0.4.0 is the newest that libcni 0.7 and 0.8 accept (containerd up to 1.5),
 * and the oldest that has CHECK and hands the previous result to DEL; every later libcni accepts
 * it too. */
static const char conflist[] =
	"{\n"
	"  \"cniVersion\": \"0.4.0\",\n"
	"  \"name\": \"k3sbox\",\n"
	"  \"plugins\": [\n"
	"    {\n"
	"      \"type\": \"noop\",\n"
	"      \"ipam\": {\n"
	"        \"type\": \"host-local\",\n"
	"        \"ranges\": [%s],\n"
	"        \"dataDir\": \"" K3SBOX_RUN "/cni\"\n"
	"      }\n"
	"    }\n"
	"  ]\n"
	"}\n";

/* In a world: pods are ports of its switch. No pod gets the network's last address
 * (switch_gateway() in world/switch.h). */
static const char switch_conflist[] =
	"{\n"
	"  \"cniVersion\": \"0.4.0\",\n"
	"  \"name\": \"k3sbox\",\n"
	"  \"plugins\": [\n"
	"    {\n"
	"      \"type\": \"bridge\",\n"
	"      \"capabilities\": { \"portMappings\": true },\n"
	"      \"netns\": \"" SWITCH_NETNS "\",\n"
	"      \"bridge\": \"" SWITCH_BRIDGE "\",\n"
	"      \"gateway\": \"%s\",\n"
	"      \"ipam\": {\n"
	"        \"type\": \"host-local\",\n"
	"        \"ranges\": [%s],\n"
	"%s"
	"        \"dataDir\": \"/run/k3sbox-leases\"\n"
	"      }\n"
	"    }\n"
	"  ]\n"
	"}\n";

static void print_range(const struct cidr *node, struct buf *out)
{
	char gateway[IP_TEXT], subnet[CIDR_TEXT], first[IP_TEXT], last[IP_TEXT];
	struct cidr network = { cidr_network(node), node->ones, node->bits };
	struct ip start = ip_next(&node->addr), end = switch_gateway(node);

	end.b[end.len - 1]--;
	ip_format(&node->addr, gateway);
	cidr_format(&network, subnet);
	ip_format(&start, first);
	ip_format(&end, last);
	buf_printf(out, "%s[{\n          \"subnet\": \"%s\", \"rangeStart\": \"%s\", "
		"\"rangeEnd\": \"%s\",\n          \"gateway\": \"%s\"\n        }]",
		out->len ? ", " : "", subnet, first, last, gateway);
}

/* The plugin's own gateway and default route are those of IPv4; IPv6's are host-local's. */
static int print_switch_conflist(const char *text, struct buf *out)
{
	static const char route6[] = "        \"routes\": [{ \"dst\": \"::/0\" }],\n";
	_cleanup_buf_ struct buf ranges = {0};
	struct switch_node node;
	char gateway[IP_TEXT];

	if (!switch_parse_node(&node, text)) return -EINVAL;
	for (size_t i = 0; i < node.n; i++) print_range(&node.v[i], &ranges);
	ip_format(&node.v[0].addr, gateway);
	buf_printf(out, switch_conflist, gateway, ranges.data ? ranges.data : "",
		node.n > 1 ? route6 : "");
	return out->failed || ranges.failed ? -ENOMEM : 0;
}

static int print_conflist(const char *cluster, struct buf *out)
{
	_cleanup_buf_ struct buf ranges = {0};
	struct switch_node node;
	char subnet[CIDR_TEXT];

	switch_first_node(&node, cluster);
	for (size_t i = 0; i < node.n; i++) {
		node.v[i].addr = cidr_network(&node.v[i]);
		cidr_format(&node.v[i], subnet);
		buf_printf(&ranges, "%s[{ \"subnet\": \"%s\" }]", i ? ", " : "", subnet);
	}
	if (!node.n) return -EINVAL;   /* k3s will say why */
	buf_printf(out, conflist, ranges.data ? ranges.data : "");
	return out->failed || ranges.failed ? -ENOMEM : 0;
}

/* any: a program of another origin will do. */
static const struct { const char *name; bool any; } plugins[] = {
	{ "noop", false }, { "bridge", true }, { "host-local", true }, { "loopback", true },
};
enum { PLUGINS = sizeof plugins / sizeof *plugins };

/* The links to be removed again, one name a line, because `k3sbox install` makes such links to
 * stay. After a restart the file is gone; then our configuration shows that the links are ours. */
#define LINKS K3SBOX_RUN "/cni-links"

static int refuse(struct err *e, const char *path)
{
	return err_set(e, -EEXIST, "%s is in the way: move it away, or keep your own network with "
		"'-- --flannel-backend=none'", path);
}

static bool is_configuration(const char *name)
{
	/* ConfFiles of libcni/conf.go */
	static const char *const endings[] = { ".conflist", ".conf", ".json" };
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t k = strlen(endings[i]);
		if (n > k && !strcmp(name + n - k, endings[i])) return true;
	}
	return false;
}

/* containerd uses the first configuration by name, so another one would replace ours or be
 * replaced by it. */
static int look_for_others(struct err *e)
{
	_cleanup_closedir_ DIR *d = opendir(CNI_CONF_DIR);
	if (!d) return errno == ENOENT ? 0 : err_errno(e, -errno, CNI_CONF_DIR);
	for (struct dirent *f; (f = readdir(d));) {
		char path[PATH_MAX];
		if (!is_configuration(f->d_name) || !strcmp(f->d_name, CONFLIST)) continue;
		snprintf(path, sizeof path, CNI_CONF_DIR "/%s", f->d_name);
		return refuse(e, path);
	}
	return 0;
}

/* What is at path? 1: a link to this program; 0: nothing; -EEXIST: something else. */
static int examine(const char *path, const char *self)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof target - 1);

	if (n < 0) return errno == ENOENT ? 0 : -EEXIST;
	target[n] = 0;
	return !strcmp(target, self) || !strcmp(path_name(target), "k3sbox") ? 1 : -EEXIST;
}

static bool is_noted(const struct buf *notes, const char *name)
{
	struct text_lines l = text_lines(notes->data ? notes->data : "", notes->len);

	while (text_line(&l))
		if (l.len == strlen(name) && !memcmp(l.line, name, l.len)) return true;
	return false;
}

static int note_link(const char *name)
{
	_cleanup_buf_ struct buf b = {0};
	int r = io_read(LINKS, &b, 1 << 16);

	if ((r < 0 && r != -ENOENT) || is_noted(&b, name)) return r < 0 ? r : 0;
	buf_printf(&b, "%s\n", name);
	r = io_mkdirs(K3SBOX_RUN, 0700);
	return r < 0 ? r : io_replace(LINKS, 0600, b.data, b.len);
}

static int link_plugin(size_t i, const char *self, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, CNI_BIN_DIR "/%s", plugins[i].name);
	int r = examine(path, self);
	if (r == -EEXIST && plugins[i].any) return 0;
	if (r == -EEXIST) return refuse(e, path);
	if (!r) r = note_link(plugins[i].name);
	else r = io_unlink(path);   /* it may point to an older place of this program */
	if (!r && symlink(self, path) < 0) r = -errno;
	return r < 0 ? err_errno(e, r, "%s", path) : 0;
}

bool cni_is_configured(void)
{
	_cleanup_closedir_ DIR *d = opendir(CNI_CONF_DIR);
	struct dirent *f = NULL;

	while (d && (f = readdir(d)) && !is_configuration(f->d_name)) ;
	return f;
}

bool cni_is_set_up(void)
{
	char path[PATH_MAX];
	bool all = cni_is_configured();

	for (size_t i = 0; all && i < PLUGINS; i++) {
		snprintf(path, sizeof path, CNI_BIN_DIR "/%s", plugins[i].name);
		all = io_exists(path);
	}
	return all;
}

int cni_setup(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	char self[PATH_MAX];
	int r = look_for_others(e);

	_cleanup_buf_ struct buf text = {0};

	if (r < 0) return r;
	r = s->row->when == KIND_FLANNEL_SWITCH ? print_switch_conflist(s->seen->value, &text)
		: print_conflist(k3s_args_value(&o->args, "cluster-cidr"), &text);
	if (r < 0 || text.failed) return err_errno(e, r < 0 ? r : -ENOMEM, "the CNI configuration");
	r = io_self_path(self, sizeof self);
	if (!r) r = io_mkdirs(CNI_BIN_DIR, 0755);
	if (r < 0) return err_errno(e, r, CNI_BIN_DIR);
	for (size_t i = 0; !r && i < PLUGINS; i++) r = link_plugin(i, self, e);
	if (r < 0) return r;
	r = io_mkdirs(CNI_CONF_DIR, 0755);
	if (!r) r = io_replace(CNI_CONF_DIR "/" CONFLIST, 0644, text.data, text.len);
	return r < 0 ? err_errno(e, r, CNI_CONF_DIR "/" CONFLIST) : 0;
}

int cni_unset(const struct plan_options *o, const char *seen, struct err *e)
{
	static const char *const dirs[] = { CNI_BIN_DIR, "/opt/cni", CNI_CONF_DIR, "/etc/cni" };
	char self[PATH_MAX], path[PATH_MAX] = CNI_CONF_DIR "/" CONFLIST;
	_cleanup_buf_ struct buf notes = {0};
	bool noted = !io_read(LINKS, &notes, 1 << 16), ours = noted || io_exists(path);
	int r = ours ? io_self_path(self, sizeof self) : 0;

	(void)o, (void)seen;
	for (size_t i = 0; ours && !r && i < PLUGINS; i++) {
		snprintf(path, sizeof path, CNI_BIN_DIR "/%s", plugins[i].name);
		if ((!noted || is_noted(&notes, plugins[i].name)) && examine(path, self) == 1)
			r = io_unlink(path);
	}
	if (r < 0) return err_errno(e, r, "%s", path);
	r = io_unlink(CNI_CONF_DIR "/" CONFLIST);
	/* If others have nothing in them; they are made again where they are needed. */
	for (size_t i = 0; ours && i < sizeof dirs / sizeof *dirs; i++) rmdir(dirs[i]);
	if (!r || r == -ENOTDIR) r = io_unlink(LINKS);
	return r < 0 ? err_errno(e, r, CNI_CONF_DIR "/" CONFLIST) : 0;
}
