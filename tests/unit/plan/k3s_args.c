/* The user's k3s flags; the cases of k3s's pkg/configfilearg/parser_test.go and what its parser
 * does besides. */
#include "plan/k3s_args.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "unit.h"

#define WORDS(...) words((const char *const[]){ __VA_ARGS__, NULL })

static const struct strv *words(const char *const *v)
{
	static struct strv list;
	strv_free(&list);
	for (; *v; v++) strv_add(&list, *v);
	return &list;
}

TEST(which_configuration_file)
{
	static const char fallback[] = "/etc/rancher/k3s/config.yaml";
	CHECK_STR(k3s_args_config_file(NULL, NULL), fallback);
	CHECK_STR(k3s_args_config_file(WORDS("x", "-c", "file"), NULL), "file");
	CHECK_STR(k3s_args_config_file(WORDS("--config=file", "y"), ""), "file");
	CHECK_STR(k3s_args_config_file(WORDS("-c", "a", "--config", "b"), NULL), "a");
	CHECK_STR(k3s_args_config_file(WORDS("-c"), NULL), "");
	CHECK_STR(k3s_args_config_file(WORDS("-c="), NULL), "");
	CHECK_STR(k3s_args_config_file(WORDS("-c", "file"), "env"), "env");
	/* not spelled as k3s looks for it */
	CHECK_STR(k3s_args_config_file(WORDS("-config=file", "--configs=x"), NULL), fallback);
}

/* The merged files as one text. */
static const char *merged(const char *const *files)
{
	static struct buf text;
	_cleanup_k3s_config_ struct k3s_config c = {0};
	_cleanup_strv_ struct strv args = {0};

	buf_reset(&text);
	for (; *files; files++)
		if (k3s_config_add(&c, *files, strlen(*files), NULL)) return "refused";
	k3s_config_args(&c, &args);
	for (size_t i = 0; i < args.n; i++) buf_printf(&text, "%s%s", i ? " " : "", args.v[i]);
	return text.len ? text.data : "";
}
#define MERGED(...) merged((const char *const[]){ __VA_ARGS__, NULL })

TEST(one_file)
{
	CHECK_STR(MERGED("key: v\nlist:\n- 1\n- \"two\"\n- \"\"\n- three\nempty:\nd: /x\noff: "
		"false\nlast: true\n"),
		"--key=v --list=1 --list=two --list= --list=three --empty= -d=/x --off=false "
			"--last=true");
	CHECK_STR(MERGED("quoted: \" 0644 \"\nflow: [a, b]\nmore+:\n  - x\nnone: []\n"),
		"--quoted=0644 --flow=a --flow=b --more=x");
	CHECK_STR(MERGED(""), "");
	CHECK_STR(MERGED("\xef\xbb\xbf" "a: &x\n  b: 1\nfolded: >-\n  one\n  two\n<<: *x\n"
		"kubelet-arg: [v=2,\n  a=b]\nlong: one\n  two\nd: x\nd: y\n"),
		"-a= --folded=one two -b=1 --kubelet-arg=v=2 --kubelet-arg=a=b --long=one two -d=y");
	CHECK_STR(MERGED("no mapping\n"), "refused");
}

/* A value that is not understood costs its key; data-dir's must not be guessed. */
TEST(values_that_are_not_understood)
{
	static const struct { const char *text; bool unknown; } cases[] = {
		{ "node-ip: *none\ntoken: t\n", false },
		{ "data-dir: *none\ntoken: t\n", true }, { "d: \"\\q\"\ntoken: t\n", true },
		{ "<<: *none\ntoken: t\n", true },
		{ "token: t\ndata-dir: *none\ndata-dir: /x\n", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		_cleanup_k3s_config_ struct k3s_config c = {0};
		_cleanup_strv_ struct strv args = {0};
		struct err why = {0};
		CHECK(k3s_config_add(&c, cases[i].text, strlen(cases[i].text), &why) == -EBADMSG);
		CHECK(strstr(why.text, "line ") && c.data_dir_unknown == cases[i].unknown);
		k3s_config_args(&c, &args);
		CHECK(strv_has(&args, "--token=t"));
		CHECK(!k3s_config_add(&c, "data-dir: /y\n", 13, NULL) && !c.data_dir_unknown);
	}
}

TEST(files_in_order)
{
	/* a later value replaces, in the place of the first; '+' adds, also to a single value */
	CHECK_STR(MERGED("aa: 1\nll: [one]\nbb: x\n", "aa: 2\nll: [two, three]\nbb+: y\n"),
		"--aa=2 --ll=two --ll=three --bb=x --bb=y");
	CHECK_STR(MERGED("list: [one, two]\n", "list+:\n- three\nnew+: [a]\n",
		"list+: four\nnew+:\n"),
		"--list=one --list=two --list=three --list=four --new=a");
	CHECK_STR(MERGED("list: [one]\n", "list: []\n"), "");
}

/* A directory with files, and the environment that leads to it. */
static char dir[] = "/tmp/k3sbox-unit-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	CHECK(!io_mkparents(path, 0700) && !io_replace(path, 0600, text, strlen(text)));
}

