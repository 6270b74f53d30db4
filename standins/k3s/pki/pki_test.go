package pki

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestCertificatesAreKeptUntilTheyDoNotFit(t *testing.T) {
	dir := t.TempDir()
	ca, err := Authority(filepath.Join(dir, "ca"), "test")
	if err != nil {
		t.Fatal(err)
	}
	again, err := Authority(filepath.Join(dir, "ca"), "test")
	if err != nil || string(again.PEM) != string(ca.PEM) {
		t.Fatalf("the CA was made again: %v", err)
	}
	base := filepath.Join(dir, "leaf")
	content := func(s Subject) string {
		t.Helper()
		if err := again.Keep(base, s); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(base + ".crt")
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	one := content(Subject{Name: "x", Hosts: []string{"a", "127.0.0.1"}})
	if content(Subject{Name: "x", Hosts: []string{"a", "127.0.0.1"}}) != one {
		t.Error("a good certificate was made again")
	}
	two := content(Subject{Name: "x", Hosts: []string{"a", "127.0.0.1", "b"}})
	if two == one {
		t.Error("a certificate without a new name was kept")
	}
	cert, err := Parse([]byte(two))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	for _, name := range []string{"b", "127.0.0.1"} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Error(err)
		}
	}
}

func TestARequestIsSignedForItsKey(t *testing.T) {
	dir := t.TempDir()
	ca, err := Authority(filepath.Join(dir, "ca"), "test")
	if err != nil {
		t.Fatal(err)
	}
	csr, err := Request(filepath.Join(dir, "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := Requested(csr)
	if err != nil {
		t.Fatal(err)
	}
	who := Subject{Name: "system:node:n", Groups: []string{"system:nodes"}, Client: true}
	data, err := ca.Sign(who, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := Parse(data)
	if err != nil || !ca.Good(cert, who, key) {
		t.Errorf("%v", err)
	}
	if _, err := Requested("rubbish"); err == nil {
		t.Error("rubbish is accepted")
	}
}
