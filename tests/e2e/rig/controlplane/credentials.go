package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const lifetime = 7 * 24 * time.Hour

// An authority signs the certificates of one control plane; it is thrown away with its directory.
type authority struct {
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func writeCredentials(dir, server string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	a, err := newAuthority(dir)
	if err != nil {
		return err
	}
	if _, err := a.writeKey("service-account"); err != nil {
		return err
	}
	if err := a.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, x509.ExtKeyUsageServerAuth); err != nil {
		return err
	}
	subjects := map[string]pkix.Name{
		"admin":          {CommonName: "rig-admin", Organization: []string{"system:masters"}},
		"controllers":    {CommonName: "system:kube-controller-manager"},
		"scheduler":      {CommonName: "system:kube-scheduler"},
		"kubelet-client": {CommonName: "kube-apiserver-kubelet-client"},
	}
	for name, subject := range subjects {
		if err := a.issue(name, subject, x509.ExtKeyUsageClientAuth); err != nil {
			return err
		}
		if err := a.writeKubeconfig(name, server); err != nil {
			return err
		}
	}
	return nil
}

func newAuthority(dir string) (*authority, error) {
	a := &authority{dir: dir, serial: time.Now().UnixNano()}
	key, err := a.writeKey("ca")
	if err != nil {
		return nil, err
	}
	template := a.template(pkix.Name{CommonName: "rig"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage |= x509.KeyUsageCertSign
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if a.certificate, err = x509.ParseCertificate(encoded); err != nil {
		return nil, err
	}
	a.key = key
	return a, a.writePEM("ca.crt", "CERTIFICATE", encoded)
}

func (a *authority) template(subject pkix.Name) *x509.Certificate {
	a.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.serial),
		Subject:      subject,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func (a *authority) issue(name string, subject pkix.Name, usage x509.ExtKeyUsage) error {
	key, err := a.writeKey(name)
	if err != nil {
		return err
	}
	template := a.template(subject)
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	if usage == x509.ExtKeyUsageServerAuth {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)}
		template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	return a.writePEM(name+".crt", "CERTIFICATE", encoded)
}

func (a *authority) writeKey(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, a.writePEM(name+".key", "EC PRIVATE KEY", encoded)
}

func (a *authority) writePEM(name, kind string, encoded []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: encoded})
	return os.WriteFile(filepath.Join(a.dir, name), text, 0o600)
}

func (a *authority) writeKubeconfig(name, server string) error {
	inline := func(file string) string {
		text, err := os.ReadFile(filepath.Join(a.dir, file))
		if err != nil {
			panic(err)
		}
		return base64.StdEncoding.EncodeToString(text)
	}
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: rig
  cluster: {server: %q, certificate-authority-data: %s}
users:
- name: %s
  user: {client-certificate-data: %s, client-key-data: %s}
contexts:
- name: rig
  context: {cluster: rig, user: %s}
current-context: rig
`, server, inline("ca.crt"), name, inline(name+".crt"), inline(name+".key"), name)
	return os.WriteFile(filepath.Join(a.dir, name+".kubeconfig"), []byte(text), 0o600)
}
