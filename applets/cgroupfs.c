/* Shows a hierarchy of cgroup version 1 with the files that this kernel lacks (gVisor), so that
 * the kubelet and cAdvisor find what they read. A FUSE file system, spoken without a library. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/clock.h"
#include "base/die.h"
#include "cgroupfs/serve.h"
#include "plan/fix/cgroupfs.h"

struct cgroupfs_options { const char *serve, *spare; };

#define AT(field) offsetof(struct cgroupfs_options, field)
static const struct opt opts[] = {
	{ OPT_PATH, 0, "serve", AT(serve), "DIR",
	  .help = "serve the FUSE device that is standard input, for the hierarchy DIR; \n"
		"what the next server needs is kept in the file that is standard output" },
	{ OPT_PATH, 0, "spare", AT(spare), "DIR",
	  .help = "with --serve: the group whose files stand in for missing ones" },
	{ OPT_END },
};

/* Ended by whoever has the mount, by SIGKILL: k3s needs it until its last group is removed. */
static int serve_to_the_end(const struct cgroupfs_options *cfg)
{
	struct tree t;
	int r = tree_open(&t, cfg->serve, cfg->spare);

	if (r < 0) die_errno(EX_FAIL, r, "%s", cfg->serve);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	r = serve_device(&t, STDIN_FILENO, STDOUT_FILENO);
	if (r < 0) die_errno(EX_SYS, r, "the FUSE device");
	tree_close(&t);
	return EX_OK;
}

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

/* Until SIGTERM, or until the mount is gone and its server has noticed. */
static int stay(const char *point)
{
	enum { AGAIN_MS = 200 };
	const struct sigaction action = { .sa_handler = stop };
	int status;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	while (!stopped) {
		pid_t pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno != EINTR) break;
		if (pid <= 0 || !cgroupfs_ended(pid)) continue;
		if (WIFEXITED(status) && !WEXITSTATUS(status)) break;
		warn("the server for %s has ended: it is started again", point);
		clock_sleep_ms(AGAIN_MS);
		cgroupfs_restart();
	}
	cgroupfs_close();
	return EX_OK;
}

static int run(void *cfg_, const struct args *args)
{
	const struct cgroupfs_options *cfg = cfg_;
	struct err e = {0};

	if (cfg->serve && args->n) die_usage("--serve takes no operand");
	if (cfg->serve) return serve_to_the_end(cfg);
	if (!args->n) die_usage("a mount point of a cgroup hierarchy is missing");
	if (cgroupfs_add(args->v[0], &e) < 0) die(EX_FAIL, "%s", e.text);
	return stay(args->v[0]);
}

const struct applet applet_cgroupfs = {
	.name = "cgroupfs",
	.group = GROUP_TOOL,
	.summary = "add missing statistics files to a cgroup hierarchy",
	.usage = "MOUNTPOINT",
	.operands = { "MOUNTPOINT", 0, 1 },
	.opts = opts,
	.cfg_size = sizeof(struct cgroupfs_options),
	.more =
		"Mounts a file system over a version 1 hierarchy until SIGTERM. Every file is a\n"
		"link to one of the kernel's, also those that the kernel lacks:\n"
		"  cpuacct.usage_percpu       the sum, as one number\n"
		"  memory.max_usage_in_bytes  the largest usage that was seen when it was read\n"
		"  memory.failcnt, .use_hierarchy, .stat, .oom_control   0, 1, empty, empty\n"
		"'run' uses it in namespaces of its own. It enforces no limit.\n",
	.run = run,
};
