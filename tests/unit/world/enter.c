/* Commands run in a small world, natively: what goes in and what comes back. */
#include "world/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"
#include "unit.h"
#include "world/world.h"

/* The socket must not meet that of a cluster on this machine. */
__attribute__((constructor)) static void hide_run(void)
{
	if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) &&
	    !mount("tmpfs", "/run", "tmpfs", 0, NULL) && !mkdir("/run/k3sbox", 0700))
		return;
	printf("SKIP unit enter: all: no /run of its own: %s\n", strerror(errno));
	fflush(stdout);
	_exit(0);
}

/* ---- a world ---- */

static int serve(void *arg, int channel)
{
	struct err e = {0};
	char c = 1;

	(void)arg;
	if (world_settle(&e) < 0) fprintf(stderr, "%s\n", e.text);
	if (enter_start_server() < 0 || send(channel, &c, 1, 0) != 1) return 1;
	while (pause() < 0) ;
	return 0;
}

/* Whether it is ready. */
static bool open_world(struct world *w)
{
	char c;
	return !world_start(false, serve, NULL, w, NULL) && recv(w->channel, &c, 1, 0) == 1;
}

static void close_world(struct world *w)
{
	kill(w->init, SIGKILL);
	waitpid(w->init, NULL, 0);
	close(w->channel);
}

/* ---- a caller ---- */

struct caller {
	pid_t pid;
	int in, out;               /* the command's input; its output and errors */
	struct report {            /* shared with the caller */
		int result, status;
		struct err e;
	} *report;
};

static void call(struct caller *c, char *const argv[])
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };

	c->report = mmap(NULL, sizeof *c->report, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->report == MAP_FAILED || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		abort();
	c->pid = fork();
	if (!c->pid) {
		dup2(in[0], 0), dup2(out[1], 1), dup2(out[1], 2);
		close(in[1]);
		c->report->result = enter_run(argv, false, &c->report->status, &c->report->e);
		_exit(0);
	}
	close(in[0]), close(out[1]);
	c->in = in[1], c->out = out[0];
}

/* All that the command printed, up to its end; the caller has ended then, too. */
static const char *finish(struct caller *c)
{
	static char text[4096];
	size_t n = 0;
	ssize_t r;

	close(c->in);
	while ((r = read(c->out, text + n, sizeof text - 1 - n)) > 0) n += (size_t)r;
	text[n] = 0;
	close(c->out);
	waitpid(c->pid, NULL, 0);
	return text;
}

static bool waits_for(struct caller *c, const char *word)
{
	char got[16] = "";
	return read(c->out, got, sizeof got - 1) > 0 && !strncmp(got, word, strlen(word));
}

#define COMMAND(...) ((char *[]){ __VA_ARGS__, NULL })
#define SH(script, ...) COMMAND("sh", "-c", script, "sh", __VA_ARGS__)

/* ---- tests ---- */

TEST(without_a_world_there_is_no_connection)
{
	struct caller c;

	call(&c, COMMAND("true"));
	finish(&c);
	CHECK(c.report->result == -ENOTCONN && c.report->status == 1);
}

TEST(input_output_errors_and_status_are_the_command_s)
{
	struct world w;
	struct caller c;

	CHECK(open_world(&w));
	call(&c, SH("cat; echo error >&2; exit 7", ""));
	CHECK(write(c.in, "input\n", 6) == 6);
	CHECK_STR(finish(&c), "input\nerror\n");
	CHECK(c.report->result == 0 && c.report->status == 7);
	call(&c, SH("kill -KILL $$", ""));
	finish(&c);
	CHECK(c.report->result == 0 && c.report->status == 128 + SIGKILL);
	close_world(&w);
}

TEST(arguments_environment_and_directory_go_in)
{
	struct world w;
	struct caller c;

	CHECK(!chdir("/usr") && !setenv("ENTER_TEST", "a b", 1) && open_world(&w));
	call(&c, SH("echo $#,$1,$2,$3,$ENTER_TEST,$(pwd)", "", "two words", ""));
	CHECK_STR(finish(&c), "3,,two words,,a b,/usr\n");
	call(&c, COMMAND("readlink", "/proc/self/ns/pid"));
	const char *theirs = finish(&c);
	char own[64] = "";
	CHECK(readlink("/proc/self/ns/pid", own, sizeof own - 1) > 0);
	CHECK(!strncmp(theirs, "pid:[", 5) && strncmp(theirs, own, strlen(own)));
	close_world(&w);
}

TEST(a_directory_that_does_not_exist_inside_becomes_the_root)
{
	struct world w;
	struct caller c;

	CHECK(!mkdir("/run/netns", 0755) && open_world(&w) && !chdir("/run/netns"));
	call(&c, COMMAND("pwd"));
	CHECK(!chdir("/") && !rmdir("/run/netns"));
	CHECK_STR(finish(&c), "/\n");
	close_world(&w);
}

TEST(why_a_command_cannot_be_executed_comes_back)
{
	struct world w;
	struct caller c;

	CHECK(open_world(&w));
	call(&c, COMMAND("nonesuch-program"));
	CHECK_STR(finish(&c), "");
	CHECK(c.report->result == -ENOENT && c.report->status == 127);
	CHECK(strstr(c.report->e.text, "nonesuch-program"));
	call(&c, COMMAND("/etc/passwd"));
	finish(&c);
	CHECK(c.report->result == -EACCES && c.report->status == 126);
	close_world(&w);
}

