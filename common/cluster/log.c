/* Opens, rotates, shows and interprets the log of k3s. */
#include "cluster/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/text.h"
#include "plan/rows.h"
#include "plan/symptom.h"

static int old_name(const char *path, char *old, size_t size)
{
	return snprintf(old, size, "%s.1", path) < (int)size ? 0 : -ENAMETOOLONG;
}

int log_open(const char *path)
{
	char old[PATH_MAX];
	int r = old_name(path, old, sizeof old);

	if (!r) r = io_mkparents(path, 0700);
	if (r < 0) return r;
	if (rename(path, old) < 0 && errno != ENOENT) return -errno;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int log_rotate(const char *path, size_t max)
{
	char old[PATH_MAX];
	struct stat st;

	if (stat(path, &st) < 0) return -errno;
	if (st.st_size <= (off_t)max) return 0;
	int r = old_name(path, old, sizeof old);
	if (!r) r = io_copy(path, old, 0600);
	/* Cut even if there was no room for a copy: the bound counts. */
	if (truncate(path, 0) < 0) return -errno;
	return r;
}

/* Where the last n lines of the file's first `end` bytes begin, or -errno. */
static off_t lines_at(int fd, off_t end, unsigned n)
{
	enum { BLOCK = 8192 };
	char block[BLOCK];
	unsigned lines = 0;

	for (off_t at = end; n && at > 0;) {
		size_t len = at < BLOCK ? (size_t)at : BLOCK;
		ssize_t got = pread(fd, block, len, at - (off_t)len);
		if (got < 0) return -errno;
		at -= (off_t)len;
		/* A line end counts once something follows it. */
		for (ssize_t i = got; i-- > 0;)
			if (block[i] == '\n' && at + i + 1 != end && ++lines == n)
				return at + i + 1;
	}
	return n ? 0 : end;
}

long long log_lines_at(const char *path, unsigned n)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	return end < 0 ? -errno : lines_at(fd, end, n);
}

int log_tail(const char *path, unsigned n, struct buf *out)
{
	enum { LONGEST = 1 << 20 };
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END), at = end < 0 ? -errno
		: lines_at(fd, end, n);

	if (at < 0) return (int)at;
	if (end - at > LONGEST) at = end - LONGEST;
	char *to = buf_reserve(out, (size_t)(end - at));
	ssize_t got = to ? pread(fd, to, (size_t)(end - at), at) : -1;
	if (got < 0) return to ? -errno : -ENOMEM;
	out->len += (size_t)got;
	to[got] = 0;
	return 0;
}

/* Copies what the file has from *at on; a file that got shorter is read from its start again. */
static int copy_new(int fd, long long *at, int out_fd)
{
	char block[8192];
	struct stat st;

	if (!fstat(fd, &st) && st.st_size < *at) *at = 0;
	for (;;) {
		ssize_t n = pread(fd, block, sizeof block, (off_t)*at);
		if (n <= 0) return n < 0 ? -errno : 0;
		int r = io_write_fd(out_fd, block, (size_t)n);
		if (r < 0) return r;
		*at += n;
	}
}

/* A new run makes a new file of that name. */
static bool replaced(int fd, const char *path)
{
	struct stat a, b;
	return !fstat(fd, &a) && !stat(path, &b) && (a.st_ino != b.st_ino || a.st_dev != b.st_dev);
}

int log_follow(const char *path, long long from, int out_fd, bool (*stop)(void *arg), void *arg)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Where inotify is missing (or full), a look twice a second does. */
	_cleanup_close_ int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char events[4096];

	if (fd < 0) return -errno;
	if (notify >= 0)
		inotify_add_watch(notify, path,
			IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
	for (;;) {
		bool last = stop && stop(arg);
		int r = copy_new(fd, &from, out_fd);
		if (r < 0) return r;
		if (last) return 0;
		if (replaced(fd, path)) {
			close(fd);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0) return -errno;
			if (notify >= 0)
				inotify_add_watch(notify, path,
					IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB);
			from = 0;
			continue;
		}
		struct pollfd p[2] = { { .fd = notify, .events = POLLIN },
			{ .fd = out_fd, .events = 0 } };
		poll(p, 2, notify < 0 ? 500 : stop ? 1000 : 5000);
		if (p[1].revents & (POLLERR | POLLHUP)) return 0;
		if (notify >= 0) while (read(notify, events, sizeof events) > 0) ;
	}
}

