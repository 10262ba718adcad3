/* Removes a cluster, by the lists of k3s's own scripts (k3s-killall.sh, k3s-uninstall.sh in
 * k3s-io/k3s install.sh). Not for what pods leave: that is sweep. */
#include "cluster/wipe.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "net/link.h"

enum { SAVE_MS = 20000, SAVE_MAX = 16 << 20 };

static bool is_of_cluster(const char *line, size_t len)
{
	static const char *const words[] = { "KUBE-", "CNI-", "flannel", "FLANNEL" };
	size_t i = 0;

	while (i < sizeof words / sizeof *words && !memmem(line, len, words[i], strlen(words[i])))
		i++;
	return i < sizeof words / sizeof *words;
}

/* The program gets the rules by its standard input. */
static void restore(const char *program, const struct buf *rules)
{
	char *argv[] = { (char *)program, NULL };
	_cleanup_close_ int in = io_memory(rules->data, rules->len);

	if (in < 0) return;
	pid_t pid = spawn(&(struct spawn){ .path = program, .argv = argv, .in = in,
		.out = SPAWN_NULL, .err = -1 });
	if (pid > 0) spawn_wait(pid);   /* a failure shows in its messages */
}

/* Without iptables there are no rules to remove. */
static void wipe_rules(const char *path, const char *save, const char *restore_name)
{
	char program[PATH_MAX];
	_cleanup_buf_ struct buf old = {0}, kept = {0};
	char *argv[] = { (char *)save, NULL };

	if (io_find_program(save, path, program, sizeof program) < 0) return;
	if (spawn_capture(program, argv, &old, SAVE_MAX, false, SAVE_MS) || !old.len) return;
	struct text_lines l = text_lines(old.data, old.len);
	while (text_line(&l))
		if (!is_of_cluster(l.line, l.len)) buf_printf(&kept, "%.*s\n", (int)l.len, l.line);
	if (kept.failed || kept.len == old.len) return;
	if (!io_find_program(restore_name, path, program, sizeof program)) restore(program, &kept);
}

static void wipe_network(const char *data_dir)
{
	static const char *const links[] = {
		"cni0", "flannel.1", "flannel-v6.1", "flannel-wg", "flannel-wg-v6",
	};
	char path[PATH_MAX * 2];
	struct link_info link;
	struct nl nl;

	snprintf(path, sizeof path, "%s:%s/data/current/bin/aux", getenv("PATH"), data_dir);
	wipe_rules(path, "iptables-save", "iptables-restore");
	wipe_rules(path, "ip6tables-save", "ip6tables-restore");
	if (nl_open(&nl) < 0) return;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (!link_get(&nl, links[i], &link)) nl_link_delete(&nl, link.index);
	nl_close(&nl);
}

int wipe_cluster(const char *data_dir, struct err *e)
{
	static const char *const parts[] = { "agent", "data", "k3sbox", "server", "storage" };
	static const char *const trees[] = {
		"/etc/rancher/k3s", "/etc/rancher/node", "/run/flannel", "/run/k3s",
		"/var/lib/cni", "/var/lib/kubelet",
	};
	enum { PARTS = sizeof parts / sizeof *parts, TREES = sizeof trees / sizeof *trees };
	char path[PATH_MAX];
	int first = 0;

	wipe_network(data_dir);
	for (size_t i = 0; i < PARTS + TREES; i++) {
		const char *tree = i < PARTS ? path : trees[i - PARTS];
		int r = i < PARTS ? io_join(path, sizeof path, data_dir, parts[i]) : 0;
		if (!r) r = io_remove_tree(tree);
		/* -EBUSY: what is mounted in it, or where it is, stays */
		if (r < 0 && r != -EBUSY && !first) first = err_errno(e, r, "%s", tree);
	}
	rmdir(data_dir);   /* what others have in these stays */
	rmdir("/var/lib/rancher");
	rmdir("/etc/rancher");
	return first;
}
