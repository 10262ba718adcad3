/* The run of a plugin: the environment, the configuration, the checks in upstream's order, the
 * command, and the answer on standard output. */
#include "cni/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/path.h"
#include "base/utf8.h"

enum { CONFIG_MAX = 4 << 20 };

#define NEEDS(c) (1u << (c))

static const char *const command_names[CNI_COMMAND_COUNT] = {
	[CNI_ADD] = "ADD", [CNI_CHECK] = "CHECK", [CNI_DEL] = "DEL", [CNI_GC] = "GC",
	[CNI_STATUS] = "STATUS",
};

/* Oldest configuration version that allows the command. */
static const char *const command_since[CNI_COMMAND_COUNT] = {
	[CNI_CHECK] = "0.4.0", [CNI_GC] = "1.1.0", [CNI_STATUS] = "1.1.0",
};

/* The 1.1.1 plugins do not support the last one. */
static const char *const versions[] = { "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0",
	"1.1.0" };

static size_t version_count(const struct cni *c)
{
	return sizeof versions / sizeof *versions - (c->compat == CNI_111);
}

__attribute__((format(printf, 3, 0)))
static int fail(struct cni *c, unsigned code, const char *fmt, va_list ap)
{
	if (c->code) return -1;
	_cleanup_free_ char *s = xvasprintf(fmt, ap);
	c->code = code;
	buf_puts(&c->msg, s);
	return -1;
}

int cni_fail(struct cni *c, unsigned code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(c, code, fmt, ap);
	va_end(ap);
	return -1;
}

int cni_fail_errno(struct cni *c, int r, const char *fmt, ...)
{
	char scratch[128];
	va_list ap;

	if (c->code) return -1;
	va_start(ap, fmt);
	fail(c, CNI_INTERNAL, fmt, ap);
	va_end(ap);
	buf_printf(&c->msg, ": %s", go_strerror(-r, scratch, sizeof scratch));
	return -1;
}

int cni_fail_str(struct cni *c, unsigned code, const char *prefix, struct str s)
{
	if (c->code) return -1;
	c->code = code;
	buf_puts(&c->msg, prefix);
	buf_add(&c->msg, s.s, s.n);
	return -1;
}

int cni_fail_path(struct cni *c, const char *op, const char *path, int err)
{
	char scratch[128];
	return cni_fail(c, CNI_INTERNAL, "%s %s: %s", op, path,
		go_strerror(err, scratch, sizeof scratch));
}

void cni_forgive(struct cni *c)
{
	c->code = 0;
	buf_reset(&c->msg);
	buf_reset(&c->details);
}

static int fail_with_details(struct cni *c, unsigned code, const char *msg, const char *details)
{
	buf_puts(&c->details, details);
	return cni_fail(c, code, "%s", msg);
}

static void numbers(const char *s, size_t n, unsigned out[3])
{
	out[0] = out[1] = out[2] = 0;
	for (size_t i = 0, part = 0; i < n && part < 3; i++) {
		if (s[i] == '.') part++;
		else out[part] = out[part] * 10 + (unsigned)(s[i] - '0');
	}
}

bool cni_version_at_least(struct str a, const char *b)
{
	unsigned x[3], y[3];

	if (!a.n) a = go_str("0.1.0");
	numbers(a.s, a.n, x);
	numbers(b, strlen(b), y);
	for (int i = 0; i < 3; i++)
		if (x[i] != y[i]) return x[i] > y[i];
	return true;
}

/* ---- checks, with upstream's messages ---- */

static bool valid_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9');
		if (!alnum && (!i || !c || !strchr("_.-", c))) return false;
	}
	return n > 0;
}

static int check_id(struct cni *c)
{
	if (!*c->id) return cni_fail(c, CNI_UNKNOWN_CONTAINER, "missing containerID");
	if (valid_name(c->id, strlen(c->id))) return 0;
	return fail_with_details(c, CNI_BAD_ENVIRONMENT, "invalid characters in containerID",
		c->id);
}

static int check_ifname(struct cni *c)
{
	const char *s = c->ifname;
	size_t n = strlen(s);

	if (!n) return cni_fail(c, CNI_BAD_ENVIRONMENT, "interface name is empty");
	if (n > 15) return fail_with_details(c, CNI_BAD_ENVIRONMENT, "interface name is too long",
		"interface name should be less than 16 characters");
	if (path_is_dots(s))
		return cni_fail(c, CNI_BAD_ENVIRONMENT, "interface name is . or ..");
	for (size_t i = 0, k; i < n; i += k ? k : 1) {
		uint32_t ch = 0;
		k = utf8_decode(s + i, n - i, &ch);
		if (k && (ch == '/' || ch == ':' || go_is_space(ch)))
			return cni_fail(c, CNI_BAD_ENVIRONMENT,
			"interface name contains / or : or whitespace characters");
	}
	return 0;
}

