// Package crictl is the part of crictl that deploys and people use on a k3s node.
package crictl

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/klog/v2"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	cri "k8s.io/cri-client/pkg"
)

// patience is for a connection; a pull may take longer.
const (
	patience    = 10 * time.Second
	pullAtLeast = 10 * time.Minute
)

// Run does one verb against the containerd at socket and prints to out.
func Run(socket string, args []string, out io.Writer) error {
	known := map[string]func(*call) error{
		"images": images, "ps": containers, "pods": pods, "pull": pull, "rmi": remove,
	}
	if len(args) == 0 || known[args[0]] == nil {
		return fmt.Errorf("the whisklab stand-in of crictl knows images, ps, pods, pull and rmi, not %q", strings.Join(args, " "))
	}
	c := &call{ctx: context.Background(), out: out}
	f := flag.NewFlagSet("crictl "+args[0], flag.ContinueOnError)
	f.SetOutput(io.Discard)
	for _, n := range []string{"a", "all"} {
		f.BoolVar(&c.all, n, false, "")
	}
	for _, n := range []string{"q", "quiet"} {
		f.BoolVar(&c.quiet, n, false, "")
	}
	for _, n := range []string{"o", "output"} {
		f.StringVar(&c.format, n, "table", "")
	}
	f.StringVar(&c.creds, "creds", "", "")
	rest := args[1:]
	for { // crictl's flags may come after the names
		if err := f.Parse(rest); err != nil {
			return err
		}
		if f.NArg() == 0 {
			break
		}
		c.names, rest = append(c.names, f.Arg(0)), f.Args()[1:]
	}
	if c.format != "table" && c.format != "json" {
		return fmt.Errorf("output format %q is none of table, json", c.format)
	}
	if _, err := os.Stat(socket); err != nil {
		return fmt.Errorf("containerd does not run here: %w", err)
	}
	logger := klog.Background()
	endpoint := "unix://" + socket
	var err error
	if c.runtime, err = cri.NewRemoteRuntimeService(endpoint, patience, nil, &logger); err != nil {
		return err
	}
	if c.images, err = cri.NewRemoteImageService(endpoint, pullAtLeast, nil, &logger); err != nil {
		return err
	}
	return known[args[0]](c)
}

// call is one run of crictl.
type call struct {
	ctx        context.Context
	out        io.Writer
	runtime    internalapi.RuntimeService
	images     internalapi.ImageManagerService
	names      []string
	all, quiet bool
	format     string
	creds      string
}

func (c *call) table(header string, rows [][]string) error {
	w := tabwriter.NewWriter(c.out, 0, 8, 4, ' ', 0)
	fmt.Fprintln(w, header)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

func (c *call) one() (string, error) {
	if len(c.names) != 1 {
		return "", errors.New("expected one image name")
	}
	return c.names[0], nil
}

func pull(c *call) error {
	name, err := c.one()
	if err != nil {
		return err
	}
	var auth *runtimeapi.AuthConfig
	if user, password, ok := strings.Cut(c.creds, ":"); ok {
		auth = &runtimeapi.AuthConfig{Username: user, Password: password}
	}
	ref, err := c.images.PullImage(c.ctx, &runtimeapi.ImageSpec{Image: name}, auth, nil)
	if err == nil {
		fmt.Fprintf(c.out, "Image is up to date for %s\n", ref)
	}
	return err
}

func remove(c *call) error {
	if len(c.names) == 0 {
		return errors.New("expected image names")
	}
	for _, n := range c.names {
		s, err := c.images.ImageStatus(c.ctx, &runtimeapi.ImageSpec{Image: n}, false)
		if err != nil {
			return err
		}
		if s.GetImage() == nil {
			return fmt.Errorf("no such image %s", n)
		}
		if err := c.images.RemoveImage(c.ctx, &runtimeapi.ImageSpec{Image: n}); err != nil {
			return err
		}
		for _, tag := range s.GetImage().GetRepoTags() {
			fmt.Fprintf(c.out, "Deleted: %s\n", tag)
		}
	}
	return nil
}
