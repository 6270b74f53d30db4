package server

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"

	"whisklab/standins/k3s/pki"
)

// authorities are the cluster's own CAs.
type authorities struct{ client, server, front, etcd, peer *pki.CA }

// keepPKI makes all that server/tls holds, and renews only what is no good any more.
func (s *settings) keepPKI() (authorities, error) {
	var cas authorities
	for _, a := range []struct {
		to         **pki.CA
		file, name string
	}{
		{&cas.client, "client-ca", "k3s-client-ca"}, {&cas.server, "server-ca", "k3s-server-ca"},
		{&cas.front, "request-header-ca", "k3s-request-header-ca"},
		{&cas.etcd, "etcd/server-ca", "etcd-server-ca"}, {&cas.peer, "etcd/peer-ca", "etcd-peer-ca"},
	} {
		ca, err := pki.Authority(s.tls(a.file), a.name)
		if err != nil {
			return cas, err
		}
		*a.to = ca
	}
	loopback := []string{"localhost", "127.0.0.1"}
	for _, k := range []struct {
		ca   *pki.CA
		file string
		who  pki.Subject
	}{
		{cas.client, "client-admin", pki.Subject{Name: "system:admin", Groups: []string{"system:masters"}, Client: true}},
		{cas.client, "client-controller", pki.Subject{Name: "system:kube-controller-manager", Client: true}},
		{cas.client, "client-scheduler", pki.Subject{Name: "system:kube-scheduler", Client: true}},
		{cas.client, "client-kube-apiserver", pki.Subject{Name: "system:apiserver", Groups: []string{"system:masters"}, Client: true}},
		{cas.client, "client-supervisor", pki.Subject{Name: "system:k3s-supervisor", Groups: []string{"system:masters"}, Client: true}},
		{cas.front, "client-auth-proxy", pki.Subject{Name: "system:auth-proxy", Client: true}},
		{cas.server, "serving-kube-apiserver", pki.Subject{Name: "kube-apiserver", Hosts: s.names()}},
		{cas.etcd, "etcd/client", pki.Subject{Name: "etcd-client", Client: true}},
		{cas.etcd, "etcd/server-client", pki.Subject{Name: "etcd-server", Hosts: loopback, Client: true}},
		{cas.peer, "etcd/peer-server-client", pki.Subject{Name: "etcd-peer", Hosts: loopback, Client: true}},
	} {
		if err := k.ca.Keep(s.tls(k.file), k.who); err != nil {
			return cas, err
		}
	}
	return cas, s.keepServiceKey()
}

// keepServiceKey makes the key that signs service accounts' tokens.
func (s *settings) keepServiceKey() error {
	path := s.tls("service.key")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return pki.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// names are all by which the API server may be called.
func (s *settings) names() []string {
	service := "kubernetes.default.svc"
	all := []string{
		"kubernetes", "kubernetes.default", service, service + "." + s.Get("cluster-domain"), "localhost", s.node.Name,
		"127.0.0.1", s.serviceIP(1).String(), s.node.IP,
	}
	if a := s.Get("advertise-address"); a != "" {
		all = append(all, a)
	}
	return append(all, s.All("tls-san")...)
}

// kubeconfigs writes those of the server's own components, and the administrator's.
func (s *settings) kubeconfigs() error {
	for _, name := range []string{"admin", "controller", "scheduler", "supervisor"} {
		data := pki.Kubeconfig(s.url(), s.tls("server-ca.crt"), s.tls("client-"+name))
		if err := pki.WriteFile(s.kubeconfig(name), data, 0o600); err != nil {
			return err
		}
	}
	data, err := pki.Embedded(s.url(), s.tls("server-ca.crt"), s.tls("client-admin"))
	if err != nil {
		return err
	}
	return pki.WriteFile(s.Get("write-kubeconfig"), data, s.kubeconfigMode)
}
