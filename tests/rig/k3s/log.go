package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	debug   bool
	logLock sync.Mutex
)

// logf prints a line as logrus does where standard error is no terminal: that
// is what journals, files and supervisors of k3s see.
func logf(level, format string, args ...any) {
	msg := quoted(fmt.Sprintf(format, args...))
	stamp := time.Now().Format(time.RFC3339)
	logLock.Lock()
	defer logLock.Unlock()
	fmt.Fprintf(os.Stderr, "time=%q level=%s msg=%s\n", stamp, level, msg)
}

func infof(format string, args ...any)  { logf("info", format, args...) }
func warnf(format string, args ...any)  { logf("warning", format, args...) }
func errorf(format string, args ...any) { logf("error", format, args...) }

func debugf(format string, args ...any) {
	if debug {
		logf("debug", format, args...)
	}
}

func fatalf(format string, args ...any) {
	logf("fatal", format, args...)
	os.Exit(1)
}

// quoted follows logrus: plain words stay bare.
func quoted(s string) string {
	bare := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-._/@^+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !bare(r) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}
