package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// options is what the command line, the environment and the configuration
// files say together.
type options struct {
	Config, VModule, Log, BindAddress, AdvertiseAddress, DataDir   string
	ServiceNodePortRange, ClusterDomain, FlannelBackend, Egress    string
	FlannelIface, FlannelConf, FlannelCNIConf                      string
	Kubeconfig, KubeconfigMode, KubeconfigGroup, Token, TokenFile  string
	AgentToken, Server, DatastoreEndpoint, NodeName, CRIEndpoint   string
	DefaultRuntime, PauseImage, Snapshotter, ResolvConf, Registry  string
	SystemRegistry, LocalStorage, Ignored                          string
	HTTPSPort, V                                                   int
	Debug, AlsoLog, DisableAgent, DisableScheduler, DisableCCM     bool
	DisableKubeProxy, DisableNPC, DisableHelm, Docker, ProtectKern bool
	PreferBundled, SELinux, Rootless, IgnoredBool                  bool
	NoDefaultEndpoint                                              bool
	TLSSan, ClusterCIDR, ServiceCIDR, ClusterDNS, Disable          list
	NodeIP, NodeExternalIP, NodeLabel, NodeTaint                   list
	APIArgs, ControllerArgs, SchedulerArgs, KubeletArgs, ProxyArgs list
	IgnoredList                                                    list
}

// list is a flag that may be repeated; k3s splits none of them at the comma
// here, only where it uses them.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

// row is one flag. Flags that the stand-in knows but has no use for point at an
// Ignored field: they must be accepted where k3s accepts them.
type row struct {
	names  string // "data-dir,d"
	dest   any    // *string, *int, *bool or *list
	value  string // default
	env    string
	usage  string
	hidden bool
	agent  bool // also a flag of `agent`
}

const (
	adminKubeconfig = "/etc/rancher/k3s/k3s.yaml"
	defaultDataDir  = "/var/lib/rancher/k3s"
	configFile      = "/etc/rancher/k3s/config.yaml"
)

