package pki

import (
	"encoding/base64"
	"fmt"
	"os"
)

// Kubeconfig is a kubeconfig that names its certificate files.
func Kubeconfig(server, caFile, base string) []byte {
	return []byte(fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: local
  cluster: {server: %q, certificate-authority: %q}
users:
- name: user
  user: {client-certificate: %q, client-key: %q}
contexts:
- name: Default
  context: {cluster: local, namespace: default, user: user}
current-context: Default
`, server, caFile, base+".crt", base+".key"))
}

// Embedded is k3s.yaml: a kubeconfig that holds its certificates.
func Embedded(server, caFile, base string) ([]byte, error) {
	var held [3]string
	for i, f := range []string{caFile, base + ".crt", base + ".key"} {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		held[i] = base64.StdEncoding.EncodeToString(data)
	}
	return []byte(fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: %s
    client-key-data: %s
`, held[0], server, held[1], held[2])), nil
}
