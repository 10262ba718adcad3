/* The file of a run's state, and the lock beside it. Not for judging what they mean together: that
 * is presence. */
#include "cluster/runstate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "base/text.h"

const char *const runstate_phase_names[RUNSTATE_PHASES] = {
	[RUNSTATE_STARTING] = "starting",
	[RUNSTATE_API] = "api",
	[RUNSTATE_READY] = "ready",
	[RUNSTATE_STOPPING] = "stopping",
	[RUNSTATE_STOPPED] = "stopped",
};

enum field_type { FIELD_TEXT, FIELD_LIST, FIELD_PROCESS, FIELD_PHASE, FIELD_INT, FIELD_TIME,
	FIELD_BOOL };

static const struct state_field {
	const char *key;
	enum field_type type : 8;
	uint16_t at, size;
} fields[] = {
#define F(key, type, member) \
	{ key, type, offsetof(struct runstate, member), sizeof((struct runstate *)0)->member }
	F("supervisor", FIELD_PROCESS, supervisor),
	F("k3s", FIELD_PROCESS, k3s),
	F("phase", FIELD_PHASE, phase),
	F("started", FIELD_TIME, started),
	F("status", FIELD_INT, status),
	F("restarts", FIELD_INT, restarts),
	F("ended", FIELD_TIME, ended),
	F("cause", FIELD_TEXT, cause),
	F("asked", FIELD_BOOL, asked),
	F("frozen", FIELD_BOOL, frozen),
	F("control-plane", FIELD_BOOL, control_plane),
	F("node", FIELD_TEXT, node),
	F("data-dir", FIELD_TEXT, data_dir),
	F("kubeconfig", FIELD_TEXT, kubeconfig),
	F("log", FIELD_TEXT, log),
	F("version", FIELD_TEXT, version),
	F("k3s-path", FIELD_TEXT, k3s_path),
	F("directory", FIELD_TEXT, directory),
	F("obstacle", FIELD_LIST, obstacles),
	F("arg", FIELD_LIST, argv),
#undef F
};

enum { FIELDS = sizeof fields / sizeof *fields };

/* Values may hold line ends (a user's argument); \n and \\ are escaped. */
static void put_escaped(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n') buf_puts(b, "\\n");
		else if (*s == '\\') buf_puts(b, "\\\\");
		else buf_putc(b, *s);
	}
}

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1]) s++, *to++ = *s == 'n' ? '\n' : *s;
		else *to++ = *s;
	}
	*to = 0;
}

static void put_field(const struct state_field *f, const void *p, struct buf *b)
{
	const struct process_id *id = p;
	const struct strv *list = p;

	if (f->type == FIELD_LIST) {
		for (size_t i = 0; i < list->n; i++) {
			buf_printf(b, "%s ", f->key);
			put_escaped(b, list->v[i]);
			buf_putc(b, '\n');
		}
		return;
	}
	buf_printf(b, "%s ", f->key);
	switch (f->type) {
	case FIELD_TEXT: put_escaped(b, p); break;
	case FIELD_PROCESS: buf_printf(b, "%d %llu", (int)id->pid, (unsigned long long)id->start);
	break;
	case FIELD_PHASE: buf_puts(b, runstate_phase_names[*(const enum runstate_phase *)p]); break;
	case FIELD_INT: buf_printf(b, "%d", *(const int *)p); break;
	case FIELD_TIME: buf_printf(b, "%lld", (long long)*(const int64_t *)p); break;
	case FIELD_BOOL: buf_puts(b, *(const bool *)p ? "yes" : "no"); break;
	case FIELD_LIST: break;
	}
	buf_putc(b, '\n');
}

void runstate_print(const struct runstate *s, struct buf *out)
{
	for (size_t i = 0; i < FIELDS; i++)
		put_field(&fields[i], (const char *)s + fields[i].at, out);
}

static void take_phase(enum runstate_phase *p, const char *value)
{
	for (int i = 0; i < RUNSTATE_PHASES; i++)
		if (!strcmp(value, runstate_phase_names[i])) *p = (enum runstate_phase)i;
}

