/* The OCI runtime shim: stands where the container engine looks for runc (containerd's BinaryName, k3s's
 * crun slot), mends the container's configuration where this machine cannot do what it asks for, and
 * becomes the real runc. */
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

/* Set before the exec to this process's id, which an exec keeps: to find it again means that we found
 * ourselves. */
#define LOOP_ENV "K3SBOX_SHIM_PID"

/* One line in runc's log, as logrus writes it: containerd shows the last of level error (runtime/v2:
 * getLastRuntimeError). */
static void log_line(const struct call *c, const char *level, const char *msg)
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
	_cleanup_close_ int fd = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	/* stderr has the message as well; a log that cannot be written is no reason to say less there */
	if (fd >= 0 && !b.failed) io_write_fd(fd, b.data, b.len);
}

static int failed(const struct call *c, const char *what, const char *cause)
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
	return path && *path ? path : K3SBOX_SHIM_RULES;
}

/* No file: no rules, and the real runc is looked for. */
static int load_rules(struct rules *r, struct buf *why)
{
	_cleanup_buf_ struct buf text = {0};
	int e = io_read(rules_path(), &text, RULES_MAX);

	if (e == -ENOENT) return 0;
	if (e < 0) buf_puts(why, strerror(-e));
	return e < 0 ? e : rules_parse(r, text.data ? text.data : "", why);
}

static int read_document(const char *path, struct buf *text, struct stat *st, struct buf *why)
{
	/* The bundle is the engine's own folder; a link in it is not the engine's. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 || fstat(fd, st) < 0 ? -errno : 0;

	if (r == -ELOOP) buf_puts(why, "is a symbolic link, which the shim does not follow");
	else if (!r && !S_ISREG(st->st_mode)) buf_puts(why, "is not a regular file");
	else if (!r && st->st_size > CONFIG_MAX) buf_puts(why, "is larger than 64 MiB");
	else if (!r && !buf_reserve(text, (size_t)st->st_size + 4097)) r = -ENOMEM;   /* one for all reads */
	else if (!r) r = io_read_fd(fd, text, CONFIG_MAX);
	if (r == -EFBIG) buf_puts(why, "is larger than 64 MiB");
	if (r < 0 && !why->len) buf_puts(why, strerror(-r));
	return r < 0 ? r : why->len ? -EINVAL : 0;
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

static void log_notes(const struct call *c, char *notes)
{
	for (char *line; notes && (line = strsep(&notes, "\n"));)
		if (*line) log_line(c, "warning", line);
}

static int edit_document(const struct call *c, const struct rules *rules, enum document doc, const char *path)
{
	_cleanup_buf_ struct buf text = {0}, out = {0}, notes = {0}, why = {0};
	struct stat st;
	int r = read_document(path, &text, &st, &why);

	if (!r)
		r = rules_edit(rules, doc, text.data ? text.data : "", text.len, c->bundle, sight_init,
			&out, &notes, &why);
	if (r < 0) return failed(c, path, why.data ? why.data : strerror(-r));
	log_notes(c, notes.data);
	if (!out.len) return EX_OK;
	r = replace_document(path, &st, &out);
	return r < 0 ? failed(c, path, strerror(-r)) : EX_OK;
}

static bool has_document(const struct rules *rules, enum document doc)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->v[i].rule->documents & doc) return true;
	return false;
}

static bool is_create(const char *verb)
{
	return !strcmp(verb, "create") || !strcmp(verb, "run");
}

static int prepare(const struct call *c, const struct rules *rules, const char *verb)
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
static char **real_argv(const struct rules *rules, int verb, int argc, char **argv)
{
	char **v = xcalloc((size_t)argc + shim_rule_count + 1, sizeof *v);
	int n = 0;

	for (int i = 0; i < argc; i++) {
		v[n++] = argv[i];
		if (i != verb || !is_create(argv[i])) continue;
		for (size_t k = 0; k < rules->n; k++)
			if (rules->v[k].rule->flag) v[n++] = (char *)rules->v[k].rule->flag;
	}
	return v;
}

