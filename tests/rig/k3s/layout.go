package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	containerdSocket = "/run/k3s/containerd/containerd.sock"
	containerdState  = "/run/k3s/containerd"
	nodeConfigDir    = "/etc/rancher/node"
)

// parts are what k3s carries in its data directory. A missing one is left out: it
// is only an error where it is needed..
var parts = []string{
	"containerd", "containerd-shim-runc-v2", "runc", "ctr", "crictl",
	"kine", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
	"kubelet", "kube-proxy", "kubectl",
	"flanneld",
}

// plugins lie in a directory cni next to the stand-in; in k3s they are one program.
var plugins = []string{"bandwidth", "bridge", "firewall", "flannel", "host-local", "loopback", "portmap"}

// userland is what the kubelet calls of the programs that k3s brings as links to
// its busybox (k3s-root scripts/package): below bin, or bin/aux behind the host's own.
var userland = []string{"umount", "aux/mount"}

// multicall parts may lie next to the stand-in as one file called kube.
var multicall = map[string]bool{
	"kine": true, "kube-apiserver": true, "kube-controller-manager": true,
	"kube-scheduler": true, "kubelet": true, "kube-proxy": true, "kubectl": true,
}

// populate makes <data>/data/current/bin and puts it into PATH, in the order
// of k3s: plugins (<data>/data/cni) and what is bundled first, the host's next,
// bundled user land (aux) last.
func populate(dataDir string, preferBundled bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return err
	}
	from := filepath.Dir(self)
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(version+from)))
	bin := filepath.Join(dataDir, "data", hash, "bin")
	if err := os.MkdirAll(filepath.Join(bin, "aux"), 0o755); err != nil {
		return fmt.Errorf("extracting data: %w", err)
	}
	if err := link(self, filepath.Join(bin, program)); err != nil {
		return err
	}
	for _, p := range parts {
		if err := linkPart(from, bin, p); err != nil {
			return err
		}
	}
	for _, name := range userland {
		if _, err := os.Stat(filepath.Join(from, "busybox")); err != nil {
			break
		}
		if err := link(filepath.Join(from, "busybox"), filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	if err := linkPlugins(filepath.Join(from, "cni"), bin, filepath.Join(dataDir, "data/cni")); err != nil {
		return err
	}
	if err := link(filepath.Dir(bin), filepath.Join(dataDir, "data/current")); err != nil {
		return err
	}
	setPath(dataDir, bin, preferBundled)
	return nil
}

func linkPart(from, bin, part string) error {
	source := filepath.Join(from, part)
	if _, err := os.Stat(source); err != nil {
		if !multicall[part] {
			return nil
		}
		source = filepath.Join(from, "kube")
		if _, err := os.Stat(source); err != nil {
			return nil
		}
	}
	return link(source, filepath.Join(bin, part))
}

// linkPlugins links them twice, as k3s does: the directory whose name has no hash in
// it is where users put plugins of their own, and those are left alone.
func linkPlugins(from, bin, stable string) error {
	if err := os.MkdirAll(stable, 0o755); err != nil {
		return err
	}
	for _, p := range plugins {
		source := filepath.Join(from, p)
		if _, err := os.Stat(source); err != nil {
			continue
		}
		if err := link(source, filepath.Join(bin, p)); err != nil {
			return err
		}
		if info, err := os.Lstat(filepath.Join(stable, p)); err == nil && info.Mode()&os.ModeSymlink == 0 {
			continue
		}
		if err := link(filepath.Join(bin, p), filepath.Join(stable, p)); err != nil {
			return err
		}
	}
	return nil
}

// link replaces by rename, so a running k3s never sees a gap.
func link(target, name string) error {
	if old, err := os.Readlink(name); err == nil && old == target {
		return nil
	}
	tmp := fmt.Sprintf("%s.%d", name, os.Getpid())
	os.Remove(tmp)
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

func setPath(dataDir, bin string, preferBundled bool) {
	cni, aux, host := filepath.Join(dataDir, "data/cni"), filepath.Join(bin, "aux"), os.Getenv("PATH")
	dirs := []string{cni, bin, host, aux}
	if preferBundled {
		dirs = []string{cni, bin, aux, host}
	}
	os.Setenv("PATH", strings.Join(dirs, ":"))
	os.Setenv("K3S_DATA_DIR", filepath.Dir(bin))
}

func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w (the stand-in expects its parts next to its own file)", err)
	}
	return path, nil
}

// writeFile is how k3s writes what it generates: private, directory made first.
func writeFile(path, content string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
