package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/snapshot"
	"go.uber.org/zap"

	"whisklab/standins/k3s/config"
	"whisklab/standins/k3s/logs"
)

// Snapshot is `k3s etcd-snapshot save [--name NAME]` and `... ls`, on a server with cluster-init.
func Snapshot(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: k3s etcd-snapshot save [--name NAME] | ls")
	}
	c, err := config.Load("server", snapshotFlags(args[1:]), os.Getenv)
	if err != nil {
		return err
	}
	if !c.Is("cluster-init") {
		return errors.New("etcd datastore disabled: the server does not have cluster-init")
	}
	dir := c.Get("etcd-snapshot-dir")
	if dir == "" {
		dir = filepath.Join(c.Get("data-dir"), "server", "db", "snapshots")
	}
	switch args[0] {
	case "save":
		return save(c, dir)
	case "ls", "list":
		return list(dir, out)
	}
	return fmt.Errorf("etcd-snapshot %s: the whisklab stand-in knows save and ls", args[0])
}

// snapshotFlags gives the short names of this command's flags their names in the configuration.
func snapshotFlags(args []string) []string {
	long := map[string]string{"--name": "--etcd-snapshot-name", "--dir": "--etcd-snapshot-dir", "--snapshot-dir": "--etcd-snapshot-dir"}
	var all []string
	for _, a := range args {
		if l, ok := long[a]; ok {
			a = l
		}
		all = append(all, a)
	}
	return all
}

func save(c config.Config, dir string) error {
	tls := filepath.Join(c.Get("data-dir"), "server", "tls", "etcd")
	info := transport.TLSInfo{
		CertFile: filepath.Join(tls, "client.crt"), KeyFile: filepath.Join(tls, "client.key"),
		TrustedCAFile: filepath.Join(tls, "server-ca.crt"),
	}
	secure, err := info.ClientConfig()
	if err != nil {
		return fmt.Errorf("this machine is no server of a cluster: %w", err)
	}
	name := c.Get("etcd-snapshot-name")
	if name == "" {
		name = "on-demand"
	}
	host, err := os.Hostname()
	if n := c.Get("node-name"); n != "" {
		host, err = n, nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := fmt.Sprintf("%s-%s-%d", name, host, time.Now().Unix())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	etcd := clientv3.Config{Endpoints: []string{etcdURL}, TLS: secure, DialTimeout: 5 * time.Second}
	if _, err := snapshot.SaveWithVersion(ctx, zap.NewNop(), etcd, filepath.Join(dir, file)); err != nil {
		return fmt.Errorf("etcd does not answer, is k3s running? %w", err)
	}
	logs.Info("Snapshot %s saved.", file)
	return nil
}

func list(dir string, out io.Writer) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 1, ' ', 0)
	fmt.Fprintln(w, "Name\tLocation\tSize\tCreated")
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			fmt.Fprintf(w, "%s\tfile://%s\t%d\t%s\n", e.Name(), filepath.Join(dir, e.Name()), info.Size(), info.ModTime().UTC().Format(time.RFC3339))
		}
	}
	return w.Flush()
}
