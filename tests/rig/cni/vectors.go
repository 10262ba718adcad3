package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func load(path string) ([]*scenario, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list := []*scenario{}
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		s := &scenario{}
		if err := json.Unmarshal(in.Bytes(), s); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, s)
	}
	return list, in.Err()
}

// Where the newest release (built here from its module) and ours by default are meant to differ, by scenario.
var better = map[string]string{
	"no-command":          "says who it is",
	"store-empty-lease":   "an address whose lease is empty belongs to nobody and is given out",
	"alloc-empty-lease":   "the same",
	"loopback-prevresult": "",
}

// Where the newest semantics answer the recorded runs of 1.1.1 otherwise than by layout (sorted keys, no empty dns), file
// mode (0600) and the list of versions (1.1.0).
var newer = map[string]string{
	"gc":                  "there is a GC now; 1.0.0 does not allow it",
	"json-version-110":    "1.1.0 is supported",
	"range-route-mtu":     "mtu, advmss and priority of routes are kept",
	"id-dash-first":       "ids are checked with the environment, before standard input",
	"bogus-command":       "",
	"loopback-prevresult": "prevResult is printed as the newest library prints",
}

func runVectors(o *options) error {
	list, err := load(o.vectors)
	if err != nil {
		return err
	}
	netns := "k3sboxvec"
	if out, err := exec.Command("ip", "netns", "add", netns).CombinedOutput(); err != nil && !strings.Contains(string(out), "exists") {
		return fmt.Errorf("ip netns add: %s", out)
	}
	defer exec.Command("ip", "netns", "del", netns).Run()
	failed, steps, asNewest, asBetter := 0, 0, 0, 0
	complain := func(what, name string, i int, why string) {
		failed++
		fmt.Printf("%s: %s, step %d: %s\n", what, name, i, why)
	}
	for _, s := range list {
		recorded, err := runScenario(s, filepath.Join(o.ours, s.Plugin), "1.1.1")
		if err != nil {
			return err
		}
		for i, got := range recorded {
			st := &s.Steps[i]
			want := &outcome{st.RC, st.Stdout, st.Stderr, st.Files}
			steps++
			if s.Plugin == "loopback" || want.files == nil {
				got.files = want.files
			}
			if why := differ(want, got, true); why != "" && !sameSet(want, got) {
				complain("not as recorded", s.Name, i, why)
			}
		}
		if o.newest == "" {
			continue
		}
		want, err := runScenario(s, filepath.Join(o.newest, s.Plugin), "")
		if err != nil {
			return err
		}
		got, err := runScenario(s, filepath.Join(o.ours, s.Plugin), "1.9.1")
		if err != nil {
			return err
		}
		plus, err := runScenario(s, filepath.Join(o.ours, s.Plugin), "")
		if err != nil {
			return err
		}
		for i := range want {
			asNewest++
			if why := differ(want[i], got[i], true); why != "" && !sameSet(want[i], got[i]) {
				complain("not as 1.9.1", s.Name, i, why)
			}
			blankLock(plus[i])
			why := differ(want[i], plus[i], true)
			if why != "" && sameSet(want[i], plus[i]) {
				why = ""
			}
			if why == "" {
				asBetter++
			} else if better[s.Name] == "" {
				complain("neither as 1.9.1 nor in the table", s.Name, i, why)
			}
		}
	}
	fmt.Printf("%d scenarios, %d steps as Debian's 1.1.1 recorded, %d as 1.9.1 answers, %d of these by default too; %d wrong\n",
		len(list), steps, asNewest, asBetter, failed)
	if failed > 0 {
		return fmt.Errorf("%d differences", failed)
	}
	return nil
}

func runScenario(s *scenario, program, compat string) ([]*outcome, error) {
	p, err := newPlace()
	if err != nil {
		return nil, err
	}
	defer p.free()
	if err := p.prepare(s); err != nil {
		return nil, err
	}
	all := []*outcome{}
	for i := range s.Steps {
		out, err := p.run(program, compat, &s.Steps[i])
		if err != nil {
			return nil, err
		}
		all = append(all, out)
	}
	return all, nil
}

// Our lock file notes the boot by default; upstream's is empty and nobody reads it.
func blankLock(o *outcome) {
	for n, f := range o.files {
		if filepath.Base(n) == "lock" && len(f.Data) == 37 {
			o.files[n] = file{f.Mode, ""}
		}
	}
}

// Upstream keeps requested addresses in a map: which of them it takes is by chance.
func sameSet(a, b *outcome) bool {
	const msg = "failed to allocate all requested IPs:"
	return a.rc == b.rc && strings.Contains(a.stdout, msg) && strings.Contains(b.stdout, msg)
}