static const struct {
	const char *name;
	size_t field;
	unsigned needed;               /* by which commands */
	int (*check)(struct cni *c);   /* when it is read, where it is needed (not in 1.1.1) */
} variables[] = {
	{ "CNI_CONTAINERID", offsetof(struct cni, id),
		NEEDS(CNI_ADD) | NEEDS(CNI_CHECK) | NEEDS(CNI_DEL), check_id },
	{ "CNI_NETNS", offsetof(struct cni, netns), NEEDS(CNI_ADD) | NEEDS(CNI_CHECK), NULL },
	{ "CNI_IFNAME", offsetof(struct cni, ifname),
	NEEDS(CNI_ADD) | NEEDS(CNI_CHECK) | NEEDS(CNI_DEL), check_ifname },
	{ "CNI_ARGS", offsetof(struct cni, args), 0, NULL },
	{ "CNI_PATH", offsetof(struct cni, path),
	  NEEDS(CNI_ADD) | NEEDS(CNI_CHECK) | NEEDS(CNI_DEL) | NEEDS(CNI_GC) | NEEDS(CNI_STATUS),
	NULL },
};

static const char *env(const char *name)
{
	const char *s = getenv(name);
	return s ? s : "";
}

/* command: CNI_COMMAND_COUNT for an unknown one. */
static int read_environment(struct cni *c, enum cni_command command)
{
	_cleanup_buf_ struct buf missing = {0};

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		const char *s = env(variables[i].name);
		bool needed = command < CNI_COMMAND_COUNT && variables[i].needed & NEEDS(command);
		/* 1.1.1 has neither GC nor STATUS. */
		if (c->compat == CNI_111 && command >= CNI_GC) needed = false;
		*(const char **)((char *)c + variables[i].field) = s;
		if (!*s && needed)
			buf_printf(&missing, "%s%s", missing.len ? "," : "", variables[i].name);
		if (*s && needed && variables[i].check && c->compat != CNI_111 &&
			variables[i].check(c) < 0)
			return -1;
	}
	if (!missing.len) return 0;
	return cni_fail(c, CNI_BAD_ENVIRONMENT, "required env variables [%s] missing",
		missing.data);
}

static const struct go_type name_type = {
	.kind = GO_STRUCT, .name = "struct { Name string \"json:\\\"name\\\"\" }", .bare = "",
	.fields = (const struct go_field[]){ { .name = "name", .type = &go_string }, { 0 } },
};

static const struct go_type version_type = {
	.kind = GO_STRUCT, .name = "struct { CNIVersion string \"json:\\\"cniVersion\\\"\" }",
	.bare = "",
	.fields = (const struct go_field[]){ { .name = "cniVersion", .type = &go_string }, { 0 } },
};

/* Most configurations fit in a buffer on the stack; malloc(3) would be a system call. */
static int read_stdin(struct buf *b)
{
	char first[4096];

	for (;;) {
		ssize_t n = read(STDIN_FILENO, first, sizeof first);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -errno;
		if (!n) return b->failed ? -ENOMEM : 0;
		buf_add(b, first, (size_t)n);
		if (b->len > CONFIG_MAX) return -EFBIG;
	}
}

static int read_config(struct cni *c)
{
	char scratch[128];
	struct str why;

	int r = read_stdin(&c->text);
	if (r < 0)
		return cni_fail(c, CNI_IO, "error reading from stdin: %s",
			go_strerror(-r, scratch, sizeof scratch));
	r = json_parse_in(&c->conf, c->text.data ? c->text.data : "", c->text.len, &c->arena);
	if (r == -EBADMSG)
		return cni_fail(c, CNI_DECODE, "error unmarshall network config: %s",
			c->conf.error);
	if (r < 0)
		return cni_fail(c, CNI_DECODE, "error unmarshall network config: %s",
			go_strerror(-r, scratch, sizeof scratch));
	if (go_decode(&c->conf, json_root(&c->conf), &name_type, &c->name, &c->arena,
		c->compat == CNI_111, &why) < 0)
		return cni_fail_str(c, CNI_DECODE, "error unmarshall network config: ", why);
	if (!c->name.n) return cni_fail(c, CNI_BAD_CONFIG, "missing network name");
	if (valid_name(c->name.s, c->name.n)) return 0;
	buf_add(&c->details, c->name.s, c->name.n);
	return cni_fail(c, CNI_BAD_CONFIG, "invalid characters found in network name");
}

static int read_version(struct cni *c)
{
	struct str why;

	if (go_decode(&c->conf, json_root(&c->conf), &version_type, &c->version, &c->arena,
		c->compat == CNI_111, &why) < 0)
		return cni_fail_str(c, CNI_DECODE, "decoding version from network config: ", why);
	if (!c->version.n) c->version = go_str("0.1.0");
	return 0;
}

