/* The OCI runtime shim: takes the place of runc for the container engine (containerd's
 * BinaryName, k3s's crun slot), edits the container's configuration where this machine cannot do
 * what it asks for, and becomes the real runc. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/text.h"
#include "runc/shim.h"

enum { RULES_MAX = 1 << 16, CONFIG_MAX = 64 << 20 };

/* Set before the exec to this process's id, which an exec keeps: to find it again means that the
 * program that was executed is k3sbox, too; or its parent's, where it is run as a child. */
#define LOOP_ENV "K3SBOX_SHIM_PID"

/* One line in runc's log, as logrus writes it: containerd shows the last of level error
 * (runtime/v2: getLastRuntimeError). */
static void log_line(const struct shim_call *c, const char *level, const char *msg)
{
	_cleanup_buf_ struct buf b = {0};
	char when[TEXT_TIME_SIZE];

	if (!c->log) return;
	text_time(time(NULL), when);
	if (c->log_json) buf_printf(&b, "{\"level\":\"%s\",\"time\":\"%s\",\"msg\":", level, when);
	else buf_printf(&b, "time=\"%s\" level=%s msg=", when, level);
	buf_json(&b, msg);
	if (c->log_json) buf_putc(&b, '}');
	buf_putc(&b, '\n');
	_cleanup_close_ int fd = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY,
		0644);
	/* stderr has the message as well, so a log that cannot be written is no error */
	if (fd >= 0 && !b.failed) io_write_fd(fd, b.data, b.len);
}

static int failed(const struct shim_call *c, const char *what, const char *cause)
{
	_cleanup_buf_ struct buf msg = {0};

	buf_printf(&msg, "k3sbox shim: %s: %s", what, cause);
	log_line(c, "error", msg.data ? msg.data : "k3sbox shim: out of memory");
	warn("%s: %s", what, cause);
	return EX_FAIL;
}

static const char *rules_path(void)
{
	const char *path = getenv(SHIM_RULES_ENV);
	return path && *path ? path : PLAN_SHIM_RULES;
}

/* No file: no rules, and the real runc is looked for. */
static int load_rules(struct shim_rules *r, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	int result = io_read(rules_path(), &text, RULES_MAX);

	if (result == -ENOENT) return 0;
	if (result < 0) return err_set(e, result, "%s", strerror(-result));
	return shim_rules_parse(r, text.data ? text.data : "", e);
}

static int read_document(const char *path, struct buf *text, struct stat *st, struct err *e)
{
	/* The bundle is the engine's own directory; a link in it is not the engine's. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 || fstat(fd, st) < 0 ? -errno : 0;

	if (r == -ELOOP) return err_set(e, r, "is a symbolic link, which the shim does not follow");
	if (!r && !S_ISREG(st->st_mode)) return err_set(e, -EINVAL, "is not a regular file");
	if (!r && st->st_size > CONFIG_MAX) r = -EFBIG;
	/* one for all reads */
	if (!r && !buf_reserve(text, (size_t)st->st_size + 4097)) r = -ENOMEM;
	if (!r) r = io_read_fd(fd, text, CONFIG_MAX);
	if (r == -EFBIG) return err_set(e, r, "is larger than 64 MiB");
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}

static int replace_document(const char *path, const struct stat *st, const struct buf *text)
{
	char temp[PATH_MAX];
	int fd = io_begin(path, temp, sizeof temp);
	if (fd < 0) return fd;
	int r = io_write_fd(fd, text->data, text->len);
	bool ours = st->st_uid == geteuid() && st->st_gid == getegid();
	if (!r && !ours && fchown(fd, st->st_uid, st->st_gid) < 0) r = -errno;
	return io_end(fd, r, st->st_mode & 07777, temp, path);
}

static void log_notes(const struct shim_call *c, char *notes)
{
	for (char *line; notes && (line = strsep(&notes, "\n"));)
		if (*line) log_line(c, "warning", line);
}

static int edit_document(const struct shim_call *c, const struct shim_rules *rules,
	enum shim_document doc, const char *path)
{
	_cleanup_buf_ struct buf text = {0}, out = {0}, notes = {0};
	struct err why = {0};
	struct stat st;
	int r = read_document(path, &text, &st, &why);
	struct shim_input in = {
		.doc = doc, .text = text.data ? text.data : "", .len = text.len,
		.bundle = c->bundle,
	};

	if (!r) r = shim_rules_edit(rules, &in, shim_sight_init, &out, &notes, &why);
	if (r < 0) return failed(c, path, why.text);
	log_notes(c, notes.data);
	if (!out.len) return EX_OK;
	r = replace_document(path, &st, &out);
	return r < 0 ? failed(c, path, strerror(-r)) : EX_OK;
}

static bool has_document(const struct shim_rules *rules, enum shim_document doc)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->v[i].rule->documents & doc) return true;
	return false;
}

static const struct shim_use *use_of(const struct shim_rules *rules, enum shim_rule_id id)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->v[i].rule == &shim_rule_rows[id]) return &rules->v[i];
	return NULL;
}

static bool is_create(const char *verb)
{
	return !strcmp(verb, "create") || !strcmp(verb, "run");
}

static int edit_configuration(const struct shim_call *c, const struct shim_rules *rules,
	const char *verb)
{
	char path[PATH_MAX];

	if (is_create(verb) && has_document(rules, DOC_CONFIG)) {
		if (io_join(path, sizeof path, c->bundle, "config.json") < 0)
			return failed(c, c->bundle, "the path is too long");
		return edit_document(c, rules, DOC_CONFIG, path);
	}
	if (!strcmp(verb, "exec") && c->process && has_document(rules, DOC_PROCESS))
		return edit_document(c, rules, DOC_PROCESS, c->process);
	return EX_OK;
}

