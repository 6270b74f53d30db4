package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/pki"
)

// routeProtocol marks the routes that are ours (a number that nobody else in the kernel's table uses).
const routeProtocol = 143

// keepNetwork gives pods their network: the CNI configuration from the node's own podCIDR, and a route to the
// podCIDR of every other node through its address. Nodes must share a link, as with flannel's host-gw.
func (n *node) keepNetwork(ctx context.Context, api kubernetes.Interface, clusterCIDR string) {
	factory := informers.NewSharedInformerFactory(api, time.Minute)
	nodes := factory.Core().V1().Nodes()
	changed := make(chan struct{}, 1)
	wake := func() {
		select {
		case changed <- struct{}{}:
		default: // one look is due already
		}
	}
	_, err := nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { wake() }, UpdateFunc: func(any, any) { wake() }, DeleteFunc: func(any) { wake() },
	})
	if err != nil {
		logs.Error("nodes are not watched: %v", err)
		return
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for {
		all, err := nodes.Lister().List(labels.Everything())
		if err == nil {
			err = n.connect(all, clusterCIDR)
		}
		if err != nil {
			logs.Error("pod network: %v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (n *node) connect(nodes []*corev1.Node, clusterCIDR string) error {
	want := map[string]net.IP{}
	for _, o := range nodes {
		switch {
		case o.Spec.PodCIDR == "":
		case o.Name == n.Name:
			if err := n.writeCNI(o.Spec.PodCIDR); err != nil {
				return err
			}
		default:
			for _, a := range o.Status.Addresses {
				if a.Type == corev1.NodeInternalIP {
					want[o.Spec.PodCIDR] = net.ParseIP(a.Address)
				}
			}
		}
	}
	if err := keepRoutes(want); err != nil {
		return err
	}
	return keepRules(clusterCIDR)
}

// writeCNI has the name of k3s's own file, so that nothing beside it is left behind.
func (n *node) writeCNI(podCIDR string) error {
	type object = map[string]any
	data, err := json.MarshalIndent(object{
		"cniVersion": "0.4.0", "name": "cbr0", "plugins": []object{
			{
				"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
				"forceAddress": true,
				"ipam":         object{"type": "host-local", "ranges": [][]object{{{"subnet": podCIDR}}}},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	return pki.WriteFile(n.data("etc/cni/net.d/10-flannel.conflist"), append(data, '\n'), 0o644)
}

// keepRoutes makes the routes to other nodes' pods be these and no other.
func keepRoutes(want map[string]net.IP) error {
	filter := &netlink.Route{Protocol: routeProtocol}
	have, err := netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return err
	}
	for _, r := range have {
		if via, ok := want[r.Dst.String()]; ok && via.Equal(r.Gw) {
			delete(want, r.Dst.String())
		} else if !ok {
			if err := netlink.RouteDel(&r); err != nil {
				return err
			}
		}
	}
	for cidr, via := range want {
		_, dst, err := net.ParseCIDR(cidr)
		if err != nil {
			return err
		}
		if err := netlink.RouteReplace(&netlink.Route{Dst: dst, Gw: via, Protocol: routeProtocol}); err != nil {
			return err
		}
		logs.Info("Pods of %s are reached through %s", cidr, via)
	}
	return nil
}

// keepRules lets pods' packets pass and hides pods from the world behind their node. The chains have the names
// of k3s's own.
func keepRules(clusterCIDR string) error {
	for _, rule := range [][]string{
		{"filter", "FORWARD", "FLANNEL-FWD", "-s", clusterCIDR, "-j", "ACCEPT"},
		{"filter", "FORWARD", "FLANNEL-FWD", "-d", clusterCIDR, "-j", "ACCEPT"},
		{"nat", "POSTROUTING", "FLANNEL-POSTRTG", "-s", clusterCIDR, "!", "-d", clusterCIDR, "-j", "MASQUERADE", "--random-fully"},
	} {
		table, from, chain, match := rule[0], rule[1], rule[2], rule[3:]
		if iptables(table, "-n", "-L", chain) != nil {
			if err := iptables(table, "-N", chain); err != nil {
				return err
			}
		}
		for _, r := range [][]string{append([]string{chain}, match...), {from, "-j", chain}} {
			if iptables(table, append([]string{"-C"}, r...)...) == nil {
				continue
			}
			if err := iptables(table, append([]string{"-A"}, r...)...); err != nil {
				return err
			}
		}
	}
	return nil
}

func iptables(table string, args ...string) error {
	out, err := exec.Command("iptables", append([]string{"-w", "-t", table}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
