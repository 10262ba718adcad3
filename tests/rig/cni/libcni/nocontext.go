//go:build libcni060

// libcni 0.6.0 takes no context and has no CHECK.
package main

var commands = []command{
	{"ADD", func(n *network) error {
		result, err := n.cni.AddNetworkList(n.list, n.runtime)
		if err == nil {
			err = result.Print()
		}
		return err
	}},
	{"DEL", func(n *network) error { return n.cni.DelNetworkList(n.list, n.runtime) }},
}
