package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	gocni "github.com/containerd/go-cni"
	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
)

// What the checks share: directories, a network namespace, libcni.
type rig struct {
	o     *options
	p     *place
	netns string
	lib   *libcni.CNIConfig
	ctx   context.Context
}

func (r *rig) list(text string) (*libcni.NetworkConfigList, error) {
	return libcni.ConfListFromBytes([]byte(r.p.fill(text)))
}

func (r *rig) conf(id string) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{ContainerID: id, NetNS: r.netns, IfName: "eth0",
		Args: [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", "default"}, {"K8S_POD_NAME", id}},
		CapabilityArgs: map[string]interface{}{
			"portMappings": []map[string]interface{}{{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}},
			"bandwidth":    map[string]interface{}{"ingressRate": 1000, "ingressBurst": 1000},
		}}
}

// The leases in the store, by address.
func (r *rig) leases(network string) map[string]string {
	m := map[string]string{}
	for name, f := range r.p.files() {
		if dir, base := filepath.Split(name); dir == network+"/" && base != "lock" && !strings.HasPrefix(base, "last_reserved_ip.") {
			m[base] = f.Data
		}
	}
	return m
}

func expect(ok bool, format string, a ...interface{}) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, a...)
}

const noopList = `{"cniVersion":"%s","name":"pods","plugins":[{"type":"noop","capabilities":{"portMappings":true,"bandwidth":true},
	"ipam":{"type":"host-local","ranges":[[{"subnet":"10.77.0.0/29"}]],"routes":[{"dst":"0.0.0.0/0"}],"dataDir":"@D@"}}]}`

func (r *rig) add(l *libcni.NetworkConfigList, id string) (*current.Result, error) {
	res, err := r.lib.AddNetworkList(r.ctx, l, r.conf(id))
	if err != nil {
		return nil, err
	}
	return current.NewResultFromResult(res)
}

// ADD, the cached result, CHECK, a second ADD, DEL twice, in one version.
func lifecycle(v string) func(*rig) error {
	return func(r *rig) error {
		l, err := r.list(fmt.Sprintf(noopList, v))
		if err != nil {
			return err
		}
		one, err := r.add(l, "pod-1")
		if err != nil {
			return err
		}
		two, err := r.add(l, "pod-2")
		if err != nil {
			return err
		}
		if len(one.IPs) != 1 || len(two.IPs) != 1 || one.IPs[0].Address.String() == two.IPs[0].Address.String() {
			return fmt.Errorf("addresses: %v and %v", one.IPs, two.IPs)
		}
		if v > "0.2.0" && (len(one.Interfaces) != 1 || one.Interfaces[0].Name != "eth0" || one.Interfaces[0].Sandbox != r.netns) {
			return fmt.Errorf("interfaces: %v", one.Interfaces)
		}
		cached, err := r.lib.GetNetworkListCachedResult(l, r.conf("pod-1"))
		if err != nil {
			return fmt.Errorf("cached result: %w", err)
		}
		if cached == nil || cached.Version() != v {
			return fmt.Errorf("cached result is %v", cached)
		}
		if v >= "0.4.0" {
			if err := r.lib.CheckNetworkList(r.ctx, l, r.conf("pod-1")); err != nil {
				return fmt.Errorf("CHECK: %w", err)
			}
		}
		if _, err := r.add(l, "pod-1"); err == nil || !strings.Contains(err.Error(), "has been allocated to pod-1, duplicate") {
			return fmt.Errorf("second ADD: %v", err)
		}
		for _, id := range []string{"pod-1", "pod-1", "pod-2", "unknown"} {
			if err := r.lib.DelNetworkList(r.ctx, l, r.conf(id)); err != nil {
				return fmt.Errorf("DEL %s: %w", id, err)
			}
		}
		return expect(len(r.leases("pods")) == 0, "leases are left: %v", r.leases("pods"))
	}
}

// CHECK tells when what ADD gave is gone.
func checkTells(r *rig) error {
	l, err := r.list(fmt.Sprintf(noopList, "1.0.0"))
	if err != nil {
		return err
	}
	res, err := r.add(l, "pod-1")
	if err != nil {
		return err
	}
	name := filepath.Join(r.p.data, "pods", res.IPs[0].Address.IP.String())
	if err := os.WriteFile(name, []byte("other\r\neth0"), 0o600); err != nil {
		return err
	}
	err = r.lib.CheckNetworkList(r.ctx, l, r.conf("pod-1"))
	return expect(err != nil && strings.Contains(err.Error(), "pod-1"), "CHECK of a lost lease: %v", err)
}

