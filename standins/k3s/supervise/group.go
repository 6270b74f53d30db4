// Package supervise runs the components as children of this process.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"whisklab/standins/k3s/logs"
)

// Group is a set of children that live and end together.
type Group struct {
	mu       sync.Mutex
	children []*child
	stopping bool
	failed   chan error
}

type child struct {
	name  string
	stage int
	cmd   *exec.Cmd
	tail  *tail
	ended chan struct{}
}

// New is an empty group.
func New() *Group { return &Group{failed: make(chan error, 1)} }

// Failed gives the first error of a child that ended by itself.
func (g *Group) Failed() <-chan error { return g.failed }

// Fail ends the service for a reason that is no child's end.
func (g *Group) Fail(err error) {
	select {
	case g.failed <- err:
	default: // the first reason is the one to tell
	}
}

// Start runs a child. Stop ends the children of a higher stage first. The kernel kills the child if this
// process dies without Stop.
func (g *Group) Start(stage int, name string, argv []string) error {
	c := &child{name: name, stage: stage, tail: &tail{out: os.Stderr}, ended: make(chan struct{})}
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Stdout, c.cmd.Stderr = c.tail, c.tail
	c.cmd.Env = environment()
	c.cmd.WaitDelay = time.Second // its own children may hold the pipe
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := onParent(c.cmd.Start); err != nil {
		return fmt.Errorf("%s did not start: %w", name, err)
	}
	g.mu.Lock()
	g.children = append(g.children, c)
	g.mu.Unlock()
	go g.watch(c)
	return nil
}

// Component runs this program again as one of the components, whose name argv begins with.
func (g *Group) Component(stage int, argv []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return g.Start(stage, argv[0], append([]string{self}, argv...))
}

func (g *Group) watch(c *child) {
	err := c.cmd.Wait()
	close(c.ended)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopping {
		return
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		err = errors.New("exit status 0")
	}
	g.Fail(fmt.Errorf("%s ended (%w); its last lines: %s", c.name, err, strings.Join(c.tail.last(), " | ")))
}

// Stop ends all children, stage by stage from the highest, and waits for them.
func (g *Group) Stop() {
	g.mu.Lock()
	g.stopping = true
	children := g.children
	g.mu.Unlock()
	highest := 0
	for _, c := range children {
		highest = max(highest, c.stage)
	}
	for stage := highest; stage >= 0; stage-- {
		var wait sync.WaitGroup
		for _, c := range children {
			if c.stage == stage {
				wait.Add(1)
				go func() { defer wait.Done(); c.stop() }()
			}
		}
		wait.Wait()
	}
}

// patience is how long a component may take to end. The API server would wait a minute for clients that watch.
const patience = 2 * time.Second

func (c *child) stop() {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return // it has ended
	}
	select {
	case <-c.ended:
	case <-time.After(patience):
		logs.Info("%s is still waiting for its clients, killing it", c.name)
		if err := c.cmd.Process.Kill(); err == nil {
			<-c.ended
		}
	}
}

// environment is this process's without what systemd meant for it alone.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if name != "NOTIFY_SOCKET" && name != "WATCHDOG_USEC" && name != "WATCHDOG_PID" && !strings.HasPrefix(name, "K3S_") {
			env = append(env, e)
		}
	}
	return env
}

// Run runs a program to its end and returns what it said if it failed.
func Run(ctx context.Context, argv ...string) error {
	_, err := Feed(ctx, nil, argv...)
	return err
}

// Feed is Run with something to read for the program; it also returns what the program said.
func Feed(ctx context.Context, in io.Reader, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Stdin = environment(), in
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", argv[0], err, strings.TrimSpace(string(out)))
	}
	return string(out), err
}