static void take_field(const struct state_field *f, void *p, char *value)
{
	struct process_id *id = p;
	char *end;

	switch (f->type) {
	case FIELD_TEXT:
		unescape(value);
		snprintf(p, f->size, "%s", value);
		break;
	case FIELD_LIST:
		unescape(value);
		strv_add(p, value);
		break;
	case FIELD_PROCESS: {
		long pid = strtol(value, &end, 10);
		id->pid = pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
		id->start = strtoull(end, NULL, 10);
		break;
	}
	case FIELD_PHASE: take_phase(p, value); break;
	case FIELD_INT: *(int *)p = (int)strtol(value, NULL, 10); break;
	case FIELD_TIME: *(int64_t *)p = strtoll(value, NULL, 10); break;
	case FIELD_BOOL: *(bool *)p = !strcmp(value, "yes"); break;
	}
}

static bool take_line(struct runstate *s, const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);
	size_t key = space ? (size_t)(space - line) : len;

	for (size_t i = 0; space && i < FIELDS; i++) {
		if (strlen(fields[i].key) != key || memcmp(fields[i].key, line, key)) continue;
		_cleanup_free_ char *value = xmalloc(len - key);
		memcpy(value, space + 1, len - key - 1);
		value[len - key - 1] = 0;
		take_field(&fields[i], (char *)s + fields[i].at, value);
		return true;
	}
	return false;
}

int runstate_parse(struct runstate *s, const char *text, size_t len)
{
	bool any = false;

	*s = (struct runstate){0};
	struct text_lines l = text_lines(text, len);
	while (text_line(&l))   /* one that the end of the file cuts does not count */
		if (l.ended && !memchr(l.line, 0, l.len)) any |= take_line(s, l.line, l.len);
	return any ? 0 : -EBADMSG;
}

void runstate_free(struct runstate *s)
{
	strv_free(&s->obstacles);
	strv_free(&s->argv);
}

static const char last_line[] = "end\n";

static bool is_whole(const struct buf *b)
{
	size_t n = sizeof last_line - 1;
	return b->len >= n && !memcmp(b->data + b->len - n, last_line, n);
}

int runstate_load(struct runstate *s, const char *dir, struct err *e)
{
	char path[512];
	_cleanup_buf_ struct buf b = {0};
	_cleanup_runstate_ struct runstate damaged = {0};

	*s = (struct runstate){0};
	int r = io_join(path, sizeof path, dir, "state");
	if (!r) r = io_read(path, &b, 1 << 20);
	if (r < 0) return err_errno(e, r, "cannot read %s/state", dir);
	if (is_whole(&b) && !runstate_parse(s, b.data, b.len)) return 0;
	if (b.data) runstate_parse(&damaged, b.data, b.len);
	s->supervisor = damaged.supervisor;
	return err_set(e, -EBADMSG, "%s is damaged: it is empty or has been truncated", path);
}

int runstate_save(const struct runstate *s, const char *dir)
{
	char path[512];
	_cleanup_buf_ struct buf b = {0};
	int r = io_join(path, sizeof path, dir, "state");

	if (r < 0) return r;
	runstate_print(s, &b);
	buf_puts(&b, last_line);
	if (b.failed) return -ENOMEM;
	r = io_mkdirs(dir, 0700);
	return r < 0 ? r : io_replace(path, 0600, b.data, b.len);
}

/* `clean` removes the file: a process that opened it before that gets a lock on a file that has no
 * name any more, and tries again. */
int runstate_lock(const char *dir)
{
	char path[512];
	int r = io_join(path, sizeof path, dir, "lock");

	for (int tries = 3; tries; tries--) {
		if (!r) r = io_mkdirs(dir, 0700);
		if (r < 0) return r;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0) return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) r = -errno;
		else if (io_is_at(fd, path) || tries == 1) return fd;
		close(fd);
	}
	return r;
}

void runstate_unlock(int fd)
{
	flock(fd, LOCK_UN);
	close(fd);
}
