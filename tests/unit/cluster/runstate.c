/* The run state's file and lock, and processes by pid, tree and mark. */
#include "cluster/runstate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/process.h"
#include "unit.h"

static char dir[] = "/tmp/k3sbox-unit-XXXXXX";

TEST(round_trip)
{
	struct runstate a = { .supervisor = { 12, 345 }, .k3s = { 13, 18446744073709551615u },
		.phase = RUNSTATE_READY, .started = 1795344804, .status = 143, .restarts = 2,
		.ended = 1795344805, .asked = true, .cause = "no \\ more\nwords",
		.control_plane = true, .data_dir = "/a b", .kubeconfig = "/k\\x", .log = "/l\nine",
			.version = "v1" }, b;
	_cleanup_buf_ struct buf text = {0};
	strv_add(&a.argv, "--wait=node");
	strv_add(&a.argv, "");
	strv_add(&a.argv, "two\nlines \\n");
	strv_add(&a.obstacles, "kmsg\tfile\ta link");
	runstate_print(&a, &text);
	CHECK(!runstate_parse(&b, text.data, text.len));
	CHECK(b.supervisor.pid == 12 && b.supervisor.start == 345 && b.k3s.start == a.k3s.start &&
		b.phase == RUNSTATE_READY && b.status == 143);
	CHECK(b.started == a.started && b.control_plane && b.restarts == 2 && b.ended == a.ended);
	CHECK(b.asked && !b.frozen && !strcmp(b.cause, a.cause));
	CHECK(!strcmp(b.data_dir, a.data_dir));
	CHECK(!strcmp(b.kubeconfig, a.kubeconfig));
	CHECK(!strcmp(b.log, a.log));
	CHECK(b.argv.n == 3 && b.obstacles.n == 1);
	CHECK_STR(b.argv.v[1], "");
	CHECK_STR(b.argv.v[2], "two\nlines \\n");
	/* every beginning of it: no crash, and no line that the end cuts is taken */
	for (size_t n = 0; n < text.len; n++) {
		struct runstate c;
		runstate_parse(&c, text.data, n);
		CHECK(c.status == 0 || c.status == 143);
		runstate_free(&c);
	}
	runstate_free(&a);
	runstate_free(&b);
}

TEST(nonsense)
{
	struct runstate s;
	CHECK(runstate_parse(&s, "", 0) == -EBADMSG);
	CHECK(runstate_parse(&s, "hello\nworld x\n", 14) == -EBADMSG);
	CHECK(!runstate_parse(&s, "supervisor -5 x\nphase moon\nstatus 3\n", 36) &&
		s.supervisor.pid == 0 && s.phase == RUNSTATE_STARTING);
	runstate_free(&s);
}

TEST(file_and_lock)
{
	struct runstate s = { .supervisor = { 12, 345 }, .phase = RUNSTATE_API }, t;
	struct stat st;
	char path[64];
	CHECK(mkdtemp(dir));
	CHECK(runstate_load(&t, dir, NULL) == -ENOENT);
	CHECK(!runstate_save(&s, dir) && !runstate_load(&t, dir, NULL) && t.phase == RUNSTATE_API);
	snprintf(path, sizeof path, "%s/state", dir);
	CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	/* any part of the file is damage, wherever it was cut; its first line is still of use */
	for (off_t n = st.st_size - 1; n >= 0; n--) {
		struct err e = {0};
		CHECK(!truncate(path, n) && runstate_load(&t, dir, &e) == -EBADMSG &&
			strstr(e.text, path));
		CHECK(t.supervisor.pid == (n < 18 ? 0 : 12) && t.phase == RUNSTATE_STARTING);
		runstate_free(&t);
	}
	int a = runstate_lock(dir);
	CHECK(a >= 0 && runstate_lock(dir) == -EWOULDBLOCK);
	close(a);
	a = runstate_lock(dir);
	CHECK(a >= 0);
	close(a);
	CHECK(runstate_lock("/proc/nowhere") < 0);
	io_remove_tree(dir);
}

TEST(stat_lines)
{
	pid_t parent;
	char state;
	uint64_t start;
	CHECK(process_parse_stat("7 (a) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 1 2\n",
		&parent, &state, &start));
	CHECK(parent == 3 && state == 'S' && start == 9876);
	CHECK(process_parse_stat("7 (x) R 1 (y) Z 4 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 55 "
		"1 2", &parent, &state, &start));
	CHECK(parent == 4 && state == 'Z' && start == 55);
	CHECK(!process_parse_stat("", &parent, &state, &start) &&
		!process_parse_stat("7 (a) S 3", &parent, &state, &start));
}

