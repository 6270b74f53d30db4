package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"slices"
	"time"
)

// Subject is whom a certificate is for: a client by name and groups, a server by its addresses.
type Subject struct {
	Name   string
	Groups []string
	Hosts  []string // DNS names and IP addresses; with any, the certificate is a server's
	Client bool     // a client's certificate (both may be)
}

func (s Subject) template() *x509.Certificate {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: s.Name, Organization: s.Groups},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	if s.Client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if len(s.Hosts) > 0 {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, h := range s.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if !slices.Contains(t.DNSNames, h) {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return t
}

// Sign issues a certificate (PEM, with the CA's behind it) for a public key.
func (ca *CA) Sign(s Subject, public crypto.PublicKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, s.template(), ca.Cert, public, ca.key)
	if err != nil {
		return nil, err
	}
	return append(certPEM(der), ca.PEM...), nil
}

// Good says whether a certificate is of this CA and for this subject and has some life left.
func (ca *CA) Good(cert *x509.Certificate, s Subject, public crypto.PublicKey) bool {
	want := s.template()
	key, ok := public.(interface{ Equal(x crypto.PublicKey) bool })
	if !ok || !key.Equal(cert.PublicKey) || cert.CheckSignatureFrom(ca.Cert) != nil {
		return false
	}
	return time.Until(cert.NotAfter) > renewAt && cert.Subject.CommonName == s.Name &&
		slices.Equal(cert.Subject.Organization, s.Groups) && slices.Equal(cert.DNSNames, want.DNSNames) &&
		slices.EqualFunc(cert.IPAddresses, want.IPAddresses, net.IP.Equal)
}

// Keep makes base.crt and base.key hold a good certificate for the subject, and changes nothing if they do.
func (ca *CA) Keep(base string, s Subject) error {
	key, err := Key(base + ".key")
	if err != nil {
		return err
	}
	if cert, err := Read(base + ".crt"); err == nil && ca.Good(cert, s, key.Public()) {
		return nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	data, err := ca.Sign(s, key.Public())
	if err != nil {
		return err
	}
	return WriteFile(base+".crt", data, 0o644)
}

// Request is a signing request (PEM) for the key of a file, which is made if it is not there.
func Request(keyFile string) (string, error) {
	key, err := Key(keyFile)
	if err != nil {
		return "", err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), err
}

// Requested is the public key of a signing request that its owner signed.
func Requested(data string) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(data))
	if block == nil {
		return nil, errors.New("no certificate request in PEM data")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return csr.PublicKey, csr.CheckSignature()
}
