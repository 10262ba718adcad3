package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An add-on is staged if its archive is there, unless --disable names it.
func TestAddons(t *testing.T) {
	data := t.TempDir()
	o := &options{DataDir: data, ClusterDomain: "cluster.test"}
	s := &server{o: o, dir: filepath.Join(data, "server"), clusterDNS: "10.43.0.10", pki: &pki{nodeName: "n"}}
	manifest := filepath.Join(s.dir, "manifests/coredns.yaml")
	stage := func() string {
		t.Helper()
		if err := s.stageAddons(); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(manifest)
		return string(text)
	}
	if stage() != "" {
		t.Error("staged without an archive")
	}
	archive := filepath.Join(data, "agent/images/coredns-1.tar")
	if err := writeFile(archive, "", 0o600); err != nil {
		t.Fatal(err)
	}
	text := stage()
	for _, part := range []string{"kubernetes cluster.test in-addr", `clusterIP: "10.43.0.10"`, `image: "rancher/`} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the manifest", part)
		}
	}
	if strings.Contains(text, "%{") {
		t.Error("a variable is left in the manifest")
	}
	o.Disable = list{"traefik,coredns"}
	if stage() != "" {
		t.Error("staged although disabled")
	}

	o.Disable = nil
	for _, a := range addons {
		if err := writeFile(filepath.Join(data, "agent/images", a.archive+".tar.gz"), "", 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stage()
	for _, a := range addons {
		text, err := os.ReadFile(filepath.Join(s.dir, "manifests", a.name+".yaml"))
		if err != nil || strings.Contains(string(text), "%{") {
			t.Errorf("%s: %v, or a variable is left in the manifest", a.name, err)
		}
	}
}
