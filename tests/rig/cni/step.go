package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// A scenario is a store and a row of calls. Texts may hold @D@ (the data directory) and @T@ (a directory for other files).
type scenario struct {
	Name   string            `json:"name,omitempty"`
	Plugin string            `json:"plugin,omitempty"`
	Pre    map[string]string `json:"pre"`
	Steps  []step            `json:"steps"`
}

type step struct {
	Env   map[string]string `json:"env"`
	Stdin string            `json:"stdin"`
	Enc   string            `json:"stdin_encoding,omitempty"`
	// what was recorded; empty in scenarios of the fuzzer
	RC     int             `json:"rc,omitempty"`
	Stdout string          `json:"stdout,omitempty"`
	Stderr string          `json:"stderr,omitempty"`
	Files  map[string]file `json:"files,omitempty"`
}

type file struct {
	Mode string `json:"mode"`
	Data string `json:"data"`
}

type outcome struct {
	rc             int
	stdout, stderr string
	files          map[string]file
}

// A place to run a scenario in, of constant name length so that messages compare.
type place struct{ dir, data string }

func newPlace() (*place, error) {
	dir, err := os.MkdirTemp("", "cni-")
	if err != nil {
		return nil, err
	}
	p := &place{dir, filepath.Join(dir, "data")}
	return p, os.Mkdir(p.data, 0o755)
}

func (p *place) free() { os.RemoveAll(p.dir) }
func (p *place) fill(s string) string {
	return strings.NewReplacer("@D@", p.data, "@T@", p.dir).Replace(s)
}
func (p *place) hide(s string) string {
	return strings.NewReplacer(p.data, "@D@", p.dir, "@T@").Replace(s)
}

func (p *place) prepare(s *scenario) error {
	for name, text := range s.Pre {
		path := p.fill(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) files() map[string]file {
	m := map[string]file{}
	filepath.Walk(p.data, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			data = []byte("unreadable: " + err.Error())
		}
		rel, _ := filepath.Rel(p.data, path)
		m[rel] = file{fmt.Sprintf("0o%o", info.Mode().Perm()), string(data)}
		return nil
	})
	return m
}

// run calls a plugin with exactly the step's environment.
func (p *place) run(program, compat string, s *step) (*outcome, error) {
	cmd := exec.Command(program)
	cmd.Dir = p.dir // relative directories stay in the place
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for k, v := range s.Env {
		cmd.Env = append(cmd.Env, k+"="+p.fill(v))
	}
	if compat != "" {
		cmd.Env = append(cmd.Env, "K3SBOX_CNI_COMPAT="+compat)
	}
	stdin := p.fill(s.Stdin)
	if s.Enc == "latin-1" { // the text stands for bytes of the same numbers
		b := []byte{}
		for _, r := range stdin {
			b = append(b, byte(r))
		}
		stdin = string(b)
	}
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	late.Stop()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return &outcome{cmd.ProcessState.ExitCode(), p.hide(stdout.String()), p.hide(stderr.String()), p.files()}, nil
}

// differ tells the first thing in which two outcomes differ; stderr only if asked for (Go's log lines carry times).
func differ(want, got *outcome, stderr bool) string {
	switch {
	case want.rc != got.rc:
		return fmt.Sprintf("exit status: want %d, got %d (%s)", want.rc, got.rc, got.stdout+got.stderr)
	case want.stdout != got.stdout:
		return fmt.Sprintf("stdout:\n--- want\n%s\n--- got\n%s", want.stdout, got.stdout)
	case stderr && want.stderr != got.stderr:
		return fmt.Sprintf("stderr:\n--- want\n%s\n--- got\n%s", want.stderr, got.stderr)
	}
	names := map[string]bool{}
	for n := range want.files {
		names[n] = true
	}
	for n := range got.files {
		names[n] = true
	}
	sorted := []string{}
	for n := range names {
		sorted = append(sorted, n)
	}
	sort.Strings(sorted)
	for _, n := range sorted {
		w, inW := want.files[n]
		g, inG := got.files[n]
		if inW != inG || w != g {
			return fmt.Sprintf("file %s: want %v %q, got %v %q", n, inW, w, inG, g)
		}
	}
	return ""
}
