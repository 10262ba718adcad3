package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is one running `k3s server`.
type server struct {
	o     *options
	dir   string // <data>/server
	pki   *pki
	node  *nodeConfig
	super *supervisor
	quit  chan struct{}
	api   *http.Client

	host, url, advertise     string
	clusterCIDR, serviceCIDR string
	clusterDNS, notifySocket string
}

func runServer(args []string) error {
	o, err := parse("server", args)
	if err != nil {
		return err
	}
	if err := reexec(o); err != nil {
		return err
	}
	if err := checkOptions(o); err != nil {
		return err
	}
	if err := populate(o.DataDir, o.PreferBundled); err != nil {
		return err
	}
	s := &server{o: o, dir: filepath.Join(o.DataDir, "server"), super: newSupervisor(), quit: make(chan struct{})}
	s.notifySocket = os.Getenv("NOTIFY_SOCKET")
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if err := s.prepare(); err != nil {
		return err
	}
	infof("Starting %s %s (%s)", program, version, note)
	go func() {
		if err := s.bringUp(); err != nil {
			s.super.fail(err)
		}
	}()
	return s.untilEnd(signals)
}

// checkOptions refuses what k3s refuses, and what the stand-in cannot do.
func checkOptions(o *options) error {
	switch {
	case !o.DisableAgent && os.Getuid() != 0 && !o.Rootless:
		return errors.New("server must run as root, or with --rootless and/or --disable-agent")
	case o.Rootless:
		return errors.New("the stand-in has no --rootless")
	case o.Docker:
		return errors.New("the stand-in has no cri-dockerd: --docker cannot be used")
	case o.Server != "":
		return errors.New("the stand-in joins no cluster: --server cannot be used")
	case !contains([]string{"agent", "cluster", "pod", "disabled"}, o.Egress):
		return fmt.Errorf("invalid egress-selector-mode %s", o.Egress)
	}
	if o.DisableAgent && (o.Egress == "agent" || o.Egress == "disabled") {
		warnf("Webhooks and apiserver aggregation may not function properly without an agent; please set egress-selector-mode to 'cluster' or 'pod'")
	}
	return nil
}

// prepare does everything that needs no child: names, addresses, files.
func (s *server) prepare() error {
	o := s.o
	p := &pki{tls: filepath.Join(s.dir, "tls"), agent: filepath.Join(o.DataDir, "agent")}
	s.pki = p
	if err := s.resolveNetwork(); err != nil {
		return err
	}
	for _, d := range []string{"cred", "db", "etc", "manifests"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o700); err != nil {
			return err
		}
	}
	if err := p.makeServer(); err != nil {
		return fmt.Errorf("preparing server: failed to generate server dependencies: %w", err)
	}
	token, err := givenToken(o)
	if err != nil {
		return err
	}
	if err := p.makeTokens(s.dir, token); err != nil {
		return err
	}
	if err := s.writeCredentials(); err != nil {
		return err
	}
	if err := s.stageAddons(); err != nil {
		return err
	}
	s.api, err = apiClient(p)
	return err
}

// givenToken accepts the short form and the long one that carries the hash.
func givenToken(o *options) (string, error) {
	token := o.Token
	if o.TokenFile != "" {
		b, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return "", err
		}
		token = strings.TrimSpace(string(b))
	}
	if strings.HasPrefix(token, "K10") {
		token = token[strings.LastIndex(token, ":")+1:]
	}
	return token, nil
}

func (s *server) resolveNetwork() error {
	o, p := s.o, s.pki
	var err error
	if p.nodeIPs, err = parseIPs("node-ip", o.NodeIP); err != nil {
		return err
	}
	external, err := parseIPs("node-external-ip", o.NodeExternalIP)
	if err != nil {
		return err
	}
	if len(p.nodeIPs) == 0 {
		ip, err := hostIP(o.FlannelIface)
		if err != nil {
			return err
		}
		p.nodeIPs = []net.IP{ip}
	}
	if p.nodeName = o.NodeName; p.nodeName == "" {
		if p.nodeName, err = os.Hostname(); err != nil {
			return err
		}
	}
	p.nodeName = strings.ToLower(p.nodeName)
	s.advertise = p.nodeIPs[0].String()
	if len(external) > 0 {
		s.advertise = external[0].String()
	}
	if o.AdvertiseAddress != "" {
		s.advertise = o.AdvertiseAddress
	}
	host := "127.0.0.1"
	if o.BindAddress != "" && o.BindAddress != "0.0.0.0" {
		host = o.BindAddress
	}
	s.host = host
	s.url = "https://" + net.JoinHostPort(host, strconv.Itoa(o.HTTPSPort))
	return s.resolveCIDRs(host)
}

