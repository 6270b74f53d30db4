// Package registries turns k3s's registries.yaml into containerd's hosts.toml files and credentials.
package registries

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

// File is registries.yaml.
type File struct {
	Mirrors map[string]Mirror `json:"mirrors"`
	Configs map[string]Config `json:"configs"`
}

// Mirror says where images of one registry are pulled from instead.
type Mirror struct {
	Endpoints []string          `json:"endpoint"`
	Rewrites  map[string]string `json:"rewrite"`
}

// Config says how one registry is talked to.
type Config struct {
	Auth *Auth `json:"auth"`
	TLS  *TLS  `json:"tls"`
}

// Auth is how to log in.
type Auth struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`
	IdentityToken string `json:"identity_token"`
}

// TLS is whom to trust, and the client's own certificate.
type TLS struct {
	CAFile             string `json:"ca_file"`
	CertFile           string `json:"cert_file"`
	KeyFile            string `json:"key_file"`
	InsecureSkipVerify bool   `json:"insecure_skip_verify"`
}

// Parse reads the file and refuses unknown keys and what the stand-in does not do.
func Parse(data []byte) (File, error) {
	var f File
	if err := yaml.UnmarshalStrict(data, &f); err != nil {
		return f, err
	}
	for _, name := range slices.Concat(sorted(f.Mirrors), sorted(f.Configs)) {
		if _, err := endpoint(name); err != nil {
			return f, fmt.Errorf("%q: %w", name, err)
		}
	}
	for name, m := range f.Mirrors {
		path, err := below(m.Rewrites)
		if err != nil {
			return f, fmt.Errorf("mirrors.%q.rewrite: %w", name, err)
		}
		for i, e := range m.Endpoints {
			if _, err := endpoint(e); err != nil {
				return f, fmt.Errorf("mirrors.%q.endpoint %q: %w", name, e, err)
			}
			m.Endpoints[i] = e + path
		}
	}
	return f, nil
}

// Of the rules the stand-in does the one that puts a path before each name: containerd as it is
// rewrites nothing, but takes the path of an endpoint for that of its API.
func below(rewrites map[string]string) (string, error) {
	path, found := strings.CutSuffix(rewrites["^(.*)$"], "/$1")
	if len(rewrites) == 0 {
		return "", nil
	}
	if len(rewrites) > 1 || !found {
		return "", errors.New("the whisklab stand-in only puts a path before each name: '^(.*)$': PATH/$1")
	}
	return "/v2/" + path, nil
}

func endpoint(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err == nil && (u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		err = errors.New("expected http(s)://host[:port]")
	}
	return u, err
}

// Hosts is the content of hosts.toml for each directory of certs.d. Without the default endpoint, a
// registry that has mirrors is not asked itself when they fail.
func (f File) Hosts(withoutDefault bool) map[string]string {
	out := map[string]string{}
	for name := range f.Configs {
		if _, mirrored := f.Mirrors[name]; !mirrored {
			out[directory(name)] = f.hosts(name, nil, false)
		}
	}
	for name, m := range f.Mirrors {
		out[directory(name)] = f.hosts(name, m.Endpoints, withoutDefault)
	}
	return out
}

func directory(name string) string {
	if name == "*" {
		return "_default"
	}
	return name
}

// As k3s since v1.30: what is asked last has its settings at the root of the file, not as a host.
func (f File) hosts(name string, endpoints []string, withoutDefault bool) string {
	var b strings.Builder
	last := "https://" + name
	switch {
	case withoutDefault && len(endpoints) > 0: // the last mirror takes the place of the registry
		last = endpoints[len(endpoints)-1]
	case name == "*": // containerd takes the name that it was asked for
		last = ""
	case name == "docker.io":
		last = "https://registry-1.docker.io"
	}
	if last != "" {
		u, _ := endpoint(last)
		fmt.Fprintf(&b, "server = %q\n%s", u, f.settings(u))
	} else {
		b.WriteString(f.settings(&url.URL{Host: name}))
	}
	if n := len(endpoints); n > 0 && strings.TrimPrefix(endpoints[n-1], "https://") == strings.TrimPrefix(last, "https://") {
		endpoints = endpoints[:n-1]
	}
	b.WriteString("[host]\n")   // older containerds refuse the file without it (containerd#10027)
	listed := map[string]bool{} // TOML has each table once
	for _, e := range endpoints {
		if u, _ := endpoint(e); !listed[u.String()] {
			listed[u.String()] = true
			fmt.Fprintf(&b, "\n[host.%q]\n%s", u, f.settings(u))
		}
	}
	return b.String()
}

func (f File) settings(u *url.URL) string {
	var b strings.Builder
	b.WriteString("capabilities = [\"pull\", \"resolve\"]\n")
	if path := strings.TrimSuffix(u.Path, "/"); path != "" {
		b.WriteString("override_path = true\n")
	}
	tls := f.Configs[u.Host].TLS
	if tls == nil {
		return b.String()
	}
	if tls.CAFile != "" {
		fmt.Fprintf(&b, "ca = [%q]\n", tls.CAFile)
	}
	if tls.CertFile != "" {
		fmt.Fprintf(&b, "client = [[%q, %q]]\n", tls.CertFile, tls.KeyFile)
	}
	if tls.InsecureSkipVerify {
		b.WriteString("skip_verify = true\n")
	}
	return b.String()
}

// Credentials is the part of containerd's configuration that holds logins.
func (f File) Credentials() string {
	var b strings.Builder
	for _, name := range sorted(f.Configs) {
		a := f.Configs[name].Auth
		if a == nil {
			continue
		}
		fmt.Fprintf(&b, "\n[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.%q.auth]\n", name)
		fmt.Fprintf(&b, "  username = %q\n  password = %q\n  auth = %q\n  identitytoken = %q\n",
			a.Username, a.Password, a.Auth, a.IdentityToken)
	}
	return b.String()
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