func rows(o *options) []row {
	return []row{
		{"config,c", &o.Config, configFile, "K3S_CONFIG_FILE", "(config) Load configuration from `FILE`", false, true},
		{"debug", &o.Debug, "", "K3S_DEBUG", "(logging) Turn on debug logs", false, true},
		{"v", &o.V, "0", "", "(logging) Number for the log level verbosity", false, true},
		{"vmodule", &o.VModule, "", "", "(logging) Comma-separated list of FILE_PATTERN=LOG_LEVEL settings", false, true},
		{"log,l", &o.Log, "", "", "(logging) Log to file", false, true},
		{"alsologtostderr", &o.AlsoLog, "", "", "(logging) Log to standard error as well as file (if set)", false, true},
		{"bind-address", &o.BindAddress, "", "", "(listener) k3s bind address (default: 0.0.0.0)", false, true},
		{"https-listen-port", &o.HTTPSPort, "6443", "", "(listener) HTTPS listen port", false, false},
		{"advertise-address", &o.AdvertiseAddress, "", "", "(listener) IPv4/IPv6 address that apiserver uses to advertise to members of the cluster (default: node-external-ip/node-ip)", false, false},
		{"advertise-port", &o.Ignored, "", "", "(listener) Port that apiserver uses to advertise to members of the cluster", false, false},
		{"tls-san", &o.TLSSan, "", "", "(listener) Add additional hostnames or addresses as Subject Alternative Names on the server TLS cert", false, false},
		{"tls-san-security", &o.IgnoredBool, "", "", "(listener) Protect the server TLS cert by refusing to add Subject Alternative Names", false, false},
		{"data-dir,d", &o.DataDir, "", "K3S_DATA_DIR", "(data) Folder to hold state (default: /var/lib/rancher/k3s or ${HOME}/.rancher/k3s if not root)", false, true},
		{"cluster-cidr", &o.ClusterCIDR, "", "", "(networking) IPv4/IPv6 network CIDRs to use for pod IPs (default: 10.42.0.0/16)", false, false},
		{"service-cidr", &o.ServiceCIDR, "", "", "(networking) IPv4/IPv6 network CIDRs to use for service IPs (default: 10.43.0.0/16)", false, false},
		{"service-node-port-range", &o.ServiceNodePortRange, "30000-32767", "", "(networking) Port range to reserve for services with NodePort visibility", false, false},
		{"cluster-dns", &o.ClusterDNS, "", "", "(networking) IPv4 Cluster IP for coredns service (default: 10.43.0.10)", false, false},
		{"cluster-domain", &o.ClusterDomain, "cluster.local", "", "(networking) Cluster Domain", false, false},
		{"flannel-backend", &o.FlannelBackend, "vxlan", "", "(networking) Backend (valid values: 'none', 'vxlan', 'host-gw', 'wireguard-native')", false, false},
		{"flannel-ipv6-masq", &o.IgnoredBool, "", "", "(networking) Enable IPv6 masquerading for pod", false, false},
		{"flannel-external-ip", &o.IgnoredBool, "", "", "(networking) Use node external IP addresses for Flannel traffic", false, false},
		{"egress-selector-mode", &o.Egress, "agent", "", "(networking) One of 'agent', 'cluster', 'pod', 'disabled'", false, false},
		{"servicelb-namespace", &o.Ignored, "", "", "(networking) Namespace of the pods for the servicelb component", false, false},
		{"write-kubeconfig,o", &o.Kubeconfig, "", "K3S_KUBECONFIG_OUTPUT", "(client) Write kubeconfig for admin client to this file", false, false},
		{"write-kubeconfig-mode", &o.KubeconfigMode, "", "K3S_KUBECONFIG_MODE", "(client) Write kubeconfig with this mode", false, false},
		{"write-kubeconfig-group", &o.KubeconfigGroup, "", "K3S_KUBECONFIG_GROUP", "(client) Write kubeconfig with this group", false, false},
		{"helm-job-image", &o.Ignored, "", "", "(helm) Default image to use for helm jobs", false, false},
		{"token,t", &o.Token, "", "K3S_TOKEN", "(cluster) Shared secret used to join a server or agent to a cluster", false, true},
		{"token-file", &o.TokenFile, "", "K3S_TOKEN_FILE", "(cluster) File containing the token", false, true},
		{"agent-token", &o.AgentToken, "", "K3S_AGENT_TOKEN", "(cluster) Shared secret used to join agents to the cluster, but not servers", false, false},
		{"server,s", &o.Server, "", "K3S_URL", "(cluster) Server to connect to, used to join a cluster", false, true},
		{"cluster-init", &o.IgnoredBool, "", "K3S_CLUSTER_INIT", "(cluster) Initialize a new cluster using embedded Etcd", false, false},
		{"kube-apiserver-arg", &o.APIArgs, "", "", "(flags) Customized flag for kube-apiserver process", false, false},
		{"etcd-arg", &o.IgnoredList, "", "", "(flags) Customized flag for etcd process", false, false},
		{"kube-controller-manager-arg", &o.ControllerArgs, "", "", "(flags) Customized flag for kube-controller-manager process", false, false},
		{"kube-scheduler-arg", &o.SchedulerArgs, "", "", "(flags) Customized flag for kube-scheduler process", false, false},
		{"kube-cloud-controller-manager-arg", &o.IgnoredList, "", "", "(flags) Customized flag for kube-cloud-controller-manager process", false, false},
		{"datastore-endpoint", &o.DatastoreEndpoint, "", "K3S_DATASTORE_ENDPOINT", "(db) Specify etcd, NATS, MySQL, Postgres, or SQLite (default) data source name", false, false},
		{"etcd-disable-snapshots", &o.IgnoredBool, "", "", "(db) Disable automatic etcd snapshots", false, false},
		{"default-local-storage-path", &o.LocalStorage, "", "", "(storage) Default local storage path for local provisioner storage class", false, false},
		{"disable", &o.Disable, "", "", "(components) Do not deploy packaged components and delete any deployed components (valid items: coredns, servicelb, traefik, local-storage, metrics-server, runtimes)", false, false},
		{"disable-scheduler", &o.DisableScheduler, "", "", "(components) Disable Kubernetes default scheduler", false, false},
		{"disable-cloud-controller", &o.DisableCCM, "", "", "(components) Disable k3s default cloud controller manager", false, false},
		{"disable-kube-proxy", &o.DisableKubeProxy, "", "", "(components) Disable running kube-proxy", false, false},
		{"disable-network-policy", &o.DisableNPC, "", "", "(components) Disable k3s default network policy controller", false, false},
		{"disable-helm-controller", &o.DisableHelm, "", "", "(components) Disable Helm controller", false, false},
		{"node-name", &o.NodeName, "", "K3S_NODE_NAME", "(agent/node) Node name", false, true},
		{"with-node-id", &o.IgnoredBool, "", "", "(agent/node) Append id to node name", false, true},
		{"node-label", &o.NodeLabel, "", "", "(agent/node) Registering and starting kubelet with set of labels", false, true},
		{"node-taint", &o.NodeTaint, "", "", "(agent/node) Registering kubelet with set of taints", false, true},
		{"docker", &o.Docker, "", "", "(agent/runtime) (experimental) Use cri-dockerd instead of containerd", false, true},
		{"container-runtime-endpoint", &o.CRIEndpoint, "", "", "(agent/runtime) Disable embedded containerd and use the CRI socket at the given path", false, true},
		{"default-runtime", &o.DefaultRuntime, "", "", "(agent/runtime) Set the default runtime in containerd", false, true},
		{"disable-default-registry-endpoint", &o.NoDefaultEndpoint, "", "", "(agent/containerd) Disables containerd's fallback default registry endpoint", false, true},
		{"nonroot-devices", &o.IgnoredBool, "", "", "(agent/containerd) Allows non-root pods to access devices", false, true},
		{"pause-image", &o.PauseImage, "rancher/mirrored-pause:3.6", "", "(agent/runtime) Customized pause image for containerd or docker sandbox", false, true},
		{"snapshotter", &o.Snapshotter, "overlayfs", "K3S_SNAPSHOTTER", "(agent/runtime) Override default containerd snapshotter", false, true},
		{"private-registry", &o.Registry, "/etc/rancher/k3s/registries.yaml", "", "(agent/runtime) Private registry configuration file", false, true},
		{"system-default-registry", &o.SystemRegistry, "", "K3S_SYSTEM_DEFAULT_REGISTRY", "(agent/runtime) Private registry to be used for all system images", false, false},
		{"node-ip,i", &o.NodeIP, "", "", "(agent/networking) IPv4/IPv6 addresses to advertise for node", false, true},
		{"node-external-ip", &o.NodeExternalIP, "", "", "(agent/networking) IPv4/IPv6 external IP addresses to advertise for node", false, true},
		{"resolv-conf", &o.ResolvConf, "", "K3S_RESOLV_CONF", "(agent/networking) Kubelet resolv.conf file", false, true},
		{"flannel-iface", &o.FlannelIface, "", "", "(agent/networking) Override default flannel interface", false, true},
		{"flannel-conf", &o.FlannelConf, "", "", "(agent/networking) Override default flannel config file", false, true},
		{"flannel-cni-conf", &o.FlannelCNIConf, "", "", "(agent/networking) Override default flannel cni config file", false, true},
		{"kubelet-arg", &o.KubeletArgs, "", "", "(agent/flags) Customized flag for kubelet process", false, true},
		{"kube-proxy-arg", &o.ProxyArgs, "", "", "(agent/flags) Customized flag for kube-proxy process", false, true},
		{"protect-kernel-defaults", &o.ProtectKern, "", "", "(agent/node) Kernel tuning behavior. If set, error if kernel tunables are different than kubelet defaults.", false, true},
		{"secrets-encryption", &o.IgnoredBool, "", "", "Enable secret encryption at rest", false, false},
		{"rootless", &o.Rootless, "", "", "(experimental) Run rootless", false, true},
		{"prefer-bundled-bin", &o.PreferBundled, "", "", "(experimental) Prefer bundled userspace binaries over host binaries", false, true},
		{"selinux", &o.SELinux, "", "K3S_SELINUX", "(agent/node) Enable SELinux in containerd", false, true},
		{"lb-server-port", &o.Ignored, "6444", "K3S_LB_SERVER_PORT", "(agent/node) Local port for supervisor client load-balancer", false, true},
		{"disable-agent", &o.DisableAgent, "", "", "Do not run a local agent and register a local kubelet", true, false},
		{"kube-controller-arg", &o.ControllerArgs, "", "", "(flags) Customized flag for kube-controller-manager process", true, false},
	}
}

