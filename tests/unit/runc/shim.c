/* The shim's rules on configurations, sane and hostile. Byte by byte: what no rule names stays
 * as it was. */
#include <stdlib.h>

#include "runc/shim.h"
#include "unit.h"

static bool fake_directory(const struct shim_sight *s, const char *path)
{
	(void)s;
	return !strcmp(path, "/sys/firmware") || !strcmp(path, "/sys/more") ||
		!strcmp(path, "/proc/acpi");
}

static bool fake_sysctl(const struct shim_sight *s, const char *name)
{
	(void)s;
	return !strncmp(name, "kernel.", 7);
}

static void fake_look(struct shim_sight *s, const char *bundle, const struct json *config)
{
	*s = (struct shim_sight){ .is_directory = fake_directory, .has_sysctl = fake_sysctl,
		.oom_score_adj = 5, .capabilities = 1 << 5 | 1ull << 40,
		.bundle = bundle, .config = config };
}

#define MASK(path) "{\"destination\":\"" path "\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"," \
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\",\"mode=0555\"]}"

#define CA_MOUNT "{\"destination\":\"/run/k3sbox/ca.pem\",\"type\":\"bind\",\"source\":\"/x/ca\"," \
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\",\"bind\"]}"
#define CA_NAME(name) "\"" name "=/run/k3sbox/ca.pem\""

