/* What each k3s is told, by version and by help text. */
#include "run/dialect.h"

#include <stdlib.h>

#include "cluster/template.h"
#include "unit.h"

static const char help_new[] =
	"OPTIONS:\n   --snapshotter value  x\n   --default-runtime value (agent)\n   "
	"--flannel-backend value\n"
	"   --disable-kube-proxy\n   --disable-network-policy\n   --disable value\n   "
		"--disable-helm-controller\n   --pause-image value\n"
	"   --node-ip value, -i value\n   --advertise-address value\n   --tls-san value\n"
	"   --node-name value\n   --cluster-cidr value\n   --service-cidr value\n";

static struct dialect_launch l;
static struct buf line;

struct ask { const char *version, *help; const char *const *user, *const *config; bool old_kernel,
	no_shim, control_plane; const char *data_dir, *address; const char *const *archives; };

/* The command line as one text. */
static const char *build(struct ask a, const struct dialect_turn *turns, size_t n)
{
	struct strv user = {0}, archives = {0};
	struct k3s_args args = { .user = &user };
	struct dialect d;
	char text[100];

	for (; a.user && *a.user; a.user++) strv_add(&user, *a.user);
	for (; a.archives && *a.archives; a.archives++) strv_add(&archives, *a.archives);
	for (; a.config && *a.config; a.config++) strv_add(&args.config, *a.config);
	snprintf(text, sizeof text, "k3s version %s (abcdef)\ngo version go1.24\n", a.version);
	dialect_parse(&d, text, a.help);
	struct dialect_env e = {
		.data_dir = a.data_dir ? a.data_dir : "/var/lib/rancher/k3s",
		.shim = a.no_shim ? NULL : "/run/k3sbox/bin/crun",
		.address = a.address,
		.old_kernel = a.old_kernel,
		.control_plane = a.control_plane,
		.args = &args,
		.archives = &archives,
	};
	dialect_launch_free(&l);
	dialect_build(&d, &e, turns, n, &l);
	buf_reset(&line);
	for (size_t i = 0; i < l.argv.n; i++) buf_printf(&line, "%s%s", i ? " " : "", l.argv.v[i]);
	strv_free(&user);
	strv_free(&archives);
	k3s_args_free(&args);
	return line.data;
}

#define TURNS(...) ((const struct dialect_turn[]){ __VA_ARGS__ })
#define BUILD(ask, ...) \
	build(ask, TURNS(__VA_ARGS__), sizeof TURNS(__VA_ARGS__) / sizeof(struct dialect_turn))
#define ASK(v, h, ...) ((struct ask){ .version = v, .help = h, __VA_ARGS__ })
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

TEST(versions)
{
	struct dialect d;
	CHECK(dialect_parse(&d, "k3s version v1.30.4+k3s1 (98262b5d)\ngo version go1.22.5\n",
		NULL) && d.minor == 30 && d.patch == 4);
	CHECK_STR(d.version, "v1.30.4+k3s1");
	CHECK(dialect_parse(&d, "k3s version v1.21.0-rc1+k3s1\n", NULL) && d.minor == 21 &&
		d.patch == 0);
	CHECK(!dialect_parse(&d, "k3s version dev (HEAD)\n", NULL) && d.minor == 0);
	CHECK(!dialect_parse(&d, "", NULL) && !dialect_parse(&d, "k3s version v1.99999.0\n", NULL));
}

TEST(nothing_to_turn)
{
	CHECK_STR(build(ASK("v1.36.0+k3s1", help_new, .data_dir = NULL), NULL, 0), "k3s server");
	CHECK_STR(build(ASK("v1.36.0+k3s1", help_new, .control_plane = true), NULL, 0),
		"k3s server --disable-agent");
	CHECK_STR(build(ASK("v1.36.0+k3s1", help_new, .data_dir = "/d"), NULL, 0),
		"k3s server --data-dir=/d");
	CHECK_STR(build(ASK("v1.36.0+k3s1", help_new, .user = WORDS("server", "--debug"),
		.data_dir = "/d"), NULL, 0), "k3s server --data-dir=/d --debug");
}

