package nfs

import (
	"context"
	"syscall"

	"whisklab/standins/mountnfs/rpc"
	"whisklab/standins/mountnfs/xdr"
)

const procRead, procWrite, procCommit uint32 = 6, 7, 21

// How far a write is when it is answered.
const (
	Unstable uint32 = 0 // in the server's memory; Commit makes it safe
	Stable   uint32 = 2
)

// Written is what the server has taken.
type Written struct {
	Count  int
	Stable bool
	// Boot is another number after the server has lost what was not stable.
	Boot uint64
}

// Read reads up to n bytes; end tells that nothing follows.
func (s *Server) Read(ctx context.Context, cr *rpc.Credential, file Handle, offset uint64, n int) (data []byte, end bool, no syscall.Errno) {
	args := (&xdr.Encoder{}).Opaque(file).Uint64(offset).Uint32(uint32(min(n, s.ReadMax)))
	d, no := s.call(ctx, procRead, cr, args)
	if no != 0 {
		return nil, false, no
	}
	postAttr(d)
	d.Uint32() // the length, which the data have again
	end = d.Bool()
	data = d.Opaque()
	if d.Bad() {
		return nil, false, syscall.EIO
	}
	return data, end, 0
}

// Write writes the beginning of data, at most WriteMax bytes.
func (s *Server) Write(ctx context.Context, cr *rpc.Credential, file Handle, offset uint64, data []byte, how uint32) (Written, syscall.Errno) {
	data = data[:min(len(data), s.WriteMax)]
	args := (&xdr.Encoder{}).Opaque(file).Uint64(offset).Uint32(uint32(len(data)), how).Opaque(data)
	d, no := s.call(ctx, procWrite, cr, args)
	if no != 0 {
		return Written{}, no
	}
	afterChange(d)
	w := Written{Count: int(d.Uint32()), Stable: d.Uint32() != Unstable, Boot: d.Uint64()}
	if d.Bad() || w.Count == 0 || w.Count > len(data) {
		return Written{}, syscall.EIO
	}
	return w, 0
}

// Commit makes what was written safe, and returns the Boot of the server that has done it.
func (s *Server) Commit(ctx context.Context, cr *rpc.Credential, file Handle) (uint64, syscall.Errno) {
	d, no := s.call(ctx, procCommit, cr, (&xdr.Encoder{}).Opaque(file).Uint64(0).Uint32(0))
	if no != 0 {
		return 0, no
	}
	afterChange(d)
	return d.Uint64(), 0
}
