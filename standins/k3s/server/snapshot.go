package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/snapshot"
	"go.uber.org/zap"

	"whisklab/standins/k3s/config"
	"whisklab/standins/k3s/logs"
)

// Snapshot is `k3s etcd-snapshot save|prune [--name NAME]` and `... ls`, on a server with cluster-init.
func Snapshot(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: k3s etcd-snapshot save [--name NAME] | prune [--name NAME] [--snapshot-retention N] | ls")
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
	case "prune":
		return prune(c, dir)
	case "ls", "list":
		return list(dir, out)
	}
	return fmt.Errorf("etcd-snapshot %s: the whisklab stand-in knows save, prune and ls", args[0])
}

// snapshotFlags gives the short names of this command's flags their names in the configuration.
func snapshotFlags(args []string) []string {
	long := map[string]string{"--name": "--etcd-snapshot-name", "--dir": "--etcd-snapshot-dir", "--snapshot-dir": "--etcd-snapshot-dir",
		"--snapshot-retention": "--etcd-snapshot-retention"}
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
	base, err := baseName(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := fmt.Sprintf("%s-%d", base, time.Now().Unix())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	etcd := clientv3.Config{Endpoints: []string{etcdURL}, TLS: secure, DialTimeout: 5 * time.Second}
	if _, err := snapshot.SaveWithVersion(ctx, zap.NewNop(), etcd, filepath.Join(dir, file)); err != nil {
		return fmt.Errorf("etcd does not answer, is k3s running? %w", err)
	}
	logs.Info("Snapshot %s saved.", file)
	return nil
}

// baseName is what the names of this server's snapshots begin with, before their time.
func baseName(c config.Config) (string, error) {
	name := c.Get("etcd-snapshot-name")
	if name == "" {
		name = "on-demand"
	}
	if n := c.Get("node-name"); n != "" {
		return name + "-" + n, nil
	}
	host, err := os.Hostname()
	return name + "-" + host, err
}

// prune keeps the newest snapshots of one base name, as many as the retention says.
func prune(c config.Config, dir string) error {
	keep, err := strconv.Atoi(c.Get("etcd-snapshot-retention"))
	if err != nil {
		return fmt.Errorf("snapshot-retention: expected a number: %w", err)
	}
	base, err := baseName(c)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var ours []string // their times have as many digits, so the order of names is that of times
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), base+"-") {
			ours = append(ours, e.Name())
		}
	}
	for ; len(ours) > keep; ours = ours[1:] {
		if err := os.Remove(filepath.Join(dir, ours[0])); err != nil {
			return err
		}
		logs.Info("Snapshot %s pruned.", ours[0])
	}
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
