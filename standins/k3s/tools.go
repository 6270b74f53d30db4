package main

import (
	"io"
	"os"
	"syscall"

	"k8s.io/klog/v2"

	"whisklab/standins/k3s/agent"
	"whisklab/standins/k3s/components"
	"whisklab/standins/k3s/crictl"
	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/server"
)

// tool says whether k3s has a tool of this name, by which it may also be called through a link.
func tool(name string) bool {
	switch name {
	case "kubectl", "ctr", "crictl", "etcd-snapshot":
		return true
	}
	return false
}

// runTool runs one of them; kubectl is apart, for it never returns.
func runTool(name string, args []string) {
	klog.LogToStderr(false) // what fails is said once, by us
	klog.SetOutput(io.Discard)
	switch name {
	case "ctr":
		ctr(args)
	case "crictl":
		finish(crictl.Run(agent.Socket, args, os.Stdout))
	case "etcd-snapshot":
		finish(server.Snapshot(args, os.Stdout))
	}
}

// kubectl is the real one, with k3s's kubeconfig unless there is another.
func kubectl(args []string) {
	const kubeconfig = "/etc/rancher/k3s/k3s.yaml"
	if os.Getenv("KUBECONFIG") == "" {
		if f, err := os.Open(kubeconfig); err == nil {
			f.Close()
			os.Setenv("KUBECONFIG", kubeconfig)
		} else if os.IsPermission(err) {
			logs.Warn("Unable to read %s, please start server with --write-kubeconfig-mode or --write-kubeconfig-group to modify kube config permissions", kubeconfig)
		}
	}
	components.Run(append([]string{"kubectl"}, args...))
}

// ctr is the machine's own, pointed at k3s's containerd.
func ctr(args []string) {
	path, err := agent.Tool("ctr")
	if err != nil {
		logs.Fatal("%v", err)
	}
	env := append(os.Environ(), "CONTAINERD_ADDRESS="+agent.Socket, "CONTAINERD_NAMESPACE=k8s.io")
	logs.Fatal("ctr: %v", syscall.Exec(path, append([]string{"ctr"}, args...), env))
}

func finish(err error) {
	if err != nil {
		logs.Fatal("%v", err)
	}
}
