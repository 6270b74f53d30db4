package agent

import (
	"fmt"
	"os"
	"path/filepath"
)

// Tool finds one of the machine's own programs. k3s's links to itself under the same name do not count: they
// would run this program again.
func Tool(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/bin", "/sbin", "/bin") {
		path := filepath.Join(dir, name)
		real, err := filepath.EvalSymlinks(path)
		if err != nil || real == self {
			continue
		}
		if info, err := os.Stat(real); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("this machine has no %s: install containerd, the whisklab stand-in does not bring its own", name)
}