// parse merges, weakest first: defaults, environment, configuration files, the
// command line.
func parse(verb string, args []string) (*options, error) {
	o := new(options)
	table := rowsFor(verb, rows(o))
	set := flagSet(verb, table)
	for _, a := range args {
		if a == "-h" || a == "--help" || a == "-help" {
			printOptions(os.Stdout, verb, table)
			return nil, exitCode(0)
		}
	}
	fileArgs, err := configArgs(args, table)
	if err != nil {
		return nil, err
	}
	if err := set.Parse(append(fileArgs, args...)); err != nil {
		fmt.Printf("Incorrect Usage: %v\n\n", err)
		printOptions(os.Stdout, verb, table)
		return nil, err
	}
	if o.DataDir == "" {
		o.DataDir = homeOrDefault()
	}
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return nil, err
	}
	debug = o.Debug
	return o, nil
}

func rowsFor(verb string, all []row) []row {
	var out []row
	for _, r := range all {
		if verb == "server" || r.agent {
			out = append(out, r)
		}
	}
	return out
}

func flagSet(verb string, table []row) *flag.FlagSet {
	set := flag.NewFlagSet(verb, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	for _, r := range table {
		value := r.value
		if v := os.Getenv(r.env); r.env != "" && v != "" {
			value = v
		}
		for _, name := range strings.Split(r.names, ",") {
			define(set, r, name, value)
		}
	}
	return set
}

func define(set *flag.FlagSet, r row, name, value string) {
	switch d := r.dest.(type) {
	case *string:
		set.StringVar(d, name, value, r.usage)
	case *int:
		n, _ := strconv.Atoi(value)
		set.IntVar(d, name, n, r.usage)
	case *bool:
		b, _ := strconv.ParseBool(value)
		set.BoolVar(d, name, b, r.usage)
	case *list:
		set.Var(d, name, r.usage)
	}
}

// findValue reads one flag before the real parse, because other settings
// depend on it.
func findValue(args []string, names ...string) string {
	for i, a := range args {
		for _, n := range names {
			for _, dash := range []string{"-", "--"} {
				if v, ok := strings.CutPrefix(a, dash+n+"="); ok {
					return v
				}
				if a == dash+n && i+1 < len(args) {
					return args[i+1]
				}
			}
		}
	}
	return ""
}

func hasFlag(args []string, name string) bool {
	for _, a := range args {
		if a == "--"+name || a == "--"+name+"=true" {
			return true
		}
	}
	return false
}

// dataDirFrom is for the clients, whose own flags are not ours to parse.
func dataDirFrom(args []string) string {
	if d := os.Getenv("K3S_DATA_DIR"); d != "" {
		return d
	}
	if d := findValue(args, "data-dir"); d != "" {
		return d
	}
	if d := configuredDataDir(); d != "" {
		return d
	}
	return homeOrDefault()
}

func homeOrDefault() string {
	if home := os.Getenv("HOME"); os.Getuid() != 0 && home != "" {
		return filepath.Join(home, ".rancher/k3s")
	}
	return defaultDataDir
}

// printOptions has the layout of k3s's help (urfave/cli): name, value, text.
func printOptions(w io.Writer, verb string, table []row) {
	usage := map[string]string{"server": "Run management server", "agent": "Run node agent"}[verb]
	fmt.Fprintf(w, "NAME:\n   %s %s - %s\n\n", program, verb, usage)
	fmt.Fprintf(w, "USAGE:\n   %s %s [OPTIONS]\n\nOPTIONS:\n", program, verb)
	for _, r := range table {
		if !r.hidden {
			fmt.Fprintf(w, "   %s  %s\n", spelling(r), description(r))
		}
	}
	fmt.Fprintf(w, "   --help, -h  show help\n")
}

func spelling(r row) string {
	var parts []string
	for _, n := range strings.Split(r.names, ",") {
		dash := "--"
		if len(n) == 1 {
			dash = "-"
		}
		if _, isBool := r.dest.(*bool); isBool {
			parts = append(parts, dash+n)
		} else {
			parts = append(parts, dash+n+" "+placeholder(r))
		}
	}
	s := strings.Join(parts, ", ")
	if _, isList := r.dest.(*list); isList {
		s += " [ " + s + " ]"
	}
	return s
}

func placeholder(r row) string {
	if _, after, ok := strings.Cut(r.usage, "`"); ok {
		name, _, _ := strings.Cut(after, "`")
		return name
	}
	return "value"
}

func description(r row) string {
	s := strings.ReplaceAll(r.usage, "`", "")
	switch r.dest.(type) {
	case *bool:
		s += " (default: false)"
	case *int:
		s += " (default: " + r.value + ")"
	case *string:
		if r.value != "" {
			s += " (default: " + strconv.Quote(r.value) + ")"
		}
	}
	if r.env != "" {
		s += " [$" + r.env + "]"
	}
	return s
}
