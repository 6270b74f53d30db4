package agent

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"time"

	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/pki"
)

// archive is what is remembered of a file in agent/images, and of the images that it brought: name to digest.
type archive struct {
	Size    int64             `json:"size"`
	ModTime time.Time         `json:"modTime"`
	Images  map[string]string `json:"images"`
}

func (a archive) sameFile(b archive) bool { return a.Size == b.Size && a.ModTime.Equal(b.ModTime) }

// in says whether all images of an archive are in the store; nobody knows of an archive that brought none.
func (a archive) in(store map[string]string) bool {
	for name, digest := range a.Images {
		if store[name] != digest {
			return false
		}
	}
	return len(a.Images) > 0
}

// watchEvery is how often agent/images is looked at.
const watchEvery = 3 * time.Second

// remembered are the archives of earlier starts whose images containerd still has. k3s itself imports all
// of them at each start; what is there then is the same.
func (n *node) remembered(ctx context.Context) map[string]archive {
	found := map[string]archive{}
	data, err := os.ReadFile(n.data("imported.json"))
	if errors.Is(err, os.ErrNotExist) {
		return found
	}
	if err == nil {
		err = json.Unmarshal(data, &found)
	}
	var store map[string]string
	if err == nil {
		store, err = storedImages(ctx)
	}
	if err != nil {
		logs.Warn("All images are imported: %v", err)
		return map[string]archive{}
	}
	maps.DeleteFunc(found, func(_ string, a archive) bool { return !a.in(store) })
	return found
}

// importImages imports every archive of agent/images that is new or has changed. A broken one is told of and
// tried again when it has changed. One that was written to within the last `settled` may still grow.
func (n *node) importImages(ctx context.Context, settled time.Duration) {
	entries, err := os.ReadDir(n.data("images"))
	if err != nil {
		logs.Error("images: %v", err)
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !tarball(e.Name()) {
			continue // gone again, or something else
		}
		now := archive{Size: info.Size(), ModTime: info.ModTime()}
		if before, ok := n.archives[e.Name()]; ok && now.sameFile(before) || time.Since(now.ModTime) < settled {
			continue
		}
		now.Images = n.importImage(ctx, n.data("images", e.Name()))
		n.archives[e.Name()] = now
		data, err := json.Marshal(n.archives)
		if err == nil {
			err = pki.WriteFile(n.data("imported.json"), data, 0o600)
		}
		if err != nil {
			logs.Warn("Images are imported again at the next start: %v", err)
		}
	}
}

func (n *node) importImage(ctx context.Context, path string) map[string]string {
	start := time.Now()
	images, err := importArchive(ctx, path)
	if err != nil {
		logs.Error("Failed to import images from %s: %v", path, err)
		return nil
	}
	logs.Info("Imported images from %s in %s", path, time.Since(start).Round(time.Millisecond))
	return images
}

// watchImages imports what arrives later.
func (n *node) watchImages(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery):
			n.importImages(ctx, watchEvery)
		}
	}
}
