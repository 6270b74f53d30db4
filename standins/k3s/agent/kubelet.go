package agent

import (
	_ "embed"
	"net"
	"os"
	"strings"

	"whisklab/standins/k3s/join"
	"whisklab/standins/k3s/pki"
	"whisklab/standins/k3s/supervise"
)

//go:embed kubelet.yaml
var kubeletConfig string

// startKubelet writes the configuration of kubelet and kube-proxy and runs them.
func (n *node) startKubelet(g *supervise.Group, server string, cluster join.Reply) error {
	for who, cert := range map[string]string{
		"kubelet": "client-kubelet", "kubeproxy": "client-kube-proxy", "k3scontroller": "client-k3s-controller",
	} {
		data := pki.Kubeconfig(server, n.data("server-ca.crt"), n.data(cert))
		if err := pki.WriteFile(n.data(who+".kubeconfig"), data, 0o600); err != nil {
			return err
		}
	}
	resolv, err := n.resolvConf()
	if err != nil {
		return err
	}
	text := strings.NewReplacer(
		"%{SOCKET}%", Socket, "%{AGENT}%", n.data(), "%{DOMAIN}%", cluster.ClusterDomain, "%{DNS}%", cluster.ClusterDNS,
		"%{RESOLV}%", resolv, "%{NODE}%", n.Name,
	).Replace(kubeletConfig)
	if err := pki.WriteFile(n.data("etc/kubelet.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	labels := append([]string{"node.kubernetes.io/instance-type=k3s"}, n.All("node-label")...)
	kubelet := []string{
		"kubelet", "--config=" + n.data("etc/kubelet.yaml"), "--kubeconfig=" + n.data("kubelet.kubeconfig"),
		"--hostname-override=" + n.Name, "--node-ip=" + n.IP, "--node-labels=" + strings.Join(labels, ","),
	}
	if taints := n.All("node-taint"); len(taints) > 0 {
		kubelet = append(kubelet, "--register-with-taints="+strings.Join(taints, ","))
	}
	if err := g.Component(stageKubelet, WithArgs(kubelet, n.All("kubelet-arg"))); err != nil {
		return err
	}
	return g.Component(stageKubelet, WithArgs([]string{
		"kube-proxy", "--kubeconfig=" + n.data("kubeproxy.kubeconfig"), "--hostname-override=" + n.Name,
		"--proxy-mode=iptables", "--cluster-cidr=" + cluster.ClusterCIDR, "--healthz-bind-address=127.0.0.1",
		// The connection table belongs to the machine, of which a lab's host is only a part.
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
	}, n.All("kube-proxy-arg")))
}

// resolvConf is what pods with the machine's own DNS get. A resolver on the machine's loopback is of no use
// to them; k3s then gives them a public one, and so does this.
func (n *node) resolvConf() (string, error) {
	if given := n.Get("resolv-conf"); given != "" {
		return given, nil
	}
	data, err := os.ReadFile("/etc/resolv.conf")
	if err == nil {
		for _, line := range strings.Split(string(data), "\n") {
			f := strings.Fields(line)
			if len(f) > 1 && f[0] == "nameserver" && net.ParseIP(f[1]) != nil && !net.ParseIP(f[1]).IsLoopback() {
				return "/etc/resolv.conf", nil
			}
		}
	}
	path := n.data("etc/resolv.conf")
	return path, pki.WriteFile(path, []byte("nameserver 8.8.8.8\n"), 0o644)
}
