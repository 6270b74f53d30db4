package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// usageError is a command line that cannot be right.
type usageError string

func (e usageError) Error() string { return string(e) }

// arguments is a command line: flags may stand anywhere, as wsk allows.
type arguments struct {
	words      []string
	flags      map[string]string
	parameters map[string]any
}

var (
	short    = map[string]string{"i": "insecure", "r": "result", "b": "blocking", "p": "param", "P": "param-file", "u": "auth", "l": "limit", "h": "help"}
	switches = map[string]bool{"insecure": true, "result": true, "blocking": true, "url": true, "help": true, "cliversion": true}
	valued   = map[string]bool{"apihost": true, "auth": true, "kind": true, "docker": true, "main": true, "web": true, "limit": true, "skip": true, "param-file": true}
	// What `property get` and `property unset` name without a value.
	properties = map[string]bool{"apihost": true, "auth": true}
)

func parse(args []string) (*arguments, error) {
	a := &arguments{flags: map[string]string{}, parameters: map[string]any{}}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		if !strings.HasPrefix(word, "-") || word == "-" {
			a.words = append(a.words, word)
			continue
		}
		name, value, inline := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !strings.HasPrefix(word, "--") && short[name] != "" {
			name = short[name]
		}
		bare := properties[name] && a.word(0) == "property" && a.word(1) != "set"
		switch {
		case name == "param":
			if len(args) < 2 {
				return nil, usageError("Arguments for '-p' must be a key/value pair")
			}
			a.parameters[args[0]] = decoded(args[1])
			args = args[2:]
		case switches[name] || bare:
			a.flags[name] = "true"
		case valued[name] && inline:
			a.flags[name] = value
		case valued[name] && len(args) > 0:
			a.flags[name] = args[0]
			args = args[1:]
		default:
			return nil, usageError("unknown or incomplete flag: " + word)
		}
	}
	if file, ok := a.flags["param-file"]; ok {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &a.parameters); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return a, nil
}

// decoded is a parameter's value: JSON if it is some, else text.
func decoded(text string) any {
	var value any
	if json.Unmarshal([]byte(text), &value) == nil {
		return value
	}
	return text
}

func (a *arguments) has(flag string) bool { return a.flags[flag] == "true" }

func (a *arguments) or(flag, otherwise string) string {
	if value, ok := a.flags[flag]; ok {
		return value
	}
	return otherwise
}

func (a *arguments) word(index int) string {
	if index < len(a.words) {
		return a.words[index]
	}
	return ""
}

// entity is the name of an action: NAME, PACKAGE/NAME or /NAMESPACE/NAME; the namespace is returned apart.
func (a *arguments) entity(index int) (namespace, name string, err error) {
	given := a.word(index)
	if given == "" {
		return "", "", usageError("Invalid argument(s). An action name is required.")
	}
	if rest, ok := strings.CutPrefix(given, "/"); ok {
		namespace, name, _ = strings.Cut(rest, "/")
		return namespace, name, nil
	}
	return "_", given, nil
}
