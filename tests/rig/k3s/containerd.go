package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
)

// The struct and field names below are those that k3s's own templates see, so
// that a user's config-v3.toml.tmpl works unchanged.

type containerdPaths struct {
	Config, Root, State, Address, Opt, Log, Registry, Template string
}

type agentConfig struct {
	NodeName, NodeIP, PauseImage, Snapshotter string
	CNIBinDir, CNIConfDir, ImageServiceSocket string
	Systemd                                   bool
	Registry                                  *registries
}

type nodeConfig struct {
	Containerd              containerdPaths
	AgentConfig             agentConfig
	NoFlannel, SELinux      bool
	DefaultRuntime, Flannel string
}

type runtimeConfig struct{ RuntimeType, BinaryName string }

type containerdConfig struct {
	NodeConfig                            *nodeConfig
	DisableCgroup, SystemdCgroup          bool
	IsRunningInUserNS                     bool
	EnableUnprivileged, NoDefaultEndpoint bool
	NonrootDevices                        bool
	ExtraRuntimes                         map[string]runtimeConfig
	Program                               string
	PrivateRegistryConfig                 *registries
}

// generation is one version of containerd's configuration; the newest template
// that the user has written wins.
type generation struct {
	version int
	file    string
	base    string
}

func generations() []generation {
	return []generation{
		{3, "config-v3.toml.tmpl", baseV3()},
		{2, "config.toml.tmpl", baseV2()},
	}
}

func writeContainerdConfig(n *nodeConfig) error {
	c := containerdConfig{
		NodeConfig:         n,
		SystemdCgroup:      n.AgentConfig.Systemd,
		IsRunningInUserNS:  inUserNamespace(),
		EnableUnprivileged: kernelAtLeast(4, 11),
		ExtraRuntimes:      findRuntimes(),
		Program:            program,

		PrivateRegistryConfig: n.AgentConfig.Registry,
	}
	all := generations()
	base, text := all[0].base, all[0].base
	for _, g := range all {
		path := filepath.Join(n.Containerd.Template, g.file)
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		infof("Using containerd config template at %s", path)
		base, text = g.base, string(b)
		break
	}
	out, err := render(text, base, c)
	if err != nil {
		return err
	}
	return writeFile(n.Containerd.Config, out, 0o600)
}

func render(text, base string, c containerdConfig) (string, error) {
	t, err := template.New("compiled_template").Funcs(template.FuncMap{
		"deschemify": func(s string) string { return strings.TrimPrefix(s, "unix://") },
	}).Parse(text)
	if err != nil {
		return "", err
	}
	if _, err = t.New("base").Parse(base); err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = t.Execute(&out, c)
	return out.String(), err
}

// findRuntimes registers what k3s would find (since February 2024 by exec.LookPath); of its list the rig needs crun.
func findRuntimes() map[string]runtimeConfig {
	found := map[string]runtimeConfig{}
	if path, err := exec.LookPath("crun"); err == nil {
		infof("Found %s container runtime at %s", "crun", path)
		found["crun"] = runtimeConfig{"io.containerd.runc.v2", path}
	}
	return found
}

func inUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(b))
	return err == nil && len(f) >= 3 && !(f[0] == "0" && f[1] == "0" && f[2] == "4294967295")
}

func kernelAtLeast(major, minor int) bool {
	var u syscall.Utsname
	if syscall.Uname(&u) != nil {
		return false
	}
	var release []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	var a, b int
	fmt.Sscanf(string(release), "%d.%d", &a, &b)
	return a > major || a == major && b >= minor
}

// checkSnapshotter tries the mount that the snapshotter will need.
func checkSnapshotter(o *options, root string) error {
	switch o.Snapshotter {
	case "overlayfs":
		if err := overlaySupported(root); err != nil {
			return fmt.Errorf(`"overlayfs" snapshotter cannot be enabled for %q, try using "fuse-overlayfs" or "native": %w`, root, err)
		}
	case "fuse-overlayfs":
		if _, err := exec.LookPath("fuse-overlayfs"); err != nil {
			return fmt.Errorf(`"fuse-overlayfs" snapshotter cannot be enabled for %q, try using "native": %w`, root, err)
		}
	}
	return nil
}

