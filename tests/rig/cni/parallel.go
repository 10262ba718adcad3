package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
)

const parallelConf = `{"cniVersion":"0.4.0","name":"n","ipam":{"type":"host-local","subnet":"10.88.0.0/23","dataDir":"@D@"}}`

func call(command, id string) *step {
	return &step{Env: map[string]string{"CNI_COMMAND": command, "CNI_CONTAINERID": id, "CNI_IFNAME": "eth0", "CNI_NETNS": "/nonexistent",
		"CNI_PATH": "/usr/lib/cni"}, Stdin: parallelConf}
}

// runParallel fills a store by 200 processes at once, every other one Debian's; then adds and removes at once.
func runParallel(o *options) error {
	p, err := newPlace()
	if err != nil {
		return err
	}
	defer p.free()
	var mu sync.Mutex
	given := map[string]string{} // address → id
	problems := []string{}
	complain := func(format string, a ...interface{}) { problems = append(problems, fmt.Sprintf(format, a...)) }
	one := func(command, id, dir string) {
		out, err := p.run(filepath.Join(dir, "host-local"), "", call(command, id))
		mu.Lock()
		defer mu.Unlock()
		if err != nil || out.rc != 0 {
			complain("%s %s: %v %v", command, id, err, out)
			return
		}
		if command == "DEL" {
			for a, owner := range given {
				if owner == id {
					delete(given, a)
				}
			}
			return
		}
		var r struct{ IPs []struct{ Address string } }
		if err := json.Unmarshal([]byte(out.stdout), &r); err != nil || len(r.IPs) != 1 {
			complain("ADD %s: %v %s", id, err, out.stdout)
			return
		}
		a := strings.TrimSuffix(r.IPs[0].Address, "/23")
		if was, ok := given[a]; ok {
			complain("%s given to %s and to %s", a, was, id)
		}
		given[a] = id
	}
	type job struct{ command, id string }
	phase := func(name string, jobs []job) {
		var wg sync.WaitGroup
		for i, j := range jobs {
			dir := o.ours
			if i%2 == 1 {
				dir = o.debian
			}
			wg.Add(1)
			go func() {
				defer wg.Done()
				one(j.command, j.id, dir)
			}()
		}
		wg.Wait()
		stored := map[string]string{}
		for n, f := range p.files() {
			if base := filepath.Base(n); strings.HasPrefix(base, "10.") {
				stored[base] = strings.TrimSuffix(f.Data, "\r\neth0")
			}
		}
		for a, id := range given {
			if stored[a] != id {
				complain("%s: %s is %s's, the store says %q", name, a, id, stored[a])
			}
		}
		if len(stored) != len(given) {
			complain("%s: %d leases, %d given", name, len(stored), len(given))
		}
	}
	first, mixed, last := []job{}, []job{}, []job{}
	for i := range 200 {
		first = append(first, job{"ADD", fmt.Sprint("a", i)})
	}
	phase("ADD", first)
	for i := range 100 {
		mixed = append(mixed, job{"DEL", fmt.Sprint("a", 2*i)}, job{"DEL", fmt.Sprint("a", 2*i)}, job{"ADD", fmt.Sprint("b", i)},
			job{"ADD", fmt.Sprint("c", i)})
	}
	// a DEL may not come to its second time after the address went to another container: ids never return, so it cannot
	phase("ADD and DEL", mixed)
	for a := range given {
		last = append(last, job{"DEL", given[a]})
	}
	phase("DEL", last)
	fmt.Printf("%d processes, %d problems\n", len(first)+len(mixed)+len(last), len(problems))
	for _, s := range problems {
		fmt.Println(s)
	}
	return expect(len(problems) == 0, "%d problems", len(problems))
}
