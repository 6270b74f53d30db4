package tree

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"whisklab/standins/mountnfs/nfs"
	"whisklab/standins/mountnfs/rpc"
)

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	file, a, no := n.mount.server.Lookup(ctx, caller(ctx), n.handle, name)
	if no != 0 {
		return nil, no
	}
	return n.child(ctx, file, a, out), 0
}

// Readdir implements fs.NodeReaddirer.
func (n *node) Readdir(ctx context.Context) (fs.DirStream, syscall.Errno) {
	found, no := n.mount.server.Readdir(ctx, caller(ctx), n.handle)
	if no != 0 {
		return nil, no
	}
	return fs.NewListDirStream(found), 0
}

// Readlink implements fs.NodeReadlinker.
func (n *node) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	return n.mount.server.Readlink(ctx, caller(ctx), n.handle)
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	mode &= 0o7777
	made, a, no := n.mount.server.Mkdir(ctx, caller(ctx), n.handle, name, nfs.Change{Mode: &mode})
	if no != 0 {
		return nil, no
	}
	return n.child(ctx, made, a, out), 0
}

// Mknod implements fs.NodeMknoder.
func (n *node) Mknod(ctx context.Context, name string, mode, dev uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	var made nfs.Handle
	var a fuse.Attr
	var no syscall.Errno
	if kind := mode & syscall.S_IFMT; kind == syscall.S_IFREG || kind == 0 {
		mode &= 0o7777
		made, a, no = n.mount.server.Create(ctx, caller(ctx), n.handle, name, nfs.Guarded, nfs.Change{Mode: &mode})
	} else {
		made, a, no = n.mount.server.Mknod(ctx, caller(ctx), n.handle, name, mode, dev)
	}
	if no != 0 {
		return nil, no
	}
	return n.child(ctx, made, a, out), 0
}

// Symlink implements fs.NodeSymlinker.
func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	made, a, no := n.mount.server.Symlink(ctx, caller(ctx), n.handle, name, target)
	if no != 0 {
		return nil, no
	}
	return n.child(ctx, made, a, out), 0
}

// Link implements fs.NodeLinker.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	file, ok := target.(*node)
	if !ok {
		return nil, syscall.EXDEV
	}
	if no := n.mount.server.Link(ctx, caller(ctx), file.handle, n.handle, name); no != 0 {
		return nil, no
	}
	return n.Lookup(ctx, name, out)
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	cr := caller(ctx)
	if hidden, no := n.hide(ctx, cr, name); hidden || no != 0 {
		return no
	}
	return n.mount.server.Remove(ctx, cr, n.handle, name)
}

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	return n.mount.server.Rmdir(ctx, caller(ctx), n.handle, name)
}

// Rename implements fs.NodeRenamer.
func (n *node) Rename(ctx context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*node)
	if !ok || flags != 0 { // NFS has no exchange, and no rename that keeps the target
		return syscall.EINVAL
	}
	cr := caller(ctx)
	if moved := n.GetChild(name); moved == nil || moved != to.GetChild(newName) {
		if _, no := to.hide(ctx, cr, newName); no != 0 && no != syscall.ENOENT {
			return no
		}
	}
	return n.mount.server.Rename(ctx, cr, n.handle, name, to.handle, newName)
}

// hide renames a file that is open here and is about to lose its name, as the kernel's client does:
// the server knows nothing of open files.
func (n *node) hide(ctx context.Context, cr *rpc.Credential, name string) (bool, syscall.Errno) {
	inode := n.GetChild(name)
	if inode == nil || inode.IsDir() {
		return false, 0
	}
	child, ok := inode.Operations().(*node)
	if !ok {
		return false, 0
	}
	child.mu.Lock()
	defer child.mu.Unlock()
	if child.open == 0 || child.hiddenAs != "" {
		return false, 0
	}
	as := fmt.Sprintf(".nfs%016x%08x", time.Now().UnixNano(), n.mount.hidden.Add(1))
	if no := n.mount.server.Rename(ctx, cr, n.handle, name, n.handle, as); no != 0 {
		return false, no
	}
	child.hiddenIn, child.hiddenAs = n.handle, as
	return true, 0
}
