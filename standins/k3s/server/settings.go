// Package server is the control plane of the stand-in: etcd, the API server, its controllers and scheduler.
package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"whisklab/standins/k3s/agent"
	"whisklab/standins/k3s/config"
)

// settings are what a server was told, checked.
type settings struct {
	config.Config
	node           agent.Node
	port           int
	services       *net.IPNet
	kubeconfigMode fs.FileMode
	disabled       []string
	password       string // the token's
}

// addons are what `disable` may name; the last ones the stand-in does not have.
var addons = []string{"coredns", "local-storage", "traefik", "servicelb", "metrics-server", "runtimes"}

func check(c config.Config) (*settings, error) {
	s := &settings{Config: c, disabled: c.All("disable")}
	if c.Get("server") != "" {
		return nil, errors.New("the whisklab stand-in runs one server: remove `server` from the configuration, or run `k3s agent`")
	}
	if c.Is("disable-kube-proxy") {
		return nil, errors.New("disable-kube-proxy: the whisklab stand-in needs kube-proxy")
	}
	for _, d := range s.disabled {
		if !slices.Contains(addons, d) {
			return nil, fmt.Errorf("disable: %q is none of %v", d, addons)
		}
	}
	var err error
	if s.port, err = strconv.Atoi(c.Get("https-listen-port")); err != nil || s.port < 1 || s.port > 65534 {
		return nil, fmt.Errorf("https-listen-port: %q is not a port", c.Get("https-listen-port"))
	}
	mode, err := strconv.ParseUint(c.Get("write-kubeconfig-mode"), 8, 9)
	if err != nil {
		return nil, fmt.Errorf("write-kubeconfig-mode: %q is not an octal file mode", c.Get("write-kubeconfig-mode"))
	}
	s.kubeconfigMode = fs.FileMode(mode)
	for _, name := range []string{"cluster-cidr", "service-cidr"} {
		ip, network, err := net.ParseCIDR(c.Get(name))
		if err != nil || ip.To4() == nil {
			return nil, fmt.Errorf("%s: %q is not an IPv4 network", name, c.Get(name))
		}
		if ones, _ := network.Mask.Size(); ones > 24 {
			return nil, fmt.Errorf("%s: %q is too small, a /24 at least", name, c.Get(name))
		}
		s.services = network
	}
	if ip := net.ParseIP(s.clusterDNS()); ip == nil || !s.services.Contains(ip) {
		return nil, fmt.Errorf("cluster-dns: %q is not an address in service-cidr %s", s.clusterDNS(), s.services)
	}
	s.node, err = agent.Describe(c)
	return s, err
}

func (s *settings) data(path ...string) string {
	return filepath.Join(append([]string{s.Get("data-dir"), "server"}, path...)...)
}
func (s *settings) tls(name string) string        { return s.data("tls", name) }
func (s *settings) kubeconfig(name string) string { return s.data("cred", name+".kubeconfig") }
func (s *settings) url() string                   { return fmt.Sprintf("https://127.0.0.1:%d", s.port) }

// serviceIP is the nth address of the services' network (below 256, as Kubernetes itself uses them).
func (s *settings) serviceIP(n byte) net.IP {
	ip := slices.Clone(s.services.IP.To4())
	ip[3] += n
	return ip
}

func (s *settings) clusterDNS() string {
	if given := s.Get("cluster-dns"); given != "" {
		return given
	}
	return s.serviceIP(10).String()
}
