package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readFiles reads the file and then the files of the directory file+".d" in their order. Only a
// file that somebody named has to be there.
func (c *Config) readFiles(file string) error {
	named := file != ""
	if !named {
		file = Default
	}
	files := []string{file}
	entries, err := os.ReadDir(file + ".d")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".yaml" || ext == ".yml" {
			files = append(files, filepath.Join(file+".d", e.Name()))
		}
	}
	sort.Strings(files[1:])
	for i, f := range files {
		data, err := os.ReadFile(f)
		if i == 0 && !named && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = c.merge(data)
		}
		if err != nil {
			return fmt.Errorf("failed to load configuration %s: %w", f, err)
		}
	}
	return nil
}

// merge puts one file over what was read so far: a later value wins, and key+ appends.
func (c *Config) merge(data []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return err
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: expected key: value", root.Line)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, more := strings.CutSuffix(root.Content[i].Value, "+")
		k, known := keys[name]
		if !known {
			return fmt.Errorf("line %d: %w", root.Content[i].Line, undefined(name))
		}
		value, err := scalars(name, k, root.Content[i+1])
		if err != nil {
			return err
		}
		if more {
			value = appended(k, c.values[name], value)
		}
		c.values[name] = value
	}
	return nil
}

func appended(k key, old, more []string) []string {
	if k.kind == text && len(old) > 0 && len(more) > 0 {
		return []string{old[len(old)-1] + "," + more[0]}
	}
	return append(append([]string{}, old...), more...)
}

// scalars is the value of one key as it is written in the file.
func scalars(name string, k key, value *yaml.Node) ([]string, error) {
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		return nil, nil
	case value.Kind == yaml.ScalarNode && name == "write-kubeconfig-mode" && value.Tag == "!!int":
		return nil, fmt.Errorf("line %d: %s must be quoted, YAML reads a bare %s as another number", value.Line, name, value.Value)
	case value.Kind == yaml.ScalarNode:
		return []string{value.Value}, nil
	case value.Kind == yaml.SequenceNode && (k.kind == list || k.kind == commas):
		var all []string
		for _, item := range value.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: %s must be a list of plain values", item.Line, name)
			}
			all = append(all, item.Value)
		}
		return all, nil
	}
	return nil, fmt.Errorf("line %d: %s must be a plain value", value.Line, name)
}
