package main

import (
	"embed"
	"os"
	"path/filepath"
	"strings"
)

//go:embed addons/*.yaml
var addonFiles embed.FS

// addon is a packaged component: k3s stages its manifest at each start, unless
// --disable names it. The stand-in does so only where the images directory has
// an archive of that name, since the rig has no registry to pull from.
type addon struct{ name, archive string }

var addons = []addon{
	{"coredns", "coredns"},
	{"local-storage", "local-path-provisioner"},
}

func (s *server) stageAddons() error {
	disabled := splitList(s.o.Disable)
	for _, a := range addons {
		file := a.name + ".yaml"
		path := filepath.Join(s.dir, "manifests", file)
		if contains(disabled, a.name) || !s.hasArchive(a.archive) {
			os.Remove(path)
			continue
		}
		text, err := addonFiles.ReadFile("addons/" + file)
		if err != nil {
			return err
		}
		infof("Writing manifest: %s", path)
		if err := writeFile(path, s.fillIn(string(text)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) hasArchive(name string) bool {
	found, _ := filepath.Glob(filepath.Join(s.o.DataDir, "agent/images", name+"*.tar*"))
	return len(found) > 0
}

// fillIn replaces k3s's variables. NODE_HOSTS is the stand-in's own: with k3s a
// controller writes the nodes' names into the ConfigMap later.
func (s *server) fillIn(text string) string {
	registry := s.o.SystemRegistry
	if registry != "" {
		registry += "/"
	}
	storage := s.o.LocalStorage
	if storage == "" {
		storage = filepath.Join(s.o.DataDir, "storage")
	}
	return strings.NewReplacer(
		"%{CLUSTER_DOMAIN}%", s.o.ClusterDomain,
		"%{CLUSTER_DNS}%", strings.Split(s.clusterDNS, ",")[0],
		"%{SYSTEM_DEFAULT_REGISTRY}%", registry,
		"%{DEFAULT_LOCAL_STORAGE_PATH}%", storage,
		"%{NODE_HOSTS}%", s.advertise+" "+s.pki.nodeName,
	).Replace(text)
}
