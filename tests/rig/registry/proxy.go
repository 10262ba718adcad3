package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type proxy struct {
	credentials string            // "Basic …"; "": everybody may use it
	to          map[string]string // HOST:PORT → HOST:PORT
	authority   *authority        // nil: it does not inspect
	trust       *x509.CertPool    // for the servers that it inspects
}

func proxyMain(args []string) error {
	var maps list
	f := flag.NewFlagSet("proxy", flag.ExitOnError)
	listen := f.String("listen", "", "address")
	user := f.String("user", "", "USER:PASSWORD that must be given")
	inspect := f.String("inspect", "", "inspect TLS with the authority in this directory")
	trust := f.String("trust", "", "authorities of the servers")
	f.Var(&maps, "map", "HOST:PORT=HOST:PORT: where a server really is")
	f.Parse(args)
	p := &proxy{to: map[string]string{}, trust: x509.NewCertPool()}
	if *user != "" {
		p.credentials = "Basic " + base64.StdEncoding.EncodeToString([]byte(*user))
	}
	for _, m := range maps {
		from, to, _ := strings.Cut(m, "=")
		p.to[from] = to
	}
	if *trust != "" {
		b, err := os.ReadFile(*trust)
		if err != nil {
			return err
		}
		p.trust.AppendCertsFromPEM(b)
	}
	if *inspect != "" {
		a, err := loadAuthority(*inspect)
		if err != nil {
			return err
		}
		p.authority = a
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return http.Serve(l, p)
}

func (p *proxy) dial(at string) (net.Conn, error) {
	if to, ok := p.to[at]; ok {
		at = to
	}
	return net.DialTimeout("tcp", at, 5*time.Second)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.credentials != "" && r.Header.Get("Proxy-Authorization") != p.credentials {
		fmt.Println(r.Method, r.Host, 407)
		w.Header().Set("Proxy-Authenticate", `Basic realm="rig"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		p.forward(w, r)
		return
	}
	server, err := p.dial(r.Host)
	if err != nil {
		fmt.Println(r.Method, r.Host, 502, err)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	fmt.Println(r.Method, r.Host, 200)
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	fmt.Fprint(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	var in net.Conn = &ahead{client, buffered}
	if p.authority != nil {
		in, server = p.inspect(in, server, r.Host)
	}
	join(in, server)
}

// forward is for requests of the form GET http://SERVER/PATH.
func (p *proxy) forward(w http.ResponseWriter, r *http.Request) {
	fmt.Println(r.Method, r.URL, "plain")
	t := &http.Transport{Dial: func(_, at string) (net.Conn, error) { return p.dial(at) }}
	defer t.CloseIdleConnections()
	r.Header.Del("Proxy-Authorization")
	answer, err := t.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for k, v := range answer.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.StatusCode)
	io.Copy(w, answer.Body)
}

// inspect is a TLS server for the client and a TLS client of the server.
func (p *proxy) inspect(client, server net.Conn, host string) (net.Conn, net.Conn) {
	name, _, _ := net.SplitHostPort(host)
	config, err := p.authority.serverConfig([]string{name})
	if err != nil {
		fail(err)
	}
	return tls.Server(client, config), tls.Client(server, &tls.Config{ServerName: name, RootCAs: p.trust})
}

// ahead is a connection of which the beginning is in a buffer already.
type ahead struct {
	net.Conn
	in io.Reader
}

func (a *ahead) Read(b []byte) (int, error) { return a.in.Read(b) }

func join(a, b net.Conn) {
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			io.Copy(pair[0], pair[1])
			pair[0].Close()
			pair[1].Close()
		})
	}
	both.Wait()
}
