package join

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"whisklab/standins/k3s/pki"
	"whisklab/standins/k3s/token"
)

// ErrAway is the error of a server that did not answer, or not as one that works.
var ErrAway = errors.New("server is not ready")

const patience = 10 * time.Second

// Ask joins the cluster of a server and returns what it granted.
func Ask(ctx context.Context, server string, t token.Token, q Request) (Reply, error) {
	var reply Reply
	base, err := Supervisor(server)
	if err != nil {
		return reply, err
	}
	// The CA is not known yet: the hash in the token vouches for it, or nobody does (the short form).
	blind := client(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	ca, err := do(ctx, blind, http.MethodGet, base+"/cacerts", nil, t)
	if err != nil {
		return reply, fmt.Errorf("failed to get CA certs: %w", err)
	}
	if err := t.CheckCA(ca); err != nil {
		return reply, err
	}
	if _, err := pki.Parse(ca); err != nil {
		return reply, fmt.Errorf("failed to get CA certs: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	body, err := json.Marshal(q)
	if err != nil {
		return reply, err
	}
	sure := client(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
	data, err := do(ctx, sure, http.MethodPost, base+"/v1-k3s/join", body, t)
	if err != nil {
		return reply, err
	}
	return reply, json.Unmarshal(data, &reply)
}

func client(c *tls.Config) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
}

func do(ctx context.Context, c *http.Client, method, url string, body []byte, t token.Token) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost { // the token is shown only to a server whose CA was checked
		r.SetBasicAuth(t.User, t.Password)
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable:
		return nil, fmt.Errorf("%w: %s", ErrAway, strings.TrimSpace(string(data)))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s: %s", url, resp.Status, strings.TrimSpace(string(data)))
	}
	return data, nil
}
