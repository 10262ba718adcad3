package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const kineSocket = "kine.sock"

// startDatastore runs kine over SQLite; with --datastore-endpoint kine takes
// that instead. Its socket is named relative to the server directory, as in k3s:
// a unix socket's path may not be long.
func (s *server) startDatastore() error {
	endpoint := s.o.DatastoreEndpoint
	if endpoint == "" {
		endpoint = "sqlite://" + filepath.Join(s.dir, "db/state.db") + "?_journal=WAL&cache=shared&_busy_timeout=30000&_txlock=immediate"
	}
	// what a killed kine left would refuse connections only until it is replaced
	os.Remove(filepath.Join(s.dir, kineSocket))
	err := s.super.start("kine", s.dir, []string{
		"--endpoint", endpoint, "--listen-address", "unix://" + kineSocket, "--metrics-bind-address", "0",
	}, childEnv(), new(plainLog))
	if err != nil {
		return err
	}
	waitSocket(filepath.Join(s.dir, kineSocket), s.quit)
	return nil
}

// run starts one control plane part and logs its flags the way k3s does.
func (s *server) run(name string, defaults map[string]string, extra list) error {
	if s.o.V != 0 {
		defaults["v"] = strconv.Itoa(s.o.V)
	}
	if s.o.VModule != "" {
		defaults["vmodule"] = s.o.VModule
	}
	args := mergeArgs(defaults, extra)
	infof("Running %s %s", name, strings.Join(args, " "))
	return s.super.start(name, s.dir, args, childEnv(), nil)
}

func (s *server) startAPIServer() error {
	p := s.pki
	args := map[string]string{
		"storage-backend":                    "etcd3",
		"etcd-servers":                       "unix://" + kineSocket,
		"cert-dir":                           p.file("temporary-certs"),
		"allow-privileged":                   "true",
		"enable-bootstrap-token-auth":        "true",
		"authorization-mode":                 "Node,RBAC",
		"anonymous-auth":                     "false",
		"service-account-signing-key-file":   p.file("service.current.key"),
		"service-account-key-file":           p.file("service.key"),
		"service-account-issuer":             "https://kubernetes.default.svc." + s.o.ClusterDomain,
		"api-audiences":                      "https://kubernetes.default.svc." + s.o.ClusterDomain + "," + program,
		"service-cluster-ip-range":           s.serviceCIDR,
		"service-node-port-range":            s.o.ServiceNodePortRange,
		"secure-port":                        strconv.Itoa(s.apiPort()),
		"bind-address":                       s.listenAddress(),
		"advertise-address":                  s.advertise,
		"tls-cert-file":                      p.file("serving-kube-apiserver.crt"),
		"tls-private-key-file":               p.file("serving-kube-apiserver.key"),
		"tls-cipher-suites":                  cipherSuites,
		"kubelet-certificate-authority":      p.file("server-ca.crt"),
		"kubelet-client-certificate":         p.file("client-kube-apiserver.crt"),
		"kubelet-client-key":                 p.file("client-kube-apiserver.key"),
		"kubelet-preferred-address-types":    "InternalIP,ExternalIP,Hostname",
		"requestheader-client-ca-file":       p.file("request-header-ca.crt"),
		"requestheader-allowed-names":        "system:auth-proxy",
		"proxy-client-cert-file":             p.file("client-auth-proxy.crt"),
		"proxy-client-key-file":              p.file("client-auth-proxy.key"),
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-username-headers":     "X-Remote-User",
		"client-ca-file":                     p.file("client-ca.crt"),
		"enable-admission-plugins":           "NodeRestriction",
		"profiling":                          "false",
	}
	return s.run("kube-apiserver", args, s.o.APIArgs)
}

const cipherSuites = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384," +
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256," +
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"

