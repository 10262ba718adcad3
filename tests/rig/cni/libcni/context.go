//go:build !libcni060

package main

import "context"

var commands = []command{
	{"ADD", func(n *network) error {
		result, err := n.cni.AddNetworkList(context.Background(), n.list, n.runtime)
		if err == nil {
			err = result.Print()
		}
		return err
	}},
	{"CHECK", func(n *network) error { return n.cni.CheckNetworkList(context.Background(), n.list, n.runtime) }},
	{"DEL", func(n *network) error { return n.cni.DelNetworkList(context.Background(), n.list, n.runtime) }},
}
