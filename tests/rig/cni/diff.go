package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A way to compare. Each runs upstream's plugin in one place and something of ours in another.
type mode struct {
	name   string
	newest bool   // upstream's release
	compat string // ours
	mixed  bool   // ours and upstream's take turns on one store
}

var modes = []mode{
	{name: "as 1.1.1", compat: "1.1.1"},
	{name: "as 1.9.1", newest: true, compat: "1.9.1"},
	{name: "default", newest: true},
	{name: "in turns", newest: true, mixed: true},
}

// What is better by default differs on purpose: such steps are not compared.
func meantToDiffer(p *place, s *step) bool {
	switch s.Env["CNI_COMMAND"] {
	case "", "GC", "STATUS":
		return true
	}
	for n, f := range p.files() {
		if f.Data == "" && filepath.Base(n) != "lock" {
			return true // an empty lease
		}
	}
	return false
}

type tally struct {
	sync.Mutex
	scenarios, steps, skipped, ok int
	differences                   []string
}

// compare runs a scenario in one mode; the answer is the first difference.
func compare(o *options, s *scenario, m mode, t *tally) (string, error) {
	theirs, err := newPlace()
	if err != nil {
		return "", err
	}
	defer theirs.free()
	mine, err := newPlace()
	if err != nil {
		return "", err
	}
	defer mine.free()
	if err := theirs.prepare(s); err != nil {
		return "", err
	}
	if err := mine.prepare(s); err != nil {
		return "", err
	}
	peer := filepath.Join(o.debian, s.Plugin)
	if m.newest {
		peer = filepath.Join(o.newest, s.Plugin)
	}
	turns := rand.New(rand.NewPCG(uint64(len(s.Steps)), uint64(len(s.Steps[0].Stdin))))
	for i := range s.Steps {
		st := &s.Steps[i]
		if m.compat == "" && meantToDiffer(theirs, st) {
			t.count(1, 1, 0)
			return "", nil
		}
		if err := theirs.lend(); err != nil {
			return "", err
		}
		want, err := theirs.run(peer, "", st)
		if err != nil {
			return "", err
		}
		if want.rc == 2 && strings.Contains(want.stderr, "goroutine") {
			t.count(1, 1, 0) // upstream crashed; after that the stores differ
			return "", nil
		}
		program := filepath.Join(o.ours, s.Plugin)
		if m.mixed && turns.IntN(2) == 0 {
			program = peer
		}
		if err := mine.lend(); err != nil {
			return "", err
		}
		got, err := mine.run(program, m.compat, st)
		if err != nil {
			return "", err
		}
		if m.compat == "" {
			blankLock(got)
			want.stdout, got.stdout = lastDocument(want.stdout), lastDocument(got.stdout)
		}
		why := differ(want, got, false)
		if why != "" && (sameSet(want, got) || requestsSeveral(st) && bothRefuse(want, got) || m.compat == "1.1.1" && (sameNumbers(want, got) || shortNumbers(st))) {
			t.count(1, 1, 0)
			return "", nil
		}
		if why != "" {
			return fmt.Sprintf("%s, step %d: %s", m.name, i, why), nil
		}
		ok := 0
		if want.rc == 0 {
			ok = 1
		}
		t.count(1, 0, ok)
	}
	return "", nil
}

func (t *tally) count(steps, skipped, ok int) {
	t.Lock()
	t.steps += steps
	t.skipped += skipped
	t.ok += ok
	t.Unlock()
}

// shrink leaves out steps and files as long as the scenario still shows a difference.
func shrink(o *options, s *scenario, m mode) *scenario {
	shows := func(c *scenario) bool {
		why, err := compare(o, c, m, &tally{})
		return err == nil && why != ""
	}
	for i := 0; i < len(s.Steps) && len(s.Steps) > 1; {
		c := *s
		c.Steps = append(append([]step{}, s.Steps[:i]...), s.Steps[i+1:]...)
		if shows(&c) {
			s = &c
		} else {
			i++
		}
	}
	for name := range s.Pre {
		c := *s
		c.Pre = map[string]string{}
		for n, v := range s.Pre {
			if n != name {
				c.Pre[n] = v
			}
		}
		if shows(&c) {
			s = &c
		}
	}
	return s
}

