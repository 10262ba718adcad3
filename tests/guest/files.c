/* Paths, descriptors and what lies behind them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest.h"

static void show_content(const char *label, int fd)
{
	char b[256];

	if (fd < 0) {
		show(label, fd);
		return;
	}
	ssize_t n = read(fd, b, sizeof b - 1);
	if (n < 0) {
		show(label, n);
	} else {
		b[n] = 0;
		printf("%s: \"%s\"\n", label, strcspn(b, "\n") == (size_t)n - 1 ? (b[n - 1] = 0, b)
			: b);
	}
	close(fd);
}

/* cat PATH… */
static int cat(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) show_content(argv[i], open(argv[i], O_RDONLY | O_CLOEXEC));
	return 0;
}

/* at DIR REL…: relative to a descriptor, and after a chdir */
static int at(int argc, char **argv)
{
	int dir = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC);

	show("dir", dir);
	for (int i = 1; i < argc; i++) show_content(argv[i], openat(dir, argv[i], O_RDONLY));
	show("chdir", chdir(argv[0]));
	for (int i = 1; i < argc; i++) show_content(argv[i], open(argv[i], O_RDONLY));
	return 0;
}

/* chrooted ROOT PATH… */
static int chrooted(int argc, char **argv)
{
	show("chroot", chroot(argv[0]));
	show("chdir", chdir("/"));
	return cat(argc - 1, argv + 1);
}

/* put PATH VALUE: writes in one piece, then reads back through a new descriptor */
static int put(int argc, char **argv)
{
	if (argc < 2) return 100;
	int fd = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	show("open", fd);
	if (fd >= 0) {
		ssize_t n = write(fd, argv[1], strlen(argv[1]));
		show("write", n);
		if (n >= 0) printf("bytes: %zd\n", n);
		close(fd);
	}
	show_content("now", open(argv[0], O_RDONLY));
	return 0;
}

/* how PATH: every way to open it */
static int how(int argc, char **argv)
{
	static const struct { const char *name; int flags; } ways[] = {
		{ "O_RDONLY", O_RDONLY }, { "O_WRONLY", O_WRONLY }, { "O_RDWR", O_RDWR },
		{ "O_DIRECTORY", O_DIRECTORY },
		{ "O_NOFOLLOW", O_NOFOLLOW }, { "O_PATH", O_PATH },
		{ "O_PATH|O_NOFOLLOW", O_PATH | O_NOFOLLOW },
		{ "O_CREAT", O_CREAT | O_RDONLY },
		{ "O_WRONLY|O_CREAT|O_TRUNC", O_WRONLY | O_CREAT | O_TRUNC },
	};

	for (int p = 0; p < argc; p++)
		for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
			int fd = open(argv[p], ways[i].flags | O_CLOEXEC, 0600);
			char b;
			printf("%s ", argv[p]);
			show(ways[i].name, fd);
			if (fd >= 0 && ways[i].flags & O_PATH) show("  read", read(fd, &b, 1));
			if (fd >= 0) close(fd);
		}
	return 0;
}