TEST(command_line_over_files_over_environment)
{
	char config[200];
	_cleanup_k3s_args_ struct k3s_args a;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(config, sizeof config, "%s/my.yaml", dir);
	put("my.yaml",
		"node-ip: 1.1.1.1\nsnapshotter: native\nkubelet-arg: [a=1]\nd: "
		"/from/file\ndisable-agent: no\n");
	put("my.yaml.d/20-b.yml", "snapshotter: second\nkubelet-arg+: [b=2]\n");
	put("my.yaml.d/10-a.YAML", "snapshotter: first\nsystem-default-registry: example.com\n");
	put("my.yaml.d/30-c.txt", "snapshotter: third\n");
	put("my.yaml.d/40.yaml/not-a-file", "");
	setenv("K3S_CONFIG_FILE", config, 1);
	setenv("K3S_DATA_DIR", "/from/environment", 1);
	setenv("K3S_NODE_NAME", "n1", 1);
	CHECK(!k3s_args_load(&a,
		WORDS("server", "--node-ip", "2.2.2.2", "--config=ignored", "--debug"), NULL));
	CHECK_STR(k3s_args_find(&a, "node-ip"), "2.2.2.2");
	CHECK_STR(k3s_args_find(&a, "snapshotter"), "second");
	CHECK_STR(k3s_args_find(&a, "system-default-registry"), "example.com");
	CHECK_STR(k3s_args_find(&a, "data-dir"), "/from/file");
	CHECK_STR(k3s_args_find(&a, "node-name"), "n1");
	CHECK(!k3s_args_written(&a, "node-name") && !k3s_args_typed(&a, "data-dir"));
	CHECK_STR(k3s_args_item(&a, "kubelet-arg", "b", 1), "2");
	CHECK_STR(k3s_args_item(&a, "kubelet-arg", "a", 1), "1");
	CHECK(!k3s_args_item(&a, "kubelet-arg", "c", 1));
	CHECK(k3s_args_is_on(&a, "debug") && !k3s_args_is_on(&a, "disable-agent") &&
		!k3s_args_is_on(&a, "none"));
	CHECK(!k3s_args_find(&a, "node"));
}

TEST(drop_ins_without_the_file)
{
	char config[200];
	_cleanup_k3s_args_ struct k3s_args a;

	unsetenv("K3S_CONFIG_FILE");
	snprintf(config, sizeof config, "%s/other.yaml", dir);
	put("other.yaml.d/x.yaml", "node-ip: 3.3.3.3\n");
	CHECK(!k3s_args_load(&a, WORDS("-c", config), NULL));
	CHECK_STR(k3s_args_find(&a, "node-ip"), "3.3.3.3");
}

TEST(files_that_cannot_be_used)
{
	char config[200];
	struct err why = {0};
	struct k3s_args a;

	snprintf(config, sizeof config, "%s/bad.yaml", dir);
	put("bad.yaml", "a: *b\nsnapshotter: native\n");
	put("bad.yaml.d/x.yaml", "node-ip: 4.4.4.4\n");
	CHECK(k3s_args_load(&a, WORDS("-c", config), &why) == -EBADMSG);
	CHECK(strstr(why.text, "bad.yaml: ") && strstr(why.text, "line 1"));
	CHECK_STR(k3s_args_find(&a, "snapshotter"), "native");
	CHECK(!a.data_dir_unknown);
	CHECK_STR(k3s_args_find(&a, "node-ip"), "4.4.4.4");
	k3s_args_free(&a);
	put("bad.yaml", "- a\n- b\n? x\n");
	CHECK(k3s_args_load(&a, WORDS("-c", config), &why) == -EBADMSG && a.data_dir_unknown);
	CHECK_STR(k3s_args_find(&a, "node-ip"), "4.4.4.4");
	k3s_args_free(&a);
	CHECK(k3s_args_load(&a, WORDS("-c", "https://example.com/c.yaml"), &why) == -ENOTSUP);
	CHECK(a.data_dir_unknown);
	k3s_args_free(&a);
	CHECK(k3s_args_load(&a, WORDS("-c", "http://x/", "-d=/x"), &why) && !a.data_dir_unknown);
	k3s_args_free(&a);
	CHECK(!k3s_args_load(&a, WORDS("-c="), &why) && !a.config.n);
	k3s_args_free(&a);
	char fifo[240];
	snprintf(fifo, sizeof fifo, "%s.d/w.yaml", config);
	CHECK(!mkfifo(fifo, 0600));
	put("bad.yaml", "");
	alarm(10);   /* the open of a FIFO waits for a writer */
	CHECK(k3s_args_load(&a, WORDS("-c", config), &why) == -EINVAL && strstr(why.text, "w.yaml"));
	alarm(0);
	CHECK_STR(k3s_args_find(&a, "node-ip"), "4.4.4.4");
	k3s_args_free(&a);
	io_remove_tree(dir);
	WORDS(NULL);
}

UNIT_MAIN("k3s_args")
