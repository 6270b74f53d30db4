package nfs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"whisklab/standins/mountnfs/rpc"
	"whisklab/standins/mountnfs/xdr"
)

const (
	procGetattr, procSetattr, procAccess uint32 = 1, 2, 4
	procFsstat                           uint32 = 18

	permissions = 0o7777
	blockSize   = 1 << 16 // what programs are told to read and write at once
	sector      = 512     // what st_blocks counts
)

// What Access asks for.
const (
	MayRead    uint32 = 0x01
	MaySearch  uint32 = 0x02
	MayModify  uint32 = 0x04
	MayExtend  uint32 = 0x08
	MayExecute uint32 = 0x20
)

// fileTypes are those of ftype3, in its order.
var fileTypes = [8]uint32{0, syscall.S_IFREG, syscall.S_IFDIR, syscall.S_IFBLK, syscall.S_IFCHR,
	syscall.S_IFLNK, syscall.S_IFSOCK, syscall.S_IFIFO}

// Time is one of a file's times as a change wishes it.
type Time struct {
	Now     bool
	Seconds uint32
	Nanos   uint32
}

// Change is what to set of a file; nil leaves it.
type Change struct {
	Mode, UID, GID *uint32
	Size           *uint64
	Accessed       *Time
	Modified       *Time
}

func (c Change) encode(e *xdr.Encoder) *xdr.Encoder {
	for _, value := range []*uint32{c.Mode, c.UID, c.GID} {
		if value != nil {
			e.Uint32(1, *value)
		} else {
			e.Uint32(0)
		}
	}
	if c.Size != nil {
		e.Uint32(1).Uint64(*c.Size)
	} else {
		e.Uint32(0)
	}
	for _, t := range []*Time{c.Accessed, c.Modified} {
		switch {
		case t == nil:
			e.Uint32(0)
		case t.Now:
			e.Uint32(1)
		default:
			e.Uint32(2, t.Seconds, t.Nanos)
		}
	}
	return e
}

func attr(d *xdr.Decoder) (a fuse.Attr) {
	kind := fileTypes[d.Uint32()&7]
	a.Mode = d.Uint32()&permissions | kind
	a.Nlink, a.Uid, a.Gid, a.Size = d.Uint32(), d.Uint32(), d.Uint32(), d.Uint64()
	a.Blocks = (d.Uint64() + sector - 1) / sector
	a.Rdev = device(d.Uint32(), d.Uint32())
	d.Uint64() // fsid
	a.Ino = d.Uint64()
	a.Atime, a.Atimensec = uint64(d.Uint32()), d.Uint32()
	a.Mtime, a.Mtimensec = uint64(d.Uint32()), d.Uint32()
	a.Ctime, a.Ctimensec = uint64(d.Uint32()), d.Uint32()
	a.Blksize = blockSize
	return a
}

// device packs a device's numbers as Linux does (new_encode_dev).
func device(major, minor uint32) uint32 { return minor&0xff | major<<8 | (minor&^0xff)<<12 }

func postAttr(d *xdr.Decoder) *fuse.Attr {
	if !d.Bool() {
		return nil
	}
	a := attr(d)
	return &a
}

// afterChange reads wcc_data: the attributes after an operation, if the server tells them.
func afterChange(d *xdr.Decoder) *fuse.Attr {
	if d.Bool() {
		d.Skip(24) // size and times before it
	}
	return postAttr(d)
}

// Getattr reads a file's attributes.
func (s *Server) Getattr(ctx context.Context, cr *rpc.Credential, file Handle) (fuse.Attr, syscall.Errno) {
	d, no := s.call(ctx, procGetattr, cr, (&xdr.Encoder{}).Opaque(file))
	if no != 0 {
		return fuse.Attr{}, no
	}
	return attr(d), 0
}

// Setattr changes a file's attributes and returns the new ones.
func (s *Server) Setattr(ctx context.Context, cr *rpc.Credential, file Handle, change Change) (fuse.Attr, syscall.Errno) {
	d, no := s.call(ctx, procSetattr, cr, change.encode((&xdr.Encoder{}).Opaque(file)).Uint32(0))
	if no != 0 {
		return fuse.Attr{}, no
	}
	if a := afterChange(d); a != nil {
		return *a, 0
	}
	return s.Getattr(ctx, cr, file)
}

// Access is EACCES unless all that is wanted is allowed.
func (s *Server) Access(ctx context.Context, cr *rpc.Credential, file Handle, wanted uint32) syscall.Errno {
	d, no := s.call(ctx, procAccess, cr, (&xdr.Encoder{}).Opaque(file).Uint32(wanted))
	if no != 0 {
		return no
	}
	postAttr(d)
	if d.Uint32()&wanted != wanted {
		return syscall.EACCES
	}
	return 0
}

// Fsstat reads how full the file system is.
func (s *Server) Fsstat(ctx context.Context, cr *rpc.Credential, file Handle, out *fuse.StatfsOut) syscall.Errno {
	const unit, longestName = 4096, 255
	d, no := s.call(ctx, procFsstat, cr, (&xdr.Encoder{}).Opaque(file))
	if no != 0 {
		return no
	}
	postAttr(d)
	out.Bsize, out.Frsize, out.NameLen = unit, unit, longestName
	out.Blocks, out.Bfree, out.Bavail = d.Uint64()/unit, d.Uint64()/unit, d.Uint64()/unit
	out.Files, out.Ffree = d.Uint64(), d.Uint64()
	return 0
}
