// A stand-in for the OpenWhisk CLI `wsk`, on the official Go client: the commands that whisklab and its
// readers use, with the same words around what the server says.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/openwhisk-client-go/whisk"
)

// version is set by the build.
var version = "unknown"

const usage = `wsk, whisklab's stand-in, not the real one. Commands:
  property set|get|unset [--apihost HOST] [--auth KEY]
  package list [NAMESPACE]
  action create|update NAME FILE [--kind KIND | --docker IMAGE] [--main NAME] [--web true|false] [-p NAME VALUE]
  action get NAME [--url]
  action invoke NAME [--result] [--blocking] [-p NAME VALUE]
  action list|delete
  activation list [--limit N] | get ID
Everywhere: -i, --apihost HOST, --auth KEY
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, errs io.Writer) int {
	given, err := parse(args)
	if err == nil {
		err = dispatch(given, out)
	}
	if err == nil {
		return 0
	}
	code := 1
	var known *whisk.WskError
	if errors.As(err, &known) && known.ExitCode != 0 {
		code = known.ExitCode
	}
	var wrong usageError
	if errors.As(err, &wrong) {
		code = whisk.EXIT_CODE_ERR_USAGE
	}
	fmt.Fprintf(errs, "error: %v\nRun 'wsk --help' for usage.\n", err)
	return code
}

func dispatch(a *arguments, out io.Writer) error {
	commands := map[string]func(*arguments, io.Writer) error{
		"property set": propertySet, "property get": propertyGet, "property unset": propertyUnset,
		"package list":  packageList,
		"action create": actionSave, "action update": actionSave, "action get": actionGet,
		"action invoke": actionInvoke, "action list": actionList, "action delete": actionDelete,
		"activation list": activationList, "activation get": activationGet,
	}
	if a.has("help") || len(a.words) == 0 {
		_, err := io.WriteString(out, usage)
		return err
	}
	command, ok := commands[a.word(0)+" "+a.word(1)]
	if !ok {
		return usageError(fmt.Sprintf("unknown command \"%s %s\" for \"wsk\"", a.word(0), a.word(1)))
	}
	return command(a, out)
}

// client returns what talks to the server that the arguments or the property file name.
func client(a *arguments) (*whisk.Client, error) {
	found, err := readProperties()
	if err != nil {
		return nil, err
	}
	host := a.or("apihost", found["APIHOST"])
	base, err := whisk.GetURLBase(host, "/api")
	if err != nil {
		return nil, err
	}
	return whisk.NewClient(nil, &whisk.Config{
		Host: host, BaseURL: base, AuthToken: a.or("auth", found["AUTH"]), Namespace: "_", Version: "v1",
		Insecure: a.has("insecure"), UserAgent: "OpenWhisk-CLI/1.0 (whisklab stand-in)",
	})
}
