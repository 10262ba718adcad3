/* Filters, foreign calls, mounts, names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static long int80(long nr, long a, long b, long c)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "0"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8",
		"r9", "r10", "r11");
	return r;
}

/* 32-bit and x32 calls whose numbers mean other things */
static int foreign(int argc, char **argv)
{
	static char low[] __attribute__((section(".data"))) = "/etc/passwd";
	(void)argc, (void)argv;

	if (access("/proc/sys/abi", F_OK)) return puts("no 32-bit calls"), 0;
	/* 257 is openat here, remap_file_pages there; 5 is fstat here, open there */
	printf("i386 getpid: %s\n", int80(20, 0, 0, 0) == getpid() ? "right" : "wrong");
	long fd = int80(5, (long)low, O_RDONLY, 0);
	printf("i386 open: %s\n", fd > 0 ? "right" : "wrong");
	printf("i386 257: %ld\n", int80(257, -1, -1, -1));
	long r = syscall(0x40000000 | SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
	printf("x32 openat: %s\n", r < 0 ? result_name(r) : "ok");
	return 0;
}

/* own-filter PATH[=VALUE]…: under a filter of its own that refuses a call, and numbers that do not
 * exist (-1 too) */
static int own_filter(int argc, char **argv)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 100000, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { sizeof f / sizeof *f, f };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	show("filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p));
	show("getuid", syscall(SYS_getuid));
	for (int i = 0; i < argc; i++) {
		char b[64];
		char *value = strchr(argv[i], '=');
		if (value) *value++ = 0;
		int fd = open(argv[i], value ? O_WRONLY : O_RDONLY);
		show(argv[i], fd);
		ssize_t n = value ? write(fd, value, strlen(value)) : read(fd, b, sizeof b);
		if (value || n < 0) show(value ? value : "read", n);
		else printf("%.*s", (int)n, b);
		close(fd);
	}
	return 0;
}

static int privileges(int argc, char **argv)
{
	(void)argc, (void)argv;
	printf("no_new_privs %d dumpable %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
		prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	show("undumpable", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	return 0;
}

static int name(int argc, char **argv)
{
	struct utsname u;
	(void)argc, (void)argv;
	show("uname", uname(&u));
	printf("%s %s %s\n", u.sysname, u.release, u.machine);
	return 0;
}

static int fs_type(int argc, char **argv)
{
	struct statfs s;

	for (int i = 0; i < argc; i++) {
		memset(&s, 0, sizeof s);
		int r = statfs(argv[i], &s);
		printf("%s: %s %#lx\n", argv[i], result_name(r), (unsigned long)s.f_type);
		memset(&s, 0, sizeof s);
		int fd = open(argv[i], O_RDONLY);
		r = fstatfs(fd, &s);
		printf("by descriptor: %s %#lx\n", result_name(r), (unsigned long)s.f_type);
		if (fd >= 0) close(fd);
	}
	return 0;
}

/* mounts DIR: what pods and kubelets ask of mount(2), in a namespace of its own */
static int mounts(int argc, char **argv)
{
	char a[256], b[256];
	(void)argc;

	snprintf(a, sizeof a, "%s/a", argv[0]);
	snprintf(b, sizeof b, "%s/b", argv[0]);
	show("unshare", unshare(CLONE_NEWNS));
	show("private", mount("", "/", "", MS_REC | MS_PRIVATE, ""));
	show("shared", mount("", "/", "", MS_REC | MS_SHARED, ""));
	show("slave", mount("", "/", "", MS_REC | MS_SLAVE, ""));
	show("both", mount("", "/", "", MS_SHARED | MS_SLAVE, ""));
	show("not a mount", mount("", a, "", MS_SHARED, ""));
	mkdir(a, 0755);
	mkdir(b, 0755);
	show("bind rec", mount(a, b, "", MS_BIND | MS_REC, ""));
	show("remount", mount("", b, "", MS_BIND | MS_REMOUNT | MS_RDONLY, ""));
	show("write", mkdir(strcat(strcpy(a, b), "/x"), 0755));
	umount(b);
	show("tmpfs", mount("tmpfs", b, "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1"));
	umount(b);
	show("tmpfs size", mount("tmpfs", b, "tmpfs", 0, "size=4m,mode=700"));
	umount(b);
	show("devpts", mount("devpts", b, "devpts", 0, "newinstance,ptmxmode=0666,mode=0620"));
	umount(b);
	show("nonsense", mount("x", b, "nosuchfs", 0, ""));
	show("nowhere", mount("", "/nowhere/at/all", "", MS_SHARED, ""));
	return 0;
}

static int uring(int argc, char **argv)
{
	char p[256] = {0};
	(void)argc, (void)argv;
	show("io_uring_setup", syscall(425, 4, p));
	return 0;
}

/* keyrings N: N children, each joins a session keyring of its own and ends. */
static int keyrings(int argc, char **argv)
{
	int joined = 0, status = 0;

	for (int n = argc ? atoi(argv[0]) : 0; n > 0; n--) {
		pid_t pid = fork();
		if (!pid) _exit(syscall(SYS_keyctl, 1, "k3sbox-guest") < 0 ? errno : 0);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status) break;
		joined++;
	}
	printf("joined: %d\n", joined);
	if (status) errno = WEXITSTATUS(status);
	show("last", status ? -1 : 0);
	return 0;
}

/* Answers one request; its calls on other files are like those of a file system that passes names
 * through. */
static void answer(int fd, const struct fuse_in_header *in)
{
	struct {
		struct fuse_out_header head;
		union { struct fuse_init_out init; struct fuse_attr_out attr; } body;
	} out = { .head = { .unique = in->unique, .len = sizeof out.head, .error = -ENOSYS } };
	struct stat st;

	switch (in->opcode) {
	case FUSE_FORGET: case FUSE_BATCH_FORGET: return;
	case FUSE_INIT:
		out.head.error = 0;
		out.body.init = (struct fuse_init_out){ .major = 7, .minor = 31,
			.max_write = 1 << 16 };
		out.head.len += (uint32_t)sizeof out.body.init;
		break;
	case FUSE_GETATTR:
		out.head.error = 0;
		out.body.attr.attr = (struct fuse_attr){ .ino = 1, .mode = S_IFDIR | 0755,
			.nlink = 2 };
		out.head.len += (uint32_t)sizeof out.body.attr;
		break;
	case FUSE_LOOKUP:
		stat("/none/there", &st);
		close(open("/none/there", O_RDONLY));
		out.head.error = -ENOENT;
	}
	if (write(fd, &out, out.head.len) < 0) perror("answer");
}

/* served DIR [DEVICE]: mounts a file system there and serves it; another process opens a file on
 * it that does not exist. The mount namespace must be its own. */
static int served(int argc, char **argv)
{
	static char buf[1 << 17] __attribute__((aligned(8)));
	const char *dir = argc ? argv[0] : "", *device = argc > 1 ? argv[1] : "/dev/fuse";
	char options[100], name[4096];
	struct stat st;
	int fd = open(device, O_RDWR | O_CLOEXEC);

	stat(dir, &st);   /* so that the tracer knows the mounts before */
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	long r = fd < 0 ? -1 : mount("guest", dir, "fuse", 0, options);
	show("mount", r);
	if (r < 0) return 1;
	fflush(stdout);
	pid_t client = fork();
	if (!client) {
		snprintf(name, sizeof name, "%s/missing", dir);
		show("open", open(name, O_RDONLY));
		fflush(stdout);
		umount2(dir, MNT_DETACH);
		_exit(0);
	}
	while (read(fd, buf, sizeof buf) > 0) answer(fd, (const struct fuse_in_header *)buf);
	waitpid(client, NULL, 0);
	return 0;
}

const struct command system_commands[] = {
	{ "foreign", foreign }, { "own-filter", own_filter }, { "privileges", privileges },
	{ "uname", name }, { "statfs", fs_type },
	{ "mounts", mounts }, { "uring", uring }, { "keyrings", keyrings },
	{ "served", served }, { 0 },
};
