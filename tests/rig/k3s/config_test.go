package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes files below a directory of the test's own; names ending in a
// slash are directories.
func write(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			os.MkdirAll(path, 0o755)
		} else if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func args(t *testing.T, path string) string {
	out, err := configArgs([]string{"--config", path}, rowsFor("server", rows(new(options))))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestConfigPath(t *testing.T) {
	for _, c := range []struct{ name, env, args, want string }{
		{"default", "", "", configFile},
		{"long option", "", "--config /a", "/a"},
		{"long option with =", "", "--debug --config=/a", "/a"},
		{"short option", "", "-c /a --debug", "/a"},
		{"one dash is not looked for", "", "-config /a", configFile},
		{"no value: the parser of the flags complains", "", "--config", ""},
		{"empty value: no file", "", "-c=", ""},
		{"the environment wins", "/env", "--config /a", "/env"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("K3S_CONFIG_FILE", c.env)
			if got := configPath(strings.Fields(c.args)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestConfigFiles(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no file", nil, ""},
		{"scalars", map[string]string{"c.yaml": "debug: true\nnode-name: \"x\" # y\nd: /data\nlog:\n"},
			"--debug=true --node-name=x -d=/data --log="},
		{"YAML's types", map[string]string{"c.yaml": "write-kubeconfig-mode: 0644\nv: 0x10\ndebug: yes\nnode-name: 1.10\ntoken: '0644'\nlog: ~\n"},
			"--write-kubeconfig-mode=420 -v=16 --debug=true --node-name=1.1 --token=0644 --log="},
		{"lists", map[string]string{"c.yaml": "disable: [a, 'b']\ntls-san:\n- x\n- \nnode-taint: []\nnode-label:\n  - k=v\n"},
			"--disable=a --disable=b --tls-san=x --tls-san= --node-label=k=v"},
		{"unknown keys", map[string]string{"c.yaml": "nonesuch: 1\ndebug: false\n"}, "--debug=false"},
		{"drop-ins alone", map[string]string{"c.yaml.d/a.yaml": "debug: true"}, "--debug=true"},
		{"drop-ins by name, the last wins", map[string]string{"c.yaml": "node-name: 0\nlog: l", "c.yaml.d/2.YML": "node-name: 2",
			"c.yaml.d/1.yaml": "node-name: 1\ndebug: true"}, "--node-name=2 --log=l --debug=true"},
		{"other files", map[string]string{"c.yaml.d/a.yml.bak": "debug: true", "c.yaml.d/b.yoml": "debug: true",
			"c.yaml.d/d.yaml/": "", "c.yaml.d/e": "debug: true"}, ""},
		{"a list replaces", map[string]string{"c.yaml": "tls-san: [a, b]", "c.yaml.d/1.yaml": "tls-san: c"}, "--tls-san=c"},
		{"key+ adds", map[string]string{"c.yaml": "tls-san: [a, b]\nlog: x", "c.yaml.d/1.yaml": "tls-san+: c", "c.yaml.d/2.yaml": "tls-san+: [d, e]"},
			"--tls-san=a --tls-san=b --tls-san=c --tls-san=d --tls-san=e --log=x"},
		{"key+ adds to a scalar", map[string]string{"c.yaml": "tls-san: a", "c.yaml.d/1.yaml": "tls-san+:\n- b"}, "--tls-san=a --tls-san=b"},
		{"key+ adds in one file", map[string]string{"c.yaml": "tls-san: a\ntls-san+: b"}, "--tls-san=a --tls-san=b"},
		{"key+ without an earlier key", map[string]string{"c.yaml": "tls-san+: [a]"}, "--tls-san=a"},
		{"key+ adds nothing", map[string]string{"c.yaml": "tls-san: a", "c.yaml.d/1.yaml": "tls-san+:"}, "--tls-san=a"},
		{"key+ adds to null", map[string]string{"c.yaml": "tls-san:", "c.yaml.d/1.yaml": "tls-san+: b"}, "--tls-san=b"},
		{"a key after its key+", map[string]string{"c.yaml": "tls-san+: [a]", "c.yaml.d/1.yaml": "tls-san: b"}, "--tls-san=b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := args(t, filepath.Join(write(t, c.files), "c.yaml")); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nested map":              {"c.yaml": "a:\n  b: c"},
		"a broken drop-in":        {"c.yaml.d/1.yaml": "x"},
		"the file is a directory": {"c.yaml/": ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readConfig(filepath.Join(write(t, files), "c.yaml")); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestCommandLineWins(t *testing.T) {
	dir := write(t, map[string]string{"c.yaml": "node-name: file\ntls-san: [a]\nlog: x", "env.yaml": "node-name: env"})
	t.Setenv("K3S_NODE_NAME", "variable")
	for _, c := range []struct{ env, args, name, san string }{
		{"", "", "file", "a"},
		{"", "--node-name=line --tls-san=b", "line", "a,b"},
		{dir + "/env.yaml", "", "env", ""},
		{dir + "/missing.yaml", "", "variable", ""},
	} {
		t.Setenv("K3S_CONFIG_FILE", c.env)
		o, err := parse("server", append([]string{"-c", dir + "/c.yaml"}, strings.Fields(c.args)...))
		if err != nil {
			t.Fatal(err)
		}
		if o.NodeName != c.name || o.TLSSan.String() != c.san {
			t.Errorf("%s %s: node name %q, SANs %q", c.env, c.args, o.NodeName, o.TLSSan)
		}
	}
}

func TestDataDirOfClients(t *testing.T) {
	dir := write(t, map[string]string{"c.yaml": "data-dir: /file", "c.yaml.d/1.yaml": "data-dir: /drop-in"})
	t.Setenv("K3S_CONFIG_FILE", dir+"/c.yaml")
	if got := dataDirFrom([]string{"get", "pods"}); got != "/drop-in" {
		t.Errorf("got %q", got)
	}
	if got := dataDirFrom([]string{"--data-dir=/line"}); got != "/line" {
		t.Errorf("got %q", got)
	}
}

func TestRegistries(t *testing.T) {
	dir := write(t, map[string]string{"r.yaml": `# registries
mirrors:
  docker.io:
    endpoint:
      - "https://mirror.test:5000"
      - https://registry-1.docker.io
  "*":
    endpoint: [http://10.0.0.1:5000/v2/cache]
  registry.test:5000:
configs:
  "mirror.test:5000":
    tls:
      ca_file: /ca.pem
    auth:
      username: u
`})
	r, err := readRegistries(filepath.Join(dir, "r.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for host, h := range r.hosts(false) {
		got[host] = strings.TrimPrefix(h.toml(), hostsHeader)
	}
	want := map[string]string{
		"docker.io": `server = "https://registry-1.docker.io/v2"
capabilities = ["pull", "resolve", "push"]
[host]
[host."https://mirror.test:5000/v2"]
capabilities = ["pull", "resolve"]
ca = ["/ca.pem"]
`,
		"_default": `[host]
[host."http://10.0.0.1:5000/v2/cache"]
capabilities = ["pull", "resolve"]
override_path = true
`,
		"mirror.test:5000": `server = "https://mirror.test:5000/v2"
capabilities = ["pull", "resolve", "push"]
ca = ["/ca.pem"]
[host]
`,
	}
	for host, text := range want {
		if got[host] != text {
			t.Errorf("%s: got\n%swant\n%s", host, got[host], text)
		}
		delete(got, host)
	}
	if len(got) != 0 {
		t.Errorf("more: %v", got)
	}
	if a := r.Configs["mirror.test:5000"].Auth; a == nil || a.Username != "u" {
		t.Errorf("auth: %v", a)
	}
}