static const struct {
	const char *what, *rules, *in, *out;   /* out NULL: unchanged */
	const char *note;                      /* part of the notes; NULL: none */
	enum shim_document doc;                     /* 0: DOC_CONFIG */
} cases[] = {
	{ "a procfs becomes a bind, with its options", "bind-mounts proc",
	  "{\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"p\","
		"\"options\":[\"nosuid\"]},{\"type\":\"sysfs\",\"source\":\"sysfs\"}]}",
	  "{\"mounts\":[{\"destination\":\"/proc\",\"type\":\"bind\",\"source\":\"/proc\","
		"\"options\":[\"nosuid\",\"rbind\"]},{\"type\":\"sysfs\",\"source\":\"sysfs\"}]}",
	  NULL, 0 },
	{ "a sysfs too, without options", "bind-mounts proc sysfs",
	  "{\"mounts\":[{\"type\":\"sysfs\",\"source\":\"sysfs\"}]}",
	  "{\"mounts\":[{\"type\":\"bind\",\"source\":\"/sys\",\"options\": [\"rbind\"]}]}", NULL, 0 },
	{ "odd mounts are left to runc", "bind-mounts proc",
	  "{\"mounts\":[{\"type\":\"proc\"},{\"type\":1},3,"
		"{\"type\":\"proc\",\"source\":\"p\",\"options\":0}]}", NULL, NULL, 0 },
	{ "no AppArmor profile", "apparmor",
	  "{\"process\":{\"apparmorProfile\":\"x\",\"args\":[]},\"apparmorProfile\":\"y\"}",
	  "{\"process\":{\"args\":[]},\"apparmorProfile\":\"y\"}", NULL, 0 },
	{ "no AppArmor profile for exec", "apparmor", "{\"apparmorProfile\":\"x\",\"args\":[]}",
	  "{\"args\":[]}", NULL, DOC_PROCESS },
	{ "a bundle of authorities, and its names", "ca-bundle /x/ca",
	  "{\"mounts\":[{}],\"process\":{\"env\":[\"A=1\"]}}",
	  "{\"mounts\":[{}," CA_MOUNT "],\"process\":{\"env\":[\"A=1\"," CA_NAME("SSL_CERT_FILE") ","
		CA_NAME("NODE_EXTRA_CA_CERTS") "," CA_NAME("REQUESTS_CA_BUNDLE") ","
		CA_NAME("CURL_CA_BUNDLE") "]}}", NULL, 0 },
	{ "names that the pod sets stay; with a mask", "ca-bundle /x/ca\nmasked-paths",
	  "{\"mounts\":[],\"process\":{\"env\":[\"SSL_CERT_FILE=\",\"CURL_CA_BUNDLE=/y\","
		"\"NODE_EXTRA_CA_CERTS=/z\"]},\"linux\":{\"maskedPaths\":[\"/sys/more\"]}}",
	  "{\"mounts\":[" MASK("/sys/more") "," CA_MOUNT "],\"process\":{\"env\":[\"SSL_CERT_FILE=\","
		"\"CURL_CA_BUNDLE=/y\",\"NODE_EXTRA_CA_CERTS=/z\"," CA_NAME("REQUESTS_CA_BUNDLE") "]},"
		"\"linux\":{\"maskedPaths\":[]}}", NULL, 0 },
	{ "not for the pause container", "ca-bundle /x/ca",
	  "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"},\"mounts\":[],"
		"\"process\":{}}", NULL, NULL, 0 },
	{ "a bundle, and exec", "ca-bundle /x/ca", "{\"args\":[]}",
	  "{\"args\":[],\"env\": [" CA_NAME("SSL_CERT_FILE") "," CA_NAME("NODE_EXTRA_CA_CERTS") ","
		CA_NAME("REQUESTS_CA_BUNDLE") "," CA_NAME("CURL_CA_BUNDLE") "]}", NULL, DOC_PROCESS },
	{ "a directory's mask becomes a mount, files keep theirs", "masked-paths",
	  "{\"mounts\":[{}],\"linux\":{\"maskedPaths\":[\"/proc/kcore\", \"/sys/firmware\"]}}",
	  "{\"mounts\":[{}," MASK("/sys/firmware") "],"
		"\"linux\":{\"maskedPaths\":[\"/proc/kcore\"]}}",
		NULL, 0 },
	{ "mounts are made where there are none", "masked-paths",
	  "{\"linux\":{\"maskedPaths\":[\"/sys/firmware\"]}}",
	  "{\"linux\":{\"maskedPaths\":[]},\"mounts\": [" MASK("/sys/firmware") "]}", NULL, 0 },
	{ "mounts that are null", "masked-paths",
	  "{\"mounts\":null,\"linux\":{\"maskedPaths\":[\"/sys/firmware\"]}}",
	  "{\"mounts\":[" MASK("/sys/firmware") "],\"linux\":{\"maskedPaths\":[]}}", NULL, 0 },
	{ "the same directory twice, written differently", "masked-paths",
	  "{\"mounts\":[],\"linux\":{\"maskedPaths\":[\"/sys//firmware/\",\"/sys/firmware\","
		"\"/sys/more\"]}}",
	  "{\"mounts\":[" MASK("/sys/firmware") "," MASK("/sys/more") "],"
		"\"linux\":{\"maskedPaths\":[]}}",
		NULL, 0 },
	{ "under /proc a mask can only go, and that is said", "masked-paths",
	  "{\"linux\":{\"maskedPaths\":[\"/proc/acpi\"]}}",
	  "{\"linux\":{\"maskedPaths\":[]}}", "/proc/acpi", 0 },
	{ "only the directories that the rule names", "masked-paths /sys/more",
	  "{\"mounts\":[],\"linux\":{\"maskedPaths\":[\"/sys/firmware\"]}}",
	  NULL, NULL, 0 },
	{ "masks of other types stay", "masked-paths",
	  "{\"linux\":{\"maskedPaths\":[1,null,{},[\"/sys/firmware\"],\"sys/firmware\",\"\"]}}",
	  NULL, NULL, 0 },
	{ "masks that are no list", "masked-paths",
		"{\"linux\":{\"maskedPaths\":\"/sys/firmware\"}}",
	  NULL, NULL, 0 },
	{ "escapes are understood", "masked-paths",
	  "{\"mounts\":[],\"LINUX\":{\"masked\\u0050aths\":[\"\\/sys\\/firmware\"]}}",
	  "{\"mounts\":[" MASK("/sys/firmware") "],\"LINUX\":{\"masked\\u0050aths\":[]}}", NULL,
	  	0 },
	{ "read-only paths", "readonly-paths", "{\"linux\":{\"readonlyPaths\":[ \"/proc/sys\" , "
	  "\"/proc/bus\" ]}}",
	  "{\"linux\":{\"readonlyPaths\":[  ]}}", NULL, 0 },
	{ "one read-only path", "readonly-paths /proc/sys",
	  "{\"linux\":{\"readonlyPaths\":[\"/proc/sys\",\"/proc/bus\"]}}",
	  "{\"linux\":{\"readonlyPaths\":[\"/proc/bus\"]}}", NULL, 0 },
	{ "sysctls that this kernel lacks", "sysctl",
	  "{\"linux\":{\"sysctl\":{\"net.a\":\"0\",\"kernel.b\":\"1\",\"net.c\":\"2\"}}}",
	  "{\"linux\":{\"sysctl\":{\"kernel.b\":\"1\"}}}", NULL, 0 },
	{ "sysctls by name", "sysctl kernel.b net.x",
	  "{\"linux\":{\"sysctl\":{\"net.a\":\"0\",\"kernel.b\":\"1\"}}}",
	  "{\"linux\":{\"sysctl\":{\"net.a\":\"0\"}}}", NULL, 0 },
	{ "namespaces", "namespace cgroup time",
	  "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"cgroup\"},{},7]}}",
	  "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{},7]}}", NULL, 0 },
	{ "a score below ours is raised", "oom-score", "{\"process\":{\"oomScoreAdj\":-998}}",
	  "{\"process\":{\"oomScoreAdj\":5}}", NULL, 0 },
	{ "a score above ours stays", "oom-score", "{\"process\":{\"oomScoreAdj\":1000}}", NULL,
		NULL, 0 },
	{ "a score that is no integer", "oom-score", "{\"process\":{\"oomScoreAdj\":-1e3}}", NULL,
		NULL, 0 },
	{ "no score at all", "no-oom-score\noom-score",
		"{\"process\":{\"oomScoreAdj\":-998,\"cwd\":\"/\",\"oomScoreAdj\":0}}",
	  "{\"process\":{\"cwd\":\"/\"}}", NULL, 0 },
	{ "exec's process without one", "no-oom-score", "{\"oomScoreAdj\":-998}", "{}", NULL,
		DOC_PROCESS },
	{ "capabilities that are not there", "capabilities",
	  "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_NET_RAW\","
		"\"CAP_CHECKPOINT_RESTORE\",\"CAP_NEWEST\",5],\"x\":1}}}",
	  "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_CHECKPOINT_RESTORE\","
		"\"CAP_NEWEST\",5],\"x\":1}}}", NULL, 0 },
	{ "exec's capabilities", "capabilities", "{\"capabilities\":{\"effective\":[\"CAP_BPF\"]}}",
	  "{\"capabilities\":{\"effective\":[]}}", NULL, DOC_PROCESS },
	{ "exec's process", "oom-score",
		"{\"oomScoreAdj\":-998,\"process\":{\"oomScoreAdj\":-998}}",
	  "{\"oomScoreAdj\":5,\"process\":{\"oomScoreAdj\":-998}}", NULL, DOC_PROCESS },
	{ "exec's process has no masks", "masked-paths",
	  "{\"linux\":{\"maskedPaths\":[\"/sys/firmware\"]}}", NULL, NULL, DOC_PROCESS },
	{ "the place in the cgroup tree, all of them", "cgroup-path",
	  "{\"linux\":{\"cgroupsPath\":\"/a\",\"CgroupsPath\":\"/b\",\"x\":1}}",
	  "{\"linux\":{\"x\":1}}", NULL, 0 },
	{ "resources", "cgroup-resources", "{\"linux\":{\"x\":1,\"resources\":{\"devices\":[]}}}",
	  "{\"linux\":{\"x\":1}}", NULL, 0 },
	{ "device rules", "devices", "{\"linux\":{\"resources\":{\"devices\":[{}],\"pids\":{}}}}",
	  "{\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}],"
		"\"pids\":{}}}}",
	  NULL, 0 },
	{ "a branch that goes is not edited inside", "devices\ncgroup-resources",
	  "{\"linux\":{\"resources\":{\"devices\":[{}]}}}",
	  "{\"linux\":{}}", NULL, 0 },
	{ "mount options, with and without value", "mount-options size nr_inodes=2 rslave",
	  "{\"mounts\":[{\"options\":[\"ro\",\"size=64k\",\"nr_inodes=2\",\"nr_inodes=3\","
		"\"rslave\"]},{\"options\":7},{},null]}",
	  "{\"mounts\":[{\"options\":[\"ro\",\"nr_inodes=3\"]},{\"options\":7},{},null]}", NULL,
	  	0 },
	{ "our own mounts do without them too", "mount-options ro mode\nmasked-paths",
	  "{\"mounts\":[],\"linux\":{\"maskedPaths\":[\"/sys/more\"]}}",
	  "{\"mounts\":[{\"destination\":\"/sys/more\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]}],"
	  "\"linux\":{\"maskedPaths\":[]}}", NULL, 0 },
	{ "rules together in one document", "mount-options size\nmasked-paths\noom-score",
	  "{\"mounts\":[{\"options\":[\"size=1\"]}],\"process\":{\"oomScoreAdj\":0},"
		"\"linux\":{\"maskedPaths\":[\"/sys/more\"]}}",
	  "{\"mounts\":[{\"options\":[]}," MASK("/sys/more") "],\"process\":{\"oomScoreAdj\":5},"
		"\"linux\":{\"maskedPaths\":[]}}", NULL, 0 },
	{ "no rules, no edit", "# nothing\n\n", "{\"process\":{\"oomScoreAdj\":-998}}", NULL, NULL,
		0 },
	{ "an empty object",
		"masked-paths\nsysctl\noom-score\ndevices\nmount-options x\nnamespace x",
	  "{}", NULL, NULL, 0 },
	{ "everything of the wrong type",
	  "masked-paths\nsysctl\noom-score\ndevices\ncgroup-path\nmount-options x\nnamespace x",
	  "{\"linux\":[],\"process\":7,\"mounts\":{},\"root\":null}", NULL, NULL, 0 },
};

