package agent

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

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

// importArchive hands an archive to containerd, unpacked, for older ones read nothing else.
func importArchive(ctx context.Context, path string) error {
	ctr, err := Tool("ctr")
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	plain, err := unpacked(f, path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return supervise.Feed(ctx, plain, ctr, "--address", Socket, "--namespace", "k8s.io", "images", "import", "-")
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
