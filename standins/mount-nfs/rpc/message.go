// Package rpc calls procedures of ONC RPC servers over TCP (RFC 5531), and calls them again when
// the server was away meanwhile.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"whisklab/standins/mountnfs/xdr"
)

const (
	rpcVersion = 2
	isCall     = 0
	isReply    = 1
	authNone   = 0
	authSys    = 1
)

// Credential says for whom a call is made (AUTH_SYS); nil is for nobody (AUTH_NONE).
type Credential struct {
	UID, GID uint32
	Groups   []uint32 // at most 16
}

// Root is the one who mounts.
var Root = &Credential{}

// ErrInterrupted is what a call ends with whose caller has given up.
var ErrInterrupted = errors.New("interrupted")

func (c *Credential) encode(e *xdr.Encoder) {
	if c == nil {
		e.Uint32(authNone, 0)
		return
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // the server only logs it
	}
	body := (&xdr.Encoder{}).Uint32(0).String(host).Uint32(c.UID, c.GID, uint32(len(c.Groups)))
	e.Uint32(authSys).Opaque(body.Uint32(c.Groups...).Bytes())
}

// message is a whole call, ready to be sent.
func message(xid, program, version, procedure uint32, cr *Credential, args []byte) []byte {
	e := (&xdr.Encoder{}).Uint32(xid, isCall, rpcVersion, program, version, procedure)
	cr.encode(e)
	return e.Uint32(authNone, 0).Raw(args).Bytes()
}

// result reads the head of a reply; the decoder then stands before the procedure's own results.
func result(reply []byte) (*xdr.Decoder, error) {
	d := xdr.NewDecoder(reply)
	d.Uint32() // the xid, by which it was found
	if d.Uint32() != isReply {
		return nil, syscall.EIO
	}
	if denied := d.Uint32() != 0; denied {
		return nil, syscall.EACCES
	}
	d.Uint32() // the server's own credential
	d.Opaque()
	if status := d.Uint32(); status != 0 || d.Bad() {
		return nil, fmt.Errorf("the server does not know the call (%d): %w", status, syscall.EPROTONOSUPPORT)
	}
	return d, nil
}

// Sleep waits; it tells whether it waited to the end.
func Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
