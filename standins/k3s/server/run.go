package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"whisklab/standins/k3s/agent"
	"whisklab/standins/k3s/config"
	"whisklab/standins/k3s/join"
	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/supervise"
)

// Run starts a server and returns when it is ready: the API server answers and the server's own node is
// registered. It goes on in the background until the context ends.
func Run(ctx context.Context, c config.Config, g *supervise.Group) error {
	s, err := check(c)
	if err != nil {
		return err
	}
	if err := agent.Check(c); err != nil {
		return err
	}
	given, err := c.Token()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Get("data-dir"), 0o755); err != nil {
		return err
	}
	cas, err := s.keepPKI()
	if err != nil {
		return err
	}
	if err := s.keepToken(cas.server.PEM, given); err != nil {
		return err
	}
	if err := s.kubeconfigs(); err != nil {
		return err
	}
	if err := s.portsFree(); err != nil {
		return err
	}
	logs.Info("Starting k3s server (whisklab stand-in), node %s, address %s", s.node.Name, s.node.IP)
	if err := g.Component(stageEtcd, s.etcd()); err != nil {
		return err
	}
	if err := g.Component(stageAPI, s.apiserver()); err != nil {
		return err
	}
	node := make(chan error, 1)
	if c.Is("disable-agent") {
		node <- nil
	} else {
		how := agent.Cluster{Server: s.url(), Token: s.password}
		go func() { node <- agent.Run(ctx, c, g, how) }()
	}
	api, err := s.waitReady(ctx)
	if err != nil {
		return err
	}
	for _, argv := range [][]string{s.controllers(), s.scheduler()} {
		if err := g.Component(stageControllers, argv); err != nil {
			return err
		}
	}
	if err := s.serveJoins(ctx, cas, api, g); err != nil {
		return err
	}
	go s.keepManifests(ctx)
	if err := <-node; err != nil || c.Is("disable-agent") {
		return err
	}
	return s.labelNode(ctx, api)
}

// portsFree refuses to start beside another program on the same ports.
func (s *settings) portsFree() error {
	for _, address := range s.ports() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			_, port, _ := net.SplitHostPort(address)
			return fmt.Errorf("port %s is taken by another program, end it or choose another https-listen-port: %w", port, err)
		}
		l.Close()
	}
	return nil
}

func (s *settings) waitReady(ctx context.Context) (*kubernetes.Clientset, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig("supervisor"))
	if err != nil {
		return nil, err
	}
	api, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	for {
		err := api.RESTClient().Get().AbsPath("/readyz").Timeout(5 * time.Second).Do(ctx).Error()
		if err == nil {
			logs.Info("Kube API server is now running")
			return api, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *settings) serveJoins(ctx context.Context, cas authorities, api kubernetes.Interface, g *supervise.Group) error {
	l, err := net.Listen("tcp", s.ports()[1])
	if err != nil {
		return err
	}
	joins := &join.Server{
		Token: s.password, Client: cas.client, Serving: cas.server, Passwords: join.Passwords(api),
		Settings: join.Reply{
			ClusterCIDR: s.Get("cluster-cidr"), ClusterDNS: s.clusterDNS(), ClusterDomain: s.Get("cluster-domain"),
		},
	}
	go func() {
		if err := joins.Serve(ctx, l, s.tls("serving-kube-apiserver")); err != nil {
			g.Fail(fmt.Errorf("the join service ended: %w", err))
		}
	}()
	return nil
}

// labelNode gives the server's node its role, which a kubelet may not give itself.
func (s *settings) labelNode(ctx context.Context, api kubernetes.Interface) error {
	labels := map[string]string{"node-role.kubernetes.io/control-plane": "true"}
	if s.Is("cluster-init") {
		labels["node-role.kubernetes.io/etcd"] = "true"
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
	if err != nil {
		return err
	}
	_, err = api.CoreV1().Nodes().Patch(ctx, s.node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