/* Runs one case; "" if it went as expected. */
static const char *go(const char *rules_text, enum shim_document doc, const char *in,
	const char *out,
	const char *note)
{
	_cleanup_buf_ struct buf got = {0}, notes = {0};
	_cleanup_shim_rules_ struct shim_rules rules = {0};

	if (shim_rules_parse(&rules, rules_text, NULL)) return "the rules were refused";
	if (shim_rules_edit(&rules, &(struct shim_input){ doc, in, strlen(in), "/b" }, fake_look,
		&got, &notes, NULL))
		return "the edit failed";
	if (!out && got.len) return "it was changed";
	if (out && (!got.len || strcmp(got.data, out))) {
		fprintf(stderr, "want %s\ngot  %s\n", out, got.len ? got.data : "(unchanged)");
		return "it was changed in another way";
	}
	if (!note != !notes.len || (note && !strstr(notes.data, note)))
		return "the notes are wrong";
	return "";
}

TEST(rules)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *wrong = go(cases[i].rules, cases[i].doc ? cases[i].doc : DOC_CONFIG,
			cases[i].in, cases[i].out, cases[i].note);
		if (*wrong) fprintf(stderr, "case: %s\n", cases[i].what);
		CHECK_STR(wrong, "");
	}
}

TEST(every_rule_has_a_case)
{
	for (size_t i = SHIM_NONE + 1; i < SHIM_RULE_COUNT; i++) {
		/* those that edit nothing are tests/runc.test's */
		bool seen = !shim_rule_rows[i].run;
		for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
			seen |= strstr(cases[k].rules, shim_rule_rows[i].name) && cases[k].out;
		if (!seen) fprintf(stderr, "rule: %s\n", shim_rule_rows[i].name);
		CHECK(seen);
		CHECK(shim_rule_rows[i].help);
		CHECK_STR(shim_rule_rows[i].name, shim_rule_name((enum shim_rule_id)i));
	}
}

