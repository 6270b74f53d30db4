package config

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Default is where k3s looks for its configuration.
const Default = "/etc/rancher/k3s/config.yaml"

// Config is what all sources together say, key by key.
type Config struct {
	values   map[string][]string
	Warnings []string // what was skipped, one sentence each
}

// Get is the value of a key: the last one given, else k3s's default.
func (c Config) Get(name string) string {
	if v := c.All(name); len(v) > 0 {
		return v[len(v)-1]
	}
	return keys[name].preset
}

// All is every value of a key that may be given several times.
func (c Config) All(name string) []string {
	if keys[name].kind != commas {
		return c.values[name]
	}
	var all []string
	for _, v := range c.values[name] {
		for _, part := range strings.Split(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	return all
}

// Is is the value of a key that is true or false.
func (c Config) Is(name string) bool {
	yes, _ := strconv.ParseBool(c.Get(name))
	return yes
}

// Token is the join token of the configuration: `token`, else the content of `token-file`, else "".
func (c Config) Token() (string, error) {
	file := c.Get("token-file")
	if c.Get("token") != "" || file == "" {
		return c.Get("token"), nil
	}
	data, err := os.ReadFile(file)
	return strings.TrimSpace(string(data)), err
}

// Load reads everything that the role ("server" or "agent") was told: a flag counts more than the
// environment, and that more than the files. A mistake is an error that names where it is.
func Load(role string, args []string, getenv func(string) string) (Config, error) {
	c := Config{values: map[string][]string{}}
	flags, file, err := parseFlags(args)
	if err != nil {
		return c, err
	}
	if file == "" {
		file = getenv("K3S_CONFIG_FILE")
	}
	if err := c.readFiles(file); err != nil {
		return c, err
	}
	for variable, name := range environment {
		if v := getenv(variable); v != "" {
			c.values[name] = []string{v}
		}
	}
	for name, v := range flags {
		c.values[name] = v
	}
	return c, c.check(role)
}

func (c *Config) check(role string) error {
	for name, given := range c.values {
		k := keys[name]
		if role == "agent" && k.server {
			c.Warnings = append(c.Warnings, "Unknown flag --"+name+" found in the configuration of an agent, skipping")
			continue
		}
		for _, v := range given {
			if _, err := strconv.ParseBool(v); k.kind == boolean && err != nil {
				return fmt.Errorf("invalid boolean value %q for -%s", v, name)
			}
		}
	}
	return nil
}

// undefined is k3s's own sentence for a flag that it does not know.
func undefined(name string) error {
	return fmt.Errorf("flag provided but not defined: -%s", name)
}

// parseFlags reads --key value and --key=value; --config is given apart, for it names the file.
func parseFlags(args []string) (flags map[string][]string, file string, err error) {
	flags = map[string][]string{}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if !strings.HasPrefix(arg, "-") {
			return nil, "", fmt.Errorf("unexpected argument %q", arg)
		}
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch name {
		case "c":
			name = "config"
		case "t":
			name = "token"
		case "s":
			name = "server"
		case "d":
			name = "data-dir"
		}
		k, known := keys[name]
		if !known && name != "config" {
			return nil, "", undefined(name)
		}
		if !given && k.kind == boolean {
			value, given = "true", true
		}
		if !given {
			if len(args) == 0 {
				return nil, "", fmt.Errorf("flag needs an argument: -%s", name)
			}
			value, args = args[0], args[1:]
		}
		if name == "config" {
			file = value
			continue
		}
		flags[name] = append(flags[name], value)
	}
	return flags, file, nil
}
