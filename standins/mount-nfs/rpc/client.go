package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"whisklab/standins/mountnfs/xdr"
)

const (
	dialWithin = 2 * time.Second
	redial     = 200 * time.Millisecond
	// A server that is off acknowledges nothing. TCP itself would try for 15 minutes; a server that
	// is only slow does acknowledge, and is waited for.
	unacknowledged = 10 * time.Second
	// Ports below 1024, which a server that exports "secure" wants to see. Those below 665 have
	// owners, as the kernel's own client knows too.
	firstPort, ports = 665, 1024 - 665
	portTries        = 60
)

// Patience says how long a call may take.
type Patience struct {
	Total  time.Duration // 0: for ever, which NFS calls a hard mount
	Resend time.Duration // without an answer, the call is sent again over a new connection
}

// Client has one connection to a server at a time.
type Client struct {
	address  string
	patience Patience
	xid      atomic.Uint32
	dialing  chan struct{} // has room for one
	mu       sync.Mutex    // of what follows
	link     *link
}

// NewClient does not connect yet. The address is HOST:PORT.
func NewClient(address string, patience Patience) *Client {
	c := &Client{address: address, patience: patience, dialing: make(chan struct{}, 1)}
	c.xid.Store(rand.Uint32())
	return c
}

// SetPatience is for later calls.
func (c *Client) SetPatience(patience Patience) { c.patience = patience }

// Call sends one call, again over a new connection while none brings an answer.
//
// The error is ErrInterrupted when ctx ends, and the last one met when the time is up.
func (c *Client) Call(ctx context.Context, program, version, procedure uint32, cr *Credential, args []byte) (*xdr.Decoder, error) {
	xid := c.xid.Add(1) // the same each time, by which the server knows a call that it has done
	text := message(xid, program, version, procedure, cr, args)
	var last error = syscall.ETIMEDOUT
	for start := time.Now(); c.patience.Total == 0 || time.Since(start) < c.patience.Total; {
		l, err := c.connection(ctx)
		if err != nil {
			last = err
			if !Sleep(ctx, redial) {
				return nil, ErrInterrupted
			}
			continue
		}
		reply, err := l.exchange(ctx, xid, text, c.patience.Resend)
		if err == nil {
			return result(reply)
		}
		if errors.Is(err, ErrInterrupted) {
			return nil, err
		}
		last = err
		c.drop(l)
	}
	return nil, last
}

func (c *Client) connection(ctx context.Context) (*link, error) {
	if l := c.current(); l != nil {
		return l, nil
	}
	select { // not a mutex: who waits here may give up
	case c.dialing <- struct{}{}:
		defer func() { <-c.dialing }()
	case <-ctx.Done():
		return nil, ErrInterrupted
	}
	if l := c.current(); l != nil { // somebody else has dialled meanwhile
		return l, nil
	}
	conn, err := dial(ctx, c.address)
	if err != nil {
		return nil, err
	}
	l := newLink(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
	return l, nil
}

func (c *Client) current() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil && c.link.closed() {
		c.link = nil
	}
	return c.link
}

func (c *Client) drop(l *link) {
	l.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.link = nil
	}
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialWithin, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledged.Milliseconds()))
		}); e != nil {
			return e
		}
		return err
	}}
	var err error
	for range portTries {
		if os.Geteuid() == 0 {
			dialer.LocalAddr = &net.TCPAddr{Port: firstPort + rand.Intn(ports)}
		}
		var conn net.Conn
		if conn, err = dialer.DialContext(ctx, "tcp", address); err == nil {
			return conn, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			break
		}
	}
	return nil, err
}

// frame puts the length before a message, with the mark of a record's last fragment.
func frame(text []byte) []byte {
	head := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)), uint32(len(text))|lastFragment)
	return append(head, text...)
}
