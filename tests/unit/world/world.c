#include "world/world.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "unit.h"

static struct stat outside;

static int look(void *err)
{
	struct stat theirs;

	if (getpid() != 1) return err_set(err, -1, "not process 1");
	if (stat("/proc/self/ns/net", &theirs) < 0 || theirs.st_ino == outside.st_ino)
		return err_set(err, -1, "the same network");
	if (!io_exists(K3SBOX_RUN) || io_exists("/run/netns"))
		return err_set(err, -1, "/run shows what it should not");
	if (mkdir("/run/k3s", 0755) < 0) return err_set(err, -1, "/run/k3s");
	return world_replace_file("/etc/hostname", "inside\n", 7, err);
}

TEST(a_world_has_namespaces_and_a_run_of_its_own)
{
	struct err e = {0};

	CHECK(!stat("/proc/self/ns/net", &outside));
	bool had = io_exists("/run/k3s");
	int r = world_try(false, look, 5000, &e);
	CHECK(!*e.text);
	CHECK(r == 0 && io_exists("/run/k3s") == had);
	r = world_try(true, look, 5000, &e);
	CHECK(!*e.text);
	CHECK(r == 0);
}

static int sleep_long(void *arg, int channel)
{
	(void)arg, (void)channel;
	while (pause() < 0) ;
	return 0;
}

TEST(the_channel_ends_with_process_1)
{
	struct world w;
	struct err e = {0};
	char c;

	CHECK(!world_start(false, sleep_long, NULL, &w, &e));
	CHECK(!kill(w.init, SIGKILL) && waitpid(w.init, NULL, 0) == w.init);
	CHECK(read(w.channel, &c, 1) == 0);
	close(w.channel);
}

TEST(a_world_ends_with_its_maker)
{
	int p[2];
	char c;

	CHECK(!pipe(p));
	pid_t maker = fork();
	if (!maker) {
		struct world w;
		close(p[0]);
		if (world_start(true, sleep_long, NULL, &w, NULL) < 0) _exit(1);
		_exit(0);
	}
	close(p[1]);   /* process 1 has the other one */
	CHECK(waitpid(maker, NULL, 0) == maker && read(p[0], &c, 1) == 0);
	close(p[0]);
}

static int sleep_in_trial(void *err)
{
	(void)err;
	sleep(30);
	return 0;
}

TEST(a_trial_has_a_time_limit)
{
	struct err e = {0};
	CHECK(world_try(false, sleep_in_trial, 200, &e) == -ETIMEDOUT && *e.text);
}

UNIT_MAIN("world")
