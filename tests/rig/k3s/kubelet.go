package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// kubeletDefaults is the file 00-k3s-defaults.conf. failCgroupV1 is not in it,
// as it is not in k3s's: on cgroup v1 a kubelet >= 1.35 needs a drop-in of the
// user's next to this file.
const kubeletDefaults = `address: %[1]s
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 2m0s
    enabled: true
  x509:
    clientCAFile: %[2]s/client-ca.crt
authorization:
  mode: Webhook
  webhook:
    cacheAuthorizedTTL: 5m0s
    cacheUnauthorizedTTL: 30s
cgroupDriver: cgroupfs
clusterDNS:
- %[3]s
clusterDomain: %[4]s
containerRuntimeEndpoint: unix://%[5]s
cpuManagerReconcilePeriod: 10s
evictionHard:
  imagefs.available: 15%%
  nodefs.available: 15%%
evictionMinimumReclaim:
  imagefs.available: 20%%
  nodefs.available: 20%%
evictionPressureTransitionPeriod: 5m0s
failSwapOn: false
fileCheckFrequency: 20s
healthzBindAddress: 127.0.0.1
httpCheckFrequency: 20s
imageMinimumGCAge: 2m0s
kind: KubeletConfiguration
nodeStatusReportFrequency: 5m0s
nodeStatusUpdateFrequency: 10s
protectKernelDefaults: %[6]t
resolvConf: %[7]s
runtimeRequestTimeout: 2m0s
serializeImagePulls: false
staticPodPath: %[2]s/pod-manifests
streamingConnectionIdleTimeout: 4h0m0s
syncFrequency: 1m0s
tlsCertFile: %[2]s/serving-kubelet.crt
tlsPrivateKeyFile: %[2]s/serving-kubelet.key
volumeStatsAggPeriod: 1m0s
`

// kubeletArgs writes the configuration and returns the flags.
func (s *server) kubeletArgs() ([]string, error) {
	agent := filepath.Join(s.o.DataDir, "agent")
	confDir := filepath.Join(agent, "etc/kubelet.conf.d")
	kubeletRoot, runtimeRoot, controllers := checkCgroups()
	if !controllers["pids"] {
		return nil, errors.New("prepare default kubelet configuration: pids cgroup controller not found")
	}
	text := fmt.Sprintf(kubeletDefaults, s.listenAddress(), agent, s.clusterDNS, s.o.ClusterDomain,
		s.runtimeSocket(), s.o.ProtectKern, s.resolvConf())
	if !controllers["cpu"] {
		warnf("Disabling CPU quotas due to missing cpu controller or cpu.cfs_period_us")
		text += "cpuCFSQuota: false\n"
	}
	if kubeletRoot != "" {
		text += "kubeletCgroups: " + kubeletRoot + "\n"
	}
	taints, err := taintsYAML(splitList(s.o.NodeTaint))
	if err != nil {
		return nil, fmt.Errorf("failed to parse node taints: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(agent, "pod-manifests"), 0o750); err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(confDir, "00-k3s-defaults.conf"), text+taints, 0o600); err != nil {
		return nil, err
	}
	extra, err := takeConfigArgs(confDir, s.o.KubeletArgs)
	if err != nil {
		return nil, err
	}
	args := map[string]string{
		"config-dir":        confDir,
		"kubeconfig":        filepath.Join(agent, "kubelet.kubeconfig"),
		"read-only-port":    "0",
		"hostname-override": s.pki.nodeName,
		"node-ip":           joinIPs(s.pki.nodeIPs),
		"node-labels":       strings.Join(splitList(s.o.NodeLabel), ","),
		"containerd":        s.runtimeSocket(),
	}
	if runtimeRoot != "" {
		args["runtime-cgroups"] = runtimeRoot
	}
	return mergeArgs(args, extra), nil
}

// takeConfigArgs copies a kubelet configuration named by --kubelet-arg into
// the drop-in directory, under the names that k3s reserves for it.
func takeConfigArgs(confDir string, extra []string) ([]string, error) {
	os.Remove(filepath.Join(confDir, "10-cli-config.conf"))
	os.RemoveAll(filepath.Join(confDir, "20-cli-config-dir"))
	var rest []string
	for _, e := range extra {
		name, value, _ := strings.Cut(strings.TrimLeft(e, "-"), "=")
		var err error
		switch {
		case strings.HasPrefix(value, confDir):
		case name == "config":
			err = copyFile(value, filepath.Join(confDir, "10-cli-config.conf"))
		case name == "config-dir":
			err = os.CopyFS(filepath.Join(confDir, "20-cli-config-dir"), os.DirFS(value))
		default:
			rest = append(rest, e)
		}
		if err != nil {
			return nil, fmt.Errorf("prepare user kubelet configuration drop-ins: copy %s %q into managed drop-in dir %q: %w", name, value, confDir, err)
		}
	}
	return rest, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	return writeFile(to, string(b), 0o600)
}

func taintsYAML(taints []string) (string, error) {
	if len(taints) == 0 {
		return "", nil
	}
	out := "registerWithTaints:\n"
	for _, t := range taints {
		rest, effect, ok := strings.Cut(t, ":")
		if !ok {
			return "", fmt.Errorf("invalid taint spec: %v", t)
		}
		key, value, _ := strings.Cut(rest, "=")
		out += fmt.Sprintf("- effect: %s\n  key: %s\n  value: %q\n", effect, key, value)
	}
	return out, nil
}

func joinIPs(ips []net.IP) string {
	var s []string
	for _, ip := range ips {
		s = append(s, ip.String())
	}
	return strings.Join(s, ",")
}

func (s *server) runtimeSocket() string {
	if s.o.CRIEndpoint != "" {
		return strings.TrimPrefix(s.o.CRIEndpoint, "unix://")
	}
	return s.node.Containerd.Address
}

func (s *server) listenAddress() string {
	if s.o.BindAddress != "" {
		return s.o.BindAddress
	}
	return "0.0.0.0"
}

// resolvConf is the first file whose nameservers a pod could reach too.
func (s *server) resolvConf() string {
	if s.o.ResolvConf != "" {
		return s.o.ResolvConf
	}
	for _, f := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		if usableResolvConf(f) {
			return f
		}
	}
	made := filepath.Join(s.o.DataDir, "agent/etc/resolv.conf")
	if err := writeFile(made, "nameserver 8.8.8.8\n", 0o600); err != nil {
		errorf("Failed to write %s: %v", made, err)
		return ""
	}
	warnf("Host resolv.conf includes loopback, multicast, or link-local nameservers - kubelet will use autogenerated resolv.conf with nameserver 8.8.8.8")
	return made
}

var nameserver = regexp.MustCompile(`(?m)^nameserver\s+(\S*)`)

func usableResolvConf(path string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	found := nameserver.FindAllStringSubmatch(string(text), -1)
	for _, m := range found {
		if ip := net.ParseIP(m[1]); ip == nil || !ip.IsGlobalUnicast() {
			return false
		}
	}
	return len(found) > 0
}
