/* Reads the user's k3s flags from command line, configuration files and environment. Not for
 * judging them: a flag that k3s does not have is passed on and refused by k3s. */
#include "plan/k3s_args.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/yaml.h"

#define DEFAULT_CONFIG "/etc/rancher/k3s/config.yaml"

/* EnvVar of pkg/cli/cmds/{server,agent}.go. */
static const struct { const char *variable, *flag; } variables[] = {
	{ "K3S_DATA_DIR", "data-dir" }, { "K3S_TOKEN", "token" },
	{ "K3S_TOKEN_FILE", "token-file" },
	{ "K3S_AGENT_TOKEN", "agent-token" }, { "K3S_AGENT_TOKEN_FILE", "agent-token-file" },
	{ "K3S_URL", "server" }, { "K3S_NODE_NAME", "node-name" }, { "K3S_SELINUX", "selinux" },
	{ "K3S_LB_SERVER_PORT", "lb-server-port" }, { "K3S_RESOLV_CONF", "resolv-conf" },
	{ "K3S_VPN_AUTH", "vpn-auth" }, { "K3S_VPN_AUTH_FILE", "vpn-auth-file" },
	{ "K3S_KUBECONFIG_OUTPUT", "write-kubeconfig" },
	{ "K3S_KUBECONFIG_MODE", "write-kubeconfig-mode" },
	{ "K3S_KUBECONFIG_GROUP", "write-kubeconfig-group" },
	{ "K3S_CLUSTER_INIT", "cluster-init" }, { "K3S_CLUSTER_RESET", "cluster-reset" },
	{ "K3S_DATASTORE_ENDPOINT", "datastore-endpoint" },
	{ "K3S_DATASTORE_CAFILE", "datastore-cafile" },
	{ "K3S_DATASTORE_CERTFILE", "datastore-certfile" },
	{ "K3S_DATASTORE_KEYFILE", "datastore-keyfile" },
	{ "K3S_SYSTEM_DEFAULT_REGISTRY", "system-default-registry" },
};

/* Short names, the same in every version. */
static const struct { const char *name, *letter; } letters[] = {
	{ "config", "c" }, { "data-dir", "d" }, { "node-ip", "i" }, { "write-kubeconfig", "o" },
	{ "token", "t" }, { "server", "s" },
};

/* ---- one list of arguments ---- */

/* "--name", "--name=value", "-name": k3s's parser takes one dash as well. What follows the name
 * ("" or "=…"), or NULL. */
static const char *after_name(const char *arg, const char *name)
{
	size_t len = strlen(name);

	if (*arg != '-') return NULL;
	arg += arg[1] == '-' ? 2 : 1;
	return !strncmp(arg, name, len) && (!arg[len] || arg[len] == '=') ? arg + len : NULL;
}

static const char *letter_of(const char *name)
{
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
		if (!strcmp(letters[i].name, name)) return letters[i].letter;
	return NULL;
}

/* Value of the i-th argument if it is --name; NULL if it is not. */
static const char *value_at(const struct strv *args, size_t i, const char *name, const char *letter)
{
	const char *rest = after_name(args->v[i], name);

	if (!rest && letter) rest = after_name(args->v[i], letter);
	if (!rest) return NULL;
	if (*rest == '=') return rest + 1;
	return i + 1 < args->n && *args->v[i + 1] != '-' ? args->v[i + 1] : "";
}

/* The last one counts. */
static const char *find(const struct strv *args, const char *name)
{
	const char *found = NULL, *letter = letter_of(name);

	for (size_t i = 0; args && i < args->n; i++) {
		const char *value = value_at(args, i, name, letter);
		if (value) found = value;
	}
	return found;
}

static const char *find_item(const struct strv *args, const char *name, const char *key, size_t len)
{
	for (size_t i = 0; args && i < args->n; i++) {
		const char *rest = after_name(args->v[i], name);
		if (!rest) continue;
		/* The item itself may begin with dashes. */
		const char *a = *rest == '=' ? rest + 1 : i + 1 < args->n ? args->v[i + 1] : "";
		while (*a == '-') a++;
		if (!strncmp(a, key, len) && (!a[len] || a[len] == '='))
			return a[len] ? a + len + 1 : "";
	}
	return NULL;
}

const char *k3s_args_typed(const struct k3s_args *a, const char *name)
{
	return find(a->user, name);
}

const char *k3s_args_written(const struct k3s_args *a, const char *name)
{
	const char *v = find(a->user, name);
	return v ? v : find(&a->config, name);
}

