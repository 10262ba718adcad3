/* What removes which obstacle. Rows of one fact stand in order of preference: the first that may be used is taken, with those
 * behind it that say .also. */
#include "plan/steps.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "app/applet.h"
#include "base/die.h"
#include "base/io.h"
#include "base/mounts.h"
#include "image/pack.h"
#include "plan/fix/cgroup.h"
#include "plan/fix/cni_setup.h"
#include "plan/fix/hosts.h"
#include "plan/fix/kmsg.h"
#include "plan/fix/passwd.h"
#include "plan/fix/procsys.h"
#include "plan/probe/probe.h"

static int apply_kmsg_link(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return kmsg_link();
}

static int apply_kmsg_bind(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return kmsg_bind();
}

static int undo_kmsg(const struct options *o)
{
	(void)o;
	return kmsg_clean();
}

static int apply_procsys(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return procsys_apply(NULL);
}

static int undo_procsys(const struct options *o)
{
	(void)o;
	return procsys_clean();
}

static int apply_shared(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL) < 0 ? -errno : 0;
}

/* Only where everything was private before can everything become private again. */
static int undo_shared(const struct options *o)
{
	_cleanup_buf_ struct buf journal = {0};

	(void)o;
	plan_journal(&journal);
	const char *line = journal.data ? strstr(journal.data, "propagation\tmount\t") : NULL;
	if (!line) return 0;
	const char *end = line + strcspn(line, "\n");
	if (end - line < 4 || memcmp(end - 4, "\tall", 4)) return 0;
	return mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ? -errno : 0;
}

static int apply_cgroup(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return cgroup_mount_missing();
}

static int apply_pids(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return cgroup_mount_stand_in("pids");
}

static int apply_devices(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return cgroup_mount_stand_in("devices");
}

static int undo_cgroup(const struct options *o)
{
	(void)o;
	return cgroup_unmount_ours();
}

static int apply_cni(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return cni_setup();
}

static int undo_cni(const struct options *o)
{
	(void)o;
	return cni_unset();
}

static int apply_passwd(const struct options *o, const struct fact_result *r)
{
	(void)o, (void)r;
	return passwd_make();
}

static int undo_passwd(const struct options *o)
{
	(void)o;
	return passwd_clean();
}

static int apply_node_name(const struct options *o, const struct fact_result *r)
{
	char name[256], address[64];

	(void)o, (void)r;
	net_node_name(name, sizeof name);
	if (!net_first_address(address, sizeof address)) snprintf(address, sizeof address, "127.0.0.1");
	int e = hosts_add(address, name);
	if (e != -EROFS && e != -EACCES && e != -EPERM) return e;
	/* k3s runs without it; `kubectl logs` and `exec` may not. */
	warn_errno(e, "/etc/hosts does not get the node's name");
	return 0;
}

static int undo_node_name(const struct options *o)
{
	(void)o;
	return hosts_clean();
}

/* Where k3s looks for image archives at its start. */
#define ARCHIVE "agent/images/k3sbox-pause.tar"
/* A data folder a line: clean may be told another one, or none. */
#define ARCHIVE_DIRS K3SBOX_RUN "/archives"

static int pause_archive(const char *data_dir, char *path, size_t size)
{
	return io_join(path, size, data_dir, ARCHIVE);
}

static int apply_pause_image(const struct options *o, const struct fact_result *r)
{
	char path[PATH_MAX], real[PATH_MAX];

	(void)r;
	int e = pause_archive(o->data_dir, path, sizeof path);
	if (!e) e = io_mkparents(path, 0755);
	if (!e && !realpath(o->data_dir, real)) e = -errno;
	if (!e) e = io_add_line(ARCHIVE_DIRS, 0600, real);
	return e < 0 ? e : image_pack_pause(path, STEPS_PAUSE_IMAGE);
}

static int remove_archive(const char *data_dir)
{
	char path[PATH_MAX];
	int e = pause_archive(data_dir, path, sizeof path);
	if (!e) e = io_unlink(path);
	return e == -ENOTDIR ? 0 : e;
}

static int undo_pause_image(const struct options *o)
{
	_cleanup_buf_ struct buf dirs = {0};
	int first = remove_archive(o->data_dir);

	io_read(ARCHIVE_DIRS, &dirs, 1 << 20);
	for (char *line = dirs.data, *next; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next) *next++ = 0;
		int e = remove_archive(line);
		if (e < 0 && !first) first = e;
	}
	return first < 0 ? first : io_unlink(ARCHIVE_DIRS);
}

