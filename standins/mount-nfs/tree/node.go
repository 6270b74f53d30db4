// Package tree is an export as a file system: what the kernel asks through FUSE, asked of the
// server by NFS.
package tree

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"whisklab/standins/mountnfs/nfs"
	"whisklab/standins/mountnfs/nlm"
	"whisklab/standins/mountnfs/rpc"
)

const mostGroups = 16 // of AUTH_SYS

// mount is what all nodes of one mount share.
type mount struct {
	server *nfs.Server
	sync   bool // every write is stable when it is answered
	hidden atomic.Uint64
	locks  locks
}

// node is a file or directory.
type node struct {
	fs.Inode
	mount  *mount
	handle nfs.Handle

	mu   sync.Mutex // of what follows
	open int
	// While it is open, an unlinked file lives on under a name of ours, in this directory.
	hiddenIn nfs.Handle
	hiddenAs string
}

// New is the root of an export.
func New(server *nfs.Server, root nfs.Handle, sync bool) fs.InodeEmbedder {
	m := &mount{server: server, sync: sync}
	m.locks = locks{manager: nlm.New(server.Host), held: map[lockKey]*holder{}}
	return &node{mount: m, handle: root}
}

// caller is for whom the kernel asks.
func caller(ctx context.Context) *rpc.Credential {
	c, ok := fuse.FromContext(ctx)
	if !ok {
		return rpc.Root
	}
	cr := &rpc.Credential{UID: c.Uid, GID: c.Gid}
	if c.Pid != 0 && c.Uid != 0 { // root needs no groups
		cr.Groups = groups(c.Pid)
	}
	return cr
}

// groups reads the further groups of a process, which FUSE does not tell; none when it has ended.
func groups(pid uint32) []uint32 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := bytes.Cut(status, []byte("\nGroups:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	var found []uint32
	for _, field := range bytes.Fields(line) {
		if n, err := strconv.ParseUint(string(field), 10, 32); err == nil && len(found) < mostGroups {
			found = append(found, uint32(n))
		}
	}
	return found
}

// child is the node of a file that the server has told of.
func (n *node) child(ctx context.Context, file nfs.Handle, a fuse.Attr, out *fuse.EntryOut) *fs.Inode {
	out.Attr = a
	// Inode numbers are given again after a file is gone, handles are not.
	sum := fnv.New64a()
	sum.Write(file)
	id := fs.StableAttr{Mode: a.Mode & syscall.S_IFMT, Ino: a.Ino, Gen: sum.Sum64()}
	return n.NewInode(ctx, &node{mount: n.mount, handle: bytes.Clone(file)}, id)
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(ctx context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	a, no := n.mount.server.Getattr(ctx, caller(ctx), n.handle)
	out.Attr = a
	return no
}

// Setattr implements fs.NodeSetattrer.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	cr := caller(ctx)
	if file, ok := f.(*file); ok && in.Valid&fuse.FATTR_SIZE != 0 {
		cr = file.opener // who may write has it open, whatever its mode is now
		if no := file.commit(ctx); no != 0 {
			return no
		}
	}
	a, no := n.mount.server.Setattr(ctx, cr, n.handle, change(in))
	out.Attr = a
	return no
}

func change(in *fuse.SetAttrIn) (c nfs.Change) {
	if mode, ok := in.GetMode(); ok {
		mode &= 0o7777
		c.Mode = &mode
	}
	if in.Valid&fuse.FATTR_UID != 0 {
		c.UID = &in.Owner.Uid
	}
	if in.Valid&fuse.FATTR_GID != 0 {
		c.GID = &in.Owner.Gid
	}
	if size, ok := in.GetSize(); ok {
		c.Size = &size
	}
	if in.Valid&fuse.FATTR_ATIME != 0 {
		c.Accessed = &nfs.Time{Now: in.Valid&fuse.FATTR_ATIME_NOW != 0, Seconds: uint32(in.Atime), Nanos: in.Atimensec}
	}
	if in.Valid&fuse.FATTR_MTIME != 0 {
		c.Modified = &nfs.Time{Now: in.Valid&fuse.FATTR_MTIME_NOW != 0, Seconds: uint32(in.Mtime), Nanos: in.Mtimensec}
	}
	return c
}

// Access implements fs.NodeAccesser: the server decides, as it knows who root is there.
func (n *node) Access(ctx context.Context, mask uint32) syscall.Errno {
	const read, write, execute = 4, 2, 1 // access(2)
	wanted := uint32(0)
	if mask&read != 0 {
		wanted |= nfs.MayRead
	}
	if mask&write != 0 {
		wanted |= nfs.MayModify | nfs.MayExtend
	}
	if mask&execute != 0 && n.IsDir() {
		wanted |= nfs.MaySearch
	} else if mask&execute != 0 {
		wanted |= nfs.MayExecute
	}
	return n.mount.server.Access(ctx, caller(ctx), n.handle, wanted)
}

// Statfs implements fs.NodeStatfser.
func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	return n.mount.server.Fsstat(ctx, caller(ctx), n.handle, out)
}
