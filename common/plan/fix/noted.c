/* Undoes what a file has noted. */
#include "plan/fix/noted.h"

#include <string.h>

#include "base/buf.h"
#include "base/io.h"

int noted_undo(const char *file, int (*undo)(const char *line), const char *what, struct err *e)
{
	_cleanup_buf_ struct buf list = {0};
	int result = 0;

	if (io_read(file, &list, 1 << 16) < 0) return 0;
	for (char *rest = list.data, *line; (line = strsep(&rest, "\n"));) {
		int r = *line ? undo(line) : 0;
		if (r < 0 && !result) result = err_errno(e, r, "%s%s", what, line);
	}
	return result < 0 ? result : io_unlink(file);
}
