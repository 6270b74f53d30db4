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

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	patience = 10 * time.Minute // for a pull
	largest  = 16 << 20         // bytes of an answer, as Kubernetes' own client takes
)

// Run does one verb against the containerd at socket and prints to out.
func Run(socket string, args []string, out io.Writer) error {
	known := map[string]func(*call) error{
		"images": images, "ps": containers, "pods": pods, "pull": pull, "rmi": remove,
	}
	if len(args) == 0 || known[args[0]] == nil {
		return fmt.Errorf("the whisklab stand-in of crictl knows images, ps, pods, pull and rmi, not %q", strings.Join(args, " "))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := &call{ctx: ctx, out: out}
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
	conn, err := grpc.NewClient("unix://"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largest)))
	if err != nil {
		return err
	}
	defer conn.Close()
	c.runtime, c.images = runtimeapi.NewRuntimeServiceClient(conn), runtimeapi.NewImageServiceClient(conn)
	return known[args[0]](c)
}

// call is one run of crictl.
type call struct {
	ctx        context.Context
	out        io.Writer
	runtime    runtimeapi.RuntimeServiceClient
	images     runtimeapi.ImageServiceClient
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
	pulled, err := c.images.PullImage(c.ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: name}, Auth: auth})
	if err == nil {
		fmt.Fprintf(c.out, "Image is up to date for %s\n", pulled.GetImageRef())
	}
	return err
}

func remove(c *call) error {
	if len(c.names) == 0 {
		return errors.New("expected image names")
	}
	for _, n := range c.names {
		image := &runtimeapi.ImageSpec{Image: n}
		s, err := c.images.ImageStatus(c.ctx, &runtimeapi.ImageStatusRequest{Image: image})
		if err != nil {
			return err
		}
		if s.GetImage() == nil {
			return fmt.Errorf("no such image %s", n)
		}
		if _, err := c.images.RemoveImage(c.ctx, &runtimeapi.RemoveImageRequest{Image: image}); err != nil {
			return err
		}
		for _, tag := range s.GetImage().GetRepoTags() {
			fmt.Fprintf(c.out, "Deleted: %s\n", tag)
		}
	}
	return nil
}
