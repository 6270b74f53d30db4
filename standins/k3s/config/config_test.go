package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func nobody(string) string { return "" }

// load writes files below a directory and loads main.yaml.
func load(t *testing.T, role string, files map[string]string, args ...string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(role, append(args, "--config", filepath.Join(dir, "main.yaml")), nobody)
}

func TestLaterFilesWinAndPlusAppends(t *testing.T) {
	c, err := load(t, "server", map[string]string{
		"main.yaml":           "node-name: a\nnode-label: [x=1, y=2]\ntls-san: one\n",
		"main.yaml.d/10.yaml": "node-name: b\nnode-label+: [z=3]\ntls-san+: two,three\n",
		"main.yaml.d/20.yaml": "kubelet-arg: max-pods=9\n",
		"main.yaml.d/30.txt":  "not YAML: [",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Get("node-name"); got != "b" {
		t.Errorf("node-name %q", got)
	}
	for name, want := range map[string][]string{
		"node-label": {"x=1", "y=2", "z=3"}, "tls-san": {"one", "two", "three"}, "kubelet-arg": {"max-pods=9"},
	} {
		if got := c.All(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s %q, expected %q", name, got, want)
		}
	}
	if got := c.Get("https-listen-port"); got != "6443" {
		t.Errorf("default port %q", got)
	}
}

func TestFlagsCountMoreThanEnvironmentAndFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("token: file\nserver: file\ndisable: [a]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"K3S_CONFIG_FILE": file, "K3S_TOKEN": "env", "K3S_URL": "env"}
	args := []string{"--token=flag", "--cluster-init", "--disable", "b,c", "--disable=d"}
	c, err := Load("server", args, func(n string) string { return env[n] })
	if err != nil {
		t.Fatal(err)
	}
	if c.Get("token") != "flag" || c.Get("server") != "env" || !c.Is("cluster-init") {
		t.Errorf("%v", c.values)
	}
	if got := c.All("disable"); !reflect.DeepEqual(got, []string{"b", "c", "d"}) {
		t.Errorf("disable %q", got)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\n":                          "line 1: flag provided but not defined: -a",
		"token: [\n":                      "main.yaml: yaml:",
		"token: [a, b]\n":                 "token must be a plain value",
		"- a\n":                           "expected key: value",
		"cluster-init: perhaps\n":         `invalid boolean value "perhaps" for -cluster-init`,
		"\nwrite-kubeconfig-mode: 0644\n": "line 2: write-kubeconfig-mode must be quoted",
		"node-label: [{a: b}]\n":          "node-label must be a list of plain values",
	} {
		_, err := load(t, "server", map[string]string{"main.yaml": text})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, expected %q", text, err, want)
		}
	}
	for _, args := range [][]string{{"--nonsense"}, {"stray"}, {"--token"}} {
		if _, err := Load("server", args, nobody); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func TestAnAgentSkipsWhatIsForServers(t *testing.T) {
	c, err := load(t, "agent", map[string]string{"main.yaml": "cluster-init: true\nnode-name: n\n"})
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "--cluster-init") {
		t.Errorf("%v %q", err, c.Warnings)
	}
}
