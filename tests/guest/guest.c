#include "guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *result_name(long r)
{
	static const struct { int e; const char *name; } names[] = {
		{ EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { EINTR, "EINTR" }, { EIO, "EIO" },
		{ EBADF, "EBADF" },
		{ EACCES, "EACCES" }, { EFAULT, "EFAULT" }, { EEXIST, "EEXIST" },
		{ EXDEV, "EXDEV" }, { ENOTDIR, "ENOTDIR" },
		{ EISDIR, "EISDIR" }, { EINVAL, "EINVAL" }, { EROFS, "EROFS" },
		{ ENAMETOOLONG, "ENAMETOOLONG" },
		{ ENOSYS, "ENOSYS" }, { ELOOP, "ELOOP" }, { E2BIG, "E2BIG" }, { ENODEV, "ENODEV" },
		{ ESPIPE, "ESPIPE" },
		{ EDOM, "EDOM" }, { ECHILD, "ECHILD" }, { EOPNOTSUPP, "EOPNOTSUPP" },
		{ EDQUOT, "EDQUOT" },
	};
	static _Thread_local char other[16];

	if (r >= 0) return "ok";
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].e == errno) return names[i].name;
	snprintf(other, sizeof other, "E%d", errno);
	return other;
}

void show(const char *label, long r)
{
	printf("%s: %s\n", label, result_name(r));
}

int main(int argc, char **argv)
{
	static const struct command *const tables[] = { file_commands, process_commands,
		thread_commands, system_commands,
		container_commands, network_commands, peer_commands };

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct command *c = tables[i]; c->name; c++) {
			if (argc > 1 && !strcmp(c->name, argv[1]))
				return c->run(argc - 2, argv + 2);
			if (argc < 2) puts(c->name);
		}
	if (argc < 2) return 0;
	fprintf(stderr, "guest: no command %s\n", argv[1]);
	return 100;
}
