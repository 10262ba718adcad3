/* A command prints what it sees, one fact a line, nothing that differs from run to run (no pids,
 * addresses, times). */
#ifndef GUEST_H
#define GUEST_H

struct command {
	const char *name;
	int (*run)(int argc, char **argv);   /* argv[0] is the command's first argument */
};

extern const struct command file_commands[], process_commands[], thread_commands[],
	system_commands[], container_commands[], network_commands[], peer_commands[];

/* errno's name for the errors that tests expect, its number otherwise; "ok" for r >= 0. */
const char *result_name(long r);
/* "LABEL: ok" or "LABEL: ENOENT". */
void show(const char *label, long r);

#endif