func (t *tally) take(o *options, s *scenario) error {
	for _, m := range modes {
		if m.newest && o.newest == "" {
			continue
		}
		why, err := compare(o, s, m, t)
		if err != nil {
			return err
		}
		if why == "" {
			continue
		}
		small := shrink(o, s, m)
		again, _ := compare(o, small, m, &tally{})
		if again == "" {
			again = why + "\n(not seen again)"
		}
		text, _ := json.Marshal(small)
		t.Lock()
		t.differences = append(t.differences, fmt.Sprintf("scenario %s, %s\n%s", s.Name, again, text))
		if o.keep != "" {
			if f, err := os.OpenFile(o.keep, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
				f.Write(append(text, '\n'))
				f.Close()
			}
		}
		t.Unlock()
	}
	t.Lock()
	t.scenarios++
	t.Unlock()
	return nil
}

func runDiff(o *options) error {
	t := &tally{}
	var list []*scenario
	if o.corpus != "" {
		var err error
		if list, err = load(o.corpus); err != nil {
			return err
		}
	}
	kept := len(list)
	work := make(chan *scenario)
	done := make(chan error, o.workers)
	for range o.workers {
		go func() {
			if err := isolate(); err != nil {
				done <- err
				for range work {
				}
				return
			}
			for s := range work {
				if err := t.take(o, s); err != nil {
					done <- err
					for range work {
					}
					return
				}
			}
			done <- nil
		}()
	}
	for _, s := range list {
		work <- s
	}
	seed := o.seed
	for end := time.Now().Add(o.time); time.Now().Before(end); seed++ {
		t.Lock()
		enough := len(t.differences) >= 10
		t.Unlock()
		if enough {
			break
		}
		work <- generate(seed)
	}
	close(work)
	for range o.workers {
		if err := <-done; err != nil {
			return err
		}
	}
	for _, d := range t.differences {
		fmt.Println(d)
	}
	fmt.Printf("%d scenarios (%d kept, seeds %d to %d), %d steps, %d of them successes, %d left out; %d differences\n", t.scenarios, kept,
		o.seed, seed-1, t.steps, t.ok, t.skipped, len(t.differences))
	if len(t.differences) > 0 {
		return fmt.Errorf("%d differences", len(t.differences))
	}
	return nil
}

// Which of several requested addresses upstream takes is by chance (sameSet), and so is how far it comes before it fails.
var severalIPs = regexp.MustCompile(`"ips"\s*:\s*\[[^\]]*,|"ips"(?s:.*)"ips"`)

func requestsSeveral(s *step) bool {
	return severalIPs.MatchString(s.Stdin) || strings.Contains(s.Stdin, `"ips"`) && strings.Contains(s.Env["CNI_ARGS"], "IP=")
}

func bothRefuse(a, b *outcome) bool {
	const msg = "failed to allocate"
	return a.rc == b.rc && strings.Contains(a.stdout, msg) && strings.Contains(b.stdout, msg)
}

// 1.1.1 counts addresses in as few bytes as they need: one of 0.0.0.0/8 comes out with three, and is none.
func shortNumbers(s *step) bool { return strings.Contains(s.Stdin, `"0.`) }

// 1.1.1 compares the addresses of a range as numbers even where the families differ, and so may complain of its other end.
func sameNumbers(a, b *outcome) bool {
	const msg = " not in network "
	return a.rc == b.rc && strings.Contains(a.stdout, msg) && strings.Contains(b.stdout, msg)
}

func runExport(o *options) error {
	for _, a := range flag.Args() {
		seed, err := strconv.ParseUint(a, 10, 64)
		if err != nil {
			return err
		}
		text, err := json.Marshal(generate(seed))
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	return nil
}
