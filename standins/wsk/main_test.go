package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const key = "user:secret"

// server answers as OpenWhisk's REST API does, as far as it is written down in its documentation.
func server(t *testing.T) (*httptest.Server, *[]string) {
	t.Helper()
	seen := &[]string{}
	answer := func(w http.ResponseWriter, status int, body string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*seen = append(*seen, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		if user, password, ok := r.BasicAuth(); !ok || user+":"+password != key {
			answer(w, 401, `{"error":"The supplied authentication is invalid","code":"x"}`)
			return
		}
		switch path := strings.TrimPrefix(r.URL.Path, "/api/v1/namespaces/"); {
		case path == "whisk.system/packages":
			answer(w, 200, `[{"namespace":"whisk.system","name":"utils","publish":true,"version":"0.0.1"}]`)
		case path == "_/actions":
			answer(w, 200, `[{"namespace":"guest","name":"hello","annotations":[{"key":"exec","value":"nodejs:14"}]}]`)
		case path == "_/activations":
			answer(w, 200, `[{"namespace":"guest","name":"hello","version":"0.0.1","activationId":"abc","start":1,"end":5,"duration":4,"statusCode":0,"annotations":[{"key":"kind","value":"nodejs:14"}]}]`)
		case r.Method == "PUT" && r.URL.Query().Get("overwrite") == "false" && path == "_/actions/there":
			answer(w, 409, `{"error":"resource already exists","code":"x"}`)
		case path == "_/actions/none":
			answer(w, 404, `{"error":"The requested resource does not exist.","code":"x"}`)
		case r.Method == "POST" && r.URL.Query().Get("result") == "true":
			answer(w, 200, `{"payload":"Hello, <World>!"}`)
		case r.Method == "POST":
			answer(w, 202, `{"activationId":"abc"}`)
		default:
			answer(w, 200, `{"namespace":"guest","name":"hello","annotations":[{"key":"web-export","value":true}]}`)
		}
	}))
	t.Cleanup(s.Close)
	return s, seen
}

func wsk(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(args, &out, &errs); got != code {
		t.Fatalf("wsk %v: exit code %d, want %d: %s%s", args, got, code, &out, &errs)
	}
	return out.String() + errs.String()
}

func configure(t *testing.T, host string) string {
	t.Helper()
	props := filepath.Join(t.TempDir(), "props")
	t.Setenv("WSK_CONFIG_FILE", props)
	wsk(t, 0, "property", "set", "--apihost", host, "--auth", key)
	return props
}

func TestProperties(t *testing.T) {
	props := configure(t, "h:31001")
	data, err := os.ReadFile(props)
	if err != nil || string(data) != "APIHOST=h:31001\nAUTH="+key+"\n" {
		t.Errorf("%q %v", data, err)
	}
	if info, err := os.Stat(props); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if got := wsk(t, 0, "property", "get", "--apihost"); got != "whisk API host\t\th:31001\n" {
		t.Errorf("%q", got)
	}
	if got := wsk(t, 0, "property", "get", "--cliversion"); !strings.Contains(got, "not the real wsk") {
		t.Errorf("%q", got)
	}
	wsk(t, 0, "property", "unset", "--auth")
	if got := wsk(t, 0, "property", "get", "--auth"); got != "whisk auth\t\t\n" {
		t.Errorf("%q", got)
	}
}

func TestCommands(t *testing.T) {
	s, seen := server(t)
	configure(t, s.URL)
	code := filepath.Join(t.TempDir(), "hello.js")
	if err := os.WriteFile(code, []byte("function main() {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ command, sent, said string }{
		{"-i package list /whisk.system", "GET /api/v1/namespaces/whisk.system/packages?", "/whisk.system/utils"},
		{"-i action create hello " + code + " --web true", "PUT /api/v1/namespaces/_/actions/hello?overwrite=false", "ok: created action hello"},
		{"-i action update hello " + code, "PUT /api/v1/namespaces/_/actions/hello?overwrite=true", "ok: updated action hello"},
		{"-i action update hello --docker reg/own:1 " + code, `PUT /api/v1/namespaces/_/actions/hello?overwrite=true {"namespace":"_","name":"hello","exec":{"kind":"blackbox","code":"function main() {}","image":"reg/own:1"`, "ok: updated"},
		{"-i action get hello --url", "GET /api/v1/namespaces/_/actions/hello", s.URL + "/api/v1/web/guest/default/hello"},
		{"action invoke hello --result -i -p name World", "POST /api/v1/namespaces/_/actions/hello?blocking=true&result=true {\"name\":\"World\"}", "Hello, <World>!"},
		{"-i action invoke hello", "POST /api/v1/namespaces/_/actions/hello?blocking=false&result=false", "ok: invoked /_/hello with id abc"},
		{"-i action list", "GET /api/v1/namespaces/_/actions?", "private nodejs:14"},
		{"-i action delete hello", "DELETE /api/v1/namespaces/_/actions/hello", "ok: deleted action hello"},
		{"-i activation list", "GET /api/v1/namespaces/_/activations?", "guest/hello:0.0.1"},
	} {
		said := wsk(t, 0, strings.Fields(c.command)...)
		sent := (*seen)[len(*seen)-1]
		if !strings.HasPrefix(sent, c.sent) || !strings.Contains(said, c.said) {
			t.Errorf("wsk %s:\nsent %s\nsaid %s", c.command, sent, said)
		}
	}
	var created struct {
		Exec        struct{ Kind, Code string }
		Annotations []struct {
			Key   string
			Value any
		}
	}
	_, body, _ := strings.Cut((*seen)[1], "overwrite=false ")
	if err := json.Unmarshal([]byte(body), &created); err != nil || created.Exec.Kind != "nodejs:default" || created.Exec.Code != "function main() {}" || len(created.Annotations) != 3 {
		t.Errorf("%s: %v", body, err)
	}
}

func TestWhatTheServerRefuses(t *testing.T) {
	s, _ := server(t)
	configure(t, s.URL)
	code := filepath.Join(t.TempDir(), "f.py")
	if err := os.WriteFile(code, []byte("def main(a): return a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := wsk(t, 404-256, "-i", "action", "get", "none"); !strings.Contains(got, "error: Unable to get action 'none': The requested resource does not exist.") {
		t.Error(got)
	}
	wsk(t, 409-256, "-i", "action", "create", "there", code)
	wsk(t, 401-256, "-i", "package", "list", "--auth", "other:key")
	wsk(t, 3, "action", "list") // the certificate is nobody's
	for _, wrong := range []string{"action invoke", "action fly x", "action create x", "-i --nonsense action list", "action invoke x -p y"} {
		wsk(t, 2, strings.Fields(wrong)...)
	}
}
