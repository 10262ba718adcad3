/* Files: what is promised when the disk is full, a name is a link, a directory is a mount point. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/spawn.h"
#include "unit.h"

static char dir[64];

/* "dir/name" in one of a few static places. */
static const char *in(const char *name)
{
	static char path[4][256];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

__attribute__((constructor)) static void setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/k3sbox-io-XXXXXX");
	if (!mkdtemp(dir)) abort();
}

__attribute__((destructor)) static void teardown(void)
{
	io_remove_tree(dir);
}

static const char *content(const char *path)
{
	static char text[256];
	struct buf b = {0};
	int r = io_read(path, &b, sizeof text - 1);

	if (r < 0) snprintf(text, sizeof text, "(%s)", strerror(-r));
	else snprintf(text, sizeof text, "%s", b.data);
	buf_free(&b);
	return text;
}

static unsigned mode_of(const char *path)
{
	struct stat st;
	return lstat(path, &st) < 0 ? 0 : st.st_mode & (S_IFMT | 07777);
}

static int names(const char *path)
{
	int n = 0;
	DIR *d = opendir(path);

	while (d && readdir(d)) n++;
	if (d) closedir(d);
	return n - 2;
}

TEST(read)
{
	struct buf b = {0};
	char line[8];

	CHECK(io_read(in("none"), &b, 10) == -ENOENT);
	CHECK(!io_replace(in("r"), 0600, "hello\nworld", 11));
	CHECK(!io_read(in("r"), &b, 11) && b.len == 11);
	CHECK(io_read(in("r"), &b, 10) == -EFBIG);
	buf_reset(&b);
	/* says that it has 0 bytes */
	CHECK(!io_read("/proc/self/status", &b, 65536) && b.len > 100);
	buf_free(&b);
	CHECK(io_read(dir, &b, 10) == -EISDIR);
	CHECK(!io_read_line(in("r"), line, sizeof line));
	CHECK_STR(line, "hello");
	CHECK(!io_read_line(in("r"), line, 3));
	CHECK_STR(line, "he");
	buf_free(&b);
}

TEST(replace)
{
	CHECK(!mkdir(in("p"), 0755));
	CHECK(!io_replace(in("p/x"), 0640, "one", 3));
	CHECK(mode_of(in("p/x")) == (S_IFREG | 0640));
	mode_t old = umask(0777);
	CHECK(!io_replace(in("p/x"), 0644, "two", 3));
	umask(old);
	CHECK(mode_of(in("p/x")) == (S_IFREG | 0644));
	CHECK_STR(content(in("p/x")), "two");
	CHECK(!symlink("x", in("p/link")) && !io_replace(in("p/link"), 0600, "three", 5));
	CHECK(mode_of(in("p/link")) == (S_IFREG | 0600));
	CHECK_STR(content(in("p/x")), "two");
	CHECK(!mkdir(in("p/d"), 0755));
	CHECK(io_replace(in("p/d"), 0600, "x", 1) == -EISDIR);
	CHECK(io_replace(in("none/x"), 0600, "x", 1) == -ENOENT);
	CHECK(io_replace(in("p/x/y"), 0600, "x", 1) == -ENOTDIR);
	CHECK(names(in("p")) == 3);
}

TEST(replace_at_the_file_size_limit)
{
	static char big[8192];
	struct rlimit was, tiny;

	CHECK(!mkdir(in("l"), 0755) && !io_replace(in("l/x"), 0600, "old", 3));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	tiny = (struct rlimit){ .rlim_cur = 4096, .rlim_max = was.rlim_max };
	setrlimit(RLIMIT_FSIZE, &tiny);
	int r = io_replace(in("l/x"), 0600, big, sizeof big);
	setrlimit(RLIMIT_FSIZE, &was);
	CHECK(r == -EFBIG);
	CHECK_STR(content(in("l/x")), "old");
	CHECK(names(in("l")) == 1);
}

/* In a mount namespace of its own; the value is the line that failed, 0 if none. */
static int on_full_tmpfs(void *arg)
{
	static char block[4096];
	(void)arg;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return __LINE__ & 0xff;
	if (mount("k3sbox", in("full"), "tmpfs", 0, "size=32k")) return __LINE__ & 0xff;
	if (io_replace(in("full/x"), 0600, "old", 3)) return __LINE__ & 0xff;
	int fd = open(in("full/filler"), O_WRONLY | O_CREAT, 0600);
	while (write(fd, block, sizeof block) > 0) ;
	if (io_replace(in("full/x"), 0600, block, sizeof block) != -ENOSPC) return __LINE__ & 0xff;
	if (io_copy(in("full/filler"), in("full/x"), 0600) != -ENOSPC) return __LINE__ & 0xff;
	if (strcmp(content(in("full/x")), "old") || names(in("full")) != 2) return __LINE__ & 0xff;
	if (io_write_fd(fd, block, sizeof block) != -ENOSPC) return __LINE__ & 0xff;
	return 0;
}

TEST(replace_on_a_full_disk)
{
	CHECK(!mkdir(in("full"), 0755));
	CHECK(geteuid() != 0 || spawn_call(on_full_tmpfs, NULL, 10000) == 0);
}

TEST(begin_and_end)
{
	char temp[PATH_MAX];

	CHECK(!mkdir(in("b"), 0755));
	int fd = io_begin(in("b/x"), temp, sizeof temp);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && mode_of(temp) == (S_IFREG | 0600));
	CHECK(!io_write_fd(fd, "new", 3) && !io_exists(in("b/x")));
	CHECK(!io_end(fd, 0, 0644, temp, in("b/x")) && !io_exists(temp));
	CHECK_STR(content(in("b/x")), "new");
	fd = io_begin(in("b/x"), temp, sizeof temp);
	CHECK(io_end(fd, -ESTALE, 0644, temp, in("b/x")) == -ESTALE);
	CHECK_STR(content(in("b/x")), "new");
	CHECK(names(in("b")) == 1);
	CHECK(io_begin(in("b/x"), temp, 5) == -ENAMETOOLONG);
}