static int check_version(struct cni *c)
{
	size_t n = version_count(c);

	for (size_t i = 0; i < n; i++)
		if (strlen(versions[i]) == c->version.n &&
			!memcmp(versions[i], c->version.s, c->version.n))
			return 0;
	buf_puts(&c->details, "config is ");
	go_quote(&c->details, c->version.s, c->version.n);
	buf_puts(&c->details, ", plugin supports [");
	for (size_t i = 0; i < n; i++)
		buf_printf(&c->details, "%s\"%s\"", i ? " " : "", versions[i]);
	buf_putc(&c->details, ']');
	return cni_fail(c, CNI_VERSION_ERROR, "incompatible CNI versions");
}

static int fail_number(struct cni *c, const char *part, struct str s, const char *why)
{
	_cleanup_buf_ struct buf quoted = {0};

	go_quote(&quoted, s.s, s.n);
	return cni_fail(c, CNI_DECODE, "failed to convert %s version part %s: strconv.Atoi: "
		"parsing %s: %s", part, quoted.data, quoted.data, why);
}

/* ParseVersion of pkg/version/plugin.go. 0, or -1 after cni_fail(). */
static int parse_version(struct cni *c, int out[3])
{
	static const char *const parts[] = { "major", "minor", "micro" };
	struct str v = c->version;
	_cleanup_buf_ struct buf quoted = {0};
	size_t dots = 0;

	out[0] = out[1] = out[2] = 0;
	for (size_t i = 0; i < v.n; i++) dots += v.s[i] == '.';
	go_quote(&quoted, v.s, v.n);
	if (dots >= 3)
		return cni_fail(c, CNI_DECODE, "invalid version %s: too many parts", quoted.data);
	for (size_t i = 0; i <= dots; i++) {
		const char *dot = memchr(v.s, '.', v.n);
		size_t n = dot ? (size_t)(dot - v.s) : v.n, digits = 0;
		size_t sign = n && (v.s[0] == '-' || v.s[0] == '+');
		while (sign + digits < n && v.s[sign + digits] >= '0' && v.s[sign + digits] <= '9')
			digits++;
		if (!digits || sign + digits != n || digits > 9) {
			bool number = digits && sign + digits == n;
			return fail_number(c, parts[i], (struct str){ v.s, n },
				number ? "value out of range" : "invalid syntax");
		}
		out[i] = atoi(v.s);
		v.s += n + (dot != NULL);
		v.n -= n + (dot != NULL);
	}
	return 0;
}

/* CHECK, GC and STATUS need a configuration of a version that has them. */
static int check_command_version(struct cni *c, enum cni_command command)
{
	int v[3];
	unsigned least[3];

	if (parse_version(c, v) < 0) return -1;
	numbers(command_since[command], strlen(command_since[command]), least);
	for (int i = 0; i < 3; i++) {
		if (v[i] > (int)least[i]) break;
		if (v[i] < (int)least[i])
			return cni_fail(c, CNI_VERSION_ERROR, "config version does not allow %s",
			command_names[command]);
	}
	const char *newest = versions[version_count(c) - 1];
	numbers(newest, strlen(newest), least);
	for (int i = 0; i < 3; i++) {
		if (v[i] < (int)least[i]) break;
		if (v[i] > (int)least[i])
			return cni_fail(c, CNI_VERSION_ERROR, "plugin version does not allow %s",
			command_names[command]);
	}
	return 0;
}

enum netns_place { ELSEWHERE, HERE, NOWHERE };

/* Is CNI_NETNS this process's own namespace, by the file behind both names? One that does not
 * exist is left to the plugin. NOWHERE: this process's own cannot be examined. */
static enum netns_place netns_place(const struct cni *c)
{
	const char *override = env("CNI_NETNS_OVERRIDE");
	struct stat theirs, ours;

	if (c->compat == CNI_111 || c->plugin->any_netns || !*c->netns) return ELSEWHERE;
	if (!strcmp(override, "1") || !strcasecmp(override, "true")) return ELSEWHERE;
	if (stat(c->netns, &theirs) < 0) return ELSEWHERE;
	if (stat("/proc/self/ns/net", &ours) < 0) return NOWHERE;
	return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino ? HERE : ELSEWHERE;
}

static int run_command(struct cni *c, enum cni_command command)
{
	enum netns_place place = ELSEWHERE;

	if (read_version(c) < 0) return -1;
	if (command_since[command] && check_command_version(c, command) < 0) return -1;
	if (check_version(c) < 0) return -1;
	/* Before the plugin enters another namespace. */
	if (command == CNI_ADD || command == CNI_DEL) place = netns_place(c);
	if (c->plugin->run[command] && c->plugin->run[command](c) < 0) return -1;
	if (place == NOWHERE) return cni_fail(c, CNI_BAD_NETNS, "get plugin's netns failed");
	if (place == HERE)
		return cni_fail(c, CNI_BAD_NETNS,
			"plugin's netns and netns from CNI_NETNS should not be the same");
	return 0;
}

