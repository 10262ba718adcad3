package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pair is a certificate with its key, and where both lie.
type pair struct {
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	certPEM []byte
	keyPEM  []byte
}

// authority signs certificates; bundle goes behind each leaf, as k3s does it.
type authority struct {
	pair
	file string
}

// pki is everything below <data>/server/tls and <data>/agent that has a key.
type pki struct {
	tls, agent                   string
	serverCA, clientCA, headerCA authority
	admin                        pair
	apiSANs                      []string
	nodeName                     string
	nodeIPs                      []net.IP
}

const (
	caYears   = 10
	leafYears = 1
)

func (p *pki) file(name string) string { return filepath.Join(p.tls, name) }

// leaf is one row of the certificates that the server makes.
type leaf struct {
	file, cn, org string
	ca            *authority
	usage         x509.ExtKeyUsage
	names         []string
}

func (p *pki) leaves() []leaf {
	const client, server = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	local := []string{"127.0.0.1", "localhost"}
	return []leaf{
		{"client-admin", "system:admin", "system:masters", &p.clientCA, client, nil},
		{"client-supervisor", "system:k3s-supervisor", "system:masters", &p.clientCA, client, nil},
		{"client-controller", "system:kube-controller-manager", "", &p.clientCA, client, nil},
		{"client-scheduler", "system:kube-scheduler", "", &p.clientCA, client, nil},
		{"client-kube-apiserver", "system:apiserver", "system:masters", &p.clientCA, client, nil},
		{"client-kube-proxy", "system:kube-proxy", "", &p.clientCA, client, nil},
		{"client-k3s-controller", "system:k3s-controller", "", &p.clientCA, client, nil},
		{"client-auth-proxy", "system:auth-proxy", "", &p.headerCA, client, nil},
		{"serving-kube-apiserver", "kube-apiserver", "", &p.serverCA, server, p.apiSANs},
		{"kube-controller-manager/kube-controller-manager", "kube-controller-manager", "", &p.serverCA, server, local},
		{"kube-scheduler/kube-scheduler", "kube-scheduler", "", &p.serverCA, server, local},
	}
}

// makeServer creates what is missing and keeps what is there and still fits.
func (p *pki) makeServer() error {
	for _, d := range []string{"", "kube-controller-manager", "kube-scheduler", "temporary-certs"} {
		if err := os.MkdirAll(p.file(d), 0o700); err != nil {
			return err
		}
	}
	for _, ca := range []struct {
		to         *authority
		name, file string
	}{{&p.serverCA, "server", "server-ca"}, {&p.clientCA, "client", "client-ca"},
		{&p.headerCA, "request-header", "request-header-ca"}} {
		if err := ca.to.ensure(ca.name, p.file(ca.file)); err != nil {
			return err
		}
	}
	for _, l := range p.leaves() {
		made, err := l.ensure(p.file(l.file))
		if err != nil {
			return fmt.Errorf("%s: %w", l.file, err)
		}
		if l.file == "client-admin" {
			p.admin = made
		}
	}
	return p.makeServiceKey()
}

