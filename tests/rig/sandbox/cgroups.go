package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const cgroupRoot = "/sys/fs/cgroup"

// hierarchy is one mounted cgroup tree of the host.
type hierarchy struct {
	mount, kind, options string
}

func hierarchies() []hierarchy {
	text, _ := os.ReadFile("/proc/self/mounts")
	var out []hierarchy
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[1], cgroupRoot) {
			continue
		}
		switch f[2] {
		case "cgroup":
			out = append(out, hierarchy{f[1], f[2], controllersOf(f[3])})
		case "cgroup2":
			out = append(out, hierarchy{f[1], f[2], ""})
		}
	}
	return out
}

// controllersOf drops the options that are the mount's, not the hierarchy's.
func controllersOf(options string) string {
	var out []string
	for _, o := range strings.Split(options, ",") {
		switch {
		case strings.HasPrefix(o, "name="):
			out = append(out, "none", o)
		case o == "rw", o == "ro", o == "relatime", o == "nosuid", o == "nodev", o == "noexec", strings.Contains(o, "="), o == "xattr":
		default:
			out = append(out, o)
		}
	}
	return strings.Join(out, ",")
}

// joinCgroups puts a process into a group of its own in every hierarchy; with
// a cgroup namespace on top it cannot tell that from the root.
func joinCgroups(id string, pid string) error {
	for _, h := range hierarchies() {
		dir := filepath.Join(h.mount, id)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		// an empty cpuset takes nobody in
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
			if b, err := os.ReadFile(filepath.Join(h.mount, f)); err == nil {
				os.WriteFile(filepath.Join(dir, f), b, 0o644)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(pid), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// mountCgroups shows the own groups as the whole tree, below root.
func mountCgroups(root string) error {
	all := hierarchies()
	if len(all) == 1 && all[0].kind == "cgroup2" && all[0].mount == cgroupRoot {
		return syscall.Mount("cgroup2", filepath.Join(root, cgroupRoot), "cgroup2", 0, "")
	}
	if err := syscall.Mount("tmpfs", filepath.Join(root, cgroupRoot), "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, h := range all {
		at := filepath.Join(root, h.mount)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount("cgroup", at, h.kind, 0, h.options); err != nil {
			return &os.PathError{Op: "mount " + h.options, Path: at, Err: err}
		}
	}
	return nil
}

// removeCgroups removes the groups of a run, deepest first; their processes
// may still be dying.
func removeCgroups(id string) {
	for _, h := range hierarchies() {
		dir := filepath.Join(h.mount, id)
		for i := 0; i < 50; i++ {
			if removeTree(dir); !exists(dir) {
				break
			}
			killAll(dir)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

func removeTree(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(dir, e.Name()))
		}
	}
	syscall.Rmdir(dir)
}

func killAll(dir string) {
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Name() == "cgroup.procs" {
			b, _ := os.ReadFile(path)
			for _, pid := range strings.Fields(string(b)) {
				killPid(pid)
			}
		}
		return nil
	})
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
