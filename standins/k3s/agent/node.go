// Package agent makes the machine a node: containerd, kubelet, kube-proxy, routes, images, local volumes.
package agent

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"whisklab/standins/k3s/config"
	"whisklab/standins/k3s/registries"
)

// Node is the machine's name and address in the cluster.
type Node struct{ Name, IP string }

// Describe is the node that the configuration and the machine make.
func Describe(c config.Config) (Node, error) {
	n := Node{Name: c.Get("node-name"), IP: c.Get("node-ip")}
	if n.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return n, err
		}
		n.Name = host
	}
	n.Name = strings.ToLower(n.Name)
	var err error
	if n.IP == "" {
		n.IP, err = address(c.Get("flannel-iface"))
	} else if net.ParseIP(n.IP) == nil {
		err = fmt.Errorf("node-ip: %q is not an IP address", n.IP)
	}
	return n, err
}

// address is that of the interface, or without a name that of the default route's.
func address(iface string) (string, error) {
	var link netlink.Link
	var err error
	if iface != "" {
		if link, err = netlink.LinkByName(iface); err != nil {
			return "", fmt.Errorf("flannel-iface %q: %w", iface, err)
		}
	} else {
		routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
		if err != nil {
			return "", err
		}
		for _, r := range routes {
			if r.Dst != nil && r.Dst.String() != "0.0.0.0/0" {
				continue
			}
			if link, err = netlink.LinkByIndex(r.LinkIndex); err != nil {
				return "", err
			}
			break
		}
		if link == nil {
			return "", errors.New("no default routes found in \"/proc/net/route\"; give node-ip or add a default route")
		}
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return "", err
	}
	for _, a := range addrs {
		if a.IP.IsGlobalUnicast() {
			return a.IP.String(), nil
		}
	}
	return "", fmt.Errorf("interface %s has no IPv4 address", link.Attrs().Name)
}

// Check refuses a configuration that cannot work, before anything is changed.
func Check(c config.Config) error {
	if os.Getuid() != 0 {
		return errors.New("must run as root unless --rootless is specified (which the whisklab stand-in does not have)")
	}
	if c.Is("protect-kernel-defaults") {
		return errors.New("protect-kernel-defaults: the whisklab stand-in lets kubelet set the kernel's defaults")
	}
	_, err := readRegistries(c)
	return err
}

func readRegistries(c config.Config) (registries.File, error) {
	path := c.Get("private-registry")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return registries.File{}, nil
	}
	if err != nil {
		return registries.File{}, err
	}
	f, err := registries.Parse(data)
	if err != nil {
		err = fmt.Errorf("failed to load %s: %w", path, err)
	}
	return f, err
}

// WithArgs adds what people gave as kubelet-arg and the like to a component's arguments.
func WithArgs(argv, more []string) []string {
	for _, a := range more {
		argv = append(argv, "--"+strings.TrimLeft(a, "-"))
	}
	return argv
}

// node is a running agent.
type node struct {
	Node
	config.Config
	archives map[string]archive // by file name
}

func (n *node) data(path ...string) string {
	return filepath.Join(append([]string{n.Get("data-dir"), "agent"}, path...)...)
}
