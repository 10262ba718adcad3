package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// labelNode gives the node what k3s's controllers give it, once it is there.
func (s *server) labelNode() {
	url := s.url + "/api/v1/nodes/" + s.pki.nodeName
	patch, _ := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels": map[string]string{"node-role.kubernetes.io/control-plane": "true", "k3s.io/stand-in": "true"},
		"annotations": map[string]string{
			"k3s.io/hostname": s.pki.nodeName, "k3s.io/internal-ip": joinIPs(s.pki.nodeIPs),
		},
	}})
	for {
		if s.patch(url, patch) {
			infof("Annotations and labels have been set successfully on node: %s", s.pki.nodeName)
			return
		}
		select {
		case <-s.quit:
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (s *server) patch(url string, body []byte) bool {
	r, err := http.NewRequest(http.MethodPatch, url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/merge-patch+json")
	answer, err := s.api.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// deployManifests applies the user's files of <data>/server/manifests once;
// k3s would keep watching them. Nothing is started where there are none.
func (s *server) deployManifests() {
	dir := filepath.Join(s.dir, "manifests")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		return
	}
	kubectl, err := lookPath("kubectl")
	if err != nil {
		errorf("Failed to apply manifests: %v", err)
		return
	}
	cmd := exec.Command(kubectl, "--kubeconfig", s.cred("admin"), "apply", "--recursive", "-f", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		errorf("Failed to apply manifests: %v: %s", err, bytes.TrimSpace(out))
		return
	}
	infof("Applied manifests in %s", dir)
}
