package agent

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"whisklab/standins/k3s/pki"
	"whisklab/standins/k3s/supervise"
)

// Socket is where containerd answers.
const (
	Socket = "/run/k3s/containerd/containerd.sock"
	state  = "/run/k3s/containerd"
)

//go:embed containerd.toml
var containerdConfig string

// prepareMachine makes the kernel pass packets between pods, as k3s does. What cannot be set may be right
// already, or is said by the component that needs it.
func (n *node) prepareMachine() error {
	for _, name := range []string{"net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"} {
		path := "/proc/sys/" + name
		data, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(data)) == "1" {
			continue
		}
		if err := os.WriteFile(path, []byte("1"), 0o644); err != nil {
			return fmt.Errorf("%s cannot be set to 1: %w", strings.ReplaceAll(name, "/", "."), err)
		}
	}
	for _, d := range []string{n.Get("data-dir"), n.data("images"), n.data("pod-manifests"), n.data("etc/cni/net.d"), state} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// startContainerd writes the configuration of the machine's own containerd and runs it.
func (n *node) startContainerd(ctx context.Context, g *supervise.Group) error {
	reg, err := readRegistries(n.Config)
	if err != nil {
		return err
	}
	certs := n.data("etc/containerd/certs.d")
	if err := os.RemoveAll(certs); err != nil { // registries that are no longer named
		return err
	}
	for host, hosts := range reg.Hosts(n.Is("disable-default-registry-endpoint")) {
		if err := pki.WriteFile(filepath.Join(certs, host, "hosts.toml"), []byte(hosts), 0o600); err != nil {
			return err
		}
	}
	path := n.data("etc/containerd/config.toml")
	text := strings.NewReplacer(
		"%{ROOT}%", n.data("containerd"), "%{STATE}%", state, "%{SOCKET}%", Socket, "%{PAUSE}%", n.Get("pause-image"),
		"%{CERTS}%", certs, "%{CNI}%", n.data("etc/cni/net.d"), "%{PLUGINS}%", plugins(),
	).Replace(containerdConfig) + reg.Credentials()
	if err := pki.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	containerd, err := Tool("containerd")
	if err != nil {
		return err
	}
	if err := g.Start(stageContainerd, "containerd", []string{containerd, "--config", path}); err != nil {
		return err
	}
	for !answers(ctx) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// answers says whether containerd is ready for kubelet, which ends without it. The socket is there seconds before.
func answers(ctx context.Context) bool {
	conn, err := connect()
	if err != nil {
		return false
	}
	defer conn.Close()
	_, err = runtimeapi.NewRuntimeServiceClient(conn).Version(ctx, &runtimeapi.VersionRequest{})
	return err == nil
}

func connect() (*grpc.ClientConn, error) {
	return grpc.NewClient("unix://"+Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// plugins is the directory of the machine's CNI programs.
func plugins() string {
	for _, d := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if _, err := os.Stat(filepath.Join(d, "bridge")); err == nil {
			return d
		}
	}
	return "/opt/cni/bin" // kubelet says it when the programs are missing
}