// makeServiceKey makes the key that signs service account tokens; k3s lets the
// current one be a file of its own.
func (p *pki) makeServiceKey() error {
	for _, name := range []string{"service.key", "service.current.key"} {
		if _, err := os.Stat(p.file(name)); err == nil {
			continue
		}
		key, err := os.ReadFile(p.file("service.key"))
		if err != nil {
			k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				return err
			}
			if key, err = encodeKey(k); err != nil {
				return err
			}
		}
		if err := os.WriteFile(p.file(name), key, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// makeAgent makes the node's own certificates, anew on each start like k3s.
func (p *pki) makeAgent() error {
	if err := os.MkdirAll(p.agent, 0o755); err != nil {
		return err
	}
	names := []string{p.nodeName, "localhost", "127.0.0.1"}
	for _, ip := range p.nodeIPs {
		names = append(names, ip.String())
	}
	for _, l := range []leaf{
		{"serving-kubelet", p.nodeName, "", &p.serverCA, x509.ExtKeyUsageServerAuth, names},
		{"client-kubelet", "system:node:" + p.nodeName, "system:nodes", &p.clientCA, x509.ExtKeyUsageClientAuth, nil},
		{"client-kube-proxy", "system:kube-proxy", "", &p.clientCA, x509.ExtKeyUsageClientAuth, nil},
		{"client-k3s-controller", "system:k3s-controller", "", &p.clientCA, x509.ExtKeyUsageClientAuth, nil},
	} {
		if _, err := l.make(filepath.Join(p.agent, l.file)); err != nil {
			return err
		}
	}
	for _, ca := range []authority{p.serverCA, p.clientCA} {
		to := filepath.Join(p.agent, filepath.Base(ca.file)+".crt")
		if err := os.WriteFile(to, ca.certPEM, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (a *authority) ensure(name, file string) error {
	a.file = file
	if old, err := load(file); err == nil {
		a.pair = old
		return nil
	}
	cn := fmt.Sprintf("k3s-%s-ca@%d", name, time.Now().Unix())
	made, err := sign(&x509.Certificate{
		Subject:               pkix.Name{CommonName: cn},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}, nil, caYears)
	if err != nil {
		return err
	}
	a.pair = made
	return save(file, made, 0o644)
}

// ensure keeps a certificate that the same authority signed for the same names.
func (l leaf) ensure(file string) (pair, error) {
	if old, err := load(file); err == nil && l.fits(old.cert) {
		return old, nil
	}
	return l.make(file)
}

func (l leaf) fits(c *x509.Certificate) bool {
	if c.CheckSignatureFrom(l.ca.cert) != nil || time.Until(c.NotAfter) < 90*24*time.Hour {
		return false
	}
	for _, n := range l.names {
		if c.VerifyHostname(n) != nil {
			return false
		}
	}
	return c.Subject.CommonName == l.cn
}

func (l leaf) make(file string) (pair, error) {
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: l.cn},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{l.usage},
	}
	if l.org != "" {
		t.Subject.Organization = []string{l.org}
	}
	for _, n := range l.names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	made, err := sign(t, l.ca, leafYears)
	if err != nil {
		return made, err
	}
	made.certPEM = append(made.certPEM, l.ca.certPEM...)
	return made, save(file, made, 0o644)
}

func sign(t *x509.Certificate, ca *authority, years int) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62)); err != nil {
		return pair{}, err
	}
	// a clock that was set back a little must not make a fresh certificate invalid
	t.NotBefore = time.Now().Add(-time.Hour).UTC()
	t.NotAfter = t.NotBefore.AddDate(years, 0, 1)
	parent, parentKey := t, key
	if ca != nil {
		parent, parentKey = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), parentKey)
	if err != nil {
		return pair{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return pair{}, err
	}
	keyPEM, err := encodeKey(key)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return pair{cert, key, certPEM, keyPEM}, err
}

func encodeKey(k *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(k)
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), err
}

func save(file string, p pair, mode os.FileMode) error {
	if err := os.WriteFile(file+".key", p.keyPEM, 0o600); err != nil {
		return err
	}
	return os.WriteFile(file+".crt", p.certPEM, mode)
}

func load(file string) (p pair, err error) {
	if p.certPEM, err = os.ReadFile(file + ".crt"); err != nil {
		return p, err
	}
	if p.keyPEM, err = os.ReadFile(file + ".key"); err != nil {
		return p, err
	}
	c, _ := pem.Decode(p.certPEM)
	k, _ := pem.Decode(p.keyPEM)
	if c == nil || k == nil {
		return p, errors.New("not PEM")
	}
	if p.cert, err = x509.ParseCertificate(c.Bytes); err != nil {
		return p, err
	}
	p.key, err = x509.ParseECPrivateKey(k.Bytes)
	return p, err
}

// token is what joins a node: a hash of the server's authority pins it.
func (p *pki) token(user, password string) string {
	sum := sha256.Sum256(bytes.TrimSpace(p.serverCA.certPEM))
	return "K10" + hex.EncodeToString(sum[:]) + "::" + user + ":" + password
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// makeTokens writes <data>/server/{token,node-token} and cred/passwd; a token
// once made is kept.
func (p *pki) makeTokens(serverDir, wanted string) error {
	file := filepath.Join(serverDir, "token")
	password := wanted
	if old, err := os.ReadFile(file); err == nil && wanted == "" {
		if i := strings.LastIndex(string(old), ":"); i >= 0 {
			password = strings.TrimSpace(string(old[i+1:]))
		}
	}
	if password == "" {
		password = randomHex(16)
	}
	if err := writeFile(file, p.token("server", password)+"\n", 0o600); err != nil {
		return err
	}
	if err := link(file, filepath.Join(serverDir, "node-token")); err != nil {
		return err
	}
	passwd := fmt.Sprintf("%s,node,node,k3s:agent\n%s,server,server,k3s:server\n", password, password)
	return writeFile(filepath.Join(serverDir, "cred/passwd"), passwd, 0o600)
}
