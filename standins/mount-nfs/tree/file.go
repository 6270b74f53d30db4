package tree

import (
	"bytes"
	"context"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"whisklab/standins/mountnfs/nfs"
	"whisklab/standins/mountnfs/rpc"
)

const (
	forExecution = 0x20     // FMODE_EXEC, which the kernel passes when it opens a program
	keptAtMost   = 32 << 20 // bytes that are written and not yet safe
)

// part was written, but the server may forget it when it reboots.
type part struct {
	offset uint64
	data   []byte
	boot   uint64
}

// file is an open file; what is done with it is done for who has opened it.
type file struct {
	node   *node
	opener *rpc.Credential
	sync   bool

	mu     sync.Mutex // of what follows
	unsafe []part
	size   int
}

func (n *node) opened(cr *rpc.Credential, flags uint32) *file {
	n.mu.Lock()
	n.open++
	n.mu.Unlock()
	return &file{node: n, opener: cr, sync: n.mount.sync || flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0}
}

// Open implements fs.NodeOpener.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	cr := caller(ctx)
	write := nfs.MayModify | nfs.MayExtend
	wanted := map[uint32]uint32{
		syscall.O_RDONLY: nfs.MayRead,
		syscall.O_WRONLY: write,
		syscall.O_RDWR:   nfs.MayRead | write,
	}[flags&syscall.O_ACCMODE]
	if flags&forExecution != 0 {
		wanted = nfs.MayExecute
	}
	if no := n.mount.server.Access(ctx, cr, n.handle, wanted); no != 0 {
		return nil, 0, no
	}
	return n.opened(cr, flags), 0, 0
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	cr, how := caller(ctx), nfs.Unchecked
	mode &= 0o7777
	change := nfs.Change{Mode: &mode}
	if flags&syscall.O_EXCL != 0 {
		how = nfs.Guarded
	} else if flags&syscall.O_TRUNC != 0 {
		change.Size = new(uint64)
	}
	made, a, no := n.mount.server.Create(ctx, cr, n.handle, name, how, change)
	if no != 0 {
		return nil, nil, 0, no
	}
	inode := n.child(ctx, made, a, out)
	child, ok := inode.Operations().(*node)
	if !ok {
		return nil, nil, 0, syscall.EIO
	}
	return inode, child.opened(cr, flags), 0, 0
}

// Read implements fs.FileReader.
func (f *file) Read(ctx context.Context, dest []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	got := 0
	for got < len(dest) {
		data, end, no := f.node.mount.server.Read(ctx, f.opener, f.node.handle, uint64(offset)+uint64(got), len(dest)-got)
		if no != 0 {
			return nil, no
		}
		got += copy(dest[got:], data)
		if end || len(data) == 0 {
			break
		}
	}
	return fuse.ReadResultData(dest[:got]), 0
}

// Write implements fs.FileWriter.
func (f *file) Write(ctx context.Context, data []byte, offset int64) (uint32, syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how := nfs.Unstable
	if f.sync {
		how = nfs.Stable
	}
	n, no := f.write(ctx, data, uint64(offset), how)
	if no == 0 && f.size > keptAtMost {
		no = f.commitLocked(ctx)
	}
	if n > 0 {
		return uint32(n), 0 // the rest is asked again, and fails then
	}
	return 0, no
}

func (f *file) write(ctx context.Context, data []byte, offset uint64, how uint32) (int, syscall.Errno) {
	n := 0
	for n < len(data) {
		at := offset + uint64(n)
		w, no := f.node.mount.server.Write(ctx, f.opener, f.node.handle, at, data[n:], how)
		if no != 0 {
			return n, no
		}
		if !w.Stable {
			f.unsafe = append(f.unsafe, part{at, bytes.Clone(data[n : n+w.Count]), w.Boot})
			f.size += w.Count
		}
		n += w.Count
	}
	return n, 0
}

func (f *file) commit(ctx context.Context) syscall.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commitLocked(ctx)
}

// commitLocked makes safe what was written, and writes again what a reboot of the server lost.
func (f *file) commitLocked(ctx context.Context) syscall.Errno {
	if len(f.unsafe) == 0 {
		return 0
	}
	boot, no := f.node.mount.server.Commit(ctx, f.opener, f.node.handle)
	if no != 0 {
		return no
	}
	parts := f.unsafe
	f.unsafe, f.size = nil, 0
	for i, p := range parts {
		if p.boot == boot {
			continue
		}
		if _, no := f.write(ctx, p.data, p.offset, nfs.Stable); no != 0 {
			f.unsafe = append(f.unsafe, parts[i:]...) // for the next try
			return no
		}
	}
	return 0
}

// Fsync implements fs.NodeFsyncer. Of a directory, the server has done it with each change.
func (n *node) Fsync(ctx context.Context, f fs.FileHandle, _ uint32) syscall.Errno {
	if open, ok := f.(*file); ok {
		return open.commit(ctx)
	}
	return 0
}

// Flush implements fs.FileFlusher: a close(2), of which a file may see several.
func (f *file) Flush(ctx context.Context) syscall.Errno {
	no := f.commit(ctx)
	f.node.mount.locks.closed(ctx, f)
	return no
}

// Release implements fs.FileReleaser: nobody has the file open any more in this way.
func (f *file) Release(ctx context.Context) syscall.Errno {
	no := f.commit(ctx)
	n := f.node
	n.mount.locks.released(ctx, f)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open--
	if n.open == 0 && n.hiddenAs != "" {
		if gone := n.mount.server.Remove(ctx, f.opener, n.hiddenIn, n.hiddenAs); gone != 0 {
			no = gone
		}
		n.hiddenAs = ""
	}
	return no
}
