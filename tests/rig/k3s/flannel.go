package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
)

const flannelConflist = `{
  "name":"cbr0",
  "cniVersion":"1.0.0",
  "plugins":[
    {
      "type":"flannel",
      "delegate":{
        "hairpinMode":true,
        "forceAddress":true,
        "isDefaultGateway":true
      }
    },
    {
      "type":"portmap",
      "capabilities":{
        "portMappings":true
      }
    },
    {
      "type":"bandwidth",
      "capabilities":{
        "bandwidth":true
      }
    }
  ]
}
`

// flannelBackends is the Backend section of net-conf.json, per --flannel-backend.
var flannelBackends = map[string]map[string]any{
	"vxlan":            {"Type": "vxlan"},
	"host-gw":          {"Type": "host-gw"},
	"wireguard-native": {"Type": "wireguard", "PersistentKeepaliveInterval": 25},
}

// controllerRole is, with k3s, one of the API server's own roles: flannel may
// not act as the kubelet, which sees its own node alone.
const controllerRole = "system:k3s-controller"

// startNetwork comes when the node is there and has its labels, as with k3s:
// before it there is no network configuration and the node is not ready.
func (s *server) startNetwork() error {
	select {
	case <-s.quit:
		return nil
	default:
	}
	if s.node.NoFlannel {
		return nil
	}
	netConf, err := s.writeNetworkConfigs()
	if err != nil {
		return err
	}
	infof("Starting flannel with backend %s", s.node.Flannel)
	if err := s.allowController(); err != nil {
		return fmt.Errorf("flannel failed to wait for RBAC: %w", err)
	}
	args := []string{
		"--kubeconfig=" + filepath.Join(s.pki.agent, "k3scontroller.kubeconfig"),
		"--net-conf=" + netConf, "--node-name=" + s.pki.nodeName, "--iface=" + s.o.FlannelIface,
	}
	return s.super.start("flanneld", "/", args, childEnv(), new(complaint))
}

// writeNetworkConfigs returns the path of flannel's own configuration.
func (s *server) writeNetworkConfigs() (string, error) {
	conflist := filepath.Join(s.node.AgentConfig.CNIConfDir, "10-flannel.conflist")
	if s.o.FlannelCNIConf != "" {
		if err := copyFile(s.o.FlannelCNIConf, conflist); err != nil {
			return "", err
		}
	} else if err := writeFile(conflist, flannelConflist, 0o600); err != nil {
		return "", err
	}
	if s.o.FlannelConf != "" {
		infof("Using custom flannel conf defined at %s", s.o.FlannelConf)
		return s.o.FlannelConf, nil
	}
	backend := flannelBackends[s.node.Flannel]
	if backend == nil {
		return "", fmt.Errorf("Cannot configure unknown flannel backend '%s'", s.node.Flannel)
	}
	text, err := json.MarshalIndent(map[string]any{
		"Network": strings.Split(s.clusterCIDR, ",")[0], "EnableIPv4": true,
		"IPv6Network": "::/0", "EnableIPv6": false, "Backend": backend,
	}, "", "\t")
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.pki.agent, "etc/flannel/net-conf.json")
	return path, writeFile(path, string(text)+"\n", 0o600)
}

// allowController makes the role and its binding; on old data they are there.
func (s *server) allowController() error {
	rule := func(group, resource string, verbs ...string) map[string]any {
		return map[string]any{"apiGroups": []string{group}, "resources": []string{resource}, "verbs": verbs}
	}
	const group = "rbac.authorization.k8s.io"
	meta := map[string]string{"name": controllerRole}
	for kind, object := range map[string]map[string]any{
		"clusterroles": {"kind": "ClusterRole", "rules": []any{
			rule("", "nodes", "get", "list", "watch"), rule("", "nodes/status", "patch"),
			rule("", "namespaces", "list", "watch"), rule("", "pods", "get", "list", "watch"),
			rule("networking.k8s.io", "networkpolicies", "list", "watch"),
		}},
		"clusterrolebindings": {"kind": "ClusterRoleBinding",
			"roleRef":  map[string]string{"apiGroup": group, "kind": "ClusterRole", "name": controllerRole},
			"subjects": []any{map[string]string{"apiGroup": group, "kind": "User", "name": controllerRole}}},
	} {
		object["apiVersion"], object["metadata"] = group+"/v1", meta
		body, err := json.Marshal(object)
		if err != nil {
			return err
		}
		answer, err := s.api.Post(s.url+"/apis/"+group+"/v1/"+kind, "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusCreated && answer.StatusCode != http.StatusConflict {
			return fmt.Errorf("%s %s: %s", kind, controllerRole, answer.Status)
		}
	}
	return nil
}
