package tree

import (
	"context"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"whisklab/standins/mountnfs/nlm"
)

// lockKey is a holder of locks on a file, as the kernel tells them apart: a process for fcntl(2),
// an open file for flock(2).
type lockKey struct {
	handle string
	owner  uint64
	flock  bool
}

type holder struct {
	nlm.Owner
	file *file
}

// locks are those of one mount.
type locks struct {
	manager  *nlm.Manager
	flushing sync.Map // see flusher
	mu       sync.Mutex
	held     map[lockKey]*holder
}

// holder finds who holds locks; nil when it is nobody and none is to be made.
func (l *locks) holder(f *file, owner uint64, flags uint32, create bool) *holder {
	key := lockKey{string(f.node.handle), owner, flags&fuse.FUSE_LK_FLOCK != 0}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key] == nil && create {
		l.held[key] = &holder{nlm.NewOwner(), f}
	}
	return l.held[key]
}

func (f *file) lock(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32, wait bool) syscall.Errno {
	l := &f.node.mount.locks
	h := l.holder(f, owner, flags, lk.Typ != syscall.F_UNLCK)
	if h == nil {
		return 0 // nothing to give up
	}
	return l.manager.Lock(ctx, f.node.handle, h.Owner, nlm.Range{First: lk.Start, Last: lk.End, Type: lk.Typ}, wait)
}

// Setlk implements fs.FileSetlker.
func (f *file) Setlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	return f.lock(ctx, owner, lk, flags, false)
}

// Setlkw implements fs.FileSetlkwer.
func (f *file) Setlkw(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	return f.lock(ctx, owner, lk, flags, true)
}

// Getlk implements fs.FileGetlker.
func (f *file) Getlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32, out *fuse.FileLock) syscall.Errno {
	l := &f.node.mount.locks
	asker := nlm.NewOwner()
	if h := l.holder(f, owner, flags, false); h != nil {
		asker = h.Owner // its own locks are not in its way
	}
	wish := nlm.Range{First: lk.Start, Last: lk.End, Type: lk.Typ}
	found, pid, no := l.manager.Test(ctx, f.node.handle, asker, wish)
	*out = fuse.FileLock{Start: found.First, End: found.Last, Typ: found.Type, Pid: pid}
	return no
}

// released ends the flock(2) of an open file.
func (l *locks) released(ctx context.Context, f *file) {
	l.unlock(ctx, func(key lockKey, h *holder) bool { return key.flock && h.file == f })
}

// closed ends the fcntl(2) locks of the process that closes a file: all it has on it, as POSIX says.
func (l *locks) closed(ctx context.Context, f *file) {
	c, ok := ctx.(*fuse.Context)
	if !ok {
		return
	}
	owner, ok := l.flushing.Load(c.Cancel)
	if !ok {
		return
	}
	l.unlock(ctx, func(key lockKey, _ *holder) bool {
		return !key.flock && key.owner == owner && key.handle == string(f.node.handle)
	})
}

func (l *locks) unlock(ctx context.Context, which func(lockKey, *holder) bool) {
	ended := map[lockKey]*holder{}
	l.mu.Lock()
	for key, h := range l.held {
		if which(key, h) {
			ended[key] = h
			delete(l.held, key)
		}
	}
	l.mu.Unlock()
	for key, h := range ended {
		// Nobody is left to hear of a failure; the server forgets the lock when it reboots.
		l.manager.Lock(ctx, []byte(key.handle), h.Owner, nlm.Whole(syscall.F_UNLCK), false)
	}
}

// flusher tells a file's Flush who closes it, which go-fuse's nodes do not hear: it is kept by the
// channel that names the request.
type flusher struct {
	fuse.RawFileSystem
	locks *locks
}

// Serve is the raw file system of an export's tree.
func Serve(root fs.InodeEmbedder, options *fs.Options) fuse.RawFileSystem {
	return &flusher{fs.NewNodeFS(root, options), &root.(*node).mount.locks}
}

// Flush implements fuse.RawFileSystem.
func (f *flusher) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	f.locks.flushing.Store(cancel, in.LockOwner)
	defer f.locks.flushing.Delete(cancel)
	return f.RawFileSystem.Flush(cancel, in)
}