static const struct { const char *name, *value; } defaults[] = {
	{ "cluster-cidr", "10.42.0.0/16" },
	{ "service-cidr", "10.43.0.0/16" },
	{ "cluster-domain", "cluster.local" },
	{ "https-listen-port", "6443" },
	{ "write-kubeconfig", "/etc/rancher/k3s/k3s.yaml" },
};

const char *k3s_args_value(const struct k3s_args *a, const char *name)
{
	const char *v = k3s_args_find(a, name);

	if (!v) v = find(&a->chosen, name);
	for (size_t i = 0; !(v && *v) && i < sizeof defaults / sizeof *defaults; i++)
		if (!strcmp(defaults[i].name, name)) return defaults[i].value;
	return v ? v : "";
}

const char *k3s_args_find(const struct k3s_args *a, const char *name)
{
	const char *v = k3s_args_written(a, name);
	return v ? v : find(&a->env, name);
}

/* Go's strconv.ParseBool, and what YAML 1.1 reads as false: k3s's reader has made "false" of it. */
bool k3s_args_is_on(const struct k3s_args *a, const char *name)
{
	static const char *const off[] = { "0", "f", "false", "n", "no", "off" };
	const char *v = k3s_args_find(a, name);

	for (size_t i = 0; v && i < sizeof off / sizeof *off; i++)
		if (!strcasecmp(v, off[i])) return false;
	return v != NULL;
}

const char *k3s_args_item(const struct k3s_args *a, const char *name, const char *key,
	size_t key_len)
{
	const char *v = find_item(a->user, name, key, key_len);
	return v ? v : find_item(&a->config, name, key, key_len);
}

/* ---- the files ---- */

/* Only these two spellings, and the first of them: findConfigFileFlag(). */
const char *k3s_args_config_file(const struct strv *user, const char *env)
{
	static const char *const names[] = { "--config", "-c" };

	if (env && *env) return env;
	for (size_t i = 0; user && i < user->n; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
			size_t len = strlen(names[k]);
			if (strncmp(user->v[i], names[k], len)) continue;
			if (user->v[i][len] == '=') return user->v[i] + len + 1;
			if (!user->v[i][len]) return i + 1 < user->n ? user->v[i + 1] : "";
		}
	return DEFAULT_CONFIG;
}

static struct k3s_config_key *key_of(struct k3s_config *c, const char *name, size_t len)
{
	for (size_t i = 0; i < c->n; i++)
		if (strlen(c->v[i].name) == len && !memcmp(c->v[i].name, name, len))
			return &c->v[i];
	c->v = xrealloc(c->v, (c->n + 1) * sizeof *c->v);
	c->v[c->n] = (struct k3s_config_key){ .name = xasprintf("%.*s", (int)len, name) };
	return &c->v[c->n++];
}

/* convert.ToString: null is the empty string, blanks around are dropped. A mapping is nothing
 * that a flag can take, so it is left to k3s to complain. */
static void add_value(struct strv *values, const struct yaml_node *n)
{
	const char *s = yaml_str(n) ? yaml_str(n) : "";

	s += strspn(s, " \t\n\r");
	size_t len = strlen(s);
	while (len && strchr(" \t\n\r", s[len - 1])) len--;
	strv_addf(values, "%.*s", (int)len, s);
}

static void add_keys(struct k3s_config *c, const struct yaml *y, const struct yaml_node *map);

static void add_key(struct k3s_config *c, const struct yaml *y, const struct yaml_node *n)
{
	size_t len = strlen(n->key);
	bool more = len && n->key[len - 1] == '+';
	size_t known = c->n;
	struct k3s_config_key *key = key_of(c, n->key, len - more);
	bool adds = more && known == c->n;

	if (!strcmp(key->name, "data-dir") || !strcmp(key->name, "d"))
		c->data_dir_unknown = n->type == YAML_UNKNOWN;
	if (!adds) strv_free(&key->values);
	if (n->type == YAML_UNKNOWN) return;
	if (n->type != YAML_SEQ) {
		/* toSlice(): to add null is to add nothing. */
		if (!adds || n->type != YAML_NULL) add_value(&key->values, n);
		return;
	}
	for (const struct yaml_node *i = yaml_first(y, n); i; i = yaml_next(y, i))
		add_value(&key->values, i);
}

/* "<<" stands for the keys of another mapping. */
static void add_keys(struct k3s_config *c, const struct yaml *y, const struct yaml_node *map)
{
	for (const struct yaml_node *n = yaml_first(y, map); n; n = yaml_next(y, n)) {
		bool merges = n->key && !strcmp(n->key, "<<");
		if (merges && n->type == YAML_MAP) add_keys(c, y, n);
		else if (merges) c->data_dir_unknown = true;
		else if (n->key) add_key(c, y, n);
	}
}

