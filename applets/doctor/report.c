/* Collects what other applets print, and takes the secrets out of it. */
#include "doctor/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/text.h"
#include "cluster/log.h"
#include "cluster/runstate.h"
#include "doctor/mask.h"

enum { TEXT_MAX = 16 << 20 };

static int kept[2];   /* where this process printed before */

/* A proxy's address may stand without a scheme; k3s's installer has a command line. */
static void print_variable(const char *name, const char *value)
{
	_cleanup_buf_ struct buf b = {0};
	_cleanup_strv_ struct strv words = {0};
	_cleanup_free_ char *copy = xstrdup(value);
	const char *host = strcasestr(name, "_PROXY") && !strstr(value, "://")
		? strrchr(value, '@') : NULL;

	if (mask_is_secret(name) || host) {
		printf("%s=***%s\n", name, host ? host : "");
		return;
	}
	for (char *at = copy; at;) strv_add(&words, strsep(&at, " "));
	mask_words(words.v, &b);
	printf("%s=%s\n", name, b.data ? b.data : "");
}

/* The variables that k3s and k3sbox look at. */
static void print_environment(void)
{
	static const char *const parts[] = { "K3S", "CONTAINERD_", "SSL_CERT", "_PROXY", "_proxy",
		"_CA_" };

	for (char **v = environ; *v; v++) {
		char *value = strchr(*v, '=');
		size_t i = 0;
		if (!value) continue;
		*value = 0;
		while (i < sizeof parts / sizeof *parts && !strstr(*v, parts[i])) i++;
		if (i < sizeof parts / sizeof *parts || !strcmp(*v, "PATH"))
			print_variable(*v, value + 1);
		*value = '=';
	}
}

static void print_how_it_was_run(void)
{
	_cleanup_runstate_ struct runstate s = {0};
	_cleanup_buf_ struct buf b = {0};

	if (runstate_load(&s, K3SBOX_RUN, NULL) < 0 || !s.argv.v) return;
	mask_words(s.argv.v, &b);
	printf("run: %s\n", b.data);
}

int report_begin(void)
{
	struct utsname u;
	char now[TEXT_TIME_SIZE];
	int fd = io_memory("", 0);

	if (fd < 0) return fd;
	for (int i = 0; i < 2; i++) {
		kept[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, 0);
		if (kept[i] < 0 || dup2(fd, STDOUT_FILENO + i) < 0) return -errno;
	}
	uname(&u);
	text_time(time(NULL), now);
	printf("k3sbox %s, %s\n%s %s %s %s\n", K3SBOX_VERSION, now, u.sysname, u.release, u.version,
		u.machine);
	print_how_it_was_run();
	print_environment();
	puts("\n== doctor");
	fflush(stdout);
	return fd;
}

static void add(const char *name, const char *option)
{
	char *argv[] = { (char *)name, (char *)option, NULL };

	printf("\n== %s\n", name);
	fflush(stdout);
	applet_call(applet_find(name), option ? 2 : 1, argv);
	fflush(stdout);
}

/* containerd's, which has the reasons why pods do not start. */
static void print_containerd(const char *data_dir)
{
	enum { LINES = 100 };
	_cleanup_buf_ struct buf b = {0};
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/agent/containerd/containerd.log", data_dir);
	int r = log_tail(path, LINES, &b);
	printf("\n== %s\n%s", path, r < 0 ? strerror(-r) : b.data);
	fflush(stdout);
}

int report_end(int fd, const char *file, const char *data_dir)
{
	_cleanup_buf_ struct buf text = {0}, out = {0};

	add("status", NULL);
	add("logs", "-n300");
	print_containerd(data_dir);
	for (int i = 0; i < 2; i++) {
		dup2(kept[i], STDOUT_FILENO + i);
		close(kept[i]);
	}
	die_set_name("k3sbox doctor");
	lseek(fd, 0, SEEK_SET);
	int r = io_read_fd(fd, &text, TEXT_MAX);
	close(fd);
	if (!r) mask_text(text.data, &out);
	if (!r) r = out.failed ? -ENOMEM : io_replace(file, 0600, out.data, out.len);
	if (r < 0) warn_errno(r, "%s", file);
	else printf("%s: written, secrets masked; read it before you pass it on\n", file);
	return r < 0 ? EX_FAIL : EX_OK;
}
