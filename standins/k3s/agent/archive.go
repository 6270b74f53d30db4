package agent

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	images "github.com/containerd/containerd/api/services/images/v1"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/metadata"

	"whisklab/standins/k3s/supervise"
)

// tarball says whether a file in agent/images is one that k3s imports.
func tarball(name string) bool {
	for _, ext := range []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd"} {
		if strings.HasSuffix(name, ext) && !strings.HasPrefix(name, ".") {
			return true
		}
	}
	return false
}

// unpacking is what ctr says of each image that it imports.
var unpacking = regexp.MustCompile(`(?m)^unpacking (\S+) \((sha256:[0-9a-f]{64})\)`)

// importArchive hands an archive to containerd, unpacked, for older ones read nothing else, and returns the
// images in it, name to digest.
func importArchive(ctx context.Context, path string) (map[string]string, error) {
	ctr, err := Tool("ctr")
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := unpacked(f, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	said, err := supervise.Feed(ctx, plain, ctr, "--address", Socket, "--namespace", "k8s.io", "images", "import", "-")
	if err != nil {
		return nil, err
	}
	return unpackedImages(said), nil
}

func unpackedImages(said string) map[string]string {
	found := map[string]string{}
	for _, m := range unpacking.FindAllStringSubmatch(said, -1) {
		found[m[1]] = m[2]
	}
	return found
}

// storedImages are the images that containerd has, name to digest.
func storedImages(ctx context.Context) (map[string]string, error) {
	conn, err := connect()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx = metadata.AppendToOutgoingContext(ctx, "containerd-namespace", "k8s.io")
	reply, err := images.NewImagesClient(conn).List(ctx, &images.ListImagesRequest{})
	found := map[string]string{}
	for _, image := range reply.GetImages() {
		found[image.Name] = image.Target.Digest
	}
	return found, err
}

func unpacked(f io.Reader, name string) (io.Reader, error) {
	switch {
	case strings.HasSuffix(name, "gz"):
		return gzip.NewReader(f)
	case strings.HasSuffix(name, ".tar"):
		return f, nil
	}
	r, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	return r.IOReadCloser(), nil
}
