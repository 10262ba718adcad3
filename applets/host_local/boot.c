#include "boot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "store.h"

enum { NAME = 64 };

/* The kernel's random name for this boot; sandboxes without one have at least the time they started. One
 * byte is left. The space in it makes it no container's ID: upstream's DEL looks for these in every file. */
static bool boot_name(char name[NAME])
{
	_cleanup_buf_ struct buf b = {0};
	char id[NAME - 8];
	const char *s = id, *kind = "boot ";

	if (io_read_line("/proc/sys/kernel/random/boot_id", id, sizeof id) < 0 || !*id) {
		if (io_read("/proc/stat", &b, 1 << 20) < 0 || !b.data || !(s = strstr(b.data, "\nbtime "))) return false;
		s++;
		kind = "";
	}
	snprintf(name, NAME - 1, "%s%.*s", kind, (int)strcspn(s, "\n"), s);
	return true;
}

int64_t hl_boot_time(void)
{
	struct timespec now, up;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0 || clock_gettime(CLOCK_BOOTTIME, &up) < 0) return 0;
	/* Both with their fractions, so that the difference does not jump by a second. */
	return now.tv_sec - up.tv_sec - (now.tv_nsec < up.tv_nsec);
}

/* Nothing that was made before this time was made in this boot. A clock that was set forward since its
 * beginning would put that too late, behind leases that are in use; what the kernel mounted first still
 * has the time as it was. */
static time_t oldest_possible(void)
{
	static const struct { const char *path; long fs; } early[] = {
		{ "/sys", 0x62656572 }, { "/dev", 0x01021994 }, { "/run", 0x01021994 },
	};
	time_t t = (time_t)hl_boot_time() - 1;

	for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
		struct statfs fs;
		struct stat st;
		if (statfs(early[i].path, &fs) < 0 || (long)fs.f_type != early[i].fs) continue;
		if (!stat(early[i].path, &st) && st.st_ctime < t) t = st.st_ctime;
	}
	return t;
}

static void drop_older(struct hl_store *s, time_t boot)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0) close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		struct stat st;
		struct ip a;
		if (!ip_parse(&a, e->d_name, strlen(e->d_name))) continue;
		if (fstatat(s->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (st.st_ctime < boot) hl_store_remove(s, e->d_name);
	}
}

void hl_boot_settle(struct hl_store *s)
{
	char now[NAME], noted[NAME];

	if (!boot_name(now)) return;
	size_t len = strlen(now);
	now[len++] = '\n';
	ssize_t n = pread(s->lock, noted, sizeof noted, 0);
	if (n == (ssize_t)len && !memcmp(noted, now, len)) return;
	/* Without a note nobody knows: another plugin may have written all of it today. */
	if (n > 0) drop_older(s, oldest_possible());
	if (pwrite(s->lock, now, len, 0) == (ssize_t)len && n > (ssize_t)len && ftruncate(s->lock, (off_t)len) < 0)
		return;
}
