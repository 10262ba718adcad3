package main

import (
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

// reexec forks the real server off where k3s does so too: as process 1, to
// reap what shims leave behind, and with --log, to catch all output.
func reexec(o *options) error {
	init := os.Getpid() == 1
	toFile := o.Log != "" && os.Getenv("_K3S_LOG_REEXEC_") == ""
	if !init && !toFile {
		return nil
	}
	out := os.Stderr
	if toFile {
		f, err := logFile(o)
		if err != nil {
			return err
		}
		out = f
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// the parent-death signal follows the thread that forks
	runtime.LockOSThread()
	child, err := os.StartProcess(self, os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), "_K3S_LOG_REEXEC_=true"),
		Files: []*os.File{os.Stdin, out, out},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
	})
	if err != nil {
		return err
	}
	forwardSignals(child)
	os.Exit(reapUntil(child.Pid))
	return nil
}

// logFile opens --log; with --alsologtostderr a pipe copies to both.
func logFile(o *options) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(o.Log), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil || !o.AlsoLog {
		return f, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go io.Copy(io.MultiWriter(f, os.Stderr), r)
	return w, nil
}

// reapUntil reaps every child until the given one is gone; its status is ours.
func reapUntil(pid int) int {
	for {
		var st syscall.WaitStatus
		got, err := syscall.Wait4(-1, &st, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1
		case got == pid && st.Signaled():
			return 128 + int(st.Signal())
		case got == pid:
			return st.ExitStatus()
		}
	}
}

func forwardSignals(to *os.Process) {
	c := make(chan os.Signal, 2)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for sig := range c {
			to.Signal(sig)
		}
	}()
}
