package agent

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"whisklab/standins/k3s/config"
)

const (
	one = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	two = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func TestTheImagesOfAnArchiveAreWhatCtrSays(t *testing.T) {
	said := "unpacking docker.io/library/busybox:1.36.1 (" + one + ")...done\n" +
		"time=\"x\" level=warning\nunpacking quay.io/a/b:c (" + two + ")...done\n"
	want := map[string]string{"docker.io/library/busybox:1.36.1": one, "quay.io/a/b:c": two}
	if got := unpackedImages(said); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAnArchiveIsKnownWhileAllItsImagesAreThere(t *testing.T) {
	a := archive{Images: map[string]string{"a": one, "b": two}}
	for name, c := range map[string]struct {
		archive
		store map[string]string
		want  bool
	}{
		"all":      {a, map[string]string{"a": one, "b": two, "c": one}, true},
		"one gone": {a, map[string]string{"a": one}, false},
		"another":  {a, map[string]string{"a": one, "b": one}, false},
		"broken":   {archive{}, map[string]string{"a": one}, false},
	} {
		if got := c.in(c.store); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAChangedArchiveIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	c, err := config.Load("agent", []string{"--data-dir=" + dir}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	n := node{Config: c, archives: map[string]archive{}} // what is tried fails: there is no containerd
	images := filepath.Join(dir, "agent", "images")
	if err := os.MkdirAll(images, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"x", "xy"} {
		if err := os.WriteFile(filepath.Join(images, "a.tar"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		n.importImages(context.Background(), time.Hour)
		if _, ok := n.archives["a.tar"]; ok && text == "x" {
			t.Error("an archive that may still grow was imported")
		}
		n.importImages(context.Background(), 0)
		if got := n.archives["a.tar"].Size; got != int64(len(text)) {
			t.Errorf("size %d is remembered of %q", got, text)
		}
	}
}