TEST(identity)
{
	struct process_id me = process_identify(getpid()), other = me;
	CHECK(me.pid == getpid() && me.start && process_alive(&me));
	other.start++;   /* the same pid, another process */
	CHECK(!process_alive(&other) && process_signal(&other, SIGKILL) == -ESRCH);
	pid_t pid = fork();
	if (!pid) for (;;) pause();
	struct process_id child = process_identify(pid);
	CHECK(process_alive(&child) && !process_signal(&child, SIGKILL));
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	CHECK(!process_alive(&child));   /* a zombie is dead */
	waitpid(pid, NULL, 0);
	CHECK(!process_alive(&child) && process_signal(&child, SIGTERM) == -ESRCH &&
		!process_identify(pid).pid);
}

TEST(trees)
{
	struct proc v[] = { { .id.pid = 1 }, { .id.pid = 9, .parent = 5 },
		{ .id.pid = 5, .parent = 2 }, { .id.pid = 2, .parent = 1 },
		{ .id.pid = 3, .parent = 1 },
		{ .id.pid = 6, .parent = 2, .zombie = true },
		  { .id.pid = 7, .parent = 6, .shim = true } };
	struct procs p = { malloc(sizeof v), sizeof v / sizeof *v };
	memcpy(p.v, v, sizeof v);
	procs_below(&p, 2);
	CHECK(p.n == 3 && p.v[0].id.pid == 5 && procs_count(&p, true) == 3 &&
		procs_count(&p, false) == 2);
	procs_below(&p, 77);
	CHECK(p.n == 0);
	procs_free(&p);
	/* pods: a container, which /proc may list before its shim, and what it starts */
	struct proc pods[] = { { .id.pid = 4, .parent = 3 }, { .id.pid = 3, .parent = 2 },
		{ .id.pid = 2, .parent = 1, .shim = true }, { .id.pid = 5, .parent = 1 } };
	p = (struct procs){ pods, 4 };
	procs_spread_shims(&p);
	CHECK(p.v[0].shim && p.v[1].shim && !p.v[3].shim && procs_count(&p, false) == 1);
	/* a circle, which /proc can show while processes come and go */
	struct proc c[] = { { .id.pid = 4, .parent = 5 }, { .id.pid = 5, .parent = 4 } };
	p = (struct procs){ malloc(sizeof c), 2 };
	memcpy(p.v, c, sizeof c);
	procs_below(&p, 4);
	CHECK(p.n == 1);
	procs_free(&p);
}

TEST(living_trees)
{
	int out[2];
	CHECK(!pipe(out));
	pid_t pid = fork();
	if (!pid) {
		if (!fork()) for (;;) pause();
		if (write(out[1], "x", 1) != 1) _exit(1);
		for (;;) pause();
	}
	char c;
	CHECK(read(out[0], &c, 1) == 1);
	struct procs p;
	CHECK(!procs_read(&p));
	procs_below(&p, getpid());
	CHECK(p.n == 2 && p.v[0].id.pid == pid);
	CHECK(procs_signal(&p, SIGKILL, true) == 2);
	procs_free(&p);
	while (waitpid(-1, NULL, 0) > 0) ;
	close(out[0]);
	close(out[1]);
}

static bool equals(const char *assignment, const void *wanted)
{
	return !strcmp(assignment, wanted);
}

TEST(marked)
{
	struct procs p;
	CHECK(!procs_read(&p));
	procs_marked(&p, equals, "K3SBOX_UNIT_MARK=no process has this");
	CHECK(p.n == 0);
	procs_free(&p);
	pid_t pid = fork();
	if (!pid) {
		char *argv[] = { "sleep", "60", NULL },
			*env[] = { "A=b", "K3SBOX_UNIT_MARK=yes", NULL };
		execve("/bin/sleep", argv, env);
		_exit(1);
	}
	for (int i = 0; i < 200; i++) {
		usleep(10000);
		CHECK(!procs_read(&p));
		procs_marked(&p, equals, "K3SBOX_UNIT_MARK=yes");
		if (p.n) break;
		procs_free(&p);
	}
	CHECK(p.n == 1 && p.v[0].id.pid == pid);
	procs_free(&p);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

UNIT_MAIN("runstate")
