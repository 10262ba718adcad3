package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"
)

// front has the API's port, as k3s's supervisor does. Until the API server is ready it answers
// itself; then connections go on to the API server's own port as they are, TLS included.
type front struct {
	net.Listener
	early chan net.Conn
	ready chan struct{}
	to    string
}

// listenAPI starts to answer. Connections go on to the API server once ready is closed.
func (s *server) listenAPI(ready chan struct{}) error {
	address := net.JoinHostPort(s.listenAddress(), strconv.Itoa(s.o.HTTPSPort))
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("failed to start supervisor listener: %w", err)
	}
	f := &front{Listener: l, early: make(chan net.Conn), ready: ready, to: s.apiAddress()}
	web := &http.Server{Handler: s.earlyHandler(), ErrorLog: log.New(io.Discard, "", 0)}
	// a kept connection would not see the API server
	web.SetKeepAlivesEnabled(false)
	go web.ServeTLS(earlyListener{f}, s.pki.file("serving-kube-apiserver.crt"), s.pki.file("serving-kube-apiserver.key"))
	go f.serve()
	return nil
}

func (f *front) serve() {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			time.Sleep(10 * time.Millisecond) // no descriptors for now
			continue
		}
		if !f.answerEarly(c) {
			go f.pass(c)
		}
	}
}

func (f *front) answerEarly(c net.Conn) bool {
	select {
	case <-f.ready:
		return false
	default:
	}
	select {
	case <-f.ready:
		return false
	case f.early <- c:
		return true
	}
}

// pass carries one connection to the API server.
func (f *front) pass(c net.Conn) {
	defer c.Close()
	server, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		carry(server, c)
	}()
	carry(c, server)
	<-done
}

// carry copies one direction up to its end, which it passes on.
func carry(to, from net.Conn) {
	io.Copy(to, from)
	to.(*net.TCPConn).CloseWrite()
}

// earlyListener gives the connections that come before the API server is ready.
type earlyListener struct{ *front }

func (e earlyListener) Accept() (net.Conn, error) {
	select {
	case <-e.ready:
		return nil, net.ErrClosed
	case c := <-e.early:
		return c, nil
	}
}

// Close leaves the port open: connections go on to the API server.
func (e earlyListener) Close() error { return nil }

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