static int find_runc(const struct call *c, const struct rules *rules, char *path, size_t size)
{
	const char *from = getenv("PATH");

	if (rules->runc) {
		int r = io_find_program(rules->runc, NULL, path, size);
		if (!r) return EX_OK;
		return failed(c, rules->runc, r == -EACCES ? "cannot be executed"
			: "is not there or not the real runc; run `k3sbox init` again");
	}
	if (!io_find_program("runc", from, path, size) || !io_find_program("crun", from, path, size))
		return EX_OK;
	return failed(c, "runc", "neither runc nor crun is in PATH; name it in a line \"runc PATH\" "
		"of " K3SBOX_SHIM_RULES);
}

static int become_runc(const struct call *c, const struct rules *rules, int argc, char **argv)
{
	char path[PATH_MAX], pid[16];
	const char *mark = getenv(LOOP_ENV);

	int status = find_runc(c, rules, path, sizeof path);
	if (status) return status;
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	if (mark && !strcmp(mark, pid))
		return failed(c, path, "is k3sbox itself (a copy), not the real runc");
	if (setenv(LOOP_ENV, pid, 1) < 0) return failed(c, path, strerror(errno));
	char **v = real_argv(rules, c->verb, argc, argv);
	v[0] = path;
	execv(path, v);
	return failed(c, path, strerror(errno));
}

static int list_rules(void)
{
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = 0; i < shim_rule_count; i++) {
		const struct rule *r = &shim_rules[i];
		const char *arg = r->argument;
		buf_printf(&b, "%s%s%s\n    ", r->name, arg ? " " : "", arg ? arg : "");
		for (const char *c = r->why; *c; c++) {
			buf_putc(&b, *c);
			if (*c == '\n') buf_puts(&b, "    ");
		}
		buf_putc(&b, '\n');
	}
	return io_write_fd(STDOUT_FILENO, b.data, b.len) < 0 ? EX_FAIL : EX_OK;
}

static int run_raw(int argc, char **argv)
{
	_cleanup_rules_ struct rules rules = {0};
	_cleanup_buf_ struct buf why = {0};
	struct call c;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return applet_help(applet_find("runc"));
	if (argc == 2 && !strcmp(argv[1], "--list-rules")) return list_rules();
	call_parse(&c, argc, argv);
	const char *verb = c.verb < argc ? argv[c.verb] : "";
	/* Bad rules stop what they are for; a container must be deleted all the same. */
	if (load_rules(&rules, &why) < 0 && (is_create(verb) || !strcmp(verb, "exec")))
		return failed(&c, rules_path(), why.data ? why.data : "cannot be read");
	int status = prepare(&c, &rules, verb);
	return status ? status : become_runc(&c, &rules, argc, argv);
}

static const char *const aliases[] = { "crun", "oci-shim", NULL };

const struct applet applet_runc = {
	.name = "runc",
	.aliases = aliases,
	.group = GROUP_CNI,
	.summary = "OCI runtime shim: mend a container's configuration, then become the real runc",
	.usage = "[RUNC-OPTION…] VERB [ARG…]\n       k3sbox oci-shim --list-rules",
	.more = "create and run edit BUNDLE/config.json, exec its --process file, in place, by the rules in\n"
		K3SBOX_SHIM_RULES " (" SHIM_RULES_ENV " in the environment names another file), which\n"
		"`k3sbox init` writes: one a line, NAME [ARGUMENT…]; \"runc PATH\" names the real runtime,\n"
		"otherwise it is runc or crun in PATH. What no rule names stays as it is, byte by byte.\n"
		"All other verbs and --version go to the real runc untouched. Errors go to --log too, so\n"
		"that `kubectl describe` shows them; the exit status is then 1.\n",
	.flags = APPLET_RAW | APPLET_ASKED,
	.run_raw = run_raw,
};
