package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const debianRunsc = "/usr/bin/runsc"

type object = map[string]any

// runtimeTool is the OCI runtime of a run with its global flags.
func runtimeTool(r *run) (string, []string) {
	root := []string{"--root", filepath.Join(r.Dir, "state")}
	switch {
	case r.Env == "E1", r.row.user:
		return "", nil
	case r.row.runc:
		return part("runc"), root
	case r.row.old:
		return debianRunsc, append(root, "--platform=ptrace", "--network=host", "--overlay2=root:memory", "--ignore-cgroups")
	default:
		return part("runsc"), append(root, "--platform=systrap", "--overlay2=root:memory", "--ignore-cgroups")
	}
}

// startOCI needs one more stage: the overlay that is the root lives in a mount
// namespace of its own.
func startOCI(r *run) (*exec.Cmd, error) {
	cmd, err := again("sandbox-oci", r)
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	return cmd, cmd.Start()
}

func ociStage() (int, error) {
	r, err := told()
	if err != nil {
		return 0, err
	}
	if err := r.makeBundle(); err != nil {
		return 0, err
	}
	tool, args := runtimeTool(r)
	cmd := exec.Command(tool, append(args, "run", "--bundle", r.Dir, r.ID)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if !r.row.runc {
		cmd.Stdout, cmd.Stderr = throughPipe(os.Stdout), throughPipe(os.Stderr)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return statusOf(cmd.Run())
}

// makeBundle gives the container a root and writes its configuration.
func (r *run) makeBundle() error {
	if r.row.ownRoot {
		return r.writeBundle(r.Root, gvisorMounts(r), gvisorCapabilities)
	}
	root, err := overlayRoot(r)
	if err != nil {
		return err
	}
	if r.row.runc {
		if err := nameHost(r, root); err != nil {
			return err
		}
		mounts, caps := dockerMounts(r), dockerCapabilities
		if r.row.admin {
			caps = append(caps, "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")
			mounts = append(mounts, disks(r)...)
		}
		return r.writeBundle(root, mounts, caps)
	}
	if err := showMounts(r, root); err != nil {
		return err
	}
	caps := gvisorCapabilities
	if r.row.docker {
		caps = dockerCapabilities
	}
	return r.writeBundle(root, gvisorMounts(r), caps)
}

// throughPipe hides a regular file behind a pipe: gVisor keeps a file offset of
// its own and would write over what others append.
func throughPipe(f *os.File) io.Writer {
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return struct{ io.Writer }{f}
	}
	return f
}

func (r *run) writeBundle(root string, mounts []object, caps []string) error {
	var full []string
	for _, c := range caps {
		full = append(full, "CAP_"+c)
	}
	sets := object{}
	for _, s := range []string{"bounding", "effective", "inheritable", "permitted", "ambient"} {
		sets[s] = full
	}
	spec := object{
		"ociVersion": "1.0.2",
		"hostname":   r.Host,
		"root":       object{"path": root, "readonly": false},
		"mounts":     mounts,
		"process": object{
			"user": object{"uid": 0, "gid": 0}, "args": r.Command, "cwd": "/", "env": r.environ(),
			"capabilities": sets,
			"rlimits":      []object{{"type": "RLIMIT_NOFILE", "hard": openFiles(), "soft": openFiles()}},
		},
		"linux": r.linux(),
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.Dir, "config.json"), text, 0o600)
}

func (r *run) linux() object {
	linux := object{"namespaces": []object{
		{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
		{"type": "network", "path": r.Net.path()},
	}}
	if r.row.runc {
		linux["cgroupsPath"] = "/" + r.ID
		linux["maskedPaths"] = dockerMasked
		linux["readonlyPaths"] = dockerReadonly
	}
	return linux
}

// gvisorCapabilities are all but NET_RAW, which hosted sandboxes withhold.
var gvisorCapabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE",
	"SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE",
	"SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
}

func gvisorMounts(r *run) []object {
	mounts := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
		{"destination": "/sys", "type": "sysfs", "source": "sysfs"},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm"},
	}
	if r.row.cgroup {
		mounts = append(mounts, object{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"})
	}
	return append(mounts, shares(r)...)
}

func shares(r *run) []object {
	var out []object
	for _, d := range r.Share {
		out = append(out, object{"destination": d, "type": "bind", "source": d, "options": []string{"rbind", "rw"}})
	}
	return out
}

// disks are volumes, as a container that is to run a k3s is given.
func disks(r *run) []object {
	var out []object
	for _, d := range diskDirs {
		os.MkdirAll(r.disk(d), 0o755)
		out = append(out, object{"destination": d, "type": "bind", "source": r.disk(d), "options": []string{"rbind", "rw"}})
	}
	return out
}

// The following three are what Docker gives a container without flags.
var dockerCapabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
	"NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
}

var dockerMasked = []string{
	"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
	"/sys/devices/virtual/powercap",
}

var dockerReadonly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

func dockerMounts(r *run) []object {
	mount := func(at, kind string, options ...string) object {
		return object{"destination": at, "type": kind, "source": kind, "options": options}
	}
	mounts := []object{
		mount("/proc", "proc", "nosuid", "noexec", "nodev"),
		mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
		mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		mount("/sys/fs/cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev"),
		mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
		mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=67108864"),
		mount("/run", "tmpfs", "nosuid", "nodev", "mode=755"),
	}
	return append(mounts, shares(r)...)
}

// openFiles is what Kubernetes wants, or what we may give.
func openFiles() uint64 {
	const wanted = 1 << 20
	var have syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &have) == nil && have.Max < wanted {
		return have.Max
	}
	return wanted
}
