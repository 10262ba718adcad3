/* What each rule does to a configuration (OCI runtime-spec config.md, config-linux.md). A member
 * that is missing, or of another type than the specification says, is left to runc. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "runc/shim.h"

static const struct json_node *in_config(const struct shim_edit *e, const char *path)
{
	return json_path(e->j, json_root(e->j), path);
}

/* Is it part of something that an earlier rule removes? */
static bool is_gone(const struct shim_edit *e, const struct json_node *n)
{
	for (size_t i = 0; i < e->out->n; i++) {
		const struct json_edit *d = &e->out->v[i];
		const struct json_node *r = &e->j->nodes[d->node];
		if (d->kind == JSON_EDIT_REMOVE && r->start <= n->start && n->end <= r->end)
			return true;
	}
	return false;
}

static void drop(struct shim_edit *e, const struct json_node *parent, const struct json_node *n)
{
	if (!is_gone(e, n)) json_edit_remove(e->out, parent, n);
}

/* All members of that name: if only the last one went, the one before it would count. */
static void drop_member(struct shim_edit *e, const struct json_node *object, const char *name)
{
	if (!object || object->type != JSON_OBJECT) return;
	for (const struct json_node *n = json_first(e->j, object); n; n = json_next(e->j, n))
		if (json_key_is(e->j, n, name)) drop(e, object, n);
}

static const struct json_node *array(const struct shim_edit *e, const char *path)
{
	const struct json_node *n = in_config(e, path);
	return n && n->type == JSON_ARRAY ? n : NULL;
}

/* The string as a path without "//" and the like; false if it is none. */
static bool path_of(const struct shim_edit *e, const struct json_node *n, char out[PATH_MAX])
{
	_cleanup_free_ char *path = json_strdup(e->j, n);
	return path && !path_clean(out, PATH_MAX, path);
}

/* Does the rule apply to it? A rule without names applies to everything. */
static bool is_named(const struct shim_edit *e, const char *name)
{
	return !e->args->n || strv_has(e->args, name);
}

/* Is the option, with or without its value, among the words? */
static bool is_option_in(const struct strv *words, const char *option)
{
	size_t len = strcspn(option, "=");

	for (size_t i = 0; words && i < words->n; i++) {
		size_t n = strlen(words->v[i]);
		if (!strncmp(words->v[i], option, n) && (n == len || !option[n])) return true;
	}
	return false;
}

/* source: of a bind mount; NULL: an empty tmpfs */
static void put_mount(const struct shim_edit *e, const char *path, const char *source)
{
	struct buf *mounts = e->mounts;
	const char *const options[] = {
		"nosuid", "noexec", "nodev", "ro", source ? "bind" : "mode=0555",
	};
	const char *comma = "";

	buf_puts(mounts, mounts->len ? ",{\"destination\":" : "[{\"destination\":");
	buf_json(mounts, path);
	buf_printf(mounts, ",\"type\":\"%s\",\"source\":", source ? "bind" : "tmpfs");
	buf_json(mounts, source ? source : "tmpfs");
	buf_puts(mounts, ",\"options\":[");
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (is_option_in(e->no_options, options[i])) continue;
		buf_printf(mounts, "%s\"%s\"", comma, options[i]);
		comma = ",";
	}
	buf_puts(mounts, "]}");
}

void edit_finish(struct shim_edit *e)
{
	const struct json_node *have = in_config(e, "mounts");

	if (!e->mounts->len) return;
	if (have && have->type == JSON_ARRAY) {
		json_edit_append(e->out, have, NULL, e->mounts->data + 1);
		return;
	}
	buf_putc(e->mounts, ']');
	if (have) json_edit_replace(e->out, have, e->mounts->data);
	else json_edit_append(e->out, json_root(e->j), "mounts", e->mounts->data);
}

/* A directory's mask becomes a mount of the same effect. Not under /proc: runc refuses mounts
 * there (rootfs_linux.go: checkProcMount), so those lose their mask; files and what does not
 * exist keep theirs. */
