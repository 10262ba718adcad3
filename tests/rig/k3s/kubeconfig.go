package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// fileKubeconfig is the form that components get: it names files.
func fileKubeconfig(path, url, ca, cert string) error {
	return writeFile(path, fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    server: %s
    certificate-authority: %s
  name: local
contexts:
- context:
    cluster: local
    namespace: default
    user: user
  name: Default
current-context: Default
kind: Config
preferences: {}
users:
- name: user
  user:
    client-certificate: %s.crt
    client-key: %s.key
`, url, ca, cert, cert), 0o600)
}

// writeAdminKubeconfig writes the user's file: everything embedded, everything
// called default.
func writeAdminKubeconfig(o *options, p *pki, url string) error {
	path, mode := adminKubeconfig, os.FileMode(0o600)
	if o.Kubeconfig != "" {
		path = o.Kubeconfig
	}
	if o.KubeconfigMode != "" {
		m, err := strconv.ParseUint(o.KubeconfigMode, 8, 12)
		if err != nil {
			return fmt.Errorf("failed to parse kubeconfig mode %q: %w", o.KubeconfigMode, err)
		}
		mode = os.FileMode(m)
	}
	text := fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate-data: %s
    client-key-data: %s
`, b64(p.serverCA.certPEM), url, b64(p.admin.certPEM), b64(p.admin.keyPEM))
	if err := writeFile(path, text, mode); err != nil {
		return err
	}
	if err := giveToGroup(path, o.KubeconfigGroup); err != nil {
		return err
	}
	infof("Wrote kubeconfig %s", path)
	infof("Run: %s kubectl", program)
	return nil
}

func giveToGroup(path, group string) error {
	if group == "" {
		return nil
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		g, err := user.LookupGroup(group)
		if err != nil {
			return err
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return err
		}
	}
	return os.Chown(path, -1, gid)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
