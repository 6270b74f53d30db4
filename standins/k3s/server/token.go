package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"

	"whisklab/standins/k3s/pki"
	"whisklab/standins/k3s/token"
)

// keepToken settles the token that nodes join with: the one that was stored at the first start, which a
// configured one must equal; at the first start the configured one, else a new one.
func (s *settings) keepToken(ca []byte, given string) error {
	path := s.data("token")
	stored, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if s.password, err = first(given); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		t, err := token.Parse(string(stored))
		if err != nil {
			return err
		}
		s.password = t.Password
	}
	if given != "" {
		t, err := token.Parse(given)
		if err != nil {
			return err
		}
		if !token.Same(t.Password, s.password) {
			return errors.New("bootstrap data already found and encrypted with different token")
		}
		if err := t.CheckCA(ca); err != nil {
			return err
		}
	}
	full := token.Format(ca, "server", s.password) + "\n"
	for _, name := range []string{"token", "node-token", "agent-token"} {
		if err := pki.WriteFile(s.data(name), []byte(full), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func first(given string) (string, error) {
	if given == "" {
		var b [16]byte
		_, err := rand.Read(b[:])
		return hex.EncodeToString(b[:]), err
	}
	t, err := token.Parse(given)
	return t.Password, err
}