void edit_masked_paths(struct shim_edit *e)
{
	const struct json_node *masked = array(e, "linux.maskedPaths");
	_cleanup_strv_ struct strv done = {0};

	for (const struct json_node *n = json_first(e->j, masked); n; n = json_next(e->j, n)) {
		char path[PATH_MAX];
		if (!path_of(e, n, path) || *path != '/' || !is_named(e, path) ||
			!e->sight->is_directory(e->sight, path))
			continue;
		drop(e, masked, n);
		if (strv_has(&done, path)) continue;
		strv_add(&done, path);
		if (path_within(path, "/proc"))
			buf_printf(e->notes,
				"%s cannot be masked here and is visible in the container\n",
				path);
		else put_mount(e, path, NULL);
	}
}

void edit_readonly_paths(struct shim_edit *e)
{
	const struct json_node *paths = array(e, "linux.readonlyPaths");

	for (const struct json_node *n = json_first(e->j, paths); n; n = json_next(e->j, n)) {
		char path[PATH_MAX];
		if (path_of(e, n, path) && is_named(e, path)) drop(e, paths, n);
	}
}

void edit_sysctl(struct shim_edit *e)
{
	const struct json_node *all = in_config(e, "linux.sysctl");

	if (!all || all->type != JSON_OBJECT) return;
	for (const struct json_node *n = json_first(e->j, all); n; n = json_next(e->j, n)) {
		char name[256];
		if (json_key(e->j, n, name, sizeof name) < 0) continue;
		if (e->args->n ? strv_has(e->args, name) : !e->sight->has_sysctl(e->sight, name))
			drop(e, all, n);
	}
}

void edit_namespace(struct shim_edit *e)
{
	const struct json_node *all = array(e, "linux.namespaces");

	for (const struct json_node *n = json_first(e->j, all); n; n = json_next(e->j, n)) {
		_cleanup_free_ char *type = json_strdup(e->j, json_get(e->j, n, "type"));
		if (type && strv_has(e->args, type)) drop(e, all, n);
	}
}

static const struct json_node *process_of(const struct shim_edit *e)
{
	return e->doc == DOC_PROCESS ? json_root(e->j) : in_config(e, "process");
}

/* containerd's restrict_oom_score_adj does the same (internal/cri/server/container_create.go). */
void edit_oom_score(struct shim_edit *e)
{
	const struct json_node *score = json_get(e->j, process_of(e), "oomScoreAdj");
	_cleanup_buf_ struct buf own = {0};
	int64_t wanted;

	if (!score || is_gone(e, score) || json_int(e->j, score, &wanted) < 0) return;
	if (wanted >= e->sight->oom_score_adj) return;
	buf_printf(&own, "%d", e->sight->oom_score_adj);
	json_edit_replace(e->out, score, own.data);
}

void edit_no_oom_score(struct shim_edit *e)
{
	drop_member(e, process_of(e), "oomScoreAdj");
}

void edit_apparmor(struct shim_edit *e)
{
	drop_member(e, process_of(e), "apparmorProfile");
}

/* linux/capability.h, by number. */
static const char *const capability_names[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
	"SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
	"IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
	"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
	"LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
	"WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
};

/* An unknown one is left to runc, which ignores it. */
static bool is_held(const struct shim_edit *e, const char *name)
{
	static const char prefix[] = "CAP_";

	if (strncmp(name, prefix, sizeof prefix - 1)) return true;
	for (size_t i = 0; i < sizeof capability_names / sizeof *capability_names; i++)
		if (!strcmp(name + sizeof prefix - 1, capability_names[i]))
			return e->sight->capabilities >> i & 1;
	return true;
}

void edit_capabilities(struct shim_edit *e)
{
	const struct json_node *sets = json_get(e->j, process_of(e), "capabilities");

	const struct json_node *set = json_first(e->j, sets);

	for (; set; set = json_next(e->j, set)) {
		if (set->type != JSON_ARRAY) continue;
		for (const struct json_node *n = json_first(e->j, set); n; n = json_next(e->j, n)) {
			_cleanup_free_ char *name = json_strdup(e->j, n);
			if (name && !is_held(e, name)) drop(e, set, n);
		}
	}
}

void edit_cgroup_path(struct shim_edit *e)
{
	drop_member(e, in_config(e, "linux"), "cgroupsPath");
}

void edit_cgroup_resources(struct shim_edit *e)
{
	drop_member(e, in_config(e, "linux"), "resources");
}

/* One rule for all devices. With none, runc would refuse all but its default devices, and on cgroup
 * v1 fail if devices.list does not show that (opencontainers/cgroups: setV1). */
