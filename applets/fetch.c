/* Gets k3s, and the archive of its images, from its releases or from elsewhere: which version, from
 * where, and where to. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "fetch/download.h"
#include "fetch/fetch.h"
#include "fetch/place.h"
#include "plan/plan.h"

#define RELEASES "https://github.com/k3s-io/k3s/releases/download"
#define CHANNELS "https://update.k3s.io/v1-release/channels"

/* k3s is for the machine that this program runs on. */
#if defined(__aarch64__)
#define ARCH "arm64"
#define K3S "k3s-arm64"
#else
#define ARCH "amd64"
#define K3S "k3s"
#endif

struct fetch {
	struct plan_options o;     /* k3s: where to put it; data_dir */
	const char *version, *channel, *from;
	const char *sum;           /* in lower case once it is checked */
	bool airgap, quiet;
};

static const struct opt opts[] = {
	{ OPT_PATH, 0, "version", offsetof(struct fetch, version), "V",
	  .help = "the release, such as v1.36.3+k3s1" },
	{ OPT_PATH, 0, "channel", offsetof(struct fetch, channel), "NAME",
	  .help = "the release that this channel has now (stable)" },
	{ OPT_PATH, 0, "sha256", offsetof(struct fetch, sum), "H",
	  .help = "the checksum of k3s (from the release's list)" },
	{ OPT_PATH, 0, "from", offsetof(struct fetch, from), "URL|FILE",
	  .help = "get k3s from there" },
	{ OPT_FLAG, 0, "airgap", offsetof(struct fetch, airgap),
	  .help = "get the archive of k3s's images, too" },
	{ OPT_PATH, 0, "k3s", offsetof(struct fetch, o.k3s), "FILE",
	  .help = "where to put it ($K3SBOX_K3S, the k3s in PATH, " PLAN_K3S ")" },
	{ OPT_PATH, 0, "data-dir", offsetof(struct fetch, o.data_dir), "DIR",
	  .help = "k3s's data directory (/var/lib/rancher/k3s)" },
	{ OPT_END },
};

/* What a URL has, if it is not much. to_version: or the version that it redirects to. */
static int get_text(const char *base, const char *name, bool to_version, struct buf *out,
	struct err *e)
{
	enum { MOST = 1 << 20 };
	_cleanup_close_ int fd = io_memory("", 0);
	struct download d = { .fd = fd, .to_version = to_version };
	int r = download_get(&d, base, name, e);
	const char *version = to_version ? download_version(d.location) : NULL;

	if (!r && version) buf_puts(out, version);
	else if (!r && (lseek(fd, 0, SEEK_SET) < 0 || io_read_fd(fd, out, MOST) < 0))
		r = err_set(e, -EIO, "%s/%s cannot be read", base, name);
	free(d.location);
	return r;
}

static int place(const struct fetch *f, const struct place *p, struct err *e)
{
	int r = place_file(p, e);

	if (r >= 0 && !f->quiet)
		printf("%s: %s%s\n", p->to, r ? "there already" : "fetched",
			p->sum ? ", checksum verified" : ", not verified (--sha256 H does that)");
	return r < 0 ? r : 0;
}

/* In the order of preference: releases have some of them. */
static int place_images(const struct fetch *f, const char *base, const struct buf *sums,
	struct err *e)
{
	static const char *const names[] = { "k3s-airgap-images-" ARCH ".tar.zst",
		"k3s-airgap-images-" ARCH ".tar.gz", "k3s-airgap-images-" ARCH ".tar" };
	char sum[SHA256_HEX], to[PATH_MAX];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!place_find_sum(sums->data, sums->len, names[i], sum)) continue;
		snprintf(to, sizeof to, "%s/agent/images/%s", f->o.data_dir, names[i]);
		return place(f, &(struct place){ base, names[i], to, 0644, sum, f->quiet }, e);
	}
	return err_set(e, -ENOENT, "%s has no archive of images", base);
}

