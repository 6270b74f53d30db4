package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"whisklab/standins/k3s/join"
	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/pki"
	"whisklab/standins/k3s/token"
)

const (
	passwordFile = "/etc/rancher/node/password"
	retryEvery   = 2 * time.Second
)

// join gets the node's certificates from the server and tries until it does; a node that was granted
// them before starts with those while the server is away.
func (n *node) join(ctx context.Context, cluster Cluster) (join.Reply, error) {
	t, err := token.Parse(cluster.Token)
	if err != nil {
		return join.Reply{}, err
	}
	if _, err := join.Supervisor(cluster.Server); err != nil {
		return join.Reply{}, err
	}
	q, err := n.request()
	if err != nil {
		return join.Reply{}, err
	}
	local := strings.HasPrefix(cluster.Server, "https://127.0.0.1:") // the server's own node: it is coming up
	said := ""
	for {
		reply, err := join.Ask(ctx, cluster.Server, t, q)
		if err == nil {
			return reply, n.keep(reply)
		}
		if stored, ok := n.stored(); ok && !local && errors.Is(err, join.ErrAway) {
			logs.Warn("%v; starting with the certificates of the last time", err)
			return stored, nil
		}
		if err.Error() != said && !(local && errors.Is(err, join.ErrAway)) {
			said = err.Error()
			logs.Error("Waiting to retrieve agent configuration; %v", err)
		}
		pause := retryEvery
		if local {
			pause = 200 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return join.Reply{}, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// request describes this node, with a key for each of its identities.
func (n *node) request() (join.Request, error) {
	q := join.Request{Node: n.Name, Addresses: []string{n.IP}}
	for file, to := range map[string]*string{
		"client-kubelet.key": &q.Kubelet, "serving-kubelet.key": &q.Serving,
		"client-kube-proxy.key": &q.Proxy, "client-k3s-controller.key": &q.Controller,
	} {
		csr, err := pki.Request(n.data(file))
		if err != nil {
			return q, err
		}
		*to = csr
	}
	var err error
	q.Password, err = nodePassword()
	return q, err
}

// nodePassword is what proves later that this machine is still the one that took the node's name.
func nodePassword() (string, error) {
	data, err := os.ReadFile(passwordFile)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	made := hex.EncodeToString(b[:])
	return made, pki.WriteFile(passwordFile, []byte(made+"\n"), 0o600)
}

// keep stores what the server granted.
func (n *node) keep(r join.Reply) error {
	all, err := json.Marshal(r)
	if err != nil {
		return err
	}
	for name, data := range map[string]string{
		"client-ca.crt": r.ClientCA, "server-ca.crt": r.ServerCA, "client-kubelet.crt": r.Kubelet,
		"serving-kubelet.crt": r.Serving, "client-kube-proxy.crt": r.Proxy, "client-k3s-controller.crt": r.Controller,
		"joined.json": string(all),
	} {
		if err := pki.WriteFile(n.data(name), []byte(data), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// stored is what the server granted the last time, if that is still good for this name.
func (n *node) stored() (join.Reply, bool) {
	var r join.Reply
	data, err := os.ReadFile(n.data("joined.json"))
	if err != nil || json.Unmarshal(data, &r) != nil {
		return r, false
	}
	cert, err := pki.Parse([]byte(r.Kubelet))
	return r, err == nil && time.Now().Before(cert.NotAfter) && cert.Subject.CommonName == "system:node:"+n.Name
}
