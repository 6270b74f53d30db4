// Package token reads and writes the forms of k3s's join token.
package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const prefix = "K10"

// Token is what a node shows to join, and what it expects of the server.
type Token struct {
	CAHash   string // SHA-256 of the server's CA certificate; empty when the short form was given
	User     string
	Password string
}

// Parse reads the short form ("password") or the full one ("K10<hash>::<user>:<password>").
func Parse(s string) (Token, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Token{}, errors.New("the token is empty")
	}
	rest, full := strings.CutPrefix(s, prefix)
	hash, credentials, split := strings.Cut(rest, "::")
	if !full || !split {
		return Token{User: "node", Password: s}, nil
	}
	user, password, ok := strings.Cut(credentials, ":")
	if !ok || password == "" {
		return Token{}, errors.New("invalid token format: expected K10<CA hash>::<user>:<password>")
	}
	if len(hash) != hex.EncodedLen(sha256.Size) {
		return Token{}, errors.New("invalid token CA hash length")
	}
	return Token{CAHash: hash, User: user, Password: password}, nil
}

// Format writes the full form for a server whose CA certificate (PEM) is given.
func Format(ca []byte, user, password string) string {
	return prefix + Hash(ca) + "::" + user + ":" + password
}

// Hash is what the full form says about a CA certificate.
func Hash(ca []byte) string {
	sum := sha256.Sum256(ca)
	return hex.EncodeToString(sum[:])
}

// CheckCA refuses a server whose CA certificate is not the one that the token names.
func (t Token) CheckCA(ca []byte) error {
	if got := Hash(ca); t.CAHash != "" && t.CAHash != got {
		return fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", t.CAHash, got)
	}
	return nil
}

// Same compares two passwords without telling by its duration how much of them is equal.
func Same(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
