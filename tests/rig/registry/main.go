// Command registry has what pulls of images and downloads need outside of a cluster: a registry that serves HTTPS
// with an authority of its own, and a proxy for CONNECT, with or without credentials, that may
// inspect TLS.
//
//	registry serve --listen ADDR[,ADDR…] --dir DIR [--names NAME,…] [--image ARCHIVE=REPO:TAG]…
//	registry proxy --listen ADDR [--user USER:PASSWORD] [--map HOST:PORT=HOST:PORT]…
//	               [--inspect DIR] [--trust FILE]
//	registry files --listen ADDR --dir DIR --root DIR [--names NAME,…]
//
// The third is for downloads: what a server of files may do, rightly or not (files.go). All print "ready" once they accept connections, and a line for each request. DIR/ca.pem is the
// authority, made at the first start.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	if len(os.Args) < 2 {
		fail("serve, proxy or files?")
	}
	var err error
	switch os.Args[1] {
	case "serve":
		err = serveMain(os.Args[2:])
	case "proxy":
		err = proxyMain(os.Args[2:])
	case "files":
		err = filesMain(os.Args[2:])
	default:
		err = fmt.Errorf("%s: neither serve, proxy nor files", os.Args[1])
	}
	fail(err)
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, "registry:", why)
	os.Exit(1)
}

func serveMain(args []string) error {
	var images list
	f := flag.NewFlagSet("serve", flag.ExitOnError)
	listen := f.String("listen", "", "addresses")
	dir := f.String("dir", "", "where ca.pem lies")
	names := f.String("names", "", "names and addresses of the certificate beside those of --listen")
	f.Var(&images, "image", "ARCHIVE=REPO:TAG")
	f.Parse(args)
	a, err := loadAuthority(*dir)
	if err != nil {
		return err
	}
	handler, err := newRegistry(images)
	if err != nil {
		return err
	}
	var listeners []net.Listener
	hosts := strings.FieldsFunc(*names, func(r rune) bool { return r == ',' })
	for _, at := range strings.Split(*listen, ",") {
		l, err := net.Listen("tcp", at)
		if err != nil {
			return err
		}
		listeners = append(listeners, l)
		if host, _, err := net.SplitHostPort(at); err == nil {
			hosts = append(hosts, host)
		}
	}
	config, err := a.serverConfig(hosts)
	if err != nil {
		return err
	}
	ended := make(chan error)
	for _, l := range listeners {
		s := &http.Server{Handler: logged(handler), TLSConfig: config, ErrorLog: quiet}
		go func() { ended <- s.ServeTLS(l, "", "") }()
	}
	fmt.Println("ready")
	return <-ended
}
