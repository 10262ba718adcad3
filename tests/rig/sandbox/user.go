package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// In a user namespace ID 0 is firstID outside, and so on, as LXC does it.
const (
	firstID = 100000
	ids     = 65536
	idsFile = 4 // the descriptor of a namespace with this map, in process 1
)

func idMap() []syscall.SysProcIDMap {
	return []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstID, Size: ids}}
}

// startUser runs the command's last stage in namespaces of its own, all of them
// owned by a user namespace. The link eth0 moves there from process 1's.
func startUser(r *run) (*os.Process, error) {
	open, wait, err := gate()
	if err != nil {
		return nil, err
	}
	cmd, err := again("sandbox-user", r)
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{wait}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		UidMappings: idMap(), GidMappings: idMap(), GidMappingsEnableSetgroups: true,
		Credential: &syscall.Credential{},
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	wait.Close()
	if err := ip("link", "set", "eth0", "netns", strconv.Itoa(cmd.Process.Pid)); err != nil {
		cmd.Process.Kill()
		return nil, err
	}
	_, err = open.Write([]byte{1})
	open.Close()
	return cmd.Process, err
}

// userStage becomes the command.
func userStage() (int, error) {
	r, err := told()
	if err != nil {
		return 0, err
	}
	if n, _ := os.NewFile(3, "gate").Read(make([]byte, 1)); n != 1 {
		return 0, errors.New("start was cancelled")
	}
	for _, words := range []string{
		"link set lo up", "addr add " + r.Net.Guest + "/24 dev eth0", "link set eth0 up",
		"route add default via " + r.Net.Host,
	} {
		if err := ip(strings.Fields(words)...); err != nil {
			return 0, err
		}
	}
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return 0, err
	}
	if !r.row.masked {
		if err := ownSysfs(); err != nil {
			return 0, fmt.Errorf("sysfs: %w", err)
		}
	}
	if err := syscall.Sethostname([]byte(r.Host)); err != nil {
		return 0, err
	}
	path, err := find(r.Command[0], r.environ())
	if err != nil {
		return 127, err
	}
	syscall.CloseOnExec(3)
	return 126, syscall.Exec(path, r.Command, r.environ())
}

// ownSysfs mounts a sysfs, which shows the network namespace that it was
// mounted in, below the control groups that are there.
func ownSysfs() error {
	const aside = "/dev/shm"
	return errors.Join(syscall.Mount(cgroupRoot, aside, "", syscall.MS_BIND|syscall.MS_REC, ""),
		syscall.Mount("sysfs", "/sys", "sysfs", 0, ""),
		syscall.Mount(aside, cgroupRoot, "", syscall.MS_BIND|syscall.MS_REC, ""),
		syscall.Unmount(aside, syscall.MNT_DETACH))
}

// giveDevices makes a /dev as a container has it, which belongs to its root.
func giveDevices(root string) error {
	dev := filepath.Join(root, "dev")
	owner := fmt.Sprintf("mode=755,uid=%d,gid=%d", firstID, firstID)
	if err := syscall.Mount("tmpfs", dev, "tmpfs", 0, owner); err != nil {
		return &os.PathError{Op: "mount", Path: dev, Err: err}
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty", "fuse"} {
		at := filepath.Join(dev, name)
		if !exists("/dev/" + name) {
			continue
		}
		if err := os.WriteFile(at, nil, 0o644); err != nil {
			return err
		}
		if err := syscall.Mount("/dev/"+name, at, "", syscall.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "bind", Path: at, Err: err}
		}
	}
	for _, m := range []struct{ name, kind, data string }{
		{"pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=" + strconv.Itoa(firstID+5)},
		{"shm", "tmpfs", "mode=1777"},
	} {
		at := filepath.Join(dev, m.name)
		if err := errors.Join(os.Mkdir(at, 0o755), syscall.Mount(m.kind, at, m.kind, 0, m.data)); err != nil {
			return err
		}
	}
	return errors.Join(os.Symlink("pts/ptmx", filepath.Join(dev, "ptmx")),
		os.Symlink("/proc/self/fd", filepath.Join(dev, "fd")), os.Chown(filepath.Join(root, "run"), firstID, firstID))
}

// cover covers what Docker covers. In the user namespace these mounts
// cannot be taken away, so the kernel refuses a procfs or sysfs that would show more.
func cover(root string) error {
	for _, p := range dockerMasked {
		at := filepath.Join(root, p)
		info, err := os.Stat(at)
		if err != nil {
			continue
		}
		if info.IsDir() {
			err = syscall.Mount("tmpfs", at, "tmpfs", syscall.MS_RDONLY, "")
		} else {
			err = syscall.Mount("/dev/null", at, "", syscall.MS_BIND, "")
		}
		if err != nil {
			return &os.PathError{Op: "cover", Path: at, Err: err}
		}
	}
	return nil
}

// show binds a directory of the host; in a user namespace with its owners.
func (r *run) show(source, target string) error {
	if !r.row.user {
		return bind(source, target)
	}
	return shifted(source, target)
}

// Numbers and flags that the standard library has no names for; the numbers
// are the same on all architectures.
const (
	sysOpenTree     = 428
	sysMoveMount    = 429
	sysMountSetattr = 442

	atFdcwd            = ^uintptr(99)
	atEmptyPath        = 0x1000
	openTreeClone      = 1
	moveMountEmptyPath = 4
	mountAttrIdmap     = 0x100000
)

// shifted binds source to target with each owner's ID raised by firstID, so
// that it shows in the user namespace as it is outside.
func shifted(source, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	from, _ := syscall.BytePtrFromString(source)
	to, _ := syscall.BytePtrFromString(target)
	none, _ := syscall.BytePtrFromString("")
	tree, _, e := syscall.Syscall(sysOpenTree, atFdcwd, uintptr(unsafe.Pointer(from)), openTreeClone|syscall.O_CLOEXEC)
	if e != 0 {
		return &os.PathError{Op: "open_tree", Path: source, Err: e}
	}
	defer syscall.Close(int(tree))
	attr := struct{ set, clear, propagation, userns uint64 }{set: mountAttrIdmap, userns: idsFile}
	_, _, e = syscall.Syscall6(sysMountSetattr, tree, uintptr(unsafe.Pointer(none)), atEmptyPath,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if e != 0 {
		return &os.PathError{Op: "mount_setattr", Path: source, Err: e}
	}
	_, _, e = syscall.Syscall6(sysMoveMount, tree, uintptr(unsafe.Pointer(none)), atFdcwd,
		uintptr(unsafe.Pointer(to)), moveMountEmptyPath, 0)
	if e != 0 {
		return &os.PathError{Op: "move_mount", Path: target, Err: e}
	}
	return nil
}

// userNamespace is one with the IDs of idMap. It lasts as long as the file. It
// is made outside of the other namespaces: where /proc has the numbers of other
// processes, no map can be written.
func userNamespace() (*os.File, error) {
	open, wait, err := gate()
	if err != nil {
		return nil, err
	}
	defer open.Close()
	cmd, err := again("sandbox-ids", &run{})
	if err != nil {
		return nil, err
	}
	cmd.Stdin = wait
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: idMap(), GidMappings: idMap(),
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer cmd.Wait()
	defer open.Close()
	wait.Close()
	return os.Open(fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid))
}
