package supervise

import (
	"runtime"
	"strings"
	"sync"
)

// The kernel sends a child's death signal when the thread that started it ends, so one thread that
// lives as long as this process starts them all.
var starts = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for f := range starts {
			f()
		}
	}()
}

func onParent(start func() error) error {
	done := make(chan error)
	starts <- func() { done <- start() }
	return <-done
}

// tail passes output on and remembers the last lines of it.
type tail struct {
	out interface{ Write([]byte) (int, error) }

	mu    sync.Mutex
	lines []string
	open  string // a line whose end has not come yet
}

const kept = 5

func (t *tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	parts := strings.Split(t.open+string(data), "\n")
	t.open = parts[len(parts)-1]
	t.lines = append(t.lines, parts[:len(parts)-1]...)
	if extra := len(t.lines) - kept; extra > 0 {
		t.lines = append([]string{}, t.lines[extra:]...)
	}
	t.mu.Unlock()
	return t.out.Write(data)
}

func (t *tail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open != "" {
		return append(append([]string{}, t.lines...), t.open)
	}
	return t.lines
}
