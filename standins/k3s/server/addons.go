package server

import (
	"context"
	"embed"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/pki"
	"whisklab/standins/k3s/supervise"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// CoreDNS is the version in the air-gap bundle; the build sets it.
var CoreDNS = "unknown"

// keepManifests applies the add-ons and whatever people put into server/manifests, at the start and when a
// file changes, as k3s does. A disabled add-on is deleted once.
func (s *settings) keepManifests(ctx context.Context) {
	if err := s.writeAddons(ctx); err != nil {
		logs.Error("add-ons: %v", err)
	}
	applied := map[string]string{}
	for ctx.Err() == nil {
		pause := 5 * time.Second
		files, _ := filepath.Glob(s.data("manifests", "*.y*ml")) // the pattern is not malformed
		slices.SortStableFunc(files, func(a, b string) int { return rank(a) - rank(b) })
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil || applied[f] == string(data) {
				continue // gone again, or known
			}
			if err := s.kubectl(ctx, "apply", "--server-side", "--force-conflicts", "-f", f); err != nil {
				logs.Error("manifest %s was not applied, trying again: %v", f, err)
				pause = time.Second
				continue
			}
			logs.Info("Applied manifest %s", f)
			applied[f] = string(data)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// rank puts first what nodes wait for.
func rank(file string) int {
	if filepath.Base(file) == "rolebindings.yaml" {
		return 0
	}
	return 1
}

func (s *settings) writeAddons(ctx context.Context) error {
	entries, err := manifests.ReadDir("manifests")
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("%{CLUSTER_DNS}%", s.clusterDNS(), "%{CLUSTER_DOMAIN}%", s.Get("cluster-domain"), "%{COREDNS}%", CoreDNS)
	for _, e := range entries {
		data, err := manifests.ReadFile("manifests/" + e.Name())
		if err != nil {
			return err
		}
		path := s.data("manifests", e.Name())
		if !slices.Contains(s.disabled, strings.TrimSuffix(e.Name(), ".yaml")) {
			if err := pki.WriteFile(path, []byte(fill.Replace(string(data))), 0o600); err != nil {
				return err
			}
			continue
		}
		if _, err := os.Stat(path); err != nil {
			continue // it never was enabled
		}
		if err := s.kubectl(ctx, "delete", "--ignore-not-found", "-f", path); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// kubectl runs this program as kubectl, as the supervisor.
func (s *settings) kubectl(ctx context.Context, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return supervise.Run(ctx, append([]string{self, "kubectl", "--kubeconfig", s.kubeconfig("supervisor")}, args...)...)
}
