// Command libcni adds a container to a network list, checks it and deletes it, as a runtime with this version of
// libcni does, and prints what came of each. cni.mk builds it once for each version.
package main

import (
	"fmt"
	"os"

	"github.com/containernetworking/cni/libcni"
)

type network struct {
	cni     *libcni.CNIConfig
	list    *libcni.NetworkConfigList
	runtime *libcni.RuntimeConf
}

type command struct {
	name string
	run  func(*network) error
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: libcni CONFLIST PLUGIN-DIRECTORY NETNS CONTAINER-ID")
		os.Exit(100)
	}
	list, err := libcni.ConfListFromFile(os.Args[1])
	if err != nil {
		fmt.Println("LOAD", err)
		os.Exit(1)
	}
	n := &network{
		cni:  &libcni.CNIConfig{Path: []string{os.Args[2]}},
		list: list,
		// What containerd's CRI plugin gives.
		runtime: &libcni.RuntimeConf{ContainerID: os.Args[4], NetNS: os.Args[3], IfName: "eth0", Args: [][2]string{
			{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", "default"}, {"K8S_POD_NAME", "p"},
		}},
	}
	status := 0
	for _, c := range commands {
		if err := c.run(n); err != nil {
			fmt.Println(c.name, "failed:", err)
			status = 1
		} else {
			fmt.Println(c.name, "done")
		}
	}
	os.Exit(status)
}
