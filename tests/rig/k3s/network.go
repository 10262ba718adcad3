package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"
)

var errNoRoute = errors.New(`no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"`)

// splitList applies the rule that list flags are also split at commas.
func splitList(l list) []string {
	var out []string
	for _, item := range l {
		for _, s := range strings.Split(item, ",") {
			if s = strings.TrimSpace(s); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

func parseIPs(what string, l list) ([]net.IP, error) {
	var out []net.IP
	for _, s := range splitList(l) {
		ip := net.ParseIP(s)
		if ip == nil {
			return nil, fmt.Errorf("invalid %s: invalid ip format '%s'", what, s)
		}
		out = append(out, ip)
	}
	return out, nil
}

// hostIP is the first global address of flannel's interface, if the user named
// one, or of the one that has the default route; like k3s, nothing else will do.
func hostIP(name string) (net.IP, error) {
	if name == "" {
		var err error
		if name, err = defaultInterface(); err != nil {
			return nil, err
		}
	}
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	addrs, err := iface.Addrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP, nil
		}
	}
	return nil, errors.New("unable to select an IP from default routes.")
}

func defaultInterface() (string, error) {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if c := strings.Fields(in.Text()); len(c) > 7 && c[1] == "00000000" && c[7] == "00000000" {
			return c[0], nil
		}
	}
	return "", errNoRoute
}

// indexedIP is the nth address of a network: 1 is the API's Service, 10 DNS.
func indexedIP(cidr string, n byte) (string, error) {
	_, network, err := net.ParseCIDR(strings.Split(cidr, ",")[0])
	if err != nil {
		return "", err
	}
	ip := append(net.IP(nil), network.IP...)
	ip[len(ip)-1] += n
	return ip.String(), nil
}

// apiClient speaks to the API server as the supervisor (system:masters).
func apiClient(p *pki) (*http.Client, error) {
	cert, err := tls.LoadX509KeyPair(p.file("client-supervisor.crt"), p.file("client-supervisor.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.serverCA.cert)
	return &http.Client{
		Timeout: 10 * time.Second,
		// no connection is kept: until the API is ready two programs share its port
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}},
	}, nil
}

// waitReady polls /readyz; k3s says each half minute that it still waits.
func waitReady(c *http.Client, url string, quit <-chan struct{}) bool {
	const pause, reminder = 100 * time.Millisecond, 30 * time.Second
	next := time.Now()
	for {
		if time.Now().After(next) {
			infof("Waiting for API server to become available")
			next = time.Now().Add(reminder)
		}
		if r, err := c.Get(url + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-quit:
			return false
		case <-time.After(pause):
		}
	}
}

// waitSocket waits until something accepts connections at a unix socket.
func waitSocket(path string, quit <-chan struct{}) bool {
	const pause = 20 * time.Millisecond
	for {
		if c, err := net.Dial("unix", path); err == nil {
			c.Close()
			return true
		}
		select {
		case <-quit:
			return false
		case <-time.After(pause):
		}
	}
}

// notifyReady is sd_notify(READY=1).
func notifyReady(socket string) {
	if socket == "" {
		return
	}
	if strings.HasPrefix(socket, "@") {
		socket = "\x00" + socket[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		warnf("sd_notify: %v", err)
		return
	}
	defer c.Close()
	c.Write([]byte("READY=1\n"))
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