const struct step_row step_rows[] = {
	{ "registry", BY_FILE, .what = "k3sbox itself packed as the pause image, into agent/images",
	  .node_only = true, .apply = apply_pause_image, .undo = undo_pause_image },
	{ "registry", BY_FLAG, .also = true, .what = "that pause image named to k3s", .node_only = true, .knob = KNOB_PAUSE_IMAGE },
	{ "registry", BY_FLAG, .also = true, .what = "k3s's packaged add-ons off: their images cannot be pulled",
	  .knob = KNOB_PACKAGED_OFF },
	{ "default-route", BY_FLAG, .when = "address", .what = "the first interface's address named to k3s", .knob = KNOB_NODE_ADDRESS },
	{ "node-name", BY_FILE, .what = "a line in /etc/hosts", .apply = apply_node_name, .undo = undo_node_name },

	{ "passwd", BY_FILE, .what = "an /etc/passwd with root alone", .apply = apply_passwd, .undo = undo_passwd },
	{ "kmsg", BY_FILE, .when = "absent", .what = "a link /dev/kmsg to /dev/null", .apply = apply_kmsg_link, .undo = undo_kmsg },
	{ "kmsg", BY_MOUNT, .when = "refused", .needs = "mount", .what = "/dev/null bound over /dev/kmsg", .apply = apply_kmsg_bind, .undo = undo_kmsg },
	{ "kmsg", BY_INTERCEPT, .needs = "ptrace", .what = "opens of /dev/kmsg answered with /dev/null", .rule = "--map=/dev/kmsg=/dev/null" },
	{ "procsys", BY_MOUNT, .needs = "mount", .what = "a tmpfs over /proc/sys/kernel and vm, the real files bound back into it",
	  .apply = apply_procsys, .undo = undo_procsys },
	{ "procsys", BY_INTERCEPT, .needs = "ptrace", .what = "opens of the missing files answered", .rule = "--seeds=k3s" },
	{ "procfs", BY_INTERCEPT, .when = "old", .needs = "ptrace", .what = "its inode number told as it should be", .rule = "--runc" },
	{ "procfs", BY_INTERCEPT, .also = true, .when = "old", .needs = "ptrace", .what = "statfs(2) of its files answered",
	  .rule = "--statfs=/proc=?proc" },
	{ "cap-last-cap", BY_INTERCEPT, .needs = "ptrace", .what = "opens of the missing file answered, in pods too", .rule = "--seeds=k3s" },
	{ "subreaper", BY_INTERCEPT, .needs = "ptrace", .what = "the ends of orphans told to who would have adopted them", .rule = "--subreaper" },
	{ "propagation", BY_MOUNT, .when = "private", .needs = "mount", .what = "/ made a shared mount, as 'mount --make-rshared /' does",
	  .apply = apply_shared, .undo = undo_shared },
	{ "propagation", BY_INTERCEPT, .needs = "ptrace", .what = "mount(2) for propagation answered where the kernel refuses it",
	  .rule = "--propagation" },
	{ "cgroup", BY_MOUNT, .when = "unmounted", .needs = "mount", .what = "the cgroup controllers mounted below " CGROUP_ROOT,
	  .apply = apply_cgroup, .undo = undo_cgroup },
	{ "cgroup", BY_MOUNT, .when = "no-pids", .needs = "mount", .what = "the cgroup controllers mounted, cpu's in place of pids",
	  .apply = apply_pids, .undo = undo_cgroup },
	{ "cgroup", BY_INTERCEPT, .also = true, .when = "no-pids", .needs = "ptrace", .what = "that one shown as pids",
	  .rule = "--controller=pids" },
	{ "cgroup-devices", BY_MOUNT, .when = "unmounted", .needs = "mount", .what = "the cgroup controllers mounted below " CGROUP_ROOT,
	  .apply = apply_cgroup, .undo = undo_cgroup },
	{ "cgroup-devices", BY_MOUNT, .when = "absent", .needs = "mount", .what = "cpu's hierarchy mounted in place of devices",
	  .apply = apply_devices, .undo = undo_cgroup },
	{ "cgroup-devices", BY_INTERCEPT, .also = true, .when = "absent", .needs = "ptrace", .what = "that one shown as devices",
	  .rule = "--controller=devices" },
	{ "cgroup-v1", BY_FLAG, .what = "the kubelet told to accept version 1", .knob = KNOB_FAIL_CGROUPV1_OFF },
	{ "cgroup-write", BY_FLAG, .what = "no group per quality of service class", .knob = KNOB_CGROUPS_PER_QOS_OFF },
	{ "cgroup-type", BY_INTERCEPT, .needs = "ptrace", .what = "statfs(2) of control files answered", .rule = "--statfs=" CGROUP_ROOT "=?cgroup" },
	{ "cgroup-namespace", BY_SHIM, .what = "the cgroup namespace left out of pods", .rule = "namespace cgroup" },
	{ "root-stats", BY_FLAG, .what = "local storage isolation off: no ephemeral-storage accounting", .knob = KNOB_LOCAL_STORAGE_ISOLATION_OFF },
	{ "root-stats", BY_FLAG, .also = true, .what = "image garbage collection off", .knob = KNOB_IMAGE_GC_OFF },
	{ "image-device", BY_FLAG, .what = "image garbage collection off", .knob = KNOB_IMAGE_GC_OFF },
	{ "overlay", BY_FLAG, .what = "containerd's native snapshotter: whole copies", .knob = KNOB_SNAPSHOTTER_NATIVE },
	{ "iptables", BY_FLAG, .what = "kube-proxy and network policy off: no Services", .knob = KNOB_KUBE_PROXY_OFF },
	{ "flannel", BY_FILE, .what = "a CNI configuration with k3sbox's noop, host-local and loopback: pods have addresses, no traffic",
	  .apply = apply_cni, .undo = undo_cni },
	{ "flannel", BY_FLAG, .also = true, .what = "flannel off", .knob = KNOB_FLANNEL_NONE },

	{ "mask", BY_SHIM, .what = "masked folders masked by a tmpfs that works here", .rule = "masked-paths" },
	{ "mask", BY_INTERCEPT, .needs = "ptrace", .what = "mount options that this kernel lacks left out", .rule = "--mounts" },
	{ "readonly", BY_SHIM, .what = "read-only paths left out", .rule = "readonly-paths" },
	{ "readonly", BY_INTERCEPT, .needs = "ptrace", .what = "remounts that this kernel lacks done without", .rule = "--mounts" },
	{ "devpts", BY_INTERCEPT, .needs = "ptrace", .what = "devpts mounts done without", .rule = "--mounts" },
	{ "mount-link", BY_INTERCEPT, .needs = "ptrace", .what = "mounts made where their links lead", .rule = "--runc" },
	{ "join", BY_INTERCEPT, .needs = "ptrace", .what = "containers kept apart by their root folders alone: only pods with hostNetwork", .rule = "--runc" },
	/* Who joins with `exec` stays in its own PID namespace, and would find itself in no procfs of another. */
	{ "join", BY_SHIM, .also = true, .what = "processes numbered alike in all containers", .rule = "namespace pid" },
	{ "netns", BY_INTERCEPT, .needs = "ptrace", .what = "statfs(2) of network namespaces answered", .rule = "--statfs=/run/netns=?nsfs" },
	{ "netns", BY_INTERCEPT, .also = true, .needs = "ptrace", .what = "the same below /var/run",
	  .rule = "--statfs=/var/run/netns=?nsfs" },
	{ "pod-sysctls", BY_SHIM, .what = "sysctls that are not there left out", .rule = "sysctl" },
	{ "pod-sysctls", BY_FLAG, .what = "containerd's enable_unprivileged_ports and _icmp off", .knob = KNOB_UNPRIVILEGED_PORTS_OFF },
	{ "oom-score", BY_SHIM, .when = "unwritable", .what = "oom_score_adj not set in containers", .rule = "no-oom-score" },
	{ "oom-score", BY_SHIM, .when = "not-lower", .what = "oom_score_adj kept where it may be", .rule = "oom-score" },
	{ "capabilities", BY_SHIM, .what = "capabilities that this sandbox lacks left out of containers", .rule = "capabilities" },
	{ "pipe-owner", BY_INTERCEPT, .needs = "ptrace", .what = "fchown(2) of pipes reported as done", .rule = "--runc" },
	{ "keyring", BY_SHIM, .what = "no session keyring per container", .rule = "no-new-keyring" },
};
const size_t step_row_count = sizeof step_rows / sizeof *step_rows;