func garbage(r *rig) error {
	l, err := r.list(fmt.Sprintf(noopList, "1.1.0"))
	if err != nil {
		return err
	}
	for _, id := range []string{"a", "b", "c"} {
		if _, err := r.add(l, id); err != nil {
			return err
		}
	}
	// a lease that no cache knows of, as a crash of the runtime leaves it
	if err := os.WriteFile(filepath.Join(r.p.data, "pods", "10.77.0.6"), []byte("lost\r\neth0"), 0o600); err != nil {
		return err
	}
	err = r.lib.GCNetworkList(r.ctx, l, &libcni.GCArgs{ValidAttachments: []types.GCAttachment{{ContainerID: "b", IfName: "eth0"}}})
	if err != nil {
		return err
	}
	left := r.leases("pods")
	if len(left) != 1 || left["10.77.0.3"] != "b\r\neth0" {
		return fmt.Errorf("left after GC: %q", left)
	}
	if err := r.lib.GCNetworkList(r.ctx, l, &libcni.GCArgs{}); err != nil {
		return err
	}
	return expect(len(r.leases("pods")) == 0, "left after GC of everything: %q", r.leases("pods"))
}

func status(r *rig) error {
	l, err := r.list(fmt.Sprintf(noopList, "1.1.0"))
	if err != nil {
		return err
	}
	if err := r.lib.GetStatusNetworkList(r.ctx, l); err != nil {
		return err
	}
	for i := range 5 {
		if _, err := r.add(l, fmt.Sprint("pod-", i)); err != nil {
			return err
		}
	}
	err = r.lib.GetStatusNetworkList(r.ctx, l)
	var e *types.Error
	return expect(errors.As(err, &e) && e.Code == 50, "STATUS of a full network: %v", err)
}

// The runtime asks for VERSION of every plugin; of several versions in the list it takes the highest.
func negotiation(r *rig) error {
	l, err := r.list(strings.Replace(fmt.Sprintf(noopList, "0.3.1"), `"name"`, `"cniVersions":["0.4.0","1.0.0"],"name"`, 1))
	if err != nil {
		return err
	}
	if _, err := r.lib.ValidateNetworkList(r.ctx, l); err != nil {
		return err
	}
	res, err := r.lib.AddNetworkList(r.ctx, l, r.conf("pod-1"))
	if err != nil {
		return err
	}
	if err := expect(res.Version() == "1.0.0", "version is %s", res.Version()); err != nil {
		return err
	}
	info, err := r.lib.GetVersionInfo(r.ctx, "loopback")
	if err != nil {
		return err
	}
	return expect(len(info.SupportedVersions()) == 7, "loopback supports %v", info.SupportedVersions())
}

// A second noop passes on what the first one gave; addresses may come from a plugin of another name, found by CNI_PATH.
func chain(r *rig) error {
	if err := os.Symlink(filepath.Join(r.o.newest, "host-local"), filepath.Join(r.p.dir, "addresses")); err != nil {
		return err
	}
	r.lib.Path = append(r.lib.Path, r.p.dir)
	l, err := r.list(`{"cniVersion":"1.1.0","name":"pods","plugins":[{"type":"noop","ipam":{"type":"addresses",
		"ranges":[[{"subnet":"10.77.0.0/29"}],[{"subnet":"fd77::/64"}]],"dataDir":"@D@"}},{"type":"noop"}]}`)
	if err != nil {
		return err
	}
	res, err := r.add(l, "pod-1")
	if err != nil {
		return err
	}
	if len(res.IPs) != 2 || res.IPs[1].Address.String() != "fd77::2/64" || res.IPs[1].Interface == nil || len(res.Interfaces) != 1 {
		return fmt.Errorf("result: %+v", res)
	}
	if err := r.lib.CheckNetworkList(r.ctx, l, r.conf("pod-1")); err != nil {
		return err
	}
	if _, err := r.add(l, "pod-1"); err == nil || !strings.Contains(err.Error(), "duplicate allocation") {
		return fmt.Errorf("an IPAM plugin's error: %v", err)
	}
	if err := r.lib.DelNetworkList(r.ctx, l, r.conf("pod-1")); err != nil {
		return err
	}
	if err := expect(len(r.leases("pods")) == 0, "leases: %v", r.leases("pods")); err != nil {
		return err
	}
	l, err = r.list(`{"cniVersion":"1.0.0","name":"pods","plugins":[{"type":"noop","ipam":{"type":"not-there"}}]}`)
	if err != nil {
		return err
	}
	_, err = r.add(l, "pod-1")
	return expect(err != nil && strings.Contains(err.Error(), `failed to find plugin "not-there" in path [`), "no such plugin: %v", err)
}

