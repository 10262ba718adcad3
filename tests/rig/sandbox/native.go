package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// diskDirs must lie on a real file system: overlayfs does not stack on the
// overlay that protects the host's root, and a snapshotter wants to.
var diskDirs = []string{"/var/lib/rancher", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni"}

func startNative(r *run) (*exec.Cmd, error) {
	open, wait, err := gate()
	if err != nil {
		return nil, err
	}
	cmd, err := again("sandbox-native", r)
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{wait}
	if r.row.user {
		ns, err := userNamespace()
		if err != nil {
			return nil, err
		}
		defer ns.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, ns)
	}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	wait.Close()
	if err := joinCgroups(r.ID, strconv.Itoa(cmd.Process.Pid)); err != nil {
		cmd.Process.Kill()
		return nil, err
	}
	_, err = open.Write([]byte{1})
	open.Close()
	return cmd, err
}

// gate lets the next stage wait until its process is where it must be.
func gate() (write, read *os.File, err error) {
	read, write, err = os.Pipe()
	return write, read, err
}

// nativeStage is process 1 of E1.
func nativeStage() (int, error) {
	r, err := told()
	if err != nil {
		return 0, err
	}
	if n, _ := os.NewFile(3, "gate").Read(make([]byte, 1)); n != 1 {
		return 0, errors.New("start was cancelled")
	}
	if err := joinNamespace(r.Net.path()); err != nil {
		return 0, err
	}
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return 0, fmt.Errorf("cgroup namespace: %w", err)
	}
	root, err := overlayRoot(r)
	if err != nil {
		return 0, err
	}
	if err := nameHost(r, root); err != nil {
		return 0, err
	}
	if err := nativeMounts(r, root); err != nil {
		return 0, err
	}
	if err := enter(root); err != nil {
		return 0, err
	}
	if err := syscall.Sethostname([]byte(r.Host)); err != nil {
		return 0, err
	}
	return initLoop(r)
}

func nativeMounts(r *run, root string) error {
	// the nodes are the host's, what is made or removed among them is not
	devices, err := newLayer(filepath.Join(r.Dir, "scratch"), "/dev")
	if err != nil {
		return err
	}
	at := func(p string) string { return filepath.Join(root, p) }
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		{"proc", "proc", "proc", 0, ""},
		{"sysfs", "sys", "sysfs", 0, ""},
		{"overlay", "dev", "overlay", 0, devices.options()},
		{"devpts", "dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=620,gid=5"},
		{"tmpfs", "dev/shm", "tmpfs", 0, "mode=1777"},
		{"tmpfs", "run", "tmpfs", 0, "mode=755"},
	} {
		if r.row.user && strings.HasPrefix(m.target, "dev") {
			continue
		}
		if err := syscall.Mount(m.source, at(m.target), m.kind, m.flags, m.data); err != nil {
			return &os.PathError{Op: "mount", Path: m.target, Err: err}
		}
	}
	if err := mountCgroups(root); err != nil {
		return err
	}
	if r.row.user {
		if err := giveDevices(root); err != nil {
			return err
		}
	}
	for _, d := range diskDirs {
		if err := bind(r.disk(d), at(d)); err != nil {
			return err
		}
		if r.row.user {
			if err := os.Chown(r.disk(d), firstID, firstID); err != nil {
				return err
			}
		}
	}
	for _, d := range r.Share {
		if err := r.show(d, at(d)); err != nil {
			return err
		}
	}
	if r.row.masked {
		return cover(root)
	}
	return nil
}

// disk is where a directory of diskDirs lies on the host.
func (r *run) disk(dir string) string {
	return filepath.Join(r.Dir, "disk", strings.ReplaceAll(strings.Trim(dir, "/"), "/", "-"))
}

// enter makes root the root, with the host's gone and mounts shared, as an
// init system leaves them.
func enter(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return syscall.Mount("", "/", "", syscall.MS_SHARED|syscall.MS_REC, "")
}

// initLoop runs the command and reaps; when it returns, the kernel kills what
// is left in the namespace.
func initLoop(r *run) (int, error) {
	path, err := find(r.Command[0], r.environ())
	if err != nil {
		return 127, err
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	var child *os.Process
	if r.row.user {
		child, err = startUser(r)
	} else {
		child, err = os.StartProcess(path, r.Command, &os.ProcAttr{
			Dir: "/", Env: r.environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		})
	}
	if err != nil {
		return 126, err
	}
	for {
		var st syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &st, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 125, err
		case pid == child.Pid && st.Signaled():
			return 128 + int(st.Signal()), nil
		case pid == child.Pid:
			return st.ExitStatus(), nil
		}
	}
}

// find looks a command up in the PATH that it will itself see.
func find(name string, env []string) (string, error) {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			os.Setenv("PATH", v)
		}
	}
	return exec.LookPath(name)
}

func joinNamespace(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, _, e := syscall.RawSyscall(sysSetns, f.Fd(), syscall.CLONE_NEWNET, 0); e != 0 {
		return fmt.Errorf("setns: %w", e)
	}
	return nil
}

func killPid(pid string) {
	if n, err := strconv.Atoi(pid); err == nil && n > 1 {
		syscall.Kill(n, syscall.SIGKILL)
	}
}
