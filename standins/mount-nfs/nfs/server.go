// Package nfs is a client of NFS version 3 (RFC 1813) that finds the root of an export by version
// 3 or 4. Errors are those of the operating system; a server that does not answer is EIO.
package nfs

import (
	"context"
	"errors"
	"syscall"
	"time"

	"whisklab/standins/mountnfs/rpc"
	"whisklab/standins/mountnfs/xdr"
)

const (
	program, version = 100003, 3

	statusTryLater = 10008 // NFS3ERR_JUKEBOX
	tries          = 20
	tryAgainAfter  = 500 * time.Millisecond
)

// Handle names a file to the server.
type Handle []byte

// Server is an NFS server.
type Server struct {
	rpc  *rpc.Client
	Host string // its address, for the services beside NFS
	// The most that one call transfers, in bytes.
	ReadMax, WriteMax int
}

// call does one NFS call; the decoder then stands after the status.
func (s *Server) call(ctx context.Context, procedure uint32, cr *rpc.Credential, args *xdr.Encoder) (*xdr.Decoder, syscall.Errno) {
	for try := 0; ; try++ {
		d, err := s.rpc.Call(ctx, program, version, procedure, cr, args.Bytes())
		if err != nil {
			return nil, errno(err)
		}
		status := d.Uint32()
		if status == statusTryLater && try < tries && rpc.Sleep(ctx, tryAgainAfter) {
			continue
		}
		if status != 0 {
			return nil, statusErrno(status)
		}
		if d.Bad() {
			return nil, syscall.EIO
		}
		return d, 0
	}
}

func errno(err error) syscall.Errno {
	switch {
	case errors.Is(err, rpc.ErrInterrupted):
		return syscall.EINTR
	case errors.Is(err, syscall.EACCES):
		return syscall.EACCES
	}
	return syscall.EIO
}

// statusErrno translates a status of NFS 3 or 4, which have the numbers of Unix below 41.
func statusErrno(status uint32) syscall.Errno {
	if known, ok := map[uint32]syscall.Errno{
		63:    syscall.ENAMETOOLONG,
		66:    syscall.ENOTEMPTY,
		69:    syscall.EDQUOT,
		70:    syscall.ESTALE,
		71:    syscall.EREMOTE,
		10001: syscall.ESTALE,
		10004: syscall.EOPNOTSUPP,
		10007: syscall.EOPNOTSUPP,
	}[status]; ok {
		return known
	}
	if status < 41 {
		return syscall.Errno(status)
	}
	return syscall.EIO
}
