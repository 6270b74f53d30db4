package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// propertyFile is $WSK_CONFIG_FILE, or ~/.wskprops.
func propertyFile() (string, error) {
	if path := os.Getenv("WSK_CONFIG_FILE"); path != "" {
		return path, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".wskprops"), err
}

func readProperties() (map[string]string, error) {
	path, err := propertyFile()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	found := map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			found[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return found, nil
}

func writeProperties(found map[string]string) error {
	path, err := propertyFile()
	if err != nil {
		return err
	}
	var lines []string
	for key, value := range found {
		lines = append(lines, key+"="+value+"\n")
	}
	slices.Sort(lines)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		return err
	}
	return os.Chmod(path, 0o600)
}

func propertySet(a *arguments, out io.Writer) error {
	found, err := readProperties()
	if err != nil {
		return err
	}
	said := ""
	if value, ok := a.flags["auth"]; ok {
		found["AUTH"] = value
		said += "ok: whisk auth set. Run 'wsk property get --auth' to see the new value.\n"
	}
	if value, ok := a.flags["apihost"]; ok {
		found["APIHOST"] = value
		said += fmt.Sprintf("ok: whisk API host set to %s\n", value)
	}
	if err := writeProperties(found); err != nil {
		return err
	}
	_, err = io.WriteString(out, said)
	return err
}

func propertyUnset(a *arguments, out io.Writer) error {
	found, err := readProperties()
	if err != nil {
		return err
	}
	for flag, label := range map[string]string{"auth": "whisk auth", "apihost": "whisk API host"} {
		if a.has(flag) {
			delete(found, strings.ToUpper(flag))
			fmt.Fprintf(out, "ok: %s unset.\n", label)
		}
	}
	return writeProperties(found)
}

func propertyGet(a *arguments, out io.Writer) error {
	found, err := readProperties()
	if err != nil {
		return err
	}
	all := !a.has("auth") && !a.has("apihost") && !a.has("cliversion")
	for _, row := range []struct{ flag, label, value string }{
		{"apihost", "whisk API host", found["APIHOST"]},
		{"auth", "whisk auth", found["AUTH"]},
		{"cliversion", "whisk CLI version", version + " (whisklab stand-in, not the real wsk)"},
	} {
		if all || a.has(row.flag) {
			fmt.Fprintf(out, "%s\t\t%s\n", row.label, row.value)
		}
	}
	return nil
}
