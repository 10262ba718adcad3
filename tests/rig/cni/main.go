// Command cni drives the CNI applets the way runtimes do and compares them with the upstream plugins, step by step.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"
)

type options struct {
	ours, debian, newest string // directories with host-local, loopback and noop in them
	vectors, corpus      string
	seed                 uint64
	time                 time.Duration
	workers              int
	keep                 string
}

var commands = map[string]struct {
	run  func(*options) error
	help string
}{
	"vectors":  {runVectors, "replay the recorded runs of Debian's host-local, byte for byte, and explain newer semantics"},
	"diff":     {runDiff, "random scenarios against both upstream releases; -time 1h for a long run"},
	"runtime":  {runRuntime, "libcni and go-cni drive conflists of noop and host-local"},
	"export":   {runExport, "print the scenarios of the seeds that are given as arguments, for the corpus"},
	"parallel": {runParallel, "200 ADD and DEL at once, mixed with Debian's host-local, on one store"},
}

func main() {
	o := &options{}
	flag.StringVar(&o.ours, "ours", "", "directory with k3sbox's applets")
	flag.StringVar(&o.debian, "debian", "/usr/lib/cni", "directory with Debian's plugins (1.1.1)")
	flag.StringVar(&o.newest, "newest", "", "directory with the newest upstream plugins (1.9.1)")
	flag.StringVar(&o.vectors, "vectors", "", "recorded runs, one JSON object a line")
	flag.StringVar(&o.corpus, "corpus", "", "scenarios that were of use once, one JSON object a line")
	flag.Uint64Var(&o.seed, "seed", 1, "of the first random scenario")
	flag.DurationVar(&o.time, "time", 20*time.Second, "how long to go on")
	flag.IntVar(&o.workers, "workers", 2, "scenarios at once")
	flag.StringVar(&o.keep, "keep", "", "append scenarios that differ to this file")
	if len(os.Args) < 2 || commands[os.Args[1]].run == nil {
		fmt.Fprintln(os.Stderr, "usage: cni COMMAND [OPTION…]")
		names := []string{}
		for n := range commands {
			names = append(names, n)
		}
		sort.Strings(names)
		for _, n := range names {
			fmt.Fprintf(os.Stderr, "  %-9s %s\n", n, commands[n].help)
		}
		os.Exit(100)
	}
	flag.CommandLine.Parse(os.Args[2:])
	for _, dir := range []*string{&o.ours, &o.debian, &o.newest} {
		if abs, err := filepath.Abs(*dir); err == nil && *dir != "" {
			*dir = abs
		}
	}
	if err := commands[os.Args[1]].run(o); err != nil {
		fmt.Fprintln(os.Stderr, "cni "+os.Args[1]+":", err)
		os.Exit(1)
	}
}
