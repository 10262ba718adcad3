/* The shim's command line, as containerd writes it: options, verb, its options, ID. */
#include <string.h>

#include "runc/shim.h"

/* Options that take the next word as their value, and where the value goes if the shim needs it. */
enum shim_want {
	WANT_NOTHING, WANT_LOG, WANT_LOG_FORMAT, WANT_BUNDLE, WANT_PROCESS, WANT_PID_FILE,
	WANT_CONSOLE
};
struct shim_option {
	const char *name;
	enum shim_want want;
};

static const struct shim_option before_verb[] = {
	{ "log", WANT_LOG }, { "log-format", WANT_LOG_FORMAT },
	{ "root", 0 }, { "rootless", 0 }, { "criu", 0 }, { "cgroup-manager", 0 }, { NULL, 0 },
};
static const struct shim_option behind_verb[] = {
	{ "bundle", WANT_BUNDLE }, { "b", WANT_BUNDLE }, { "process", WANT_PROCESS },
	{ "p", WANT_PROCESS },
	{ "console-socket", WANT_CONSOLE }, { "pidfd-socket", 0 }, { "pid-file", WANT_PID_FILE },
	{ "preserve-fds", 0 },
	{ "cwd", 0 }, { "env", 0 }, { "e", 0 }, { "user", 0 }, { "u", 0 }, { "additional-gids", 0 },
	{ "g", 0 }, { "process-label", 0 }, { "apparmor", 0 }, { "cap", 0 }, { "c", 0 },
	{ "cgroup", 0 },
	{ "config", 0 }, { "f", 0 }, { NULL, 0 },
};

static void take(struct shim_call *c, enum shim_want want, const char *value)
{
	switch (want) {
	case WANT_LOG:
		c->log = *value ? value : NULL;
		break;
	case WANT_LOG_FORMAT:
		c->log_json = !strcmp(value, "json");
		break;
	case WANT_BUNDLE:
		c->bundle = value;
		break;
	case WANT_PROCESS:
		c->process = value;
		break;
	case WANT_PID_FILE:
		c->pid_file = value;
		break;
	case WANT_CONSOLE:
		c->console = true;
		break;
	case WANT_NOTHING:
		break;
	}
}

/* The options from argv[i] on; returns the index of the first word that is none. Go's flag
 * package: one dash or two, the value behind '=' or in the next word. */
static int take_options(struct shim_call *c, const struct shim_option *rows, int i, int argc,
	char **argv)
{
	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *name = argv[i] + 1 + (argv[i][1] == '-');
		if (!*name) return i + 1;   /* "--" */
		size_t len = strcspn(name, "=");
		const struct shim_option *o = rows;
		while (o->name && (strlen(o->name) != len || strncmp(o->name, name, len))) o++;
		if (!o->name) continue;
		if (name[len]) take(c, o->want, name + len + 1);
		else if (++i < argc) take(c, o->want, argv[i]);
	}
	return i < argc ? i : argc;
}

void shim_call_parse(struct shim_call *c, int argc, char **argv)
{
	*c = (struct shim_call){ .bundle = "." };
	c->verb = take_options(c, before_verb, 1, argc, argv);
	int id = c->verb < argc ? take_options(c, behind_verb, c->verb + 1, argc, argv) : argc;
	if (id < argc) c->id = argv[id];
}