func (s *server) startControllerManager() error {
	p, kubeconfig := s.pki, s.cred("controller")
	args := map[string]string{
		"controllers":                      "*,tokencleaner",
		"kubeconfig":                       kubeconfig,
		"authorization-kubeconfig":         kubeconfig,
		"authentication-kubeconfig":        kubeconfig,
		"service-account-private-key-file": p.file("service.current.key"),
		"allocate-node-cidrs":              "true",
		"service-cluster-ip-range":         s.serviceCIDR,
		"cluster-cidr":                     s.clusterCIDR,
		"root-ca-file":                     p.file("server-ca.crt"),
		"profiling":                        "false",
		"tls-cert-file":                    p.file("kube-controller-manager/kube-controller-manager.crt"),
		"tls-private-key-file":             p.file("kube-controller-manager/kube-controller-manager.key"),
		"bind-address":                     "127.0.0.1",
		"secure-port":                      "10257",
		"use-service-account-credentials":  "true",
		"leader-elect":                     "false",
		"cluster-signing-kube-apiserver-client-cert-file": p.file("client-ca.crt"),
		"cluster-signing-kube-apiserver-client-key-file":  p.file("client-ca.key"),
		"cluster-signing-kubelet-client-cert-file":        p.file("client-ca.crt"),
		"cluster-signing-kubelet-client-key-file":         p.file("client-ca.key"),
		"cluster-signing-kubelet-serving-cert-file":       p.file("server-ca.crt"),
		"cluster-signing-kubelet-serving-key-file":        p.file("server-ca.key"),
		"cluster-signing-legacy-unknown-cert-file":        p.file("server-ca.crt"),
		"cluster-signing-legacy-unknown-key-file":         p.file("server-ca.key"),
	}
	if !s.o.DisableCCM {
		args["configure-cloud-routes"] = "false"
		args["controllers"] += ",-service,-route,-cloud-node-lifecycle"
	}
	return s.run("kube-controller-manager", args, s.o.ControllerArgs)
}

func (s *server) startScheduler() error {
	p, kubeconfig := s.pki, s.cred("scheduler")
	return s.run("kube-scheduler", map[string]string{
		"kubeconfig":                kubeconfig,
		"authorization-kubeconfig":  kubeconfig,
		"authentication-kubeconfig": kubeconfig,
		"bind-address":              "127.0.0.1",
		"secure-port":               "10259",
		"tls-cert-file":             p.file("kube-scheduler/kube-scheduler.crt"),
		"tls-private-key-file":      p.file("kube-scheduler/kube-scheduler.key"),
		"profiling":                 "false",
		"leader-elect":              "false",
	}, s.o.SchedulerArgs)
}

func (s *server) startProxy() error {
	return s.run("kube-proxy", map[string]string{
		"proxy-mode":                        "iptables",
		"healthz-bind-address":              "127.0.0.1",
		"kubeconfig":                        filepath.Join(s.o.DataDir, "agent/kubeproxy.kubeconfig"),
		"cluster-cidr":                      s.clusterCIDR,
		"conntrack-max-per-core":            "0",
		"conntrack-tcp-timeout-established": "0s",
		"conntrack-tcp-timeout-close-wait":  "0s",
		"hostname-override":                 s.pki.nodeName,
	}, s.o.ProxyArgs)
}

func (s *server) cred(name string) string {
	return filepath.Join(s.dir, "cred", name+".kubeconfig")
}

// writeCredentials makes the kubeconfigs of the components.
func (s *server) writeCredentials() error {
	ca := s.pki.file("server-ca.crt")
	for name, cert := range map[string]string{
		"admin": "client-admin", "supervisor": "client-supervisor", "controller": "client-controller",
		"scheduler": "client-scheduler", "api-server": "client-kube-apiserver",
	} {
		url := s.url
		if name == "controller" || name == "scheduler" || name == "api-server" {
			url = "https://" + s.apiAddress()
		}
		if err := fileKubeconfig(s.cred(name), url, ca, s.pki.file(cert)); err != nil {
			return err
		}
	}
	return nil
}

// writeAgentCredentials does the same below <data>/agent.
func (s *server) writeAgentCredentials() error {
	agent := s.pki.agent
	for file, cert := range map[string]string{
		"kubelet": "client-kubelet", "kubeproxy": "client-kube-proxy", "k3scontroller": "client-k3s-controller",
	} {
		err := fileKubeconfig(filepath.Join(agent, file+".kubeconfig"), s.url,
			filepath.Join(agent, "server-ca.crt"), filepath.Join(agent, cert))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}