static void print_versions(struct cni *c)
{
	size_t n = version_count(c);

	buf_printf(&c->out, "{\"cniVersion\":\"%s\",\"supportedVersions\":[", versions[n - 1]);
	for (size_t i = 0; i < n; i++) buf_printf(&c->out, "%s\"%s\"", i ? "," : "", versions[i]);
	buf_puts(&c->out, "]}\n");
}

/* Called without a command: describe the plugin, as upstream does, and succeed. */
static void describe(struct cni *c)
{
	_cleanup_buf_ struct buf b = {0};
	bool called_bare = c->compat == CNI_BETTER;

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		if (getenv(variables[i].name)) called_bare = false;
	if (called_bare && c->plugin->bare_answer) buf_puts(&c->out, c->plugin->bare_answer);
	buf_printf(&b, "CNI %s plugin %s\nCNI protocol versions supported: ", c->plugin->name,
		c->compat == CNI_BETTER ? "k3sbox " K3SBOX_VERSION : "version unknown");
	for (size_t i = 0, n = version_count(c); i < n; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", versions[i]);
	buf_putc(&b, '\n');
	io_write_fd(STDERR_FILENO, b.data, b.len);
}

static int serve(struct cni *c)
{
	enum cni_command command = 0;

	while (command < CNI_COMMAND_COUNT && strcmp(c->command, command_names[command])) command++;
	if (read_environment(c, command) < 0) return -1;
	if (!strcmp(c->command, "VERSION")) {
		print_versions(c);
		return 0;
	}
	if (read_config(c) < 0) return -1;
	if (c->compat == CNI_111) {
		if (check_id(c) < 0 || check_ifname(c) < 0) return -1;
		if (command >= CNI_GC) command = CNI_COMMAND_COUNT;
	}
	if (command < CNI_COMMAND_COUNT) return run_command(c, command);
	return cni_fail_str(c, CNI_BAD_ENVIRONMENT, "unknown CNI_COMMAND: ", go_str(c->command));
}

static void print_error(struct cni *c)
{
	/* Upstream prints the error about the namespace after the result, which no runtime can
	 * parse. */
	if (c->compat == CNI_BETTER) buf_reset(&c->out);
	buf_printf(&c->out, "{\n    \"code\": %u,\n    \"msg\": ", c->code);
	buf_json_n(&c->out, c->msg.data ? c->msg.data : "", c->msg.len);
	if (c->details.len) {
		buf_puts(&c->out, ",\n    \"details\": ");
		buf_json_n(&c->out, c->details.data, c->details.len);
	}
	buf_puts(&c->out, "\n}");
}

/* CNI has no arguments; --help and --version are answered when no runtime is calling. */
static bool for_people(const struct cni_plugin *p, int argc, char **argv)
{
	if (argc != 2 || getenv("CNI_COMMAND")) return false;
	if (!strcmp(argv[1], "--version")) {
		puts("k3sbox " K3SBOX_VERSION);
		return true;
	}
	if (strcmp(argv[1], "--help") && strcmp(argv[1], "-h")) return false;
	printf("Usage: k3sbox %s    (CNI: variables CNI_… in the environment, configuration on "
		"standard input)\n\n%s", p->name, p->help);
	return true;
}

static enum cni_compat compat(void)
{
	const char *s = env("K3SBOX_CNI_COMPAT");
	return !strcmp(s, "1.1.1") ? CNI_111 : !strcmp(s, "1.9.1") ? CNI_191 : CNI_BETTER;
}

void cni_begin(struct cni *c, const struct cni_plugin *p)
{
	memset(c, 0, offsetof(struct cni, arena));
	arena_init(&c->arena);
	c->text.arena = c->out.arena = c->msg.arena = c->details.arena = &c->arena;
	c->plugin = p;
	c->compat = compat();
	c->command = env("CNI_COMMAND");
}

int cni_main(const struct cni_plugin *p, int argc, char **argv)
{
	struct cni c;

	if (for_people(p, argc, argv)) return fflush(stdout) ? EX_FAIL : EX_OK;
	cni_begin(&c, p);
	int status = EX_OK;
	if (!*c.command) {
		describe(&c);
	} else if (serve(&c) < 0) {
		print_error(&c);
		status = EX_FAIL;
	}
	int r = c.out.failed ? -ENOMEM : io_write_fd(STDOUT_FILENO, c.out.data, c.out.len);
	if (r < 0) {
		warn_errno(r, "standard output");
		status = EX_FAIL;
	}
	/* No memory is freed: each free would cost a system call. */
	_exit(status);
}
