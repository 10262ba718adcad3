// Command flanneld is flannel the way k3s embeds it (pkg/agent/flannel): the
// kube subnet manager, one backend, iptables. It is built from flannel's
// packages and not from flannel's own command, which also needs a cloud
// vendor's SDK.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	_ "github.com/flannel-io/flannel/pkg/backend/wireguard"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	"github.com/flannel-io/flannel/pkg/trafficmngr/iptables"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	annotations = "flannel.alpha.coreos.com"
	subnetFile  = "/run/flannel/subnet.env"
	// k3s's own periods, in seconds
	masqResync    = 60
	forwardResync = 50
)

// settings are what k3s hands over inside its process.
type settings struct{ kubeconfig, netConf, iface, node string }

func main() {
	var s settings
	flag.StringVar(&s.kubeconfig, "kubeconfig", "", "credentials that may list nodes and patch their status")
	flag.StringVar(&s.netConf, "net-conf", "", "flannel's configuration (net-conf.json)")
	flag.StringVar(&s.iface, "iface", "", "interface to use (default: the one with the default route)")
	flag.StringVar(&s.node, "node-name", "", "name of this node")
	flag.Parse()
	// the subnet manager takes the name from there
	os.Setenv("NODE_NAME", s.node)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
		// whoever started this puts it into words
		fmt.Println(err)
		os.Exit(1)
	}
}

func logf(level, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "time=%q level=%s msg=%q\n", time.Now().Format(time.RFC3339), level, fmt.Sprintf(format, args...))
}

func run(ctx context.Context, s settings) error {
	if err := waitForPodCIDR(ctx, s); err != nil {
		return fmt.Errorf("flannel failed to wait for PodCIDR assignment: %w", err)
	}
	logf("info", "Flannel found PodCIDR assigned for node %s", s.node)
	external, err := externalInterface(s.iface)
	if err != nil {
		return fmt.Errorf("failed to find the interface: %w", err)
	}
	manager, err := kube.NewSubnetManager(ctx, "", s.kubeconfig, annotations, s.netConf, false)
	if err != nil {
		return fmt.Errorf("failed to create the SubnetManager: %w", err)
	}
	config, err := manager.GetNetworkConfig(ctx)
	if err != nil {
		return fmt.Errorf("failed to get the network config: %w", err)
	}
	kind, err := backend.NewManager(ctx, manager, external).GetBackend(config.BackendType)
	if err != nil {
		return fmt.Errorf("failed to create the flannel backend: %w", err)
	}
	var background sync.WaitGroup
	network, err := kind.RegisterNetwork(ctx, &background, config)
	if err != nil {
		return fmt.Errorf("failed to register flannel network: %w", err)
	}
	rules := &iptables.IPTablesManager{}
	if err := rules.Init(ctx); err != nil {
		return fmt.Errorf("failed to initialize flannel ipTables manager: %w", err)
	}
	before := readSubnetFile()
	err = rules.SetupAndEnsureMasqRules(ctx, config.Network, before["FLANNEL_SUBNET"], before["FLANNEL_NETWORK"],
		ip.IP6Net{}, ip.IP6Net{}, ip.IP6Net{}, network.Lease(), masqResync, false)
	if err != nil {
		return fmt.Errorf("failed to setup masq rules: %w", err)
	}
	rules.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, forwardResync)
	lease := network.Lease()
	if err := manager.HandleSubnetFile(subnetFile, config, true, lease.Subnet, lease.IPv6Subnet, network.MTU()); err != nil {
		logf("warning", "Failed to write flannel subnet file: %v", err)
	} else {
		logf("info", "Wrote flannel subnet file to %s", subnetFile)
	}
	logf("info", "Running flannel backend.")
	network.Run(ctx)
	return ctx.Err()
}

// waitForPodCIDR also waits until the credentials may list nodes: their role
// is made while this starts.
func waitForPodCIDR(ctx context.Context, s settings) error {
	const pause = 100 * time.Millisecond
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	only := metav1.ListOptions{FieldSelector: "metadata.name=" + s.node}
	for {
		nodes, err := client.CoreV1().Nodes().List(ctx, only)
		if err == nil && len(nodes.Items) == 1 && nodes.Items[0].Spec.PodCIDR != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func externalInterface(name string) (*backend.ExternalInterface, error) {
	iface, err := ip.GetDefaultGatewayInterface()
	if name != "" {
		iface, err = net.InterfaceByName(name)
	}
	if err != nil {
		return nil, err
	}
	addrs, err := ip.GetInterfaceIP4Addrs(iface)
	if err != nil {
		return nil, fmt.Errorf("failed to find IPv4 address for interface %s: %w", iface.Name, err)
	}
	if iface.MTU == 0 {
		return nil, fmt.Errorf("failed to determine MTU for %s interface", iface.Name)
	}
	logf("info", "The interface %s with ipv4 address %s will be used by flannel", iface.Name, addrs[0])
	return &backend.ExternalInterface{Iface: iface, IfaceAddr: addrs[0], ExtAddr: addrs[0]}, nil
}

// readSubnetFile is what an earlier run left: its masquerading rules go when
// they no longer fit.
func readSubnetFile() map[string]ip.IP4Net {
	found := map[string]ip.IP4Net{}
	f, err := os.Open(subnetFile)
	if err != nil {
		return found
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		key, value, _ := strings.Cut(in.Text(), "=")
		if _, cidr, err := net.ParseCIDR(value); err == nil && cidr.IP.To4() != nil {
			found[key] = ip.FromIPNet(cidr)
		}
	}
	return found
}
