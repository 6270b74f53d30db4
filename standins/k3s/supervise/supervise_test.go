package supervise

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAChildThatEndsIsTold(t *testing.T) {
	g := New()
	if err := g.Start(0, "calm", []string{"sleep", "100"}); err != nil {
		t.Fatal(err)
	}
	if err := g.Start(1, "weak", []string{"sh", "-c", "echo first; echo the reason; exit 3"}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-g.Failed():
		for _, want := range []string{"weak ended", "exit status 3", "the reason"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %q", err, want)
			}
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was told")
	}
	g.Stop()
	if err := g.children[0].cmd.Process.Signal(syscall.Signal(0)); err == nil {
		t.Error("a child is left")
	}
}

func TestStopIsNoFailure(t *testing.T) {
	g := New()
	if err := g.Start(0, "calm", []string{"sleep", "100"}); err != nil {
		t.Fatal(err)
	}
	g.Stop()
	select {
	case err := <-g.Failed():
		t.Error(err)
	case <-time.After(100 * time.Millisecond):
	}
}