func overlaySupported(root string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(root, "overlay-check")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, d := range []string{"lower1", "lower2", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	join := func(d string) string { return filepath.Join(dir, d) }
	opts := fmt.Sprintf("lowerdir=%s:%s,upperdir=%s,workdir=%s", join("lower2"), join("lower1"), join("upper"), join("work"))
	if err := syscall.Mount("overlay", join("merged"), "overlay", 0, opts); err != nil {
		return fmt.Errorf("failed to mount overlay: %w", err)
	}
	return syscall.Unmount(join("merged"), 0)
}

// startContainerd starts it and returns once its socket answers and the image
// directory is imported: k3s starts no kubelet before.
func (s *server) startContainerd() error {
	n := s.node
	if err := writeContainerdConfig(n); err != nil {
		return err
	}
	if err := n.AgentConfig.Registry.writeHosts(n.Containerd.Registry, s.o.NoDefaultEndpoint); err != nil {
		return err
	}
	out, err := s.containerdLog()
	if err != nil {
		return err
	}
	// a socket of an earlier run would look like a running containerd
	os.Remove(n.Containerd.Address)
	args := []string{"-c", n.Containerd.Config}
	env := childEnv()
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		if name == "CONTAINERD_LOG_LEVEL" {
			args = append(args, "--log-level", value)
		} else if rest, ok := strings.CutPrefix(name, "CONTAINERD_"); ok {
			env = append(env, rest+"="+value)
		}
	}
	infof("Running containerd %s", strings.Join(args, " "))
	if err := s.super.start("containerd", "/", args, env, out); err != nil {
		return err
	}
	if !waitSocket(n.Containerd.Address, s.quit) {
		return nil
	}
	infof("containerd is now running")
	s.importImages()
	return nil
}

func (s *server) containerdLog() (io.Writer, error) {
	path := s.node.Containerd.Log
	infof("Logging containerd to %s", path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil && debug {
		return io.MultiWriter(f, os.Stderr), nil
	}
	return f, err
}

// importImages loads every archive of <data>/agent/images; what fails is
// logged and skipped, as k3s does.
func (s *server) importImages() {
	dir := filepath.Join(s.o.DataDir, "agent/images")
	entries, err := os.ReadDir(dir)
	if err != nil {
		if !os.IsNotExist(err) {
			errorf("Unable to read images in %s: %v", dir, err)
		}
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if err := s.importFile(path); err != nil {
			errorf("Error encountered while importing %s: %v", path, err)
		}
	}
}

func (s *server) importFile(path string) error {
	switch name := strings.ToLower(path); {
	case strings.HasSuffix(name, ".txt"):
		return errors.New("the stand-in pulls no images before they are needed")
	case !anySuffix(name, ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"):
		return errors.New("unhandled file type")
	}
	infof("Importing images from %s", path)
	ctr, err := lookPath("ctr")
	if err != nil {
		return err
	}
	cmd := exec.Command(ctr, "-a", s.node.Containerd.Address, "-n", "k8s.io", "images", "import",
		"--local", "--all-platforms", "--no-unpack",
		"--label", "io.cri-containerd.pinned=pinned", "--label", "io.cattle.k3s.pinned=pinned", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("failed to import images from %s: %w: %s", path, err, bytes.TrimSpace(out))
	}
	for _, name := range archiveTags(path) {
		infof("Imported %s", name)
	}
	return nil
}

// archiveTags are the names in an archive of Docker's form; what it cannot
// read (zstd, OCI without names) it leaves out, for they are only logged.
func archiveTags(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var in io.Reader = f
	if z, err := gzip.NewReader(f); err == nil {
		in = z
	} else {
		f.Seek(0, io.SeekStart)
	}
	var manifest []struct{ RepoTags []string }
	for t := tar.NewReader(in); ; {
		h, err := t.Next()
		if err != nil {
			break
		}
		if h.Name == "manifest.json" {
			json.NewDecoder(t).Decode(&manifest)
			break
		}
	}
	var tags []string
	for _, m := range manifest {
		tags = append(tags, m.RepoTags...)
	}
	return tags
}

func anySuffix(s string, suffixes ...string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(s, suffix) {
			return true
		}
	}
	return false
}
