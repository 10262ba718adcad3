package main

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

const defaultStore = "/var/lib/cni/networks"

// isolate gives the calling goroutine's thread, and the plugins it starts, a mount namespace in which the default store is a
// link that place.lend() turns: a configuration may have lost its dataDir. The goroutine keeps its thread.
func isolate() error {
	runtime.LockOSThread()
	if err := os.MkdirAll(filepath.Dir(defaultStore), 0o755); err != nil {
		return err
	}
	if err := syscall.Unshare(syscall.CLONE_FS | syscall.CLONE_NEWNS); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	return syscall.Mount("none", filepath.Dir(defaultStore), "tmpfs", 0, "")
}

// lend makes the default store a directory of this place.
func (p *place) lend() error {
	if err := os.Remove(defaultStore); err != nil && !os.IsNotExist(err) {
		return err
	}
	dir := filepath.Join(p.data, "default")
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	return os.Symlink(dir, defaultStore)
}
