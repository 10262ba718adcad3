/* Fetches a file beside its place, verifies it and gives it its name. */
#include "fetch/place.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/text.h"
#include "fetch/download.h"

/* ---- sums ---- */

bool place_read_sum(const char *text, size_t len, char sum[SHA256_HEX])
{
	if (len != SHA256_HEX - 1) return false;
	for (size_t i = 0; i < len; i++) {
		if (text_hex(text[i]) < 0) return false;
		sum[i] = (char)tolower((unsigned char)text[i]);
	}
	sum[len] = 0;
	return true;
}

/* "SUM  NAME", or "SUM *NAME". */
bool place_find_sum(const char *text, size_t len, const char *name, char sum[SHA256_HEX])
{
	enum { NAME = SHA256_HEX + 1 };
	struct text_lines l = text_lines(text, len);
	size_t n = strlen(name);

	while (text_line(&l))
		if (l.len == NAME + n && !memcmp(l.line + NAME, name, n))
			return place_read_sum(l.line, NAME - 2, sum);
	return false;
}

/* ---- the file ---- */

static bool has_sum(const struct download *d, const char *sum)
{
	char got[SHA256_HEX];

	sha256_hex(&d->sum, got);
	return !strcmp(got, sum);
}

static bool is_there(const struct place *p)
{
	_cleanup_close_ int fd = open(p->to, O_RDONLY | O_CLOEXEC);
	struct download d = { .fd = fd };

	return p->sum && fd >= 0 && !download_load(&d) && has_sum(&d, p->sum) &&
		!fchmod(fd, p->mode);
}

/* One process at a time. The lock may be one on a file that another process has just renamed. */
static int open_part(const char *part, struct err *e)
{
	int fd = open(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) return err_errno(e, -errno, "%s", part);
	if (!flock(fd, LOCK_EX | LOCK_NB) && io_is_at(fd, part)) return fd;
	close(fd);
	return err_set(e, -EBUSY, "another process writes %s", part);
}

/* All of it may be there, if an earlier fetch was killed. */
static int fill(struct download *d, const struct place *p, struct err *e)
{
	bool far = strstr(p->base, "://");
	int r = far && p->sum ? download_load(d) : 0;

	if (r < 0) return err_errno(e, r, "%s", p->to);
	if (d->have && has_sum(d, p->sum)) return 0;
	r = far ? download_get(d, p->base, p->name, e) : download_copy(d, p->base, e);
	if (d->write_error) return err_errno(e, d->write_error, "%s", p->to);
	if (r < 0 || !p->sum || has_sum(d, p->sum)) return r;
	return err_set(e, -EBADMSG, "%s: the checksum is wrong; nothing was installed", p->base);
}

int place_file(const struct place *p, struct err *e)
{
	char part[PATH_MAX];
	struct download d = { .name = p->quiet ? NULL : p->to };
	int n = snprintf(part, sizeof part, "%s.%.8s.part", p->to, p->sum ? p->sum : "new");

	if (is_there(p)) return 1;
	int r = n < (int)sizeof part ? io_mkparents(p->to, 0755) : -ENAMETOOLONG;
	if (r < 0) return err_errno(e, r, "%s", p->to);
	d.fd = open_part(part, e);
	if (d.fd < 0) return d.fd;
	r = fill(&d, p, e);
	free(d.location);
	if (r < 0 && p->sum && d.have && !d.write_error && r != -ENOENT && r != -EBADMSG) {
		close(d.fd);
		return r;
	}
	n = io_end(d.fd, r, p->mode, part, p->to);
	return !r && n < 0 ? err_errno(e, n, "%s", p->to) : r;
}