TEST(local_storage_isolation)
{
	struct dialect_turn t = { KNOB_LOCAL_STORAGE_ISOLATION_OFF, NULL };
	CHECK_STR(BUILD(ASK("v1.24.17+k3s1", help_new, .data_dir = NULL), t),
		"k3s server --kubelet-arg=feature-gates=LocalStorageCapacityIsolation=false");
	CHECK_STR(BUILD(ASK("v1.25.0+k3s1", help_new, .data_dir = NULL), t),
		"k3s server --kubelet-arg=local-storage-capacity-isolation=false");
	CHECK_STR(BUILD(ASK("v1.36.3+k3s1", help_new, .data_dir = NULL), t),
		"k3s server --kubelet-arg=local-storage-capacity-isolation=false");
	CHECK_STR(BUILD(ASK("dev", help_new, .data_dir = NULL), t),
		"k3s server --kubelet-arg=local-storage-capacity-isolation=false");
}

TEST(controllers_ask_faster_unless_the_user_says_how_fast)
{
	struct dialect_turn t = { KNOB_FAST_CONTROLLERS, NULL };
	CHECK_STR(BUILD(ASK("v1.36.3+k3s1", help_new, .data_dir = NULL), t),
		"k3s server --kube-controller-manager-arg=kube-api-qps=500 "
		"--kube-controller-manager-arg=kube-api-burst=750");
	CHECK_STR(BUILD(ASK("v1.36.3+k3s1", help_new,
		.user = WORDS("--kube-controller-manager-arg=kube-api-qps=7")), t),
		"k3s server --kube-controller-manager-arg=kube-api-burst=750 "
		"--kube-controller-manager-arg=kube-api-qps=7");
}

TEST(the_address_outside_is_one_more_name_of_the_api)
{
	CHECK_STR(build(ASK("v1.36.3+k3s1", help_new, .address = "192.0.2.7",
		.user = WORDS("--tls-san=box")), NULL, 0), "k3s server --tls-san=192.0.2.7 --tls-san=box");
	CHECK_STR(build(ASK("v1.36.3+k3s1", help_new, .address = ""), NULL, 0), "k3s server");
}

TEST(fail_cgroup_v1)
{
	struct dialect_turn t = { KNOB_FAIL_CGROUPV1_OFF, NULL };
	CHECK_STR(BUILD(ASK("v1.34.9+k3s1", help_new, .data_dir = NULL), t), "k3s server");
	CHECK_STR(BUILD(ASK("v1.35.0+k3s1", help_new, .data_dir = NULL), t),
		"k3s server --kubelet-arg=fail-cgroupv1=false");
	CHECK(!l.refused.n);
}

TEST(feature_gates_are_merged)
{
	struct dialect_turn t = { KNOB_LOCAL_STORAGE_ISOLATION_OFF, NULL };
	/* behind the user's, with the user's in it: the last argument of a name is the one that
	 * counts */
	CHECK_STR(BUILD(ASK("v1.21.1+k3s1", help_new,
		.user = WORDS("--kubelet-arg=feature-gates=A=true")), t),
		"k3s server --kubelet-arg=feature-gates=A=true "
			"--kubelet-arg=feature-gates=LocalStorageCapacityIsolation=false,A=true");
	CHECK_STR(BUILD(ASK("v1.21.1+k3s1", help_new,
		.user = WORDS("--kubelet-arg",
		"feature-gates=B=1,LocalStorageCapacityIsolation=true")), t),
		"k3s server --kubelet-arg feature-gates=B=1,LocalStorageCapacityIsolation=true");
}

