package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// soReuseport is SO_REUSEPORT, for which package syscall has no name everywhere.
const soReuseport = 0xf

// listenEarly answers on the API's port before there is an API, because k3s
// does: clients get 503 there, not a refused connection. The API server shares
// the port (--permit-port-sharing) and has it alone once it is ready.
func (s *server) listenEarly() (stop func(), err error) {
	reuse := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReuseport, 1)
		})
		return err
	}}
	address := net.JoinHostPort(s.listenAddress(), strconv.Itoa(s.o.HTTPSPort))
	l, err := reuse.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("failed to start supervisor listener: %w", err)
	}
	if !sharable(reuse, address) {
		debugf("Ports cannot be shared here, no answers before the API server's")
		return func() {}, l.Close()
	}
	s.sharePort = true
	web := &http.Server{Handler: s.earlyHandler(), ErrorLog: log.New(io.Discard, "", 0)}
	// a kept connection would still end here when the API server is ready
	web.SetKeepAlivesEnabled(false)
	go web.ServeTLS(l, s.pki.file("serving-kube-apiserver.crt"), s.pki.file("serving-kube-apiserver.key"))
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		web.Shutdown(ctx)
	}, nil
}

// sharable tries a second listener: host network stacks inside gVisor take the
// option and ignore it.
func sharable(reuse net.ListenConfig, address string) bool {
	l, err := reuse.Listen(context.Background(), "tcp", address)
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func (s *server) earlyHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pong") })
	mux.HandleFunc("/cacerts", func(w http.ResponseWriter, _ *http.Request) { w.Write(s.pki.serverCA.certPEM) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",`+
			`"message":"apiserver not ready","reason":"ServiceUnavailable","code":503}`+"\n")
	})
	return mux
}
