// Command kube is the control plane, the kubelet, kube-proxy, kine,
// metrics-server and the clients in one binary: they share nearly all of their
// code, so one link instead of nine. The name it is called by chooses the part.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/k3s-io/kine/pkg/app"
	"github.com/spf13/cobra"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	sched "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app/cmd"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
	metrics "sigs.k8s.io/metrics-server/cmd/metrics-server/app"
)

func main() {
	n := filepath.Base(os.Args[0])
	var c *cobra.Command
	switch n {
	case "kube-apiserver":
		c = apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		c = kcm.NewControllerManagerCommand()
	case "kube-scheduler":
		c = sched.NewSchedulerCommand()
	case "kube-proxy":
		c = proxy.NewProxyCommand()
	case "kubelet":
		c = kubelet.NewKubeletCommand(context.Background())
	case "kubectl":
		c = kubectl.NewDefaultKubectlCommand()
	case "kubeadm":
		c = kubeadm.NewKubeadmCommand(os.Stdin, os.Stdout, os.Stderr)
	case "metrics-server":
		c = metrics.NewMetricsServerCommand(server.SetupSignalHandler())
	case "kine":
		if err := app.New().Run(os.Args); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	default:
		fmt.Println("unknown", n)
		os.Exit(2)
	}
	os.Exit(cli.Run(c))
}
