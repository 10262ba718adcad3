package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a component may take to leave after SIGTERM.
const stopGrace = 5 * time.Second

// component is one upstream part running as a child.
type component struct {
	name string
	cmd  *exec.Cmd
	gone chan struct{}
}

// supervisor starts components and hears of the first one that dies.
type supervisor struct {
	mu       sync.Mutex
	running  map[string]*component
	stopping bool
	died     chan error
	starts   chan func()
}

func newSupervisor() *supervisor {
	s := &supervisor{
		running: map[string]*component{},
		died:    make(chan error, 1),
		starts:  make(chan func()),
	}
	go s.startLoop()
	return s
}

// startLoop owns the one thread that forks: the kernel sends the parent-death
// signal when the forking thread ends, not when the process does.
func (s *supervisor) startLoop() {
	runtime.LockOSThread()
	for f := range s.starts {
		f()
	}
}

// start runs the named part with flags; out nil means our own standard error,
// where k3s's in-process components log too.
func (s *supervisor) start(name, dir string, args, env []string, out io.Writer) error {
	path, err := lookPath(name)
	if err != nil {
		return err
	}
	if out == nil {
		out = os.Stderr
	}
	cmd := exec.Command(path, args...)
	cmd.Args[0] = name
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, out, out
	if _, ok := out.(*complaint); ok {
		cmd.Stderr = os.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil
	}
	started := make(chan error)
	s.starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c := &component{name, cmd, make(chan struct{})}
	s.running[name] = c
	go s.wait(c)
	return nil
}

func (s *supervisor) wait(c *component) {
	err := c.cmd.Wait()
	close(c.gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, c.name)
	if s.stopping {
		return
	}
	if why, ok := c.cmd.Stdout.(*complaint); ok && err != nil && why.Len() > 0 {
		err = errors.New(strings.TrimSpace(why.String()))
	}
	if err == nil {
		err = exitCode(0)
	}
	s.report(shutdownRequest{fmt.Errorf("%s exited: %w", logName(c.name), err)})
}

// complaint, as the output of a component, is what it died of; its log goes to
// standard error all the same.
type complaint struct{ bytes.Buffer }

// shutdownRequest is an error that k3s reports from the background; any other
// one is returned by its start and goes straight to the fatal line.
type shutdownRequest struct{ error }

// logName is what k3s calls the component when it reports its end.
func logName(part string) string {
	switch part {
	case "kube-apiserver", "kube-controller-manager", "kube-scheduler":
		return strings.TrimPrefix(part, "kube-")
	case "flanneld":
		return "flannel"
	}
	return part
}

// fail asks for an orderly shutdown because of an error; the first one counts.
func (s *supervisor) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.report(err)
	}
}

func (s *supervisor) report(err error) {
	select {
	case s.died <- err:
	default:
	}
}

// stop ends the components, clients before servers. Shims and pods are no
// children of ours and stay, as with k3s.
func (s *supervisor) stop() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	for _, group := range [][]string{
		{"flanneld", "kubelet", "kube-proxy", "kube-scheduler", "kube-controller-manager"},
		{"kube-apiserver"}, {"kine", "containerd"},
	} {
		s.stopGroup(group)
	}
}

func (s *supervisor) stopGroup(names []string) {
	var group []*component
	s.mu.Lock()
	for _, n := range names {
		if c := s.running[n]; c != nil {
			group = append(group, c)
			c.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	s.mu.Unlock()
	late := time.After(stopGrace)
	for _, c := range group {
		select {
		case <-c.gone:
		case <-late:
			c.cmd.Process.Kill()
			<-c.gone
		}
	}
}

// childEnv is ours without what only k3s itself may use.
func childEnv() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if name != "NOTIFY_SOCKET" && !strings.HasPrefix(name, "CONTAINERD_") && name != "_K3S_LOG_REEXEC_" {
			env = append(env, e)
		}
	}
	return env
}

// plainLog turns kine's coloured lines into the form of all others: in k3s it
// shares the process and so the log format.
type plainLog struct{ rest []byte }

var coloured = regexp.MustCompile("^\x1b\\[[0-9;]*m([A-Z]+)\x1b\\[0m\\[[^\\]]*\\] ?(.*)$")

func (p *plainLog) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, ok := bytes.Cut(p.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		p.rest = append([]byte(nil), rest...)
		if m := coloured.FindSubmatch(line); m != nil {
			logf(levels[string(m[1])], "%s", strings.TrimSpace(string(m[2])))
		} else {
			fmt.Fprintf(os.Stderr, "%s\n", line)
		}
	}
}

var levels = map[string]string{"INFO": "info", "WARN": "warning", "ERRO": "error", "FATA": "fatal", "DEBU": "debug"}

// mergeArgs puts the user's flags over the defaults, the way k3s does: a flag
// replaces the default of the same name, `name+=v` appends to it, `name-=v`
// goes in front, and repeated user flags are all passed on.
func mergeArgs(defaults map[string]string, extra []string) []string {
	replaced := map[string]bool{}
	var tail []string
	for _, e := range extra {
		name, value, _ := strings.Cut(strings.TrimLeft(e, "-"), "=")
		switch {
		case strings.HasSuffix(name, "+"):
			name = strings.TrimSuffix(name, "+")
			defaults[name] += value
		case strings.HasSuffix(name, "-"):
			name = strings.TrimSuffix(name, "-")
			defaults[name] = value + defaults[name]
		default:
			replaced[name] = true
			tail = append(tail, "--"+strings.TrimLeft(e, "-"))
		}
	}
	var args []string
	for _, name := range sortedKeys(defaults) {
		if !replaced[name] {
			args = append(args, "--"+name+"="+defaults[name])
		}
	}
	return append(args, tail...)
}