TEST(the_users_flags_win)
{
	struct dialect_turn s = { KNOB_SNAPSHOTTER_NATIVE, NULL }, g = { KNOB_IMAGE_GC_OFF, NULL },
		a = { KNOB_NODE_ADDRESS, "10.0.0.1" };
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new,
		.user = WORDS("--snapshotter=fuse-overlayfs")), s),
		"k3s server --snapshotter=fuse-overlayfs");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .user = WORDS("--snapshotter", "stargz")), s),
		"k3s server --snapshotter stargz");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .user = WORDS("-snapshotter=x")), s),
		"k3s server -snapshotter=x");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .user = WORDS("--snapshotters=x")), s),
		"k3s server --snapshotter=native --snapshotters=x");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new,
		.user = WORDS("--kubelet-arg=--image-gc-high-threshold=80")), g),
		"k3s server --kubelet-arg=image-gc-low-threshold=99 "
			"--kubelet-arg=--image-gc-high-threshold=80");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .user = WORDS("--node-ip=1.2.3.4")), a),
		"k3s server --node-ip=1.2.3.4");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .user = WORDS("-i", "1.2.3.4")), a),
		"k3s server -i 1.2.3.4");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .user = WORDS("--advertise-address=1.2.3.4")),
		a),
		"k3s server --node-ip=10.0.0.1 --advertise-address=1.2.3.4");
	CHECK_STR(build(ASK("v1.30.0+k3s1", help_new, .data_dir = "/d", .user = WORDS("-d", "/d")),
		NULL, 0), "k3s server -d /d");
	/* the same, but the directory was chosen with an option of ours: the file is overruled */
	CHECK_STR(build(ASK("v1.30.0+k3s1", help_new, .data_dir = "/d",
		.config = WORDS("--data-dir=/d")), NULL, 0), "k3s server");
	CHECK_STR(build(ASK("v1.30.0+k3s1", help_new, .data_dir = "/e",
		.config = WORDS("--data-dir=/d")), NULL, 0),
		"k3s server --data-dir=/e");
	/* the same from k3s's configuration file, which is not repeated */
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new,
		.config = WORDS("--snapshotter=stargz", "--node-ip=1.2.3.4")), s, a), "k3s server");
}

TEST(disable_adds_up)
{
	struct dialect_turn t = { KNOB_PACKAGED_OFF, NULL };
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .user = WORDS("--disable=traefik")), t),
		"k3s server --disable=coredns,servicelb,traefik,local-storage,metrics-server "
			"--disable-helm-controller --disable=traefik");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .user = WORDS("--disable=none")), t),
		"k3s server --disable-helm-controller --disable=none");
	/* images that the user has brought */
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .archives = WORDS("mirrored-coredns-1.tar",
		"rancher-local-path-provisioner.tar.zst", "metrics.tar")), t),
		"k3s server --disable=servicelb,traefik,metrics-server --disable-helm-controller");
	/* Traefik is installed by a pod of a second image */
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .archives = WORDS("library-traefik.tar")), t),
		"k3s server --disable=coredns,servicelb,traefik,local-storage,metrics-server "
			"--disable-helm-controller");
	CHECK_STR(BUILD(ASK("v1.30.0+k3s1", help_new, .archives = WORDS("library-traefik.tar",
		"klipper-helm-v0.tar")), t),
		"k3s server --disable=coredns,servicelb,local-storage,metrics-server");
}

TEST(servicelb_goes_with_kube_proxy)
{
	struct dialect_turn t = { KNOB_KUBE_PROXY_OFF, NULL };
	CHECK_STR(BUILD(ASK("v1.36.3+k3s1", help_new, .user = WORDS("--disable=traefik")), t),
		"k3s server --disable-kube-proxy --disable-network-policy --disable=servicelb "
			"--disable=traefik");
	CHECK_STR(BUILD(ASK("v1.36.3+k3s1", help_new, .user = WORDS("--disable=none")), t),
		"k3s server --disable-kube-proxy --disable-network-policy --disable=none");
}

TEST(the_shims_way)
{
	struct dialect_turn t = { KNOB_OCI_SHIM, NULL };
	static const char *const by_path[] = { "v1.26.14+k3s1", "v1.27.11+k3s1", "v1.28.7+k3s1",
		"v1.29.2+k3s1", "v1.30.0+k3s1", "v1.36.3+k3s1" };
	static const char *const by_template[] = { "v1.21.1+k3s1", "v1.24.17+k3s1", "v1.26.13+k3s1",
		"v1.28.6+k3s1", "v1.29.1+k3s1" };
	for (size_t i = 0; i < sizeof by_path / sizeof *by_path; i++) {
		CHECK_STR(BUILD(ASK(by_path[i], help_new, .data_dir = NULL), t),
			"k3s server --default-runtime=crun");
		CHECK(l.shim_in_path && !l.files.n && l.remove.n == 1);
	}
	for (size_t i = 0; i < sizeof by_template / sizeof *by_template; i++) {
		CHECK_STR(BUILD(ASK(by_template[i], help_new, .data_dir = NULL), t), "k3s server");
		CHECK(!l.shim_in_path && l.files.n == 2 && !l.remove.n);
		CHECK_STR(l.files.v[0],
			"/var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl");
		CHECK(strstr(l.files.v[1], "BinaryName = \"/run/k3sbox/bin/crun\"") &&
			template_is_ours(l.files.v[1], strlen(l.files.v[1])));
	}
	CHECK(!template_is_ours("version = 2\n", 12) && !template_is_ours("", 0));
}

