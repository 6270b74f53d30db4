// k3s stands in for k3s in the embedded lab: the real Kubernetes and etcd behind k3s's interface.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"whisklab/standins/k3s/agent"
	"whisklab/standins/k3s/components"
	"whisklab/standins/k3s/config"
	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/server"
	"whisklab/standins/k3s/supervise"
)

// version is k3s's, kubernetes that of the module inside, which a relabelled build differs from; the build sets them.
var version, kubernetes = "unknown", "unknown"

const usage = "usage: k3s server|agent|kubectl|ctr|crictl|etcd-snapshot|--version (whisklab stand-in, not the real k3s)"

func main() {
	verb, args := filepath.Base(os.Args[0]), os.Args[1:]
	if !tool(verb) { // not called by the name of a tool: k3s VERB ...
		if len(args) == 0 {
			fmt.Fprintln(os.Stderr, usage)
			os.Exit(1)
		}
		verb, args = args[0], args[1:]
	}
	switch {
	case verb == "--version" || verb == "-v":
		fmt.Printf("k3s version %s (whisklab stand-in of Kubernetes %s, not the real k3s)\ngo version %s\n", version, kubernetes, runtime.Version())
	case verb == "--help" || verb == "-h" || verb == "help":
		fmt.Println(usage)
	case verb == "server":
		serve(verb, args, server.Run)
	case verb == "agent":
		serve(verb, args, agent.RunAlone)
	case verb == "kubectl":
		kubectl(args)
	case tool(verb):
		runTool(verb, args)
	case components.Known(verb):
		components.Run(append([]string{verb}, args...))
	default:
		logs.Fatal("No help topic for '%s'. %s", verb, usage)
	}
}

// serve runs a service until it is told to end (exit code 0) or something in it fails (1).
func serve(role string, args []string, run func(context.Context, config.Config, *supervise.Group) error) {
	c, err := config.Load(role, args, os.Getenv)
	if err != nil {
		logs.Fatal("%v", err)
	}
	for _, w := range c.Warnings {
		logs.Warn("%s", w)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	g := supervise.New()
	go func() {
		if err := run(ctx, c, g); err != nil {
			g.Fail(err)
			return
		}
		logs.Info("k3s is up and running")
		supervise.Ready()
	}()
	select {
	case <-ctx.Done():
		g.Stop()
	case err := <-g.Failed():
		g.Stop()
		logs.Fatal("%v", err)
	}
}