/* Besides what the facts say. */
static const struct { const char *text, *cause; } causes[] = {
	{ "read-only file system",
	  "a file is read-only: the log says which; --data-dir moves k3s's own" },
	{ "flag provided but not defined",
	  "this k3s does not understand its command line: look behind '--', and at 'k3s server "
	  "--help'" },
	{ "Incorrect Usage",
	  "this k3s does not understand its command line: look behind '--', and at 'k3s server "
	  "--help'" },
	{ "token does not match",
	  "the data directory belongs to a cluster with another token: pass that token, or use "
	  "another --data-dir" },
	{ "bootstrap data already found and encrypted with different token",
	  "the data directory belongs to a cluster with another token: pass that token, or use "
	  "another --data-dir" },
	{ "failed to find host-local", "k3s's CNI plugins are missing: 'k3sbox init', or '-- "
	  "--flannel-backend=none'" },
	{ "/proc/sys/",
	  "a file in /proc/sys is missing or read-only: 'k3sbox init'; 'k3sbox procsys check' "
	  "tells which" },
	{ "permission denied", "something is not allowed here: 'k3sbox doctor' shows what" },
	{ "operation not permitted", "something is not allowed here: 'k3sbox doctor' shows what" },
};

static const struct { const char *text, *help; } waits[] = {
	/* k3s pkg/agent/config */
	{ "Node password rejected", "'k3sbox kubectl -n kube-system delete secret "
	  "NODE.node-password.k3s', or '-- --node-name NAME'" },
	/* kubernetes pkg/kubelet: kubelet_node_status.go, images/image_manager.go */
	{ "Unable to register node with API server",
	  "'-- --node-name NAME' gives it another name" },
	{ "failed to pull image", "'k3sbox doctor' shows whether a registry can be reached" },
};

const char *log_waits(char *text, const char **help)
{
	char *last = NULL;

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		for (char *at = text; (at = strstr(at, waits[i].text)); at++)
			if (at > last) {
				last = at;
				*help = waits[i].help;
			}
	if (last) last[strcspn(last, "\n")] = 0;
	return last;
}

/* Of the facts, those that k3s itself fails of: it runs without the others. Those behind FACT_MASK
 * are about containers. */
const char *log_cause(const char *text)
{
	for (const struct fact *f = facts; f < &facts[FACT_MASK]; f++)
		if (f->severity != DEGRADED && f->help && symptom_is(f->symptom, text))
			return f->help;
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
		if (strcasestr(text, causes[i].text)) return causes[i].cause;
	return NULL;
}

/* How k3s, Go and the kubelet say that they end, what counts most first; then any error. A k3s that
 * ends logs further errors, which are of its end, not its cause. */
static const char *const last_words[] = {
	"level=fatal", "panic: ", "Shutdown request received", "containerd: ", "containerd exited",
	"Failed to start", "command failed", "level=error",
};
enum { LAST_WORDS = sizeof last_words / sizeof *last_words };

/* The index in last_words; one more for an error of klog; still more for other lines. */
static size_t rank_of(const char *line, size_t len)
{
	size_t i = 0;

	while (i < LAST_WORDS && !memmem(line, len, last_words[i], strlen(last_words[i]))) i++;
	bool klog = len > 1 && *line == 'E' && line[1] >= '0' && line[1] <= '9';
	return i + (i == LAST_WORDS && !klog);
}

/* Of logrus what follows msg=, of klog what follows "FILE:LINE] ". */
static void put_message(const char *line, size_t len, char *out, size_t size)
{
	const char *end = line + len, *from = memmem(line, len, "msg=", 4);
	size_t n = 0;

	if (from) line = from + 4;
	else if ((from = memmem(line, len, "] ", 2))) line = from + 2;
	for (; line < end && n + 1 < size; line++)
		if (*line != '"' && *line != '\\' && (unsigned char)*line >= ' ') out[n++] = *line;
	out[n] = 0;
}

void log_last_error(const char *text, char *out, size_t size)
{
	struct text_lines l = text_lines(text, strlen(text));
	size_t best = LAST_WORDS;

	*out = 0;
	while (text_line(&l)) {
		size_t rank = rank_of(l.line, l.len);
		if (rank > best) continue;
		best = rank;
		put_message(l.line, l.len, out, size);
	}
}

void log_end(const char *path, int status, char *out, size_t size)
{
	enum { LINES = 300 };
	_cleanup_buf_ struct buf b = {0};

	snprintf(out, size, "killed by signal %d", status - EX_SIGNAL);
	if (status > EX_SIGNAL) return;
	*out = 0;
	if (log_tail(path, LINES, &b) < 0 || !b.data) return;   /* no log, no cause */
	const char *text = b.data;
	for (const char *at; (at = strstr(text, LOG_AGAIN));) text = at + sizeof LOG_AGAIN - 1;
	log_last_error(text, out, size);
}