TEST(what_cannot_be_told)
{
	struct dialect_turn t = { KNOB_OCI_SHIM, NULL }, n = { KNOB_KUBE_PROXY_OFF, NULL };
	BUILD(ASK("v1.36.3+k3s1", "OPTIONS:\n   --snapshotter value\n   --default-runtimes value\n",
		.data_dir = NULL), t, n);
	CHECK(l.refused.n == 2 && strstr(l.refused.v[0], "v1.36.3+k3s1") &&
		strstr(l.refused.v[1], "kube-proxy"));
	CHECK_STR(line.data, "k3s server");
}

TEST(unprivileged_ports)
{
	struct dialect_turn t = { KNOB_UNPRIVILEGED_PORTS_OFF, NULL };
	BUILD(ASK("v1.36.3+k3s1", help_new, .old_kernel = true, .no_shim = true), t);
	CHECK(!l.refused.n);
	BUILD(ASK("v1.36.3+k3s1", help_new, .data_dir = NULL), t);
	CHECK(!l.refused.n);   /* the shim leaves the sysctls out */
	BUILD(ASK("v1.22.3+k3s1", help_new, .no_shim = true), t);
	CHECK(!l.refused.n);
	BUILD(ASK("v1.36.3+k3s1", help_new, .no_shim = true), t);
	CHECK(l.refused.n == 1 && strstr(l.refused.v[0], "--no-shim"));
	BUILD(ASK("v1.24.3+k3s1", help_new, .old_kernel = true, .no_shim = true), t);
	CHECK(l.refused.n == 1);   /* that one did not look at the kernel */
}

TEST(control_plane_gets_no_agents_flags)
{
	CHECK_STR(BUILD(ASK("v1.36.3+k3s1", help_new, .control_plane = true),
		{ KNOB_SNAPSHOTTER_NATIVE, NULL }, { KNOB_FLANNEL_NONE, NULL },
		{ KNOB_IMAGE_GC_OFF, NULL }, { KNOB_OCI_SHIM, NULL }, { KNOB_NODE_ADDRESS, "::1" }),
		"k3s server --disable-agent --flannel-backend=none --node-ip=::1");
	CHECK(!l.refused.n && !l.shim_in_path);
}

TEST(variables)
{
	BUILD(ASK("v1.36.0+k3s1", help_new, .data_dir = NULL), { KNOB_IPTABLES_MODE, "nft" },
		{ KNOB_APPARMOR_OFF, NULL });
	CHECK(l.env.n == 2 && strv_has(&l.env, "IPTABLES_MODE=nft") &&
		strv_has(&l.env, "container=k3sbox"));
}

TEST(every_knob_is_known)
{
	for (int k = KNOB_NONE + 1; k < KNOB_COUNT; k++) {
		struct dialect_turn t = { (enum knob)k, "value" };
		static const char *const versions[] = { "v1.21.0+k3s1", "v1.24.0+k3s1",
			"v1.25.3+k3s1", "v1.31.1+k3s1", "v1.36.0+k3s1" };
		for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
			BUILD(ASK(versions[i], help_new, .data_dir = NULL), t);
			CHECK(!l.refused.n);
		}
	}
}

TEST(twice_is_once)
{
	CHECK_STR(BUILD(ASK("v1.36.3+k3s1", help_new, .data_dir = NULL),
		{ KNOB_IMAGE_GC_OFF, NULL }, { KNOB_IMAGE_GC_OFF, NULL }),
		"k3s server --kubelet-arg=image-gc-high-threshold=100 "
			"--kubelet-arg=image-gc-low-threshold=99");
	dialect_launch_free(&l);
	buf_free(&line);
}

UNIT_MAIN("dialect")
