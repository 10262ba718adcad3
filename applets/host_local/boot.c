#include "host_local/boot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "host_local/index.h"
#include "host_local/store.h"

enum { NAME = 80 };

/* What stays the same when a machine boots anew, and differs where a sandbox and its host, or two machines, have one folder. (Not between
 * two sandboxes of one name: of these, nothing tells which is the other one started anew.) */
static uint64_t machine(const struct hl_store *s)
{
	_cleanup_buf_ struct buf b = {0};
	struct utsname u;
	struct statfs fs;

	io_read("/etc/machine-id", &b, 4096);
	if (!uname(&u)) buf_puts(&b, u.nodename);
	if (!fstatfs(s->dir, &fs)) buf_printf(&b, " %lx", (unsigned long)fs.f_type);
	return b.failed ? 0 : hl_index_hash(b.data, b.len);
}

/* The kernel's random name for this boot; sandboxes without one have at least the time they started. The space in it makes it no
 * container's ID: upstream's DEL looks for these in every file. */
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
	snprintf(name, NAME - sizeof " 0123456789abcdef\n", "%s%.*s", kind, (int)strcspn(s, "\n"), s);
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
	enum { ID = sizeof " 0123456789abcdef\n" - 1 };   /* how the machine ends the note */
	char now[NAME], noted[NAME];

	if (!boot_name(now)) return;
	size_t len = strlen(now);
	len += (size_t)snprintf(now + len, NAME - len, " %016llx\n", (unsigned long long)machine(s));
	ssize_t n = pread(s->lock, noted, sizeof noted, 0);
	if (n == (ssize_t)len && !memcmp(noted, now, len)) return;
	/* Without a note nobody knows: another plugin may have written all of it today. With one of another machine, its pods may live. */
	if (n > ID && !memcmp(noted + n - ID, now + len - ID, ID)) drop_older(s, oldest_possible());
	if (pwrite(s->lock, now, len, 0) == (ssize_t)len && n > (ssize_t)len && ftruncate(s->lock, (off_t)len) < 0)
		return;
}
