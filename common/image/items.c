/* The files of an image: added, checked and sorted. Their contents are read by write.c. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/path.h"
#include "image/image.h"

static const char self_exe[] = "/proc/self/exe";

static void add(struct image *im, struct image_item it)
{
	im->items = xrealloc(im->items, (im->n + 1) * sizeof *im->items);
	im->items[im->n++] = it;
}

/* "/usr//bin/./x" → "usr/bin/x", in place. NULL, or what is wrong with it. */
static const char *clean(char *path)
{
	char out[PATH_MAX];

	if (path_climbs(path)) return "a path in the image must not contain '..'";
	/* Layers use these names to delete files of lower layers (OCI image-spec,
	 * layer.md "Whiteouts"). */
	for (const char *p = path; p; p = strchr(p, '/'), p += p != NULL)
		if (!strncmp(p, ".wh.", 4))
			return "names that begin with '.wh.' stand for deletions in an image";
	if (path_join(out, "/", path) < 0) return "the name is too long";
	memcpy(path, out + 1, strlen(out));   /* never longer than it was */
	return *path ? NULL : "not the name of a file";
}

/* Where FILE goes in the image; the caller frees it. */
static char *destination(const char *from, const char *to)
{
	const char *name = path_name(from);

	if (!to || !*to) return xstrdup(name);
	return to[strlen(to) - 1] == '/' ? xasprintf("%s%s", to, name) : xstrdup(to);
}

/* Checks ustar's limits before anything is written. */
static int check_header(const struct image_item *it, struct err *e)
{
	char header[TAR_BLOCK];
	struct tar_entry entry = { .path = it->path, .target = it->target, .type = it->type,
		.size = it->size };

	switch (tar_header(&entry, header)) {
	case 0:
		return 0;
	case -EFBIG:
		return err_set(e, -EFBIG,
			"%s: files of 8 GiB and more do not fit in an image archive", it->from);
	default:
		return err_set(e, -ENAMETOOLONG,
			"%s: the path is too long for an image archive (at most "
			"255 bytes, 100 in one part, 100 in a link's target)", it->path);
	}
}

static int keep(struct image *im, struct image_item it, struct err *e)
{
	const char *bad = clean(it.path);
	int r = bad ? err_set(e, -EINVAL, "%s: %s", it.path, bad) : check_header(&it, e);

	if (!r) {
		add(im, it);
		return 0;
	}
	free(it.path);
	free(it.from);
	free(it.target);
	free(it.interp);
	return r;
}

/* The image has the architecture of its programs. Two in one image would show as "exec format
 * error" much later. */
static int join_arch(struct image *im, const char *from, const struct image_program *p,
	struct err *e)
{
	if (!p->arch) return 0;
	if (!im->arch) im->arch = p->arch;
	if (!strcmp(im->arch, p->arch)) return 0;
	return err_set(e, -EINVAL, "%s is a program for %s, the files before it are for %s: one "
		"image has one architecture", from, p->arch, im->arch);
}

int image_add_file(struct image *im, const char *from, const char *to, struct err *e)
{
	struct stat st;
	struct image_program p;
	/* O_NONBLOCK: the open of a FIFO would wait for a writer. */
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) return err_errno(e, -errno, "%s", from);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "%s is a directory: name its files one by one", from);
	if (!S_ISREG(st.st_mode)) return err_set(e, -EINVAL, "%s is not a regular file", from);
	int r = image_look(fd, &p);
	if (r < 0) return err_errno(e, r, "%s", from);
	r = join_arch(im, from, &p, e);
	if (r < 0) return r;
	struct image_item it = {
		.path = destination(from, to), .from = xstrdup(from), .type = TAR_FILE,
		.size = (uint64_t)st.st_size,
		/* the other bits may differ on another machine */
		.mode = st.st_mode & 0111 ? 0755 : 0644,
	};
	if (*p.interp && it.mode & 0111) it.interp = xstrdup(p.interp);
	return keep(im, it, e);
}

int image_add_pause(struct image *im, struct err *e)
{
	return image_add_file(im, self_exe, "/pause", e);
}

int image_add_link(struct image *im, const char *path, const char *target, struct err *e)
{
	struct image_item it = {
		.path = xstrdup(path), .target = xstrdup(target), .type = TAR_SYMLINK, .mode = 0777,
	};
	return keep(im, it, e);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct image_item *)a)->path, ((const struct image_item *)b)->path);
}

static void add_parents(struct image *im)
{
	size_t n = im->n;   /* the directories added below have theirs already */

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; im->items[i].path[k]; k++) {
			if (im->items[i].path[k] != '/') continue;
			char *path = xasprintf("%.*s", (int)k + 1, im->items[i].path);
			add(im, (struct image_item){ .path = path, .type = TAR_DIR, .mode = 0755 });
		}
	}
}

static int drop_twins(struct image *im, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < im->n; i++) {
		struct image_item *it = &im->items[i];
		if (!n || by_path(&im->items[n - 1], it)) {
			struct image_item moved = *it;
			/* no item is owned twice after an error */
			*it = (struct image_item){ 0 };
			im->items[n++] = moved;
			continue;
		}
		if (it->type != TAR_DIR)
			return err_set(e, -EEXIST,
				"%s: two files would have this name in the image", it->path);
		free(it->path);
		*it = (struct image_item){ 0 };
	}
	im->n = n;
	return 0;
}

const struct image_item *image_find(const struct image *im, const char *path)
{
	const struct image_item key = { .path = (char *)(path + strspn(path, "/")) };
	return im->n ? bsearch(&key, im->items, im->n, sizeof *im->items, by_path) : NULL;
}

/* Scripts and data get the architecture of k3sbox itself. */
static int default_arch(struct image *im, struct err *e)
{
	struct image_program self;
	_cleanup_close_ int fd = open(self_exe, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : image_look(fd, &self);

	if (r < 0) return err_errno(e, r, "%s (is /proc mounted?)", self_exe);
	im->arch = self.arch;
	return 0;
}

int image_settle(struct image *im, struct err *e)
{
	int r = im->arch ? 0 : default_arch(im, e);
	if (r < 0) return r;
	add_parents(im);
	if (im->n) qsort(im->items, im->n, sizeof *im->items, by_path);
	r = drop_twins(im, e);
	if (r < 0) return r;
	for (size_t i = 0; i < im->n; i++) {
		if (im->items[i].type != TAR_DIR) continue;
		r = check_header(&im->items[i], e);
		if (r < 0) return r;
		_cleanup_free_ char *name = xstrdup(im->items[i].path);
		name[strlen(name) - 1] = 0;
		if (image_find(im, name))
			return err_set(e, -EEXIST,
				"%s is a file, and a directory that another file lies in", name);
	}
	return 0;
}

void image_free(struct image *im)
{
	for (size_t i = 0; i < im->n; i++) {
		free(im->items[i].path);
		free(im->items[i].from);
		free(im->items[i].target);
		free(im->items[i].interp);
	}
	free(im->items);
	*im = (struct image){ 0 };
}