TEST(bad_documents)
{
	static const struct { const char *text, *why; } bad[] = {
		{ "", "unexpected end of JSON input" }, { "{\"linux\":{\"maskedPaths\":[\"/sys",
		  "unexpected end of JSON input" },
		{ "[]", "not a JSON object" }, { "null", "not a JSON object" }, { "{}x",
		  "after top-level value" },
		{ "{\"a\":01}", "invalid character" }, { "\xef\xbb\xbf{}", "invalid character" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		_cleanup_buf_ struct buf got = {0}, notes = {0};
		struct err why = {0};
		_cleanup_shim_rules_ struct shim_rules rules = {0};
		CHECK(!shim_rules_parse(&rules, "masked-paths", &why));
		struct shim_input in = { DOC_CONFIG, bad[i].text, strlen(bad[i].text), "/b" };
		CHECK(shim_rules_edit(&rules, &in, fake_look, &got, &notes, &why) < 0);
		CHECK(strstr(why.text, bad[i].why));
		CHECK(!got.len);
	}
}

TEST(nesting_to_the_limit)
{
	_cleanup_buf_ struct buf text = {0}, got = {0}, notes = {0};
	_cleanup_shim_rules_ struct shim_rules rules = {0};

	buf_puts(&text, "{\"linux\":{\"maskedPaths\":");
	for (int i = 0; i < 9000; i++) buf_putc(&text, '[');
	for (int i = 0; i < 9000; i++) buf_putc(&text, ']');
	buf_puts(&text, ",\"cgroupsPath\":\"\"}}");
	CHECK(!shim_rules_parse(&rules, "masked-paths\ncgroup-path", NULL));
	struct shim_input in = { DOC_CONFIG, text.data, text.len, "/b" };
	CHECK(!shim_rules_edit(&rules, &in, fake_look, &got, &notes, NULL));
	CHECK(got.len == text.len - strlen(",\"cgroupsPath\":\"\""));
}

TEST(rule_files)
{
	struct shim_rules r;

	CHECK(!shim_rules_parse(&r,
		"runc /opt/my runc/runc#1  # the real one\n  sysctl  a\tb \r\nsysctl "
		"c\nmasked-paths\n#x\n", NULL));
	CHECK_STR(r.runc, "/opt/my runc/runc#1");
	CHECK(r.n == 2 && !strcmp(r.v[0].rule->name, "masked-paths") && r.v[1].args.n == 3);
	CHECK(strv_has(&r.v[1].args, "c"));
	shim_rules_free(&r);
	/* once without an argument means everything, whatever other lines name */
	CHECK(!shim_rules_parse(&r, "sysctl a\nsysctl\nsysctl b", NULL));
	CHECK(r.n == 1 && !r.v[0].args.n);
	shim_rules_free(&r);
}

/* What 'k3sbox init' would write is understood. */
TEST(rules_of_the_plan)
{
	unsigned n = 0;

	for (size_t i = 0; i < STEP_COUNT; i++) {
		const struct step_row *row = &step_rows[i];
		_cleanup_shim_rules_ struct shim_rules r = {0};
		struct err why = {0};
		char line[100];
		if (row->by != BY_SHIM) continue;
		snprintf(line, sizeof line, "%s %s", shim_rule_name(row->rule),
			row->arg ? row->arg : "");
		if (shim_rules_parse(&r, line, &why)) fprintf(stderr, "%s\n", why.text);
		CHECK(r.n == 1 && r.v[0].rule == &shim_rule_rows[row->rule]);
		n++;
	}
	CHECK(n);
}

TEST(bad_rule_files)
{
	static const struct { const char *text, *why; } bad[] = {
		{ "masked-paths\nnonsense 1", "line 2: unknown rule 'nonsense'" }, { "namespace",
		  "line 1: namespace needs TYPE" },
		{ "oom-score 5", "line 1: oom-score takes no argument" },
			{ "runc", "unknown rule 'runc'" },
		  { "runc relative", "unknown rule" },
		{ "masked-path", "unknown rule" }, { "masked-pathsx", "unknown rule" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		_cleanup_shim_rules_ struct shim_rules r = {0};
		struct err why = {0};
		CHECK(shim_rules_parse(&r, bad[i].text, &why) < 0);
		CHECK(strstr(why.text, bad[i].why));
	}
}

static struct shim_call parse(const char *words)
{
	static char text[512];
	static char *argv[64];
	int argc = 0;
	struct shim_call c;

	snprintf(text, sizeof text, "runc %s", words);
	for (char *w = strtok(text, " "); w; w = strtok(NULL, " ")) argv[argc++] = w;
	shim_call_parse(&c, argc, argv);
	return c;
}

TEST(command_lines)
{
	struct shim_call c =
		parse("--root R --log L --log-format json --systemd-cgroup create --bundle B "
		"--pid-file P --no-pivot ID");
	CHECK(c.verb == 8 && c.log_json && !c.process && !c.console);
	CHECK_STR(c.pid_file, "P");
	CHECK_STR(c.id, "ID");
	CHECK_STR(c.log, "L");
	CHECK_STR(c.bundle, "B");
	c = parse("--log=L=1 -log-format=json create -b B ID --bundle other");
	CHECK_STR(c.log, "L=1");
	CHECK_STR(c.bundle, "B");
	CHECK(c.log_json);
	c = parse("--root create exec --env --process --cwd x -p P ID --process no");
	CHECK(c.verb == 3);
	CHECK_STR(c.process, "P");
	c = parse("create --console-socket S");
	CHECK(c.console && !c.id && !c.pid_file);
	c = parse("create ID");
	CHECK(c.verb == 1);
	CHECK_STR(c.bundle, ".");
	CHECK(parse("--version").verb == 2);
	CHECK(parse("--log").verb == 2);
	CHECK(parse("create --bundle").verb == 1);
	CHECK(parse("").verb == 1);
	CHECK(parse("-- create").verb == 2);
	CHECK(parse("- create").verb == 1);
}

UNIT_MAIN("shim")
