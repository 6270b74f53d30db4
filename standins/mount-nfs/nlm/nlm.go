// Package nlm holds byte-range locks on an NFS server, by the Network Lock Manager version 4.
//
// Waiting is asking again. The server's rpc.statd must run. Locks are not claimed again after the
// server was rebooted.
package nlm

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"whisklab/standins/mountnfs/rpc"
	"whisklab/standins/mountnfs/xdr"
)

const (
	program, version         = 100021, 4
	procTest, procLock       = 1, 2
	procUnlock               = 4
	granted, denied, inGrace = 0, 1, 4

	askAgain = 100 * time.Millisecond
	// After its start a server only lets old locks be claimed, for 90 seconds on Linux.
	grace  = 100 * time.Second
	within = 30 * time.Second
	toEnd  = math.MaxInt64 // the last byte of a range without an end
)

// cookie tells calls apart that are answered later, which ours never are.
var cookie = []byte{1}

// Range is a range of bytes, with its last one, and what is wished: F_RDLCK, F_WRLCK or F_UNLCK.
type Range struct {
	First, Last uint64
	Type        uint32
}

// Whole is the whole file.
func Whole(kind uint32) Range { return Range{Last: toEnd, Type: kind} }

// Owner holds locks; it conflicts with every other owner.
type Owner struct{ id uint32 }

var owners atomic.Uint32

// NewOwner is an owner that no other process of this machine has.
func NewOwner() Owner { return Owner{uint32(os.Getpid())<<12 + owners.Add(1)} }

// Manager is the lock manager of a server.
type Manager struct {
	host   string
	mu     sync.Mutex
	client *rpc.Client
}

// New does not connect yet.
func New(host string) *Manager { return &Manager{host: host} }

// Lock takes or gives up a lock; with wait, it waits while somebody else has it.
//
// The error is EAGAIN when somebody else has it, ENOLCK when the server does not lock.
func (m *Manager) Lock(ctx context.Context, file []byte, owner Owner, r Range, wait bool) syscall.Errno {
	for graceEnds := time.Now().Add(grace); ; {
		status, err := m.lock(ctx, file, owner, r)
		switch {
		case errors.Is(err, rpc.ErrInterrupted):
			return syscall.EINTR
		case err != nil:
			return syscall.ENOLCK
		case status == granted:
			return 0
		case status == denied && !wait:
			return syscall.EAGAIN
		case status != denied && (status != inGrace || time.Now().After(graceEnds)):
			return syscall.ENOLCK
		}
		if !rpc.Sleep(ctx, askAgain) {
			return syscall.EINTR
		}
	}
}

func (m *Manager) lock(ctx context.Context, file []byte, owner Owner, r Range) (uint32, error) {
	e := (&xdr.Encoder{}).Opaque(cookie)
	procedure := uint32(procUnlock)
	if r.Type != syscall.F_UNLCK {
		procedure = procLock
		e.Uint32(0, exclusive(r)) // do not block
	}
	describe(e, file, owner, r)
	if procedure == procLock {
		e.Uint32(0, 1) // nothing is claimed again; a state of the client's, which is always up
	}
	d, err := m.call(ctx, procedure, e)
	if err != nil {
		return 0, err
	}
	d.Opaque()
	return d.Uint32(), nil
}

// Test finds a lock that is in the way; its Type is F_UNLCK when there is none.
func (m *Manager) Test(ctx context.Context, file []byte, owner Owner, r Range) (Range, uint32, syscall.Errno) {
	e := (&xdr.Encoder{}).Opaque(cookie).Uint32(exclusive(r))
	describe(e, file, owner, r)
	d, err := m.call(ctx, procTest, e)
	if err != nil {
		return Range{}, 0, syscall.ENOLCK
	}
	d.Opaque()
	switch d.Uint32() {
	case granted:
		return Range{Type: syscall.F_UNLCK}, 0, 0
	case denied:
		found := Range{Type: syscall.F_RDLCK}
		if d.Bool() {
			found.Type = syscall.F_WRLCK
		}
		pid := d.Uint32()
		d.Opaque()
		first, length := d.Uint64(), d.Uint64()
		found.First, found.Last = first, toEnd
		if length != 0 {
			found.Last = first + length - 1
		}
		return found, pid, 0
	}
	return Range{}, 0, syscall.ENOLCK
}

func exclusive(r Range) uint32 {
	if r.Type == syscall.F_WRLCK {
		return 1
	}
	return 0
}

// describe writes nlm4_lock: who wants which bytes of which file.
func describe(e *xdr.Encoder, file []byte, owner Owner, r Range) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // owners of one client are told apart by their number
	}
	length := uint64(0)
	if r.Last < toEnd {
		length = r.Last - r.First + 1
	}
	name := binary.BigEndian.AppendUint32([]byte(host+"/"), owner.id)
	e.String(host).Opaque(file).Opaque(name).Uint32(owner.id).Uint64(r.First, length)
}

func (m *Manager) call(ctx context.Context, procedure uint32, args *xdr.Encoder) (*xdr.Decoder, error) {
	client, err := m.connected(ctx)
	if err != nil {
		return nil, err
	}
	d, err := client.Call(ctx, program, version, procedure, rpc.Root, args.Bytes())
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.client = nil // after a reboot it listens elsewhere
	}
	return d, err
}

func (m *Manager) connected(ctx context.Context) (*rpc.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client == nil {
		patience := rpc.Patience{Total: within, Resend: within}
		port, err := rpc.Port(ctx, m.host, program, version, patience)
		if err != nil {
			return nil, err
		}
		m.client = rpc.NewClient(rpc.Address(m.host, port), patience)
	}
	return m.client, nil
}
