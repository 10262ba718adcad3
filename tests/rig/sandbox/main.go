// Command sandbox runs one command in one of the rig's environments and leaves
// nothing behind: no process, namespace, mount, cgroup or file.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// environment is one row of the table in ../README.md.
type environment struct {
	name, what string
	start      func(*run) (*exec.Cmd, error)
	old        bool // Debian's runsc instead of the rig's
	cgroup     bool // a cgroup file system is mounted
	route      bool // there is a default route
	ownRoot    bool // the root is --root and nothing else
	docker     bool // no capabilities but Docker's default ones
	admin      bool // CAP_SYS_ADMIN, NET_ADMIN and SYS_PTRACE too
	runc       bool // started by runc, not by runsc
	user       bool // root of a user namespace with 65,536 IDs
	masked     bool // and parts of /proc and /sys are covered there
}

var environments = []environment{
	{name: "E1", what: "native Linux in namespaces of its own", start: startNative, cgroup: true, route: true},
	{name: "E2", what: "gVisor, systrap", start: startOCI, cgroup: true, route: true},
	{name: "E3", what: "gVisor without cgroups and default route", start: startOCI},
	{name: "E4", what: "Debian's gVisor of 2022, ptrace, host network stack", start: startOCI, old: true, cgroup: true, route: true},
	{name: "E5", what: "a container with Docker's default capabilities", start: startOCI, cgroup: true, route: true, docker: true, runc: true},
	{name: "E6", what: "gVisor over a given root, the command is process 1", start: startOCI, cgroup: true, route: true, ownRoot: true},
	{name: "E8", what: "an unprivileged LXC container: root of a user namespace", start: startNative, cgroup: true, route: true, user: true},
	{name: "E8M", what: "E8 with parts of /proc and /sys covered", start: startNative, cgroup: true, route: true, user: true, masked: true},
	{name: "E9", what: "E5 with CAP_SYS_ADMIN, NET_ADMIN and SYS_PTRACE", start: startOCI, cgroup: true, route: true, docker: true, admin: true, runc: true},
	{name: "E10", what: "gVisor, Docker's default capabilities", start: startOCI, cgroup: true, route: true, docker: true},
	{name: "E11", what: "E10 without cgroups", start: startOCI, route: true, docker: true},
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// run is one invocation; it is also what stages after a re-exec are told.
type run struct {
	Env, ID, Host, Root, Dir string
	Share, Set               list
	Command                  []string
	Net                      network

	row environment
}

func main() {
	// every stage changes namespaces of its thread, so there must be only one
	runtime.LockOSThread()
	status, err := stage()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		if status == 0 {
			status = 125
		}
	}
	os.Exit(status)
}

// stage is chosen by the name that the program calls itself by.
func stage() (int, error) {
	switch os.Args[0] {
	case "sandbox-native":
		return nativeStage()
	case "sandbox-user":
		return userStage()
	case "sandbox-ids":
		os.Stdin.Read(make([]byte, 1))
		return 0, nil
	case "sandbox-oci":
		return ociStage()
	case "sandbox-reaper":
		return reaperStage()
	}
	r, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 2, err
	}
	return r.execute()
}

func parse(args []string) (*run, error) {
	r := new(run)
	set := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	set.StringVar(&r.Env, "env", "E1", "environment")
	set.StringVar(&r.Host, "name", "sandbox", "host name inside; runs of one name do not collide")
	set.StringVar(&r.Root, "root", "", "root directory (E6)")
	set.Var(&r.Share, "share", "directory that stays the host's, writes included (repeatable)")
	set.Var(&r.Set, "set", "VAR=VALUE for the command's environment (repeatable)")
	set.Usage = func() {
		fmt.Fprintln(set.Output(), "usage: sandbox [--env E] [--name N] [--share DIR]... [--set VAR=VAL]... [--root DIR] -- CMD...")
		set.PrintDefaults()
		for _, e := range environments {
			fmt.Fprintf(set.Output(), "  %s  %s\n", e.name, e.what)
		}
	}
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	r.Command = set.Args()
	return r, r.check()
}

func (r *run) check() error {
	for _, e := range environments {
		if e.name == r.Env {
			r.row = e
		}
	}
	switch {
	case r.row.name == "":
		return fmt.Errorf("no environment %q", r.Env)
	case len(r.Command) == 0:
		return errors.New("no command")
	case r.row.ownRoot != (r.Root != ""):
		return errors.New("--root belongs to E6, and E6 needs it")
	case os.Getuid() != 0:
		return errors.New("needs root")
	}
	var err error
	if r.Root != "" {
		if r.Root, err = filepath.Abs(r.Root); err != nil {
			return err
		}
	}
	for i := range r.Share {
		if r.Share[i], err = filepath.Abs(r.Share[i]); err != nil {
			return err
		}
	}
	return nil
}

// execute makes what the run needs, runs it, and has the reaper clean up.
func (r *run) execute() (int, error) {
	id := make([]byte, 4)
	rand.Read(id)
	r.ID = "rig-" + hex.EncodeToString(id)
	var err error
	if r.Dir, err = os.MkdirTemp("", r.ID+"-"); err != nil {
		return 0, err
	}
	reaper, err := startReaper(r)
	if err != nil {
		os.RemoveAll(r.Dir)
		return 0, err
	}
	defer reaper.finish()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1)
	if r.Net, err = makeNetwork(r.ID, r.row.route); err != nil {
		return 0, err
	}
	cmd, err := r.row.start(r)
	if err != nil {
		return 0, err
	}
	return r.wait(cmd, signals)
}

// wait returns the command's status; a signal ends the whole run at once, but
// SIGUSR1 sends the command a SIGTERM, as `docker stop` would.
func (r *run) wait(cmd *exec.Cmd, signals chan os.Signal) (int, error) {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return statusOf(err)
		case sig := <-signals:
			if tool, args := runtimeTool(r); sig == syscall.SIGUSR1 && tool != "" {
				exec.Command(tool, append(args, "kill", r.ID, "TERM")...).Run()
				continue
			}
			killContainer(r)
			cmd.Process.Kill()
			<-done
			return 128 + int(sig.(syscall.Signal)), nil
		}
	}
}

func statusOf(err error) (int, error) {
	var exit *exec.ExitError
	if err == nil {
		return 0, nil
	}
	if !errors.As(err, &exit) {
		return 125, err
	}
	if st := exit.Sys().(syscall.WaitStatus); st.Signaled() {
		return 128 + int(st.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// environ is what a command finds everywhere: nothing of the caller's leaks.
func (r *run) environ() []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "TERM=" + os.Getenv("TERM"),
		// the only way to learn them where nothing but the command is inside
		"RIG_ENV=" + r.Env, "RIG_IP=" + r.Net.Guest, "RIG_HOST_IP=" + r.Net.Host,
	}
	return append(env, r.Set...)
}

// part finds a file that `make rig` has put next to this program.
func part(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}
