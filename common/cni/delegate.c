/* Runs another plugin as pkg/invoke of containernetworking/cni does, with its messages. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/spawn.h"
#include "cni/delegate.h"

enum { ANSWER_MAX = 4 << 20 };

/* FindInPath of pkg/invoke/find.go. */
static int find(struct cni *c, const char *plugin, char *path, size_t size)
{
	struct stat st;
	_cleanup_buf_ struct buf shown = {0};

	if (!*plugin) return cni_fail(c, CNI_INTERNAL, "no plugin name provided");
	if (strchr(plugin, '/'))
		return cni_fail(c, CNI_INTERNAL, "invalid plugin name: %s", plugin);
	for (const char *p = c->path; *p;) {
		size_t n = strcspn(p, ":");
		const char *dir = n ? p : ".";
		buf_printf(&shown, "%s%.*s", shown.len ? " " : "", (int)n, p);
		if (snprintf(path, size, "%.*s/%s", n ? (int)n : 1, dir, plugin) < (int)size &&
			!stat(path, &st) && S_ISREG(st.st_mode))
			return 0;
		p += n + (p[n] != 0);
	}
	buf_puts(&shown, "");
	return cni_fail(c, CNI_INTERNAL, "failed to find plugin \"%s\" in path [%s]", plugin,
		shown.data);
}

/* This environment with another CNI_COMMAND. CNI_NETNS may be this process's own namespace
 * (any_netns). */
static char **environment(struct cni *c, const char *command)
{
	extern char **environ;
	size_t n = 0;

	while (environ[n]) n++;
	char **env = arena_alloc(&c->arena, (n + 3) * sizeof *env), **to = env;
	for (char **from = environ; *from; from++)
		if (strncmp(*from, "CNI_COMMAND=", 12) && strncmp(*from, "CNI_NETNS_OVERRIDE=", 19))
			*to++ = *from;
	*to++ = (char *)"CNI_NETNS_OVERRIDE=1";
	*to = arena_printf(&c->arena, "CNI_COMMAND=%s", command);
	return env;
}

/* The plugin's own error, taken from its standard output as by RawExec.pluginErr in pkg/invoke. */
static int take_error(struct cni *c, int status, const struct buf *out)
{
	struct json j = {0};
	int64_t code = 0;

	if (c->code) return -1;   /* an earlier error is the one reported */
	if (!out->len)
		return cni_fail(c, CNI_INTERNAL,
			"netplugin failed with no error message: exit status %d", status);
	if (json_parse(&j, out->data, out->len) < 0) {
		_cleanup_buf_ struct buf quoted = {0};
		go_quote(&quoted, out->data, out->len);
		cni_fail(c, CNI_INTERNAL,
			"netplugin failed but error parsing its diagnostic message %s: %s",
			quoted.data, j.error);
	} else {
		const struct json_node *root = json_root(&j);
		_cleanup_free_ char *msg = json_strdup(&j, json_get(&j, root, "msg"));
		_cleanup_free_ char *details = json_strdup(&j, json_get(&j, root, "details"));
		json_int(&j, json_get(&j, root, "code"), &code);
		if (details) buf_puts(&c->details, details);
		cni_fail(c, code > 0 && code < UINT_MAX ? (unsigned)code : CNI_INTERNAL, "%s",
			msg ? msg : "");
	}
	json_free(&j);
	return -1;
}

static int fail_start(struct cni *c, const char *path, int err)
{
	char scratch[128];
	return cni_fail(c, CNI_INTERNAL, "%s: %s", path,
		go_strerror(-err, scratch, sizeof scratch));
}

int cni_delegate(struct cni *c, const char *plugin, const char *command, struct buf *out)
{
	_cleanup_buf_ struct buf answer = {0};
	char path[PATH_MAX], *argv[] = { path, NULL };
	int pipe_fd[2], wait_status = 0;

	if (find(c, plugin, path, sizeof path) < 0) return -1;
	/* a pipe would have to be filled while the answer is read */
	_cleanup_close_ int in = io_memory(c->text.data, c->text.len);
	if (in < 0) return fail_start(c, path, in);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0) return fail_start(c, path, -errno);
	pid_t pid = spawn(&(struct spawn){
		.path = path, .argv = argv, .envp = environment(c, command), .in = in,
		.out = pipe_fd[1], .err = -1,
		.die_with_parent = SIGKILL,
	});
	close(pipe_fd[1]);
	int r = pid < 0 ? 0 : io_read_fd(pipe_fd[0], &answer, ANSWER_MAX);
	close(pipe_fd[0]);
	if (pid < 0) return fail_start(c, path, (int)pid);
	while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) ;
	int status = spawn_status(wait_status);
	if (status) return take_error(c, status, &answer);
	if (r < 0) return fail_start(c, path, r);
	if (out) buf_add(out, answer.data, answer.len);
	return 0;
}
