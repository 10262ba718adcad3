package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A server of files at ports that differ in their TLS: what may be wrong with a certificate, the
// suites, the version.
type kind struct {
	name    string
	host    string // of the certificate; "": those of --names
	other   bool   // signed by an authority that is in no file
	expired bool
	rsa     bool
	suite   uint16 // the only one
	newest  bool   // TLS 1.3 alone
}

var kinds = []kind{
	{name: "valid"},
	{name: "expired", expired: true},
	{name: "name", host: "another.test"},
	{name: "unknown", other: true},
	{name: "tls13", newest: true},
	{name: "ecdsa128", suite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	{name: "ecdsa256", suite: tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
	{name: "rsa128", rsa: true, suite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	{name: "rsa256", rsa: true, suite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
}

func (k *kind) config(a *authority, hosts []string) (*tls.Config, error) {
	var key crypto.Signer
	var err error
	if k.rsa {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	end := a.cert.NotAfter
	if k.expired {
		end = time.Now().Add(-time.Minute)
	}
	if k.host != "" {
		hosts = []string{k.host}
	}
	cert, err := a.sign(hosts, key, end)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: []string{"http/1.1"}}
	if k.suite != 0 {
		c.CipherSuites = []uint16{k.suite}
		c.MaxVersion = tls.VersionTLS12
	}
	if k.newest {
		c.MinVersion = tls.VersionTLS13
	}
	return c, nil
}

// filesMain serves the files of --root at a port for each kind, counted up from that of --listen.
// The first words of a path say how:
//
//	/loop…                     a redirect to itself
//	/plain/PATH                a redirect to http://
//	/hop/N/PATH                N redirects, the last to /PATH; absolute ones, without a server or a scheme
//	/near/PATH                 a redirect to the last word of the path, with a query
//	/release/channels/NAME     a redirect to …/v9.9.9+k3s1, as k3s's channel server answers
//	/release/PATH, /PATH       the file, with ranges
//	/all/PATH                  the file, without ranges
//	/cut/PATH                  the first half of the file; the rest, if it is asked for
//	/slow/PATH                 the file in 5 s
func filesMain(args []string) error {
	f := flag.NewFlagSet("files", flag.ExitOnError)
	listen := f.String("listen", "", "address of the first port")
	dir := f.String("dir", "", "where ca.pem lies")
	root := f.String("root", "", "the files")
	names := f.String("names", "", "names of the certificates beside the address")
	f.Parse(args)
	host, text, err := net.SplitHostPort(*listen)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	a, err := loadAuthority(*dir)
	if err != nil {
		return err
	}
	other, err := loadAuthority(filepath.Join(*dir, "other"))
	if err != nil {
		return err
	}
	ended := make(chan error)
	for i, k := range kinds {
		by := a
		if k.other {
			by = other
		}
		config, err := k.config(by, append(strings.Split(*names, ","), host))
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port+i)))
		if err != nil {
			return err
		}
		s := &http.Server{Handler: &files{*root, http.FileServer(http.Dir(*root))}, TLSConfig: config, ErrorLog: quiet}
		s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // HTTP/1.1 only, with any suite
		go func() { ended <- s.ServeTLS(l, "", "") }()
		fmt.Println(k.name, port+i)
	}
	fmt.Println("ready")
	return <-ended
}

type files struct {
	root string
	h    http.Handler
}

func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Println(r.Method, r.Host, r.URL.Path, r.Header.Get("Range"))
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	to := func(url string) { w.Header().Set("Location", url); w.WriteHeader(http.StatusFound) }
	switch first {
	case "loop":
		to(r.URL.Path)
	case "plain":
		to("http://" + r.Host + "/" + rest)
	case "hop":
		n, after, _ := strings.Cut(rest, "/")
		left, _ := strconv.Atoi(n)
		url := "/" + after
		if left > 1 {
			url = fmt.Sprintf("/hop/%d/%s", left-1, after)
		}
		to([]string{url, "//" + r.Host + url, "https://" + r.Host + url}[left%3])
	case "near":
		if r.URL.RawQuery == "" {
			to(filepath.Base(rest) + "?here")
			return
		}
		r.URL.Path = "/" + rest
		f.h.ServeHTTP(w, r)
	case "release":
		if strings.HasPrefix(rest, "channels/") {
			to("https://github.com/k3s-io/k3s/releases/tag/v9.9.9+k3s1")
			return
		}
		r.URL.Path = "/" + rest
		f.h.ServeHTTP(w, r)
	case "all", "cut", "slow":
		if first == "cut" && r.Header.Get("Range") != "" {
			r.URL.Path = "/" + rest
			f.h.ServeHTTP(w, r)
			return
		}
		f.send(w, first, rest)
	default:
		f.h.ServeHTTP(w, r)
	}
}

func (f *files) send(w http.ResponseWriter, how, path string) {
	b, err := os.ReadFile(filepath.Join(f.root, filepath.Clean("/"+path)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	switch how {
	case "cut":
		w.Write(b[:len(b)/2])
		panic(http.ErrAbortHandler)
	case "slow":
		for i := range 20 {
			w.Write(b[len(b)*i/20 : len(b)*(i+1)/20])
			http.NewResponseController(w).Flush()
			time.Sleep(250 * time.Millisecond)
		}
	default:
		io.Copy(w, strings.NewReader(string(b)))
	}
}
