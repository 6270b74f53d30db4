// A stand-in for nfs-subdir-external-provisioner: a directory of one NFS export for each claim.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var settings = map[string]string{"PROVISIONER_NAME": "", "NFS_SERVER": "", "NFS_PATH": ""}
	for name := range settings {
		if settings[name] = os.Getenv(name); settings[name] == "" {
			return fmt.Errorf("%s is not set", name)
		}
	}
	elect := true
	if given := os.Getenv("ENABLE_LEADER_ELECTION"); given != "" {
		var err error
		if elect, err = strconv.ParseBool(given); err != nil {
			return fmt.Errorf("ENABLE_LEADER_ELECTION: %w", err)
		}
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	klog.Info("whisklab stand-in for nfs-subdir-external-provisioner, not the real one")
	export := &export{server: settings["NFS_SERVER"], path: settings["NFS_PATH"], mounted: "/persistentvolumes", class: classOf(api)}
	controller.NewProvisionController(ctx, api, settings["PROVISIONER_NAME"], export, controller.LeaderElection(elect)).Run(ctx)
	return nil
}
