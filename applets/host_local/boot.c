/* Names and times of a boot: from /proc, the clocks and the first mounts. It knows nothing of
 * leases; store.c decides which of them are dropped. */
#include "host_local/boot.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "base/io.h"
#include "host_local/index.h"

/* Of what stays the same across a reboot, and differs between a sandbox and its host or between two
 * machines with one directory. Two sandboxes of one name look alike: whether one is the other after
 * a restart cannot be told. */
static uint64_t machine_hash(int dir)
{
	_cleanup_buf_ struct buf b = {0};
	struct utsname u;
	struct statfs fs;

	/* Without an ID the name and the file system are left to tell. */
	(void)io_read("/etc/machine-id", &b, 4096);
	if (!uname(&u)) buf_puts(&b, u.nodename);
	if (!fstatfs(dir, &fs)) buf_printf(&b, " %lx", (unsigned long)fs.f_type);
	return b.failed ? 0 : hl_index_hash(b.data, b.len);
}

/* The kernel's random name for this boot; a sandbox without one has at least the time of its start.
 * The blank keeps it from being equal to a container's ID, which upstream's DEL looks for in every
 * file. Its length, or 0. */
static size_t boot_name(char *name, size_t size)
{
	_cleanup_buf_ struct buf b = {0};
	char id[64];
	const char *s = id, *kind = "boot ";

	if (io_read_line("/proc/sys/kernel/random/boot_id", id, sizeof id) < 0 || !*id) {
		if (io_read("/proc/stat", &b, 1 << 20) < 0 || !b.data) return 0;
		if (!(s = strstr(b.data, "\nbtime "))) return 0;
		s++;
		kind = "";
	}
	int n = snprintf(name, size, "%s%.*s", kind, (int)strcspn(s, "\n"), s);
	return (size_t)n < size ? (size_t)n : size - 1;
}

size_t hl_boot_note(int dir, char note[HL_BOOT_NOTE])
{
	size_t n = boot_name(note, HL_BOOT_NOTE - HL_BOOT_MACHINE - 1);

	if (!n) return 0;
	return n + (size_t)snprintf(note + n, HL_BOOT_NOTE - n, " %016llx\n",
		(unsigned long long)machine_hash(dir));
}

int64_t hl_boot_time(void)
{
	struct timespec now, up;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0 || clock_gettime(CLOCK_BOOTTIME, &up) < 0)
		return 0;
	/* Both with their fractions, so that the difference does not jump by a second. */
	return now.tv_sec - up.tv_sec - (now.tv_nsec < up.tv_nsec);
}

/* A clock that was set forward since the boot would put its beginning too late, behind leases that
 * are in use; what the kernel mounted first still has the time as it was then. */
time_t hl_boot_earliest(void)
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