void edit_devices(struct shim_edit *e)
{
	static const char rule[] = "[{\"allow\":true,\"access\":\"rwm\"}]";
	const struct json_node *n = json_get(e->j, in_config(e, "linux.resources"), "devices");

	if (!n || is_gone(e, n)) return;
	if (n->end - n->start != sizeof rule - 1 ||
	    memcmp(e->j->text + n->start, rule, sizeof rule - 1))
		json_edit_replace(e->out, n, rule);
}

/* With its options, and what is mounted below it: what covers it cannot be left behind. */
void edit_bind_mounts(struct shim_edit *e)
{
	const struct json_node *mounts = array(e, "mounts");

	for (const struct json_node *m = json_first(e->j, mounts); m; m = json_next(e->j, m)) {
		const struct json_node *type = json_get(e->j, m, "type");
		const struct json_node *source = json_get(e->j, m, "source");
		const struct json_node *options = json_get(e->j, m, "options");
		_cleanup_free_ char *name = json_strdup(e->j, type);
		if (!name || !source || !strv_has(e->args, name)) continue;
		if (options && options->type != JSON_ARRAY) continue;
		json_edit_replace(e->out, type, "\"bind\"");
		json_edit_replace(e->out, source, *name == 'p' ? "\"/proc\"" : "\"/sys\"");
		json_edit_append(e->out, options ? options : m, options ? NULL : "options",
			options ? "\"rbind\"" : "[\"rbind\"]");
	}
}

void edit_mount_options(struct shim_edit *e)
{
	const struct json_node *mounts = array(e, "mounts");

	for (const struct json_node *m = json_first(e->j, mounts); m; m = json_next(e->j, m)) {
		const struct json_node *options = json_get(e->j, m, "options");
		if (!options || options->type != JSON_ARRAY) continue;
		const struct json_node *n = json_first(e->j, options);
		for (; n; n = json_next(e->j, n)) {
			_cleanup_free_ char *option = json_strdup(e->j, n);
			if (option && is_option_in(e->args, option)) drop(e, options, n);
		}
	}
}

/* At a place of its own: over one that an image or a volume has, it would hide that, or could not
 * be mounted (a volume that is read-only). */
static const char bundle[] = "/run/k3sbox/ca.pem";

/* The pause container runs nothing that opens connections (containerd internal/cri/annotations). */
static bool is_pause(const struct shim_edit *e)
{
	return json_is(e->j, json_get(e->j, in_config(e, "annotations"),
		"io.kubernetes.cri.container-type"), "sandbox");
}

static bool sets(const struct shim_edit *e, const struct json_node *env, const char *name)
{
	size_t n = strlen(name);

	for (const struct json_node *v = json_first(e->j, env); v; v = json_next(e->j, v)) {
		_cleanup_free_ char *text = json_strdup(e->j, v);
		if (text && !strncmp(text, name, n) && text[n] == '=') return true;
	}
	return false;
}

/* The variables that OpenSSL and Go, Node, Python's requests and curl read. */
static void name_bundle(struct shim_edit *e)
{
	static const char *const names[] = { "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS",
		"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE" };
	const struct json_node *process = process_of(e), *env = json_get(e->j, process, "env");
	_cleanup_buf_ struct buf list = {0};

	if (!process || process->type != JSON_OBJECT || (env && env->type != JSON_ARRAY)) return;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!sets(e, env, names[i]))
			buf_printf(&list, "%s\"%s=%s\"", list.len ? "," : env ? "" : "[", names[i],
				bundle);
	if (!list.len) return;
	if (!env) buf_putc(&list, ']');
	json_edit_append(e->out, env ? env : process, env ? NULL : "env", list.data);
}

static bool has_bundle(const struct shim_edit *e)
{
	const struct json_node *mounts = array(e, "mounts");

	for (const struct json_node *m = json_first(e->j, mounts); m; m = json_next(e->j, m))
		if (json_is(e->j, json_get(e->j, m, "destination"), bundle)) return true;
	return false;
}

void edit_ca_bundle(struct shim_edit *e)
{
	if (is_pause(e)) return;
	if (e->doc == DOC_CONFIG && !has_bundle(e)) put_mount(e, bundle, e->args->v[0]);
	name_bundle(e);
}
