package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"whisklab/standins/k3s/config"
	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/supervise"
)

// Order of ending, after the control plane's stages: first what uses containerd.
const (
	stageContainerd = iota + 2
	stageKubelet
)

// Cluster is where a node joins, and with what.
type Cluster struct{ Server, Token string }

// RunAlone is Run for a machine that is no server, and takes the cluster from the configuration.
func RunAlone(ctx context.Context, c config.Config, g *supervise.Group) error {
	t, err := c.Token()
	if err != nil {
		return err
	}
	if c.Get("server") == "" || t == "" {
		return errors.New("--server and --token are required")
	}
	return Run(ctx, c, g, Cluster{Server: c.Get("server"), Token: t})
}

// Run starts a node and returns when it is registered. It goes on in the background until the context ends.
func Run(ctx context.Context, c config.Config, g *supervise.Group, cluster Cluster) error {
	if err := Check(c); err != nil {
		return err
	}
	identity, err := Describe(c)
	if err != nil {
		return err
	}
	n := &node{Node: identity, Config: c}
	for _, address := range []string{"0.0.0.0:10250", "127.0.0.1:10248", "127.0.0.1:10256"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("a port of kubelet or kube-proxy is taken by another program: %w", err)
		}
		l.Close()
	}
	if err := n.prepareMachine(); err != nil {
		return err
	}
	if err := n.startContainerd(ctx, g); err != nil {
		return err
	}
	n.archives = n.remembered(ctx)
	n.importImages(ctx, 0)
	reply, err := n.join(ctx, cluster)
	if err != nil {
		return err
	}
	if err := n.startKubelet(g, cluster.Server, reply); err != nil {
		return err
	}
	api, err := n.client("kubelet")
	if err != nil {
		return err
	}
	controller, err := n.client("k3scontroller")
	if err != nil {
		return err
	}
	go n.watchImages(ctx)
	go n.keepNetwork(ctx, controller, reply.ClusterCIDR)
	go n.keepVolumes(ctx, controller)
	return n.waitRegistered(ctx, api)
}

// client talks to the API server as one of the node's identities.
func (n *node) client(who string) (*kubernetes.Clientset, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", n.data(who+".kubeconfig"))
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(cfg)
}

func (n *node) waitRegistered(ctx context.Context, api kubernetes.Interface) error {
	for {
		_, err := api.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
		if err == nil {
			logs.Info("Node %s is registered", n.Name)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
}