TEST(signals_go_to_the_command)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct world w;
	struct caller c;

	CHECK(open_world(&w));
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		char script[128];
		snprintf(script, sizeof script,
			"exec 2>&-; trap 'echo caught; exit 9' %d; echo up; "
			"while :; do sleep 0.05; done", signals[i]);
		call(&c, SH(script, ""));
		CHECK(waits_for(&c, "up"));
		CHECK(!kill(c.pid, signals[i]));
		CHECK_STR(finish(&c), "caught\n");
		CHECK(c.report->result == 0 && c.report->status == 9);
	}
	call(&c, SH("echo up; exec sleep 60", ""));
	CHECK(waits_for(&c, "up") && !kill(c.pid, SIGTERM));
	finish(&c);
	CHECK(c.report->result == 0 && c.report->status == 128 + SIGTERM);
	close_world(&w);
}

TEST(a_caller_that_is_killed_hangs_up)
{
	struct world w;
	struct caller c;

	CHECK(open_world(&w));
	call(&c, SH("exec 2>&-; trap 'echo hangup; exit' HUP; echo up; "
		"while :; do sleep 0.05; done", ""));
	CHECK(waits_for(&c, "up") && !kill(c.pid, SIGKILL));
	CHECK_STR(finish(&c), "hangup\n");
	close_world(&w);
}

TEST(the_end_of_the_world_is_reported)
{
	struct world w;
	struct caller c;

	CHECK(open_world(&w));
	call(&c, SH("echo up; exec sleep 60", ""));
	CHECK(waits_for(&c, "up"));
	close_world(&w);
	finish(&c);
	CHECK(c.report->result == -EPIPE && c.report->status == 1);
	call(&c, COMMAND("true"));
	finish(&c);
	CHECK(c.report->result == -ENOTCONN);
}

/* ---- a terminal ---- */

/* A caller whose standard descriptors are a terminal, its session's; out: what it shows. */
static void call_on_terminal(struct caller *c, char *const argv[])
{
	const struct winsize size = { .ws_row = 30, .ws_col = 90 };

	c->report = mmap(NULL, sizeof *c->report, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	c->in = c->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->report == MAP_FAILED || c->out < 0 || unlockpt(c->out) < 0) abort();
	ioctl(c->out, TIOCSWINSZ, &size);
	c->pid = fork();
	if (c->pid) return;
	setsid();
	int fd = open(ptsname(c->out), O_RDWR);
	ioctl(fd, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++) dup2(fd, i);
	close(c->out);
	c->report->result = enter_run(argv, true, &c->report->status, &c->report->e);
	_exit(0);
}

/* Types text, and waits for the terminal to show a word, in at most ten seconds. */
static bool answers(struct caller *c, const char *text, const char *word)
{
	char shown[8192] = "";
	size_t n = 0;
	struct pollfd p = { c->out, POLLIN, 0 };

	if (write(c->in, text, strlen(text)) < 0) return false;
	while (!strstr(shown, word) && n < sizeof shown - 1 && poll(&p, 1, 10000) == 1) {
		ssize_t r = read(c->out, shown + n, sizeof shown - 1 - n);
		if (r <= 0) break;
		shown[n += (size_t)r] = 0;
	}
	if (strstr(shown, word)) return true;
	printf("     no '%s' in '%s'\n", word, shown);
	return false;
}

TEST(a_shell_on_a_terminal_has_job_control)
{
	const struct winsize larger = { .ws_row = 40, .ws_col = 120 };
	struct termios after;
	struct world w;
	struct caller c;

	CHECK(open_world(&w) && !setenv("TERM", "dumb", 1));
	call_on_terminal(&c, COMMAND("bash", "--norc", "--noprofile", "-i"));
	CHECK(answers(&c, "stty size; echo $((5 * 5))done\n", "25done"));
	CHECK(answers(&c, "stty size\n", "30 90"));
	/* It is heard of again when it has the terminal: an interrupt before that is the shell's. */
	CHECK(answers(&c, "sh -c 'trap \"echo ba\\\"\\\"ck\" CONT; echo s\"\"low; "
		"while :; do read x; done'\n", "\nslow"));
	CHECK(answers(&c, "\032", "Stopped"));
	CHECK(answers(&c, "fg\n", "\nback"));
	CHECK(answers(&c, "\003", "# "));
	CHECK(!ioctl(c.out, TIOCSWINSZ, &larger));
	CHECK(answers(&c, "sleep 0.3; stty size\n", "40 120"));
	CHECK(answers(&c, "exit 5\n", "exit\r\n"));
	waitpid(c.pid, NULL, 0);
	CHECK(c.report->result == 0 && c.report->status == 5);
	CHECK(!tcgetattr(c.out, &after) && after.c_lflag & ICANON && after.c_lflag & ECHO);
	close(c.out);
	close_world(&w);
}

TEST(a_terminal_that_is_closed_hangs_up)
{
	struct world w;
	struct caller c;

	CHECK(open_world(&w));
	call_on_terminal(&c, SH("trap 'exit 4' HUP; sleep 60 & echo u''p; wait", ""));
	CHECK(answers(&c, "", "up"));
	close(c.out);
	waitpid(c.pid, NULL, 0);
	if (c.report->result || c.report->status != 4)
		printf("     %d, status %d: %s\n", c.report->result, c.report->status,
			c.report->e.text);
	CHECK(c.report->result == 0 && c.report->status == 4);
	close_world(&w);
}

UNIT_MAIN("enter")
