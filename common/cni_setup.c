#include "cni_setup.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"

#define CONFLIST "10-k3sbox.conflist"

/* Leases lie in /run: they do not outlive the pods. The subnet is the one that k3s gives its first node. */
static const char conflist[] =
	"{\n"
	"  \"cniVersion\": \"1.0.0\",\n"
	"  \"name\": \"k3sbox\",\n"
	"  \"plugins\": [\n"
	"    {\n"
	"      \"type\": \"noop\",\n"
	"      \"ipam\": {\n"
	"        \"type\": \"host-local\",\n"
	"        \"ranges\": [[{ \"subnet\": \"10.42.0.0/24\" }]],\n"
	"        \"dataDir\": \"" K3SBOX_RUN "/cni\"\n"
	"      }\n"
	"    }\n"
	"  ]\n"
	"}\n";

/* Who has to be ours, and who may be somebody else's. */
static const struct { const char *name; bool any; } plugins[] = {
	{ "noop", false }, { "host-local", true }, { "loopback", true },
};
enum { PLUGINS = sizeof plugins / sizeof *plugins };

static char in_the_way[PATH_MAX];

const char *cni_setup_obstacle(void)
{
	return in_the_way;
}

static bool is_configuration(const char *name)
{
	static const char *const endings[] = { ".conflist", ".conf", ".json" };   /* libcni ConfFiles */
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t k = strlen(endings[i]);
		if (n > k && !strcmp(name + n - k, endings[i])) return true;
	}
	return false;
}

/* containerd takes the first configuration by name, so any other one is a conflict or a trap. */
static int look_for_others(void)
{
	_cleanup_closedir_ DIR *d = opendir(CNI_CONF_DIR);
	if (!d) return errno == ENOENT ? 0 : -errno;
	for (struct dirent *e; (e = readdir(d));)
		if (is_configuration(e->d_name) && strcmp(e->d_name, CONFLIST)) {
			snprintf(in_the_way, sizeof in_the_way, CNI_CONF_DIR "/%s", e->d_name);
			return -EEXIST;
		}
	return 0;
}

/* 1: a link to this program; 0: nothing there; -EEXIST: something else. */
static int whose(const char *path, const char *self)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof target - 1);

	if (n < 0) return errno == ENOENT ? 0 : -EEXIST;
	target[n] = 0;
	const char *base = strrchr(target, '/');
	return !strcmp(target, self) || !strcmp(base ? base + 1 : target, "k3sbox") ? 1 : -EEXIST;
}

static int link_plugin(size_t i, const char *self)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, CNI_BIN_DIR "/%s", plugins[i].name);
	int r = whose(path, self);
	if (r == -EEXIST && plugins[i].any) return 0;
	if (r == -EEXIST) snprintf(in_the_way, sizeof in_the_way, "%s", path);
	if (r < 0) return r;
	if (r) r = io_unlink(path);   /* it may point to where we were before */
	return r < 0 ? r : symlink(self, path) < 0 ? -errno : 0;
}

static int own_path(char *self, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", self, size - 1);
	if (n < 0) return -errno;
	self[n] = 0;
	return 0;
}

int cni_setup(void)
{
	char self[PATH_MAX];
	int r = look_for_others();

	if (!r) r = own_path(self, sizeof self);
	if (!r) r = io_mkdirs(CNI_BIN_DIR, 0755);
	for (size_t i = 0; !r && i < PLUGINS; i++) r = link_plugin(i, self);
	if (!r) r = io_mkdirs(CNI_CONF_DIR, 0755);
	return r < 0 ? r : io_replace(CNI_CONF_DIR "/" CONFLIST, 0644, conflist, sizeof conflist - 1);
}

int cni_unset(void)
{
	char self[PATH_MAX], path[PATH_MAX];
	int r = io_unlink(CNI_CONF_DIR "/" CONFLIST);

	if (r < 0 && r != -ENOTDIR) return r;
	r = own_path(self, sizeof self);
	for (size_t i = 0; !r && i < PLUGINS; i++) {
		snprintf(path, sizeof path, CNI_BIN_DIR "/%s", plugins[i].name);
		if (whose(path, self) == 1) r = io_unlink(path);
	}
	return r;
}
