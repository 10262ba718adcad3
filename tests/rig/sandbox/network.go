package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// network is a namespace with one veth pair to the host.
type network struct {
	Namespace, Link, Host, Guest string
}

const (
	netPrefix = "10.213."
	lastNet   = 254
)

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// makeNetwork takes the first free subnet: creating the link is atomic, so the
// link's number is the lock that keeps parallel runs apart.
func makeNetwork(id string, route bool) (network, error) {
	n := network{Namespace: id}
	if err := ip("netns", "add", id); err != nil {
		return n, err
	}
	var err error
	for i := 1; i <= lastNet; i++ {
		n.Link = fmt.Sprintf("rig%d", i)
		n.Host, n.Guest = fmt.Sprintf("%s%d.1", netPrefix, i), fmt.Sprintf("%s%d.2", netPrefix, i)
		if err = ip("link", "add", n.Link, "type", "veth", "peer", "name", "eth0", "netns", id); err == nil {
			break
		}
	}
	if err != nil {
		return n, err
	}
	steps := [][]string{
		{"addr", "add", n.Host + "/24", "dev", n.Link},
		{"link", "set", n.Link, "up"},
		{"-n", id, "link", "set", "lo", "up"},
		{"-n", id, "addr", "add", n.Guest + "/24", "dev", "eth0"},
		{"-n", id, "link", "set", "eth0", "up"},
	}
	if route {
		steps = append(steps, []string{"-n", id, "route", "add", "default", "via", n.Host})
	}
	for _, s := range steps {
		if err := ip(s...); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (n network) path() string { return "/var/run/netns/" + n.Namespace }