int k3s_config_add(struct k3s_config *c, const char *text, size_t len, struct err *e)
{
	_cleanup_yaml_ struct yaml y = {0};
	int r = yaml_parse_partly(&y, text, len);

	c->data_dir_unknown |= r < 0;
	if (!r) add_keys(c, &y, yaml_root(&y));
	if (!r && *y.error) r = -EBADMSG;
	return r < 0 ? err_set(e, r, "%s", *y.error ? y.error : strerror(-r)) : 0;
}

void k3s_config_args(const struct k3s_config *c, struct strv *out)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->v[i].values.n; k++)
			strv_addf(out, "%s%s=%s", c->v[i].name[0] && c->v[i].name[1] ? "--" : "-",
				c->v[i].name, c->v[i].values.v[k]);
}

void k3s_config_free(struct k3s_config *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		strv_free(&c->v[i].values);
	}
	free(c->v);
	*c = (struct k3s_config){0};
}

static bool is_yaml(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return (n > 5 && !strcasecmp(d->d_name + n - 5, ".yaml")) ||
		(n > 4 && !strcasecmp(d->d_name + n - 4, ".yml"));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The file, and those of FILE.d by name. */
static int list_files(const char *file, struct strv *out)
{
	_cleanup_free_ char *dir = xasprintf("%s.d", file);
	_cleanup_closedir_ DIR *d = opendir(dir);
	int error = d || errno == ENOENT ? 0 : -errno;

	if (!access(file, F_OK)) strv_add(out, file);
	size_t first = out->n;
	for (struct dirent *f; d && (f = readdir(d));)
		if (is_yaml(f) && f->d_type != DT_DIR) strv_addf(out, "%s/%s", dir, f->d_name);
	if (out->n > first) qsort(out->v + first, out->n - first, sizeof *out->v, by_name);
	return error;
}

static int read_file(struct k3s_config *c, const char *path, struct err *e)
{
	enum { CONFIG_MAX = 1 << 20 };
	_cleanup_buf_ struct buf b = {0};
	struct err why = {0};
	struct stat st;
	/* O_NONBLOCK: the open of a FIFO would wait for a writer, the read of a terminal too. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (!r && S_ISFIFO(st.st_mode))   /* what is read here would not be there for k3s */
		return err_set(e, -EINVAL, "%s is a FIFO, which is not read", path);
	if (!r) r = io_read_fd(fd, &b, CONFIG_MAX);
	if (r < 0) return err_errno(e, r, "%s", path);
	r = k3s_config_add(c, b.data ? b.data : "", b.len, &why);
	return r < 0 ? err_set(e, r, "%s: %s", path, why.text) : 0;
}

static int read_config(struct k3s_args *a, const char *file, struct err *e)
{
	_cleanup_k3s_config_ struct k3s_config c = {0};
	_cleanup_strv_ struct strv files = {0};

	a->data_dir_unknown = true;
	if (!strncmp(file, "http://", 7) || !strncmp(file, "https://", 8))
		return err_set(e, -ENOTSUP, "%s: a configuration file at a URL is not read", file);
	int result = list_files(file, &files);
	if (result < 0) err_errno(e, result, "%s.d", file);
	c.data_dir_unknown = result < 0;
	for (size_t i = 0; i < files.n; i++) {
		int r = read_file(&c, files.v[i], result < 0 ? NULL : e);
		if (r < 0 && r != -EBADMSG) c.data_dir_unknown = true;
		if (r < 0 && !result) result = r;
	}
	k3s_config_args(&c, &a->config);
	a->data_dir_unknown = c.data_dir_unknown;
	return result;
}

int k3s_args_load(struct k3s_args *a, const struct strv *user, struct err *e)
{
	const char *file = k3s_args_config_file(user, getenv("K3S_CONFIG_FILE"));

	*a = (struct k3s_args){ .user = user };
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		const char *v = getenv(variables[i].variable);
		if (v && *v) strv_addf(&a->env, "--%s=%s", variables[i].flag, v);
	}
	int r = *file ? read_config(a, file, e) : 0;
	if (k3s_args_typed(a, "data-dir")) a->data_dir_unknown = false;
	return r;
}

void k3s_args_free(struct k3s_args *a)
{
	strv_free(&a->config);
	strv_free(&a->env);
	strv_free(&a->chosen);
}