// containerd's way: lo and the network, with what CRI passes.
func containerdWay(r *rig) error {
	c, err := gocni.New(gocni.WithMinNetworkCount(2), gocni.WithPluginDir([]string{r.o.ours}), gocni.WithPluginConfDir(r.p.dir), gocni.WithInterfacePrefix("eth"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.p.dir, "10-pods.conflist"), []byte(r.p.fill(fmt.Sprintf(noopList, "1.0.0"))), 0o644); err != nil {
		return err
	}
	if err := c.Load(gocni.WithLoNetwork, gocni.WithDefaultConf); err != nil {
		return err
	}
	if err := c.Status(); err != nil {
		return err
	}
	opts := []gocni.NamespaceOpts{gocni.WithLabels(map[string]string{"K8S_POD_NAME": "x", "IgnoreUnknown": "1"}),
		gocni.WithCapabilityPortMap([]gocni.PortMapping{{HostPort: 80, ContainerPort: 80, Protocol: "tcp"}}),
		gocni.WithCapabilityCgroupPath("/kubepods/x"), gocni.WithCapabilityDNS(gocni.DNS{Servers: []string{"1.1.1.1"}})}
	res, err := c.Setup(r.ctx, "sandbox-1", r.netns, opts...)
	if err != nil {
		return err
	}
	eth0, ok := res.Interfaces["eth0"]
	if !ok || len(eth0.IPConfigs) != 1 || eth0.IPConfigs[0].IP.String() != "10.77.0.2" {
		return fmt.Errorf("interfaces: %+v", res.Interfaces)
	}
	if _, ok := res.Interfaces["lo"]; !ok {
		return fmt.Errorf("interfaces: %+v", res.Interfaces)
	}
	out, err := exec.Command("ip", "netns", "exec", filepath.Base(r.netns), "cat", "/sys/class/net/lo/flags", "/proc/net/dev").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), "lo:") || strings.Contains(string(out), "eth0") {
		return fmt.Errorf("the namespace has %s", out)
	}
	if err := c.Remove(r.ctx, "sandbox-1", r.netns, opts...); err != nil {
		return err
	}
	return expect(len(r.leases("pods")) == 0, "leases: %v", r.leases("pods"))
}

func runRuntime(o *options) error {
	type check struct {
		name string
		run  func(*rig) error
	}
	checks := []check{}
	for _, v := range []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		checks = append(checks, check{"ADD, CHECK, DEL, cached result in " + v, lifecycle(v)})
	}
	checks = append(checks, check{"CHECK tells of a lost lease", checkTells}, check{"GC", garbage}, check{"STATUS", status},
		check{"version negotiation", negotiation}, check{"chain, other IPAM plugin", chain}, check{"go-cni", containerdWay})
	netns := fmt.Sprintf("k3sbox-cni-%d", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", netns).CombinedOutput(); err != nil {
		return fmt.Errorf("ip netns add: %s", out)
	}
	defer exec.Command("ip", "netns", "del", netns).Run()
	failed := 0
	for _, c := range checks {
		p, err := newPlace()
		if err != nil {
			return err
		}
		lib := libcni.NewCNIConfigWithCacheDir([]string{o.ours}, filepath.Join(p.dir, "cache"), nil)
		err = c.run(&rig{o, p, "/run/netns/" + netns, lib, context.Background()})
		p.free()
		if err != nil {
			failed++
			fmt.Printf("FAIL %s: %v\n", c.name, err)
			continue
		}
		fmt.Printf("PASS %s\n", c.name)
	}
	return expect(failed == 0, "%d failed", failed)
}
