package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	lastFragment = 1 << 31
	largest      = 4 << 20 // bytes of a fragment; NFS reads are at most 1 MB
)

var errClosed = errors.New("the server has closed the connection")

// link is one connection, and the calls on it that have no answer yet.
type link struct {
	conn    net.Conn
	writing sync.Mutex
	mu      sync.Mutex // of what follows
	waiting map[uint32]chan []byte
	ended   bool
}

func newLink(conn net.Conn) *link {
	l := &link{conn: conn, waiting: map[uint32]chan []byte{}}
	go l.receive()
	return l
}

func (l *link) closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// close ends the connection; everybody who waits is told.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	l.conn.Close()
	for xid, answer := range l.waiting {
		delete(l.waiting, xid)
		close(answer)
	}
}

// exchange sends a call and waits for its reply.
func (l *link) exchange(ctx context.Context, xid uint32, text []byte, within time.Duration) ([]byte, error) {
	answer := make(chan []byte, 1)
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return nil, errClosed
	}
	l.waiting[xid] = answer
	l.mu.Unlock()
	defer l.forget(xid)
	if err := l.send(text, within); err != nil {
		return nil, err
	}
	select {
	case reply, ok := <-answer:
		if !ok {
			return nil, errClosed
		}
		return reply, nil
	case <-ctx.Done():
		return nil, ErrInterrupted
	case <-time.After(within):
		return nil, syscall.ETIMEDOUT
	}
}

func (l *link) send(text []byte, within time.Duration) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := l.conn.Write(frame(text))
	return err
}

func (l *link) forget(xid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, xid)
}

func (l *link) receive() {
	defer l.close()
	for {
		reply, err := record(l.conn)
		if err != nil || len(reply) < 4 {
			return
		}
		xid := binary.BigEndian.Uint32(reply)
		l.mu.Lock()
		if answer := l.waiting[xid]; answer != nil {
			delete(l.waiting, xid)
			answer <- reply // has room for it
		}
		l.mu.Unlock()
	}
}

// record reads one message of one or more fragments.
func record(from io.Reader) ([]byte, error) {
	var message []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return nil, err
		}
		size := binary.BigEndian.Uint32(head[:])
		last := size&lastFragment != 0
		if size &^= lastFragment; size > largest {
			return nil, syscall.EMSGSIZE
		}
		start := len(message)
		message = append(message, make([]byte, size)...)
		if _, err := io.ReadFull(from, message[start:]); err != nil {
			return nil, err
		}
		if last {
			return message, nil
		}
	}
}