TEST(copy)
{
	CHECK(!io_replace(in("c1"), 0600, "data", 4));
	CHECK(!io_copy(in("c1"), in("c2"), 0755) && mode_of(in("c2")) == (S_IFREG | 0755));
	CHECK_STR(content(in("c2")), "data");
	CHECK(io_copy(in("none"), in("c2"), 0755) == -ENOENT);
	CHECK(io_copy(dir, in("c2"), 0755) == -EISDIR);
	CHECK_STR(content(in("c2")), "data");
}

TEST(poke)
{
	CHECK(io_poke(in("poke"), "x") == -ENOENT && !io_exists(in("poke")));
	CHECK(!io_replace(in("poke"), 0600, "abc", 3) && !io_poke(in("poke"), "X"));
	CHECK_STR(content(in("poke")), "Xbc");
	CHECK(io_poke("/dev/full", "x") == -ENOSPC);
}

TEST(directories)
{
	CHECK(!io_mkdirs(in("f/g//h/"), 0700) && mode_of(in("f/g/h")) == (S_IFDIR | 0700));
	CHECK(!chmod(in("f"), 0711) && !io_mkdirs(in("f/g/h"), 0755) &&
		mode_of(in("f")) == (S_IFDIR | 0711));
	CHECK(!io_mkparents(in("f/i/j/file"), 0755) && io_exists(in("f/i/j")) &&
		!io_exists(in("f/i/j/file")));
	CHECK(!io_mkparents("file", 0755) && !io_mkparents("/file", 0755));
	CHECK(!io_replace(in("f/file"), 0600, "", 0));
	CHECK(io_mkdirs(in("f/file/x"), 0755) == -ENOTDIR);
	CHECK(io_mkdirs(in("f/file"), 0755) == -ENOTDIR);
	CHECK(!io_mkdirs("/proc/self", 0755));   /* where mkdir says something else than EEXIST */
}

TEST(remove_tree)
{
	CHECK(!io_mkdirs(in("t/a/b"), 0755) && !io_replace(in("outside"), 0600, "x", 1));
	CHECK(!symlink("../../outside", in("t/a/link")) && !symlink("..", in("t/a/up")) &&
		!io_replace(in("t/a/b/c"), 0, "", 0));
	CHECK(!io_remove_tree(in("t")) && !io_exists(in("t")));
	CHECK_STR(content(in("outside")), "x");
	CHECK(!io_remove_tree(in("t")));
	CHECK(!symlink(".", in("self")) && !io_remove_tree(in("self")) && io_exists(dir));
	CHECK(!io_unlink(in("t")) && io_unlink(dir) == -EISDIR);
}

/* A mount below stays, with what is in it. */
static int with_mount(void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return __LINE__ & 0xff;
	if (io_mkdirs(in("m/mnt"), 0755) || mount("k3sbox", in("m/mnt"), "tmpfs", 0, NULL))
		return __LINE__ & 0xff;
	if (io_replace(in("m/mnt/kept"), 0600, "x", 1) || io_replace(in("m/goes"), 0600, "x", 1))
		return __LINE__ & 0xff;
	if (io_remove_tree(in("m")) != -EBUSY) return __LINE__ & 0xff;
	return !io_exists(in("m/mnt/kept")) || io_exists(in("m/goes"));
}

TEST(remove_tree_stays_on_its_file_system)
{
	CHECK(geteuid() != 0 || spawn_call(with_mount, NULL, 10000) == 0);
}

TEST(find_program)
{
	char path[300], list[600], self[PATH_MAX] = "";

	CHECK(!io_mkdirs(in("p1"), 0755) && !io_mkdirs(in("p2"), 0755) &&
		!io_mkdirs(in("p1/folder"), 0755));
	CHECK(!io_replace(in("p1/prog"), 0644, "x", 1) && !io_replace(in("p2/prog"), 0755, "x", 1));
	snprintf(list, sizeof list, ":%s::%s:", in("p1"), in("p2"));
	if (geteuid() != 0 || access(in("p1/prog"), X_OK) < 0) {
		CHECK(!io_find_program("prog", list, path, sizeof path));
		CHECK_STR(path, in("p2/prog"));
		CHECK(io_find_program("prog", in("p1"), path, sizeof path) == -EACCES);
	}
	CHECK(io_find_program("folder", list, path, sizeof path) == -ENOENT);
	CHECK(io_find_program("none", list, path, sizeof path) == -ENOENT);
	CHECK(io_find_program("prog", "", path, sizeof path) == -ENOENT);
	CHECK(!io_find_program(in("p2/prog"), NULL, path, sizeof path));
	CHECK(io_find_program(in("p2/none"), NULL, path, sizeof path) == -ENOENT);
	CHECK(!io_find_program("sh", NULL, path, sizeof path));
	/* never ourselves, by whatever name */
	CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0 &&
		!symlink(self, in("p1/me")) &&
		!symlink("/bin/sh", in("p2/me")));
	CHECK(!io_find_program("me", list, path, sizeof path));
	CHECK_STR(path, in("p2/me"));
	CHECK(io_find_program(in("p1/me"), NULL, path, sizeof path) == -ENOENT);
}

TEST(join)
{
	char out[8];

	CHECK(!io_join(out, sizeof out, "abc", "def"));
	CHECK_STR(out, "abc/def");
	CHECK(io_join(out, sizeof out, "abcd", "def") == -ENAMETOOLONG);
}

UNIT_MAIN("io")