/* argv with the rules' options behind the verb. */
static char **real_argv(const struct shim_rules *rules, int verb, int argc, char **argv)
{
	char **v = xcalloc((size_t)argc + SHIM_RULE_COUNT + 1, sizeof *v);
	int n = 0;

	for (int i = 0; i < argc; i++) {
		v[n++] = argv[i];
		if (i != verb || !is_create(argv[i])) continue;
		for (size_t k = 0; k < rules->n; k++)
			if (rules->v[k].rule->option) v[n++] = (char *)rules->v[k].rule->option;
	}
	return v;
}

static int find_runc(const struct shim_call *c, const struct shim_rules *rules, char *path,
	size_t size)
{
	const char *from = getenv("PATH");

	if (rules->runc) {
		int r = io_find_program(rules->runc, NULL, path, size);
		if (!r) return EX_OK;
		return failed(c, rules->runc, r == -EACCES ? "cannot be executed"
			: "does not exist or is not the real runc; run 'k3sbox init' again");
	}
	if (!io_find_program("runc", from, path, size) ||
		!io_find_program("crun", from, path, size))
		return EX_OK;
	return failed(c, "the real runc",
		"neither runc nor crun is in PATH; name it in a line \"runc PATH\" "
		"of " PLAN_SHIM_RULES);
}

static int become_runc(const struct shim_call *c, const struct shim_rules *rules, int argc,
	char **argv)
{
	char path[PATH_MAX], pid[16], parent[16];
	const char *mark = getenv(LOOP_ENV);

	int status = find_runc(c, rules, path, sizeof path);
	if (status) return status;
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	snprintf(parent, sizeof parent, "%d", (int)getppid());   /* create_again() */
	if (mark && (!strcmp(mark, pid) || !strcmp(mark, parent)))
		return failed(c, path, "is k3sbox itself (a copy), not the real runc");
	if (setenv(LOOP_ENV, pid, 1) < 0) return failed(c, path, strerror(errno));
	char **v = real_argv(rules, c->verb, argc, argv);
	v[0] = path;
	const char *verb = c->verb < argc ? argv[c->verb] : "";
	const struct shim_use *hide = use_of(rules, SHIM_HIDE_ROOTS);
	bool cgroupfs = use_of(rules, SHIM_HIDE_CGROUPFS);
	if ((hide || cgroupfs) && is_create(verb))
		create_hide_mounts(hide ? hide->args.v[0] : NULL, cgroupfs, c->bundle);
	if (use_of(rules, SHIM_CREATE_AGAIN) && !strcmp(verb, "create")) {
		int r = create_again(c, path, v);
		return r < 0 ? failed(c, path, strerror(-r)) : r;
	}
	execv(path, v);
	return failed(c, path, strerror(errno));
}

static int list_rules(void)
{
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = SHIM_NONE + 1; i < SHIM_RULE_COUNT; i++) {
		const struct shim_rule *r = &shim_rule_rows[i];
		const char *arg = r->argument;
		buf_printf(&b, "%s%s%s\n    ", r->name, arg ? " " : "", arg ? arg : "");
		for (const char *c = r->help; *c; c++) {
			buf_putc(&b, *c);
			if (*c == '\n') buf_puts(&b, "    ");
		}
		buf_putc(&b, '\n');
	}
	return io_write_fd(STDOUT_FILENO, b.data, b.len) < 0 ? EX_FAIL : EX_OK;
}

static int run_raw(int argc, char **argv)
{
	_cleanup_shim_rules_ struct shim_rules rules = {0};
	struct err why = {0};
	struct shim_call c;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return applet_help(applet_find("runc"));
	if (argc == 2 && !strcmp(argv[1], "--list-rules")) return list_rules();
	shim_call_parse(&c, argc, argv);
	const char *verb = c.verb < argc ? argv[c.verb] : "";
	/* Bad rules stop what they apply to; deleting a container must work all the same. */
	if (load_rules(&rules, &why) < 0 && (is_create(verb) || !strcmp(verb, "exec")))
		return failed(&c, rules_path(), why.text);
	int status = edit_configuration(&c, &rules, verb);
	return status ? status : become_runc(&c, &rules, argc, argv);
}

static const char *const aliases[] = { "crun", "oci-shim", NULL };

const struct applet applet_runc = {
	.name = "runc",
	.aliases = aliases,
	.group = GROUP_CNI,
	.summary = "OCI runtime shim: edit a container's configuration, then become the real runc",
	.usage = "[RUNC-OPTION…] VERB [ARG…]\n       k3sbox oci-shim --list-rules",
	.more =
		"create and run edit BUNDLE/config.json, exec its --process file, in place, by\n"
		"the rules in " PLAN_SHIM_RULES " (or in the file that " SHIM_RULES_ENV " in\n"
		"the environment names), which 'k3sbox init' writes: one a line, NAME\n"
		"[ARGUMENT…]; \"runc PATH\" names the real runtime, otherwise it is runc or crun\n"
		"in PATH. What no rule names stays as it is, byte by byte. All other verbs and\n"
		"--version go to the real runc untouched. Errors are written to --log, too, so\n"
		"that 'kubectl describe' shows them; the exit status is then 1.\n",
	.flags = APPLET_RAW | APPLET_ASKED,
	.run_raw = run_raw,
};
