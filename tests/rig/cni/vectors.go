package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// Where the default answer differs from the recorded one of 1.1.1 by more than every answer does (see everywhere), and why. Each
// row must be needed.
var otherwise = map[string]string{
	"no-command":        "better: says that it is k3sbox's",
	"store-empty-lease": "better: a lease that was left empty has no owner and is handed out",
	"gc":                "1.9.1: there is a GC now, which 1.0.0 does not allow",
	"json-version-110":  "1.9.1: 1.1.0 is supported",
	"range-route-mtu":   "1.9.1: mtu, advmss and priority of routes are kept",
}

// What differs everywhere: keys sorted and an empty dns left out from 1.0.0 on (cni 1.2), leases 0600 instead of 0644, 1.1.0 among
// the versions (all 1.9.1), the boot's name in the lock file (better).
func everywhere(o *outcome) *outcome {
	c := &outcome{o.rc, strings.NewReplacer(`,"1.1.0"`, "", `"cniVersion":"1.1.0"`, `"cniVersion":"1.0.0"`, ` \"1.1.0\"`, "").Replace(o.stdout),
		strings.Replace(o.stderr, ", 1.1.0", "", 1), map[string]file{}}
	var m map[string]any
	if json.Unmarshal([]byte(c.stdout), &m) == nil {
		if dns, ok := m["dns"].(map[string]any); ok && len(dns) == 0 {
			delete(m, "dns")
		}
		text, _ := json.Marshal(m)
		c.stdout = string(text)
	}
	for n, f := range o.files {
		c.files[n] = file{strings.Replace(f.Mode, "0o644", "0o600", 1), f.Data}
	}
	return c
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
	failed, steps, asNewest, asBetter, asRecorded := 0, 0, 0, 0, 0
	needed := map[string]bool{}
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
		// They were recorded in the plugin's own namespace, which the newer ones refuse at the end of every ADD and DEL.
		lenient := *s
		lenient.Steps = append([]step{}, s.Steps...)
		for i := range lenient.Steps {
			env := map[string]string{"CNI_NETNS_OVERRIDE": "1"}
			maps.Copy(env, s.Steps[i].Env)
			lenient.Steps[i].Env = env
		}
		instead, err := runScenario(&lenient, filepath.Join(o.ours, s.Plugin), "")
		if err != nil {
			return err
		}
		for i := range want {
			asNewest++
			if why := differ(want[i], got[i], true); why != "" && !sameSet(want[i], got[i]) {
				complain("not as 1.9.1", s.Name, i, why)
			}
			blankLock(plus[i])
			want[i].stdout = lastDocument(want[i].stdout)
			why := differ(want[i], plus[i], true)
			if why != "" && sameSet(want[i], plus[i]) {
				why = ""
			}
			if why == "" {
				asBetter++
			} else if !strings.HasPrefix(otherwise[s.Name], "better: ") {
				complain("neither as 1.9.1 nor in the table", s.Name, i, why)
			}
			st := &s.Steps[i]
			rec := &outcome{st.RC, st.Stdout, st.Stderr, st.Files}
			blankLock(instead[i])
			if rec.files == nil {
				instead[i].files = nil
			}
			if why := differ(everywhere(rec), everywhere(instead[i]), true); why == "" || sameSet(rec, instead[i]) {
				asRecorded++
			} else if needed[s.Name] = true; otherwise[s.Name] == "" {
				complain("neither as recorded nor in the table", s.Name, i, why)
			}
		}
	}
	for name, why := range otherwise {
		if !needed[name] && o.newest != "" {
			complain("in the table without need", name, 0, why)
		}
	}
	fmt.Printf("%d scenarios, %d steps as Debian's 1.1.1 recorded; by default %d the same but for what is new everywhere; %d as 1.9.1 answers, "+
		"%d of these by default too; %d wrong\n", len(list), steps, asRecorded, asNewest, asBetter, failed)
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

// Our lock file notes the boot and the machine by default; upstream's is empty and never read.
func blankLock(o *outcome) {
	for n, f := range o.files {
		if filepath.Base(n) == "lock" && strings.HasPrefix(f.Data, "boot ") && len(f.Data) == 42+17 {
			o.files[n] = file{f.Mode, ""}
		}
	}
}

// Upstream prints the error about the namespace after the result, which cannot be parsed; by default ours prints the error alone.
func lastDocument(stdout string) string {
	if i := strings.Index(stdout, "}{\n    \"code\": 8,"); i >= 0 {
		return stdout[i+1:]
	}
	return stdout
}

// Upstream keeps requested addresses in a map: if a range set has two of them, which one it takes is by chance, and so is whether
// that one is to be had or the other is left over. Both ways the call fails.
func sameSet(a, b *outcome) bool {
	const left = "failed to allocate all requested IPs:"
	fails := func(o *outcome) bool {
		return strings.Contains(o.stdout, left) || strings.Contains(o.stdout, ": requested I") || strings.Contains(o.stdout, ": requested i")
	}
	if a.rc != b.rc || !fails(a) || !fails(b) {
		return false
	}
	x, y := requested.FindString(a.stdout), requested.FindString(b.stdout)
	return strings.Contains(a.stdout+b.stdout, left) || lastField(x) != lastField(y)
}

var requested = regexp.MustCompile(`requested (?:ip|IP address) \S+`)

func lastField(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }
