package nfs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"whisklab/standins/mountnfs/rpc"
	"whisklab/standins/mountnfs/xdr"
)

const (
	procLookup, procReadlink, procCreate, procMkdir, procSymlink, procMknod uint32 = 3, 5, 8, 9, 10, 11
	procRemove, procRmdir, procRename, procLink, procReaddirplus            uint32 = 12, 13, 14, 15, 17

	longestName = 255
	// Bytes of names, and of all, in one answer about a directory.
	namesAtOnce, answerAtMost = 8192, 65536
)

// How Create treats a file that is there.
const (
	Unchecked uint32 = 0
	Guarded   uint32 = 1 // EEXIST
)

// Lookup finds a name in a directory.
func (s *Server) Lookup(ctx context.Context, cr *rpc.Credential, dir Handle, name string) (Handle, fuse.Attr, syscall.Errno) {
	if len(name) > longestName {
		return nil, fuse.Attr{}, syscall.ENAMETOOLONG // Linux's server finds the call malformed
	}
	d, no := s.call(ctx, procLookup, cr, entry(dir, name))
	if no != 0 {
		return nil, fuse.Attr{}, no
	}
	file := Handle(d.Opaque())
	if a := postAttr(d); a != nil {
		return file, *a, 0
	}
	a, no := s.Getattr(ctx, cr, file)
	return file, a, no
}

// Readlink reads what a symbolic link says.
func (s *Server) Readlink(ctx context.Context, cr *rpc.Credential, file Handle) ([]byte, syscall.Errno) {
	d, no := s.call(ctx, procReadlink, cr, (&xdr.Encoder{}).Opaque(file))
	if no != 0 {
		return nil, no
	}
	postAttr(d)
	return d.Opaque(), 0
}

// Create makes a regular file, or finds it there when `how` lets it.
func (s *Server) Create(ctx context.Context, cr *rpc.Credential, dir Handle, name string, how uint32, change Change) (Handle, fuse.Attr, syscall.Errno) {
	return s.make(ctx, procCreate, cr, dir, name, change.encode(entry(dir, name).Uint32(how)))
}

// Mkdir makes a directory.
func (s *Server) Mkdir(ctx context.Context, cr *rpc.Credential, dir Handle, name string, change Change) (Handle, fuse.Attr, syscall.Errno) {
	return s.make(ctx, procMkdir, cr, dir, name, change.encode(entry(dir, name)))
}

// Symlink makes a symbolic link.
func (s *Server) Symlink(ctx context.Context, cr *rpc.Credential, dir Handle, name, target string) (Handle, fuse.Attr, syscall.Errno) {
	return s.make(ctx, procSymlink, cr, dir, name, Change{}.encode(entry(dir, name)).String(target))
}

// Mknod makes a special file of the type in mode; rdev as Linux packs it.
func (s *Server) Mknod(ctx context.Context, cr *rpc.Credential, dir Handle, name string, mode, rdev uint32) (Handle, fuse.Attr, syscall.Errno) {
	permission := mode & permissions
	change := Change{Mode: &permission}
	e := entry(dir, name)
	for kind, bits := range fileTypes {
		if bits == mode&syscall.S_IFMT {
			e.Uint32(uint32(kind))
		}
	}
	change.encode(e)
	if t := mode & syscall.S_IFMT; t == syscall.S_IFCHR || t == syscall.S_IFBLK {
		e.Uint32(rdev>>8&0xfff, rdev&0xff|rdev>>12&^0xff)
	}
	return s.make(ctx, procMknod, cr, dir, name, e)
}

func (s *Server) make(ctx context.Context, procedure uint32, cr *rpc.Credential, dir Handle, name string, args *xdr.Encoder) (Handle, fuse.Attr, syscall.Errno) {
	d, no := s.call(ctx, procedure, cr, args)
	if no != 0 {
		return nil, fuse.Attr{}, no
	}
	if d.Bool() {
		file := Handle(d.Opaque())
		if a := postAttr(d); a != nil {
			return file, *a, 0
		}
	}
	return s.Lookup(ctx, cr, dir, name) // servers may leave out both
}

// Link gives a file a further name.
func (s *Server) Link(ctx context.Context, cr *rpc.Credential, file, dir Handle, name string) syscall.Errno {
	_, no := s.call(ctx, procLink, cr, (&xdr.Encoder{}).Opaque(file).Raw(entry(dir, name).Bytes()))
	return no
}

// Remove removes a name that is not a directory's.
func (s *Server) Remove(ctx context.Context, cr *rpc.Credential, dir Handle, name string) syscall.Errno {
	_, no := s.call(ctx, procRemove, cr, entry(dir, name))
	return no
}

// Rmdir removes an empty directory.
func (s *Server) Rmdir(ctx context.Context, cr *rpc.Credential, dir Handle, name string) syscall.Errno {
	_, no := s.call(ctx, procRmdir, cr, entry(dir, name))
	return no
}

// Rename moves a name over another one.
func (s *Server) Rename(ctx context.Context, cr *rpc.Credential, from Handle, name string, to Handle, newName string) syscall.Errno {
	_, no := s.call(ctx, procRename, cr, entry(from, name).Raw(entry(to, newName).Bytes()))
	return no
}

// Readdir lists a directory.
func (s *Server) Readdir(ctx context.Context, cr *rpc.Credential, dir Handle) ([]fuse.DirEntry, syscall.Errno) {
	var found []fuse.DirEntry
	var cookie, verifier uint64
	for {
		args := (&xdr.Encoder{}).Opaque(dir).Uint64(cookie, verifier).Uint32(namesAtOnce, answerAtMost)
		d, no := s.call(ctx, procReaddirplus, cr, args)
		if no != 0 {
			return nil, no
		}
		postAttr(d)
		verifier = d.Uint64()
		for d.Bool() {
			one := fuse.DirEntry{Ino: d.Uint64(), Name: string(d.Opaque())}
			cookie = d.Uint64()
			if a := postAttr(d); a != nil {
				one.Mode = a.Mode & syscall.S_IFMT
			}
			if d.Bool() {
				d.Opaque() // its handle
			}
			found = append(found, one)
		}
		end := d.Bool()
		if d.Bad() {
			return nil, syscall.EIO
		}
		if end {
			return found, 0
		}
	}
}

func entry(dir Handle, name string) *xdr.Encoder {
	return (&xdr.Encoder{}).Opaque(dir).String(name)
}