static int place_release(const struct fetch *f, const char *base, const char *to, struct err *e)
{
	static const char list[] = "sha256sum-" ARCH ".txt";
	_cleanup_buf_ struct buf sums = {0};
	char sum[SHA256_HEX];
	int r = f->sum && !f->airgap ? 0 : get_text(base, list, false, &sums, e);

	if (r < 0) return r;
	if (!f->sum && !place_find_sum(sums.data, sums.len, K3S, sum))
		return err_set(e, -EBADMSG, "%s/%s has no checksum of " K3S, base, list);
	r = place(f, &(struct place){ base, K3S, to, 0755, f->sum ? f->sum : sum, f->quiet }, e);
	return !r && f->airgap ? place_images(f, base, &sums, e) : r;
}

static int fetch(const struct fetch *f, struct err *e)
{
	const char *mirror = getenv("K3SBOX_MIRROR"), *to = f->o.k3s ? f->o.k3s : PLAN_K3S;
	_cleanup_buf_ struct buf base = {0}, version = {0};
	int r = 0;

	if (f->from)
		return place(f, &(struct place){ f->from, NULL, to, 0755, f->sum, f->quiet }, e);
	if (mirror && !*mirror) mirror = NULL;
	buf_printf(&base, "%s%s", mirror ? mirror : CHANNELS, mirror ? "/channels" : "");
	if (f->version) buf_puts(&version, f->version);
	else r = get_text(base.data, f->channel ? f->channel : "stable", true, &version, e);
	if (r < 0) return r;
	if (!f->version && (!version.len || *version.data != 'v'))
		return err_set(e, -EBADMSG, "%s: no version there", base.data);
	buf_reset(&base);
	buf_printf(&base, "%s/%.*s", mirror ? mirror : RELEASES,
		(int)strcspn(version.data, "\r\n"), version.data);
	if (!f->quiet) puts(base.data);
	return place_release(f, base.data, to, e);
}

static int run(void *cfg_, const struct args *args)
{
	struct fetch *f = cfg_;
	char sum[SHA256_HEX];
	struct err e = {0};

	(void)args;
	if (!!f->from + !!f->version + !!f->channel > 1 || (f->from && f->airgap))
		die_usage("--from, --version and --channel exclude each other, as do --from "
			"and --airgap");
	if (f->sum && !place_read_sum(f->sum, strlen(f->sum), sum))
		die_usage("--sha256 takes 64 hexadecimal digits, not '%s'", f->sum);
	if (f->sum) f->sum = sum;
	/* k3s's configuration files matter only for the data directory */
	(void)plan_options_complete(&f->o, NULL, NULL);
	int r = fetch(f, &e);
	k3s_args_free(&f->o.args);
	if (r < 0) warn("%s%s%s", e.text, r == -EPROTONOSUPPORT ? "; curl would be used" : "",
		f->from ? "" : "; 'k3sbox fetch --from FILE' installs a k3s that was brought here");
	return r < 0 ? EX_FAIL : EX_OK;
}

void fetch_missing(struct plan_options *o, bool quiet)
{
	struct fetch f = { .o = { .data_dir = o->data_dir }, .quiet = quiet };
	struct err e = {0};

	if (!quiet) puts("k3s was not found and is fetched now (--no-fetch turns that off)");
	fflush(stdout);
	if (fetch(&f, &e) < 0) warn("k3s cannot be fetched: %s", e.text);
	else o->k3s = PLAN_K3S;
}

const struct applet applet_fetch = {
	.name = "fetch",
	.group = GROUP_CLUSTER,
	.summary = "download k3s, verify it and install it",
	.usage = "[--version V|--channel NAME|--from URL|FILE] [--sha256 H] [--airgap]",
	.opts = opts,
	.cfg_size = sizeof(struct fetch),
	.flags = APPLET_ASKED,
	.more =
		"'init' and 'run' do that if there is no k3s. Only https is used, by way of\n"
		"$HTTPS_PROXY. A download that was interrupted is continued. $K3SBOX_MIRROR is a\n"
		"URL that has MIRROR/VERSION/k3s, MIRROR/VERSION/sha256sum-ARCH.txt and\n"
		"MIRROR/channels/NAME.\n",
	.run = run,
};
