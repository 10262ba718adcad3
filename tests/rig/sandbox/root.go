package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A Kubernetes of the host must not show in a sandbox, nor be changed by one.
// What hiddenPaths name does not exist there, whatever it is on the host;
// directories of emptyDirs are empty.
var (
	hiddenPaths = []string{
		"/etc/rancher", "/etc/cni", "/etc/containerd", "/etc/kubernetes", "/opt/cni",
		"/var/lib/rancher", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni",
		"/var/log/pods", "/var/log/containers", "/root/.kube",
	}
	emptyDirs = []string{"/run", "/var/run"}
)

// overlayRoot shows the host's root, without what is to be hidden, with a
// scratch layer over it. The layer is a tmpfs: it must not lie inside what it
// covers.
func overlayRoot(r *run) (string, error) {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return "", err
	}
	scratch, root := filepath.Join(r.Dir, "scratch"), filepath.Join(r.Dir, "root")
	for _, d := range []string{scratch, root} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return "", err
		}
	}
	if err := syscall.Mount("tmpfs", scratch, "tmpfs", 0, "mode=755"); err != nil {
		return "", err
	}
	l, err := newLayer(scratch, "/")
	if err != nil {
		return "", err
	}
	if r.row.user {
		l.shift = firstID
		l.shown = filepath.Join(scratch, "shifted")
		if err := errors.Join(shifted("/", l.shown), os.Chown(l.upper, firstID, firstID)); err != nil {
			return "", err
		}
	}
	if err := l.hideKubernetes(); err != nil {
		return "", err
	}
	if err := syscall.Mount("overlay", root, "overlay", 0, l.options()); err != nil {
		return "", fmt.Errorf("overlay over /: %w", err)
	}
	return root, nil
}

// layer is a writable directory over another one, not mounted yet.
type layer struct {
	lower, upper, work string
	shown              string // where lower is mounted with other owners; "": it is not
	shift              int    // what that adds to an owner
}

func newLayer(scratch, lower string) (layer, error) {
	dir, err := os.MkdirTemp(scratch, "layer")
	l := layer{lower: lower, upper: filepath.Join(dir, "upper"), work: filepath.Join(dir, "work")}
	if err != nil {
		return l, err
	}
	for _, d := range []string{l.upper, l.work} {
		// a umask must not make the root unreadable for others
		if err := errors.Join(os.Mkdir(d, 0o755), os.Chmod(d, 0o755)); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (l layer) options() string {
	lower := l.lower
	if l.shown != "" {
		lower = l.shown
	}
	return "lowerdir=" + lower + ",upperdir=" + l.upper + ",workdir=" + l.work
}

// hideKubernetes works on the layer before it is mounted: a whiteout hides a
// name of any kind at once, where removing would have to walk whole trees.
func (l layer) hideKubernetes() error {
	for _, p := range hiddenPaths {
		parent, err := l.copyDir(filepath.Dir(p))
		if err != nil {
			return err
		}
		if parent == "" {
			continue
		}
		whiteout := filepath.Join(parent, filepath.Base(p))
		err = syscall.Mknod(whiteout, syscall.S_IFCHR, 0)
		if err != nil && err != syscall.EEXIST {
			return &os.PathError{Op: "hide", Path: p, Err: err}
		}
	}
	for _, p := range emptyDirs {
		dir, err := l.copyDir(p)
		if err != nil {
			return err
		}
		if dir == "" {
			continue
		}
		err = syscall.Setxattr(dir, "trusted.overlay.opaque", []byte("y"), 0)
		if err != nil {
			return &os.PathError{Op: "hide what is in", Path: p, Err: err}
		}
	}
	return nil
}

// copyDir makes in the layer what a directory of the host is, without its
// entries, and returns where; "" where what the layer covers has no such
// directory.
func (l layer) copyDir(path string) (string, error) {
	inside := l.holds(path)
	if inside == "" {
		return "", nil
	}
	at, below := l.upper, strings.TrimSuffix(l.lower, "/")
	for _, name := range strings.Split(strings.Trim(inside, "/"), "/") {
		if name == "" {
			continue
		}
		at, below = filepath.Join(at, name), below+"/"+name
		var st syscall.Stat_t
		if err := syscall.Stat(below, &st); err != nil {
			return "", &os.PathError{Op: "stat", Path: below, Err: err}
		}
		if err := os.Mkdir(at, 0o700); err != nil && !os.IsExist(err) {
			return "", err
		}
		// owner first: a change of owner takes mode bits away
		err := syscall.Chown(at, int(st.Uid)+l.shift, int(st.Gid)+l.shift)
		if err := errors.Join(err, syscall.Chmod(at, st.Mode&0o7777)); err != nil {
			return "", err
		}
	}
	return at, nil
}

// holds returns where a directory of the host really lies below the one that
// is covered, with a slash first; "" if it lies elsewhere or does not exist.
func (l layer) holds(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	inside, ok := strings.CutPrefix(real+"/", strings.TrimSuffix(l.lower, "/")+"/")
	if !ok {
		return ""
	}
	return "/" + inside
}

// nameHost makes the own name resolve, which every real machine's does. The
// file is a new one: where the host's is a link, writing would follow it there.
func nameHost(r *run, root string) error {
	hosts, _ := os.ReadFile("/etc/hosts")
	file := filepath.Join(root, "etc/hosts")
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		return err
	}
	hosts = fmt.Appendf(hosts, "%s %s\n", r.Net.Guest, r.Host)
	err := errors.Join(os.WriteFile(file, hosts, 0o644), os.Chmod(file, 0o644))
	if r.row.user {
		err = errors.Join(err, os.Chown(file, firstID, firstID))
	}
	return err
}

// notShown are mounts that a sandbox has of its own or must not see.
var notShown = append([]string{"/proc", "/sys", "/dev", "/run", "/var/run"}, hiddenPaths...)

// showMounts shows what the host has mounted below its root. gVisor covers all
// of the root with a layer of its own, so these too stay as they are.
func showMounts(r *run, root string) error {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		// names with escapes are left out
		if len(f) < 2 || f[1] == "/" || strings.Contains(f[1], "\\") {
			continue
		}
		if isBelow(f[1], append(notShown, r.Dir)) {
			continue
		}
		if target := filepath.Join(root, f[1]); exists(target) {
			if err := showMount(r, f[1], target); err != nil {
				return err
			}
		}
	}
	return nil
}

// showMount binds; only where something is to be hidden (a /var on a disk of
// its own) it needs a layer.
func showMount(r *run, source, target string) error {
	l := layer{lower: source}
	hides := false
	for _, p := range hiddenPaths {
		hides = hides || l.holds(filepath.Dir(p)) != ""
	}
	if !hides {
		if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "bind", Path: source, Err: err}
		}
		return nil
	}
	l, err := newLayer(filepath.Join(r.Dir, "scratch"), source)
	if err != nil {
		return err
	}
	if err := l.hideKubernetes(); err != nil {
		return err
	}
	if err := syscall.Mount("overlay", target, "overlay", 0, l.options()); err != nil {
		return fmt.Errorf("overlay over %s: %w", source, err)
	}
	return nil
}

func isBelow(path string, dirs []string) bool {
	for _, d := range dirs {
		if path == d || strings.HasPrefix(path, d+"/") {
			return true
		}
	}
	return false
}

func bind(source, target string) error {
	for _, d := range []string{source, target} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	err := syscall.Mount(source, target, "", syscall.MS_BIND|syscall.MS_REC, "")
	if err != nil {
		return &os.PathError{Op: "bind", Path: target, Err: err}
	}
	return nil
}
