// Package join is how a node becomes one of a cluster's: over HTTPS, on the port above the API server's,
// with the token and a password of the node's own. Private keys never leave the node.
package join

import (
	"crypto"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"whisklab/standins/k3s/pki"
)

// Request is what a node asks for; the four last fields are signing requests (PEM).
type Request struct {
	Node       string   `json:"node"`
	Password   string   `json:"password"`
	Addresses  []string `json:"addresses"`
	Kubelet    string   `json:"kubelet"`
	Serving    string   `json:"serving"`
	Proxy      string   `json:"proxy"`
	Controller string   `json:"controller"`
}

// Reply is what a node needs to work.
type Reply struct {
	ClientCA   string `json:"clientCA"`
	ServerCA   string `json:"serverCA"`
	Kubelet    string `json:"kubelet"`
	Serving    string `json:"serving"`
	Proxy      string `json:"proxy"`
	Controller string `json:"controller"`

	ClusterCIDR   string `json:"clusterCIDR"`
	ClusterDNS    string `json:"clusterDNS"`
	ClusterDomain string `json:"clusterDomain"`
}

// Supervisor is the address of the join service of the server with this URL.
func Supervisor(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", fmt.Errorf("invalid server %q: expected https://host:6443", server)
	}
	port := 6443
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return "", err
		}
	}
	return "https://" + net.JoinHostPort(u.Hostname(), strconv.Itoa(port+1)), nil
}

// sign fills a reply with certificates.
func sign(r Request, client, server *pki.CA) (Reply, error) {
	reply := Reply{ClientCA: string(client.PEM), ServerCA: string(server.PEM)}
	nodes := []string{"system:nodes"}
	name := "system:node:" + r.Node
	for _, w := range []struct {
		ca      *pki.CA
		subject pki.Subject
		request string
		to      *string
	}{
		{client, pki.Subject{Name: name, Groups: nodes, Client: true}, r.Kubelet, &reply.Kubelet},
		{server, pki.Subject{Name: name, Groups: nodes, Hosts: append([]string{r.Node, "localhost", "127.0.0.1"}, r.Addresses...)}, r.Serving, &reply.Serving},
		{client, pki.Subject{Name: "system:kube-proxy", Client: true}, r.Proxy, &reply.Proxy},
		{client, pki.Subject{Name: "system:k3s-controller", Client: true}, r.Controller, &reply.Controller},
	} {
		key, err := pki.Requested(w.request)
		if err != nil {
			return reply, err
		}
		data, err := w.ca.Sign(w.subject, crypto.PublicKey(key))
		if err != nil {
			return reply, err
		}
		*w.to = string(data)
	}
	return reply, nil
}
