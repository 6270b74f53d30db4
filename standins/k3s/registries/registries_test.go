package registries

import (
	"strings"
	"testing"
)

const example = `
mirrors:
  docker.io: {endpoint: ["https://reg.lab:5000"]}
  reg.lab:5000: {endpoint: ["https://reg.lab:5000"]}
  "*": {endpoint: ["http://cache.lab/path"]}
configs:
  reg.lab:5000:
    auth: {username: u, password: 'p"w'}
    tls: {ca_file: /ca.crt}
  other.lab: {tls: {insecure_skip_verify: true}}
`

func TestHosts(t *testing.T) {
	f, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	const pull, ca, path = "capabilities = [\"pull\", \"resolve\"]\n", "ca = [\"/ca.crt\"]\n", "override_path = true\n"
	const itself = "server = \"https://reg.lab:5000\"\n" + pull + ca + "[host]\n"
	const other = "server = \"https://other.lab\"\n" + pull + "skip_verify = true\n[host]\n"
	for without, want := range map[bool]map[string]string{
		false: {
			"docker.io": "server = \"https://registry-1.docker.io\"\n" + pull +
				"[host]\n\n[host.\"https://reg.lab:5000\"]\n" + pull + ca,
			"reg.lab:5000": itself, // once, though it is its own mirror
			"_default":     pull + "[host]\n\n[host.\"http://cache.lab/path\"]\n" + pull + path,
			"other.lab":    other,
		},
		true: {
			"docker.io":    itself,
			"reg.lab:5000": itself,
			"_default":     "server = \"http://cache.lab/path\"\n" + pull + path + "[host]\n",
			"other.lab":    other,
		},
	} {
		got := f.Hosts(without)
		if len(got) != len(want) {
			t.Errorf("%d files, expected %d", len(got), len(want))
		}
		for name, text := range want {
			if got[name] != text {
				t.Errorf("without=%v %s:\n%s\nexpected:\n%s", without, name, got[name], text)
			}
		}
	}
	if c := f.Credentials(); !strings.Contains(c, `registry.configs."reg.lab:5000".auth]`) || !strings.Contains(c, `password = "p\"w"`) {
		t.Error(c)
	}
}

func TestAPathBeforeEachName(t *testing.T) {
	const text = `mirrors: {docker.io: {endpoint: ["https://reg.lab"], rewrite: {"^(.*)$": "lab/a/$1"}}}`
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	const pull = "capabilities = [\"pull\", \"resolve\"]\n"
	const want = "server = \"https://registry-1.docker.io\"\n" + pull +
		"[host]\n\n[host.\"https://reg.lab/v2/lab/a\"]\n" + pull + "override_path = true\n"
	if got := f.Hosts(false)["docker.io"]; got != want {
		t.Errorf("%s\nexpected:\n%s", got, want)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"mirrors: {a: {rewrite: {x: y}}}":       "only puts a path before each name",
		"mirrors: {a: {endpoint: ['ftp://x']}}": "expected http(s)://",
		"configs: {'reg:port': {}}":             "invalid port",
		"mirors: {}":                            "unknown field",
		"mirrors: [":                            "yaml",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if f, err := Parse(nil); err != nil || len(f.Hosts(true)) != 0 {
		t.Errorf("an empty file: %v", err)
	}
}