// apiPort is the API server's own port: in k3s, too, the next one to the supervisor's.
func (s *server) apiPort() int { return s.o.HTTPSPort + 1 }

func (s *server) apiAddress() string { return net.JoinHostPort(s.host, strconv.Itoa(s.apiPort())) }

func (s *server) resolveCIDRs(host string) error {
	s.clusterCIDR = orDefault(s.o.ClusterCIDR, "10.42.0.0/16")
	s.serviceCIDR = orDefault(s.o.ServiceCIDR, "10.43.0.0/16")
	if _, _, err := net.ParseCIDR(strings.Split(s.clusterCIDR, ",")[0]); err != nil {
		return fmt.Errorf("invalid cluster-cidr %s: %w", s.clusterCIDR, err)
	}
	apiIP, err := indexedIP(s.serviceCIDR, 1)
	if err != nil {
		return fmt.Errorf("invalid service-cidr %s: %w", s.serviceCIDR, err)
	}
	dns, err := indexedIP(s.serviceCIDR, 10)
	if err != nil {
		return err
	}
	s.clusterDNS = orDefault(s.o.ClusterDNS, dns)
	sans := append(splitList(s.o.TLSSan), "127.0.0.1", "::1", "localhost", s.pki.nodeName, apiIP, s.advertise, host,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc."+s.o.ClusterDomain)
	for _, ip := range s.pki.nodeIPs {
		sans = append(sans, ip.String())
	}
	seen := map[string]bool{}
	for _, n := range sans {
		if !seen[n] {
			seen[n] = true
			s.pki.apiSANs = append(s.pki.apiSANs, n)
		}
	}
	return nil
}

func orDefault(l list, value string) string {
	if all := splitList(l); len(all) > 0 {
		return strings.Join(all, ",")
	}
	return value
}

// bringUp starts everything; the agent's half runs beside the control plane
// until the kubelet, which needs both.
func (s *server) bringUp() error {
	if err := writeAdminKubeconfig(s.o, s.pki, s.url); err != nil {
		return err
	}
	ready := make(chan struct{})
	if err := s.listenAPI(ready); err != nil {
		return err
	}
	var agent sync.WaitGroup
	if !s.o.DisableAgent {
		agent.Add(1)
		go func() {
			defer agent.Done()
			if err := s.runAgent(ready); err != nil {
				s.super.fail(err)
			}
		}()
	}
	if err := s.startDatastore(); err != nil {
		return err
	}
	if err := s.startAPIServer(); err != nil {
		return err
	}
	if !waitReady(s.api, "https://"+s.apiAddress(), s.quit) {
		return nil
	}
	close(ready)
	infof("Kube API server is now running")
	infof("ETCD server is now running")
	infof("%s is up and running", program)
	notifyReady(s.notifySocket)
	if err := s.startControllerManager(); err != nil {
		return err
	}
	if !s.o.DisableScheduler {
		if err := s.startScheduler(); err != nil {
			return err
		}
	}
	go s.deployManifests()
	agent.Wait()
	return nil
}

// runAgent is k3s's agent in the same process: checks, containerd, kubelet.
func (s *server) runAgent(ready <-chan struct{}) error {
	if err := validateCgroups(); err != nil {
		return err
	}
	if ok, err := s.retryConfigure(); !ok {
		return err
	}
	if err := s.findPlugins(); err != nil {
		return err
	}
	configureSysctls()
	if s.o.CRIEndpoint == "" {
		if err := s.startContainerd(); err != nil {
			return shutdownRequest{fmt.Errorf("failed to start container runtime: %w", err)}
		}
	}
	select {
	case <-ready:
	case <-s.quit:
		return nil
	}
	args, err := s.kubeletArgs()
	if err != nil {
		return shutdownRequest{fmt.Errorf("failed to start kubelet: %w", err)}
	}
	infof("Running kubelet %s", strings.Join(args, " "))
	if err := s.super.start("kubelet", s.dir, args, childEnv(), nil); err != nil {
		return err
	}
	if !s.o.DisableKubeProxy {
		if err := s.startProxy(); err != nil {
			return err
		}
	}
	if !s.o.DisableNPC {
		infof("The network policy controller is not part of the stand-in")
	}
	go func() {
		s.labelNode()
		if err := s.startNetwork(); err != nil {
			s.super.fail(err)
		}
	}()
	return nil
}

// retryConfigure keeps trying like k3s: the control plane goes on, the node
// never comes.
func (s *server) retryConfigure() (bool, error) {
	const pause = 5 * time.Second
	for {
		err := s.configureAgent()
		if err == nil {
			return true, nil
		}
		infof("Waiting to retrieve agent configuration; server is not ready: %v", err)
		select {
		case <-s.quit:
			return false, nil
		case <-time.After(pause):
		}
	}
}

// findPlugins applies k3s's rule: with flannel the plugins lie where host-local
// is found, without it containerd's own defaults hold.
func (s *server) findPlugins() error {
	if s.node.NoFlannel {
		return nil
	}
	hostLocal, err := exec.LookPath("host-local")
	if err != nil {
		return fmt.Errorf("failed to find host-local: %w", err)
	}
	s.node.AgentConfig.CNIBinDir = filepath.Dir(hostLocal)
	s.node.AgentConfig.CNIConfDir = filepath.Join(s.pki.agent, "etc/cni/net.d")
	return nil
}

// configureAgent decides where everything of the node lies, in the order of
// k3s's own checks.
func (s *server) configureAgent() error {
	o, agent := s.o, s.pki.agent
	if err := os.MkdirAll(nodeConfigDir, 0o755); err != nil {
		return err
	}
	password := filepath.Join(nodeConfigDir, "password")
	if _, err := os.Stat(password); err != nil {
		if err := writeFile(password, randomHex(16)+"\n", 0o600); err != nil {
			return err
		}
	}
	if err := s.pki.makeAgent(); err != nil {
		return err
	}
	if err := s.writeAgentCredentials(); err != nil {
		return err
	}
	n := &nodeConfig{Flannel: o.FlannelBackend, NoFlannel: o.FlannelBackend == "none", SELinux: o.SELinux, DefaultRuntime: o.DefaultRuntime}
	root := filepath.Join(agent, "containerd")
	n.Containerd = containerdPaths{
		Config: filepath.Join(agent, "etc/containerd/config.toml"), Template: filepath.Join(agent, "etc/containerd"),
		Registry: filepath.Join(agent, "etc/containerd/certs.d"), Log: filepath.Join(root, "containerd.log"),
		Root: root, Opt: root, State: containerdState, Address: containerdSocket,
	}
	n.AgentConfig = agentConfig{NodeName: s.pki.nodeName, NodeIP: s.pki.nodeIPs[0].String(), PauseImage: pauseImage(o), Snapshotter: o.Snapshotter}
	registries, err := readRegistries(o.Registry)
	if err != nil {
		return err
	}
	n.AgentConfig.Registry = registries
	s.node = n
	if o.CRIEndpoint == "" {
		if err := checkSnapshotter(o, root); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(agent, "etc/crictl.yaml"), "runtime-endpoint: unix://"+s.runtimeSocket()+"\n", 0o600)
}

func pauseImage(o *options) string {
	if o.SystemRegistry != "" && !strings.HasPrefix(o.PauseImage, o.SystemRegistry) {
		return o.SystemRegistry + "/" + o.PauseImage
	}
	return o.PauseImage
}

// configureSysctls only complains, as k3s does: a read-only /proc/sys is no
// reason to stop.
func configureSysctls() {
	for _, name := range []string{"net/ipv4/conf/all/forwarding", "net/ipv4/conf/default/forwarding", "net/bridge/bridge-nf-call-iptables"} {
		path := "/proc/sys/" + name
		if b, _ := os.ReadFile(path); strings.TrimSpace(string(b)) == "1" {
			continue
		}
		infof("Set sysctl '%s' to %d", name, 1)
		if err := os.WriteFile(path, []byte("1"), 0o640); err != nil {
			errorf("Failed to set sysctl: %v", err)
		}
	}
}

// untilEnd waits for a signal (exit 0) or for a component's death (exit 1).
func (s *server) untilEnd(signals chan os.Signal) error {
	var cause error
	select {
	case sig := <-signals:
		debugf("Signal received: %s", sig)
	case cause = <-s.super.died:
		if request, ok := cause.(shutdownRequest); ok {
			errorf("Shutdown request received: %q", request.Error())
		}
	}
	close(s.quit)
	go func() {
		sig := <-signals
		infof("Second shutdown signal received: %s, exiting...", sig)
		os.Exit(1)
	}()
	s.super.stop()
	return cause
}
