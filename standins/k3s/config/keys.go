// Package config reads k3s's configuration: files, environment and flags, in k3s's order.
package config

type kind int

const (
	text kind = iota
	boolean
	list   // may be given several times
	commas // a list whose entries may also be separated by commas
)

type key struct {
	kind   kind
	server bool   // servers only: an agent skips it with a warning
	preset string // the value when nobody gives one
}

// keys are the settings of k3s that the stand-in honours or, where noted, accepts without effect.
var keys = map[string]key{
	"token":      {},
	"token-file": {},
	"server":     {},
	"data-dir":   {preset: "/var/lib/rancher/k3s"},
	"debug":      {kind: boolean}, // no effect

	"node-name":                         {},
	"node-ip":                           {},
	"node-external-ip":                  {}, // no effect: there is no cloud controller
	"node-label":                        {kind: list},
	"node-taint":                        {kind: list},
	"flannel-iface":                     {},
	"resolv-conf":                       {},
	"kubelet-arg":                       {kind: list},
	"kube-proxy-arg":                    {kind: list},
	"private-registry":                  {preset: "/etc/rancher/k3s/registries.yaml"},
	"disable-default-registry-endpoint": {kind: boolean},
	"pause-image":                       {preset: "docker.io/rancher/mirrored-pause:3.6"},
	"selinux":                           {kind: boolean}, // no effect
	"protect-kernel-defaults":           {kind: boolean},

	"advertise-address":        {server: true},
	"bind-address":             {server: true, preset: "0.0.0.0"},
	"https-listen-port":        {server: true, preset: "6443"},
	"tls-san":                  {server: true, kind: commas},
	"cluster-cidr":             {server: true, preset: "10.42.0.0/16"},
	"service-cidr":             {server: true, preset: "10.43.0.0/16"},
	"service-node-port-range":  {server: true, preset: "30000-32767"},
	"cluster-dns":              {server: true},
	"cluster-domain":           {server: true, preset: "cluster.local"},
	"cluster-init":             {server: true, kind: boolean},
	"disable":                  {server: true, kind: commas},
	"disable-agent":            {server: true, kind: boolean},
	"disable-cloud-controller": {server: true, kind: boolean},   // there is none
	"disable-helm-controller":  {server: true, kind: boolean},   // there is none
	"disable-kube-proxy":       {server: true, kind: boolean},   // refused when true
	"disable-network-policy":   {server: true, kind: boolean},   // there is no policy controller
	"flannel-backend":          {server: true, preset: "vxlan"}, // host routes whatever it says
	"secrets-encryption":       {server: true, kind: boolean},   // no effect
	"write-kubeconfig":         {server: true, preset: "/etc/rancher/k3s/k3s.yaml"},
	"write-kubeconfig-mode":    {server: true, preset: "0600"},

	"kube-apiserver-arg":          {server: true, kind: list},
	"kube-controller-manager-arg": {server: true, kind: list},
	"kube-scheduler-arg":          {server: true, kind: list},
	"etcd-arg":                    {server: true, kind: list},

	"etcd-disable-snapshots":      {server: true, kind: boolean}, // the stand-in takes none by itself
	"etcd-snapshot-schedule-cron": {server: true},                // no effect, see above
	"etcd-snapshot-retention":     {server: true, preset: "5"},   // of prune; see above
	"etcd-snapshot-dir":           {server: true},
	"etcd-snapshot-name":          {server: true}, // of save and prune; see above
	"etcd-snapshot-compress":      {server: true, kind: boolean},
}

// environment names the variables that k3s reads in place of a flag.
var environment = map[string]string{
	"K3S_TOKEN":      "token",
	"K3S_TOKEN_FILE": "token-file",
	"K3S_URL":        "server",
	"K3S_DATA_DIR":   "data-dir",
	"K3S_NODE_NAME":  "node-name",
}
