/* Packs this program as the pause image into k3s's data directory. */
#include "plan/fix/pause.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "image/pack.h"

#define ARCHIVE "agent/images/k3sbox-pause.tar"
/* A data directory a line: clean may be told another one, or none. */
#define ARCHIVE_DIRS K3SBOX_RUN "/archives"

int pause_pack(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	char path[PATH_MAX], real[PATH_MAX];

	(void)s;
	int r = io_join(path, sizeof path, o->data_dir, ARCHIVE);
	if (!r) r = io_mkparents(path, 0755);
	if (!r && !realpath(o->data_dir, real)) r = -errno;
	if (!r) r = io_add_line(ARCHIVE_DIRS, 0600, real);
	if (!r) r = image_pack_pause(path, PAUSE_IMAGE);
	return r < 0 ? err_errno(e, r, "%s/%s", o->data_dir, ARCHIVE) : 0;
}

static int remove_archive(const char *data_dir, struct err *e)
{
	char path[PATH_MAX];
	int r = io_join(path, sizeof path, data_dir, ARCHIVE);

	if (!r) r = io_unlink(path);
	return !r || r == -ENOTDIR ? 0 : err_errno(e, r, "%s/%s", data_dir, ARCHIVE);
}

int pause_remove(const struct plan_options *o, const char *seen, struct err *e)
{
	_cleanup_buf_ struct buf dirs = {0};
	int first = remove_archive(o->data_dir, e);

	(void)seen;
	io_read(ARCHIVE_DIRS, &dirs, 1 << 20);
	for (char *line = dirs.data, *next; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next) *next++ = 0;
		int r = remove_archive(line, first < 0 ? NULL : e);
		if (r < 0 && !first) first = r;
	}
	return first < 0 ? first : io_unlink(ARCHIVE_DIRS);
}