/* look PATH…: stat family */
static int look(int argc, char **argv)
{
	char link[256];
	struct stat st;

	for (int i = 0; i < argc; i++) {
		const char *p = argv[i];
		int r = stat(p, &st);
		printf("%s stat: %s", p, result_name(r));
		if (!r)
			printf(" mode %o uid %d size %ld", st.st_mode, (int)st.st_uid,
				(long)st.st_size);
		puts("");
		r = lstat(p, &st);
		printf("lstat: %s %o\n", result_name(r), r ? 0 : st.st_mode & S_IFMT);
		char x[256] = {0};
		show("statx", syscall(SYS_statx, AT_FDCWD, p, 0, 0x7ff, x));
		show("access R_OK", access(p, R_OK));
		show("access W_OK", access(p, W_OK));
		show("access X_OK", access(p, X_OK));
		show("faccessat2", syscall(439, AT_FDCWD, p, F_OK, 0));
		show("readlink", readlink(p, link, sizeof link));
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* list DIR: sorted; read twice (rewinddir), and in small bites */
static int list(int argc, char **argv)
{
	char *names[1024], buf[600];
	size_t n = 0, again = 0, bites = 0;
	struct dirent *e;
	DIR *d = argc ? opendir(argv[0]) : NULL;

	if (!d) {
		show("opendir", -1);
		return 0;
	}
	while ((e = readdir(d)) && n < 1024) names[n++] = strdup(e->d_name);
	qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++) printf("%s%s", i ? " " : "", names[i]);
	rewinddir(d);
	while (readdir(d)) again++;
	closedir(d);
	int fd = open(argv[0], O_RDONLY | O_DIRECTORY);
	for (long k; (k = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0;)
		for (long p = 0; p < k; p += *(unsigned short *)(void *)(buf + p + 16)) bites++;
	printf("\nagain: %s\nin bites: %s\n", again == n ? "same" : "differs", bites + 8 >= n
		? "plausible" : "short");
	return 0;
}

/* fdname PATH: its name in /proc/self/fd */
static int fdname(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		char name[64], link[512], small[8];
		int fd = open(argv[i], O_RDONLY);
		snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		ssize_t n = readlink(name, link, sizeof link - 1);
		link[n < 0 ? 0 : n] = 0;
		printf("%s: %s\n", argv[i], fd < 0 ? result_name(-1) : link);
		int dir = open("/proc/thread-self/fd", O_PATH | O_DIRECTORY);
		n = readlinkat(dir, name + strlen("/proc/self/fd/"), link, sizeof link - 1);
		link[n < 0 ? 0 : n] = 0;
		printf("  by directory: %s\n", link);
		n = readlink(name, small, sizeof small);
		printf("  cut: %.*s\n", n < 0 ? 0 : (int)n, small);
		close(fd);
		close(dir);
	}
	return 0;
}

/* walk BASE REL [VALUE]: as runc ≥ 1.2.8 does: a component at a time with O_PATH, each checked,
 * then reopened */
static int walk(int argc, char **argv)
{
	char rel[256], name[64], x[256];
	int fd = open(argv[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t mount = 0, id;

	snprintf(rel, sizeof rel, "%s", argv[1]);
	if (!syscall(SYS_statx, fd, "", AT_EMPTY_PATH, 0x1000, x))
		memcpy(&mount, x + 144, sizeof mount);
	char *save = NULL;
	for (char *part = strtok_r(rel, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		struct statfs fs = {0};
		int next = openat(fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		printf("%s ", part);
		show("open", next);
		if (next < 0) return 0;
		show("fstatfs", fstatfs(next, &fs));
		memset(x, 0, sizeof x);
		show("statx", syscall(SYS_statx, next, "", AT_EMPTY_PATH, 0x1000, x));
		memcpy(&id, x + 144, sizeof id);
		printf("type %#lx, %s mount\n", (unsigned long)fs.f_type, id == mount ? "same"
			: "another");
		close(fd);
		fd = next;
	}
	snprintf(name, sizeof name, "/proc/thread-self/fd/%d", fd);
	if (argc > 2) {
		int w = open(name, O_WRONLY | O_CLOEXEC);
		show("reopen for writing", w);
		show("write", write(w, argv[2], strlen(argv[2])));
		close(w);
	}
	show_content("reopened", open(name, O_RDONLY | O_CLOEXEC));
	return 0;
}

/* use PATH: seek, pread, mmap, poll, fstat, dup, sendfile-like reads */
static int use(int argc, char **argv)
{
	char b[64] = "", c[64] = "";
	struct stat st;

	for (int i = 0; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY);
		show("open", fd);
		ssize_t n = read(fd, b, 63);
		show("seek", lseek(fd, 0, SEEK_SET));
		printf("again: %s\n", read(fd, c, 63) == n && !memcmp(b, c, 64) ? "same"
			: "differs");
		printf("pread: %s\n", pread(fd, c, 63, 0) == n && !memcmp(b, c, 64) ? "same"
			: "differs");
		printf("at end: %zd\n", read(fd, c, 63));
		struct pollfd p = { fd, POLLIN, 0 };
		printf("poll: %d\n", poll(&p, 1, 0));
		show("fstat", fstat(fd, &st));
		printf("kind %o\n", st.st_mode & S_IFMT);
		/* any error will do */
		show("write", write(fd, "1", 1) < 0 ? 0 : (errno = EDOM, -1));
		int d = dup(fd);
		close(fd);
		lseek(d, 0, SEEK_SET);
		show_content("dup", d);
	}
	return 0;
}

/* pages PATH: the path in places that a tracer could spoil */
static int pages(int argc, char **argv)
{
	size_t n = strlen(argv[0]) + 1;
	char *m = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)argc;

	/* ends with its page; the next one is not there */
	munmap(m + 8192, 4096);
	memset(m, 'C', 8192);
	char *end = m + 8192 - n;
	memcpy(end, argv[0], n);
	show_content("before a hole", open(end, O_RDONLY));
	int intact = !memcmp(end, argv[0], n);
	for (char *p = m; p < end; p++) intact &= *p == 'C';
	printf("neighbours: %s\n", intact ? "intact" : "spoilt");
	/* across a page border, read-only, twice */
	memset(m, 'C', 8192);
	memcpy(m + 4096 - 5, argv[0], n);
	mprotect(m, 8192, PROT_READ);
	show_content("read-only", open(m + 4096 - 5, O_RDONLY));
	show_content("twice", open(m + 4096 - 5, O_RDONLY));
	show("bad address", open((char *)8, O_RDONLY));
	show("into the hole", open(memset(mmap(m + 8192, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), '/', 4096), O_RDONLY));
	char *huge = malloc(20000);
	memset(huge, 'x', 19999);
	*huge = '/';
	huge[19999] = 0;
	show("too long", open(huge, O_RDONLY));
	show("empty", open("", O_RDONLY));
	return 0;
}

/* many PATH N: opens it N times; counts wrong contents and lost descriptors */
static int many(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 100, bad = 0;
	char want[256], got[256];

	int fd = open(argv[0], O_RDONLY);
	ssize_t len = read(fd, want, sizeof want);
	close(fd);
	for (int i = 0; i < n; i++) {
		int f = open(argv[0], O_RDONLY);
		if (f != fd || read(f, got, sizeof got) != len
			|| (len > 0 && memcmp(want, got, (size_t)len)))
			bad++;
		close(f);
	}
	printf("bad: %d\n", bad);
	return 0;
}

/* relink LINK A B: a link that changes between two opens */
static int relink(int argc, char **argv)
{
	(void)argc;
	for (int i = 0; i < 4; i++) {
		unlink(argv[0]);
		show("symlink", symlink(argv[1 + i % 2], argv[0]));
		show_content(argv[1 + i % 2], open(argv[0], O_RDONLY));
	}
	return 0;
}

struct how2 { uint64_t flags, mode, resolve, more; };

/* at2 DIR REL: openat2 with its restrictions */
static int at2(int argc, char **argv)
{
	static const struct { const char *name; uint64_t resolve; size_t size; } ways[] = {
		{ "plain", 0, 24 }, { "BENEATH", 8, 24 }, { "IN_ROOT", 16, 24 },
		{ "NO_SYMLINKS", 4, 24 }, { "NO_XDEV", 1, 24 },
		{ "too small", 0, 8 }, { "larger", 0, 32 },
	};
	int dir = open(argv[0], O_PATH | O_DIRECTORY);

	for (int i = 1; i < argc; i++)
		for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
			struct how2 h = { O_RDONLY, 0, ways[w].resolve, 0 };
			printf("%s ", ways[w].name);
			show_content(argv[i], (int)syscall(437, dir, argv[i], &h, ways[w].size));
		}
	struct how2 h = { O_RDONLY, 0, 0, 1 };
	show("unknown field", syscall(437, dir, argv[1], &h, sizeof h));
	h.more = 0;
	show_content("bad directory", (int)syscall(437, -1, argv[1], &h, 24));
	return 0;
}

/* shorten PATH: truncate(2) itself, which coreutils does without */
static int shorten(int argc, char **argv)
{
	(void)argc;
	show("truncate", truncate(argv[0], 0));
	return 0;
}

/* judged DIR PATH FLAGS: openat2(2) with these RESOLVE_ flags */
static int judged(int argc, char **argv)
{
	struct { uint64_t flags, mode, resolve; } how = { O_RDONLY, 0, argc > 2
		? strtoull(argv[2], NULL, 0) : 0 };
	int dir = open(argv[0], O_PATH | O_DIRECTORY);
	char b[64] = "";
	long fd = syscall(437, dir, argv[1], &how, sizeof how);

	show("openat2", fd);
	if (fd >= 0 && read((int)fd, b, sizeof b - 1) > 0) printf("%s", b);
	return 0;
}

/* ship FROM TO: sendfile(2), and then pwritev(2) */
static int ship(int argc, char **argv)
{
	(void)argc;
	int from = open(argv[0], O_RDONLY), to = open(argv[1], O_RDWR);
	off_t start = 0;
	struct iovec v = { "junk\n", 5 };

	show("open", to);
	show("sendfile", sendfile(to, from, &start, 5));
	show("pwritev", pwritev(to, &v, 1, 0));
	return 0;
}

/* nameless DIR: openat2(O_TMPFILE) as this process's first call on the path; the mode of the
 * file */
static int nameless(int argc, char **argv)
{
	struct how2 h = { O_TMPFILE | O_RDWR, 0644, 0, 0 };
	struct stat st;
	(void)argc;

	umask(0);
	int fd = (int)syscall(437, AT_FDCWD, argv[0], &h, 24);
	show("openat2", fd);
	if (fd >= 0 && fstat(fd, &st) == 0) printf("mode %o\n", st.st_mode & 07777);
	return 0;
}

const struct command file_commands[] = {
	{ "nameless", nameless },
	{ "shorten", shorten }, { "judged", judged }, { "ship", ship },
	{ "cat", cat }, { "at", at }, { "chrooted", chrooted }, { "put", put }, { "how", how },
	{ "look", look },
	{ "list", list }, { "fdname", fdname }, { "walk", walk }, { "use", use },
	{ "pages", pages },
	{ "many", many }, { "relink", relink },
	{ "at2", at2 }, { 0 },
};
