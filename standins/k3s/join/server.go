package join

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"time"

	"whisklab/standins/k3s/logs"
	"whisklab/standins/k3s/pki"
	"whisklab/standins/k3s/token"
)

// Server answers nodes that join.
type Server struct {
	Token     string // the password that nodes must know
	Client    *pki.CA
	Serving   *pki.CA
	Settings  Reply // the cluster's settings, without certificates
	Passwords func(ctx context.Context, node, password string) error
}

// ErrPassword is what Passwords returns for a node whose name is taken by another machine.
var ErrPassword = errors.New("Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name or delete the Node object")

var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// Serve answers on a listener with the certificate of base.crt and base.key until the context ends.
func (s *Server) Serve(ctx context.Context, l net.Listener, base string) error {
	cert, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pong") })
	mux.HandleFunc("GET /cacerts", func(w http.ResponseWriter, _ *http.Request) { w.Write(s.Serving.PEM) })
	mux.HandleFunc("POST /v1-k3s/join", s.join)
	server := &http.Server{
		Handler: mux, ReadTimeout: 30 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}
	go func() { <-ctx.Done(); server.Close() }()
	if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) join(w http.ResponseWriter, r *http.Request) {
	_, password, _ := r.BasicAuth()
	if !token.Same(password, s.Token) {
		http.Error(w, "not authorized: the token is not the server's", http.StatusUnauthorized)
		return
	}
	var q Request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !nodeName.MatchString(q.Node) {
		http.Error(w, fmt.Sprintf("%q cannot be the name of a node", q.Node), http.StatusBadRequest)
		return
	}
	if err := s.Passwords(r.Context(), q.Node, q.Password); errors.Is(err, ErrPassword) {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	} else if err != nil {
		http.Error(w, "the server is not ready: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	reply, err := sign(q, s.Client, s.Serving)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply.ClusterCIDR, reply.ClusterDNS, reply.ClusterDomain = s.Settings.ClusterCIDR, s.Settings.ClusterDNS, s.Settings.ClusterDomain
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(reply); err != nil {
		logs.Warn("node %s went away while it joined: %v", q.Node, err)
		return
	}
	logs.Info("Node %s has joined from %s", q.Node, r.RemoteAddr)
}
