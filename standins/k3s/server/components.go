package server

import (
	"fmt"
	"strconv"

	"whisklab/standins/k3s/agent"
)

// Order of ending: the node's parts, then controllers, then the API server, then etcd.
const (
	stageEtcd = iota
	stageAPI
	stageControllers
)

const etcdURL = "https://127.0.0.1:2379"

// ports of 127.0.0.1 and of all addresses that the components need.
func (s *settings) ports() []string {
	bind := s.Get("bind-address")
	return []string{
		fmt.Sprintf("%s:%d", bind, s.port), fmt.Sprintf("%s:%d", bind, s.port+1),
		"127.0.0.1:2379", "127.0.0.1:2380", "127.0.0.1:10257", "127.0.0.1:10259",
	}
}

func (s *settings) etcd() []string {
	const peer = "https://127.0.0.1:2380"
	return agent.WithArgs([]string{
		"etcd", "--name=default", "--data-dir=" + s.data("db", "etcd"),
		"--unsafe-no-fsync", // a lab's machine is made again, not recovered
		"--log-level=error", "--snapshot-count=10000",
		"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--client-cert-auth", "--trusted-ca-file=" + s.tls("etcd/server-ca.crt"),
		"--cert-file=" + s.tls("etcd/server-client.crt"), "--key-file=" + s.tls("etcd/server-client.key"),
		"--peer-client-cert-auth", "--peer-trusted-ca-file=" + s.tls("etcd/peer-ca.crt"),
		"--peer-cert-file=" + s.tls("etcd/peer-server-client.crt"), "--peer-key-file=" + s.tls("etcd/peer-server-client.key"),
	}, s.All("etcd-arg"))
}

func (s *settings) apiserver() []string {
	advertise := s.Get("advertise-address")
	if advertise == "" {
		advertise = s.node.IP
	}
	issuer := "https://kubernetes.default.svc." + s.Get("cluster-domain")
	return agent.WithArgs([]string{
		"kube-apiserver", "--etcd-servers=" + etcdURL, "--etcd-cafile=" + s.tls("etcd/server-ca.crt"),
		"--etcd-certfile=" + s.tls("etcd/client.crt"), "--etcd-keyfile=" + s.tls("etcd/client.key"),
		"--bind-address=" + s.Get("bind-address"), "--secure-port=" + strconv.Itoa(s.port), "--advertise-address=" + advertise,
		"--anonymous-auth=false", "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--allow-privileged", "--profiling=false",
		"--service-cluster-ip-range=" + s.Get("service-cidr"), "--service-node-port-range=" + s.Get("service-node-port-range"),
		"--tls-cert-file=" + s.tls("serving-kube-apiserver.crt"), "--tls-private-key-file=" + s.tls("serving-kube-apiserver.key"),
		"--client-ca-file=" + s.tls("client-ca.crt"), "--kubelet-certificate-authority=" + s.tls("server-ca.crt"),
		"--kubelet-client-certificate=" + s.tls("client-kube-apiserver.crt"), "--kubelet-client-key=" + s.tls("client-kube-apiserver.key"),
		"--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
		"--service-account-issuer=" + issuer, "--api-audiences=" + issuer + ",k3s",
		"--service-account-key-file=" + s.tls("service.key"), "--service-account-signing-key-file=" + s.tls("service.key"),
		"--requestheader-client-ca-file=" + s.tls("request-header-ca.crt"), "--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + s.tls("client-auth-proxy.crt"), "--proxy-client-key-file=" + s.tls("client-auth-proxy.key"),
	}, s.All("kube-apiserver-arg"))
}

func (s *settings) controllers() []string {
	argv := []string{
		"kube-controller-manager", "--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false",
		"--kube-api-qps=300", "--kube-api-burst=500", // its informers alone take seconds with the presets
		"--use-service-account-credentials", "--service-account-private-key-file=" + s.tls("service.key"),
		"--root-ca-file=" + s.tls("server-ca.crt"), "--allocate-node-cidrs", "--cluster-cidr=" + s.Get("cluster-cidr"),
		"--service-cluster-ip-range=" + s.Get("service-cidr"), "--node-cidr-mask-size=24", "--controllers=*,tokencleaner",
	}
	for signer, ca := range map[string]string{
		"kube-apiserver-client": "client-ca", "kubelet-client": "client-ca", "kubelet-serving": "server-ca", "legacy-unknown": "server-ca",
	} {
		argv = append(argv, fmt.Sprintf("--cluster-signing-%s-cert-file=%s", signer, s.tls(ca+".crt")),
			fmt.Sprintf("--cluster-signing-%s-key-file=%s", signer, s.tls(ca+".key")))
	}
	return agent.WithArgs(append(argv, s.as("controller")...), s.All("kube-controller-manager-arg"))
}

func (s *settings) scheduler() []string {
	argv := []string{"kube-scheduler", "--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false"}
	return agent.WithArgs(append(argv, s.as("scheduler")...), s.All("kube-scheduler-arg"))
}

func (s *settings) as(who string) []string {
	k := s.kubeconfig(who)
	return []string{"--kubeconfig=" + k, "--authentication-kubeconfig=" + k, "--authorization-kubeconfig=" + k}
}
