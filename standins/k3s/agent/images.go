package agent

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/pki"
)

// seen is what .cache.json remembers of a tarball.
type seen struct {
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modTime"`
}

// watchEvery is how often agent/images is looked at.
const watchEvery = 3 * time.Second

// imports is the state of the directory agent/images.
type imports struct {
	done map[string]seen
	// k3s remembers over a restart only if somebody has made the file .cache.json.
	cache string
}

func (n *node) loadImports() *imports {
	i := &imports{done: map[string]seen{}, cache: n.data("images", ".cache.json")}
	data, err := os.ReadFile(i.cache)
	if err == nil && len(data) > 0 {
		err = json.Unmarshal(data, &i.done)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		logs.Warn("%s is not used: %v", i.cache, err)
	}
	return i
}

func (i *imports) save() {
	if _, err := os.Stat(i.cache); err != nil {
		return
	}
	data, err := json.Marshal(i.done)
	if err == nil {
		err = pki.WriteFile(i.cache, data, 0o644)
	}
	if err != nil {
		logs.Warn("%s is not written: %v", i.cache, err)
	}
}

// importImages imports every tarball of agent/images that is new or has changed. A broken one is told of
// and tried again when it has changed. One that was written to within the last `settled` may still grow.
func (n *node) importImages(ctx context.Context, settled time.Duration) {
	if n.imports == nil {
		n.imports = n.loadImports()
	}
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
		now := seen{info.Size(), info.ModTime().UTC()}
		if n.imports.done[e.Name()] == now || time.Since(now.ModTime) < settled {
			continue
		}
		n.importImage(ctx, n.data("images", e.Name()))
		n.imports.done[e.Name()] = now
		n.imports.save()
	}
}

func (n *node) importImage(ctx context.Context, path string) {
	start := time.Now()
	if err := importArchive(ctx, path); err != nil {
		logs.Error("Failed to import images from %s: %v", path, err)
		return
	}
	logs.Info("Imported images from %s in %s", path, time.Since(start).Round(time.Millisecond))
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
