package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/apache/openwhisk-client-go/whisk"
)

// kinds are the runtimes of a file, by its extension.
var kinds = map[string]string{".js": "nodejs:default", ".mjs": "nodejs:default", ".py": "python:default",
	".go": "go:default", ".php": "php:default", ".rb": "ruby:default", ".jar": "java:default"}

const listed = 30 // entries of a list, unless --limit says more

// on returns the client for the namespace of the action that the arguments name, and its name there.
func on(a *arguments) (*whisk.Client, string, error) {
	namespace, name, err := a.entity(2)
	if err != nil {
		return nil, "", err
	}
	c, err := client(a)
	if err != nil {
		return nil, "", err
	}
	c.Namespace = namespace
	return c, name, nil
}

func actionSave(a *arguments, out io.Writer) error {
	c, name, err := on(a)
	if err != nil {
		return err
	}
	action := &whisk.Action{Name: name, Namespace: c.Namespace}
	update := a.word(1) == "update"
	if file := a.word(3); file != "" {
		if action.Exec, err = execOf(a, file); err != nil {
			return err
		}
	} else if !update {
		return usageError("Invalid argument(s). An action name and code artifact are required.")
	}
	for key, value := range a.parameters {
		action.Parameters = append(action.Parameters, whisk.KeyValue{Key: key, Value: value})
	}
	if web, ok := a.flags["web"]; ok {
		yes := web == "true" || web == "yes" || web == "raw"
		for key, value := range map[string]bool{"web-export": yes, "raw-http": web == "raw", "final": yes} {
			action.Annotations = append(action.Annotations, whisk.KeyValue{Key: key, Value: value})
		}
	}
	if _, _, err := c.Actions.Insert(action, update); err != nil {
		return failed(a.word(1), "action", name, err)
	}
	_, err = fmt.Fprintf(out, "ok: %sd action %s\n", a.word(1), name)
	return err
}

func execOf(a *arguments, file string) (*whisk.Exec, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	extension := filepath.Ext(file)
	kind, image := a.or("kind", kinds[extension]), a.flags["docker"]
	if image != "" {
		kind = "blackbox"
	} else if kind == "" {
		return nil, usageError(fmt.Sprintf("'%s' is not a supported action runtime: give --kind", extension))
	}
	code := string(data)
	if extension == ".zip" || extension == ".jar" {
		code = base64.StdEncoding.EncodeToString(data)
	}
	return &whisk.Exec{Kind: kind, Code: &code, Main: a.flags["main"], Image: image}, nil
}

func actionGet(a *arguments, out io.Writer) error {
	c, name, err := on(a)
	if err != nil {
		return err
	}
	action, _, err := c.Actions.Get(name, !a.has("url"))
	if err != nil {
		return failed("get", "action", name, err)
	}
	fmt.Fprintf(out, "ok: got action %s\n", name)
	if !a.has("url") {
		return printJSON(out, action)
	}
	pkg, _, packaged := strings.Cut(name, "/")
	if !packaged {
		pkg = ""
	}
	url, err := action.ActionURL(c.Host, "/api", "v1", pkg)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, url)
	return err
}

func actionInvoke(a *arguments, out io.Writer) error {
	c, name, err := on(a)
	if err != nil {
		return err
	}
	blocking, result := a.has("blocking") || a.has("result"), a.has("result")
	found, _, err := c.Actions.Invoke(name, a.parameters, blocking, result)
	if err != nil {
		return failed("invoke", "action", name, err)
	}
	if !result {
		record, _ := found.(map[string]any)
		fmt.Fprintf(out, "ok: invoked /%s/%s with id %v\n", c.Namespace, name, record["activationId"])
		if !blocking {
			return nil
		}
	}
	return printJSON(out, found)
}

func actionDelete(a *arguments, out io.Writer) error {
	c, name, err := on(a)
	if err != nil {
		return err
	}
	if _, err := c.Actions.Delete(name); err != nil {
		return failed("delete", "action", name, err)
	}
	_, err = fmt.Fprintf(out, "ok: deleted action %s\n", name)
	return err
}

func actionList(a *arguments, out io.Writer) error {
	c, err := client(a)
	if err != nil {
		return err
	}
	found, _, err := c.Actions.List("", &whisk.ActionListOptions{Limit: limit(a)})
	if err != nil {
		return err
	}
	fmt.Fprint(out, whisk.Action{}.ToHeaderString())
	for _, each := range found {
		fmt.Fprint(out, each.ToSummaryRowString())
	}
	return nil
}

func packageList(a *arguments, out io.Writer) error {
	c, err := client(a)
	if err != nil {
		return err
	}
	if given := strings.Trim(a.word(2), "/"); given != "" {
		c.Namespace = given
	}
	found, _, err := c.Packages.List(&whisk.PackageListOptions{Limit: limit(a)})
	if err != nil {
		return err
	}
	fmt.Fprint(out, whisk.Package{}.ToHeaderString())
	for _, each := range found {
		fmt.Fprint(out, each.ToSummaryRowString())
	}
	return nil
}

func activationList(a *arguments, out io.Writer) error {
	c, err := client(a)
	if err != nil {
		return err
	}
	found, _, err := c.Activations.List(&whisk.ActivationListOptions{Name: a.word(2), Limit: limit(a)})
	if err != nil {
		return err
	}
	row := whisk.ActivationFilteredRow{
		HeaderFmt: "%-19s %-32s %-14s %-5s %-10s %-17s %s\n",
		RowFmt:    "%04d-%02d-%02d %02d:%02d:%02d %-32s %-14s %-5s %-10v %-17s %-",
	}
	fmt.Fprint(out, row.ToHeaderString())
	for _, row.Row = range found {
		fmt.Fprint(out, row.ToSummaryRowString())
	}
	return nil
}

func activationGet(a *arguments, out io.Writer) error {
	c, err := client(a)
	if err != nil {
		return err
	}
	found, _, err := c.Activations.Get(a.word(2))
	if err != nil {
		return failed("get", "activation", a.word(2), err)
	}
	fmt.Fprintf(out, "ok: got activation %s\n", a.word(2))
	return printJSON(out, found)
}

func failed(verb, kind, name string, err error) error {
	return fmt.Errorf("Unable to %s %s '%s': %w", verb, kind, name, err)
}

func limit(a *arguments) int {
	if given, err := strconv.Atoi(a.flags["limit"]); err == nil {
		return given
	}
	return listed
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "    ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
