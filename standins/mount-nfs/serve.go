package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"whisklab/standins/mountnfs/nfs"
	"whisklab/standins/mountnfs/options"
	"whisklab/standins/mountnfs/rpc"
	"whisklab/standins/mountnfs/tree"
)

const (
	serveVariable = "WHISKLAB_MOUNT_NFS_SERVES" // tells the process that serves; its value is the mount point
	statusFile    = 3                           // where that process says how the mount went
	mounted       = "mounted"
)

// startServing starts this program again, to serve the mount until it is unmounted, and waits
// for its word.
func startServing(wish options.Mount) error {
	target, err := filepath.Abs(wish.Target)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	argv := append(outOfTheWay(wish), self)
	if wish.Version != "" { // maybe by the name that we were called by
		argv = append(argv, "-o", "vers="+wish.Version)
	}
	argv = append(argv, os.Args[1:]...)
	said, status, err := os.Pipe()
	if err != nil {
		return err
	}
	child := exec.Command(argv[0], argv[1:]...)
	child.Env = append(os.Environ(), serveVariable+"="+target, "LC_ALL=C")
	child.ExtraFiles = []*os.File{status}
	child.Dir = "/"
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return err
	}
	status.Close()
	words, err := io.ReadAll(said)
	if err != nil {
		return err
	}
	if text := string(words); text != mounted {
		if text == "" {
			text = "the process that was to serve the mount has ended"
		}
		return errors.New(text)
	}
	return nil
}

// outOfTheWay begins a command line that runs the rest in a control group of its own: what ends
// or limits the one who mounts, such as a kubelet, must not end or limit the mount. mount(8) clears
// PATH.
func outOfTheWay(wish options.Mount) []string {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil
	}
	what := fmt.Sprintf("%s:%s on %s", wish.Host, wish.Path, wish.Target)
	return []string{"/usr/bin/systemd-run", "--scope", "--quiet", "--collect", "--slice=system.slice",
		"--description=" + what, "--"}
}

// serveAndTell serves a mount until it is unmounted. Failures are told to the one who waits.
func serveAndTell(program string, args []string) error {
	status := os.NewFile(statusFile, "status")
	syscall.CloseOnExec(statusFile)
	server, err := serve(program, args)
	if err != nil {
		_, told := fmt.Fprint(status, err)
		return errors.Join(err, told)
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	if _, err := fmt.Fprint(status, mounted); err != nil {
		return err
	}
	if err := status.Close(); err != nil {
		return err
	}
	server.Wait()
	return nil
}

func serve(program string, args []string) (*fuse.Server, error) {
	wish, err := options.Parse(program, args)
	if err != nil {
		return nil, err
	}
	export := nfs.Export{
		Host: wish.Host, Path: wish.Path, Version: wish.Version, Port: wish.Port, MountPort: wish.MountPort,
		ReadSize: wish.ReadSize, WriteSize: wish.WriteSize, Patience: patience(wish),
	}
	server, root, err := nfs.Dial(context.Background(), export)
	if err != nil {
		return nil, err
	}
	top := tree.New(server, root, wish.Sync)
	none := time.Duration(0)
	mountOptions := fuse.MountOptions{
		FsName: wish.Host + ":" + wish.Path, Name: kind(wish), AllowOther: true,
		DirectMountStrict: true, DirectMountFlags: wish.Flags | syscall.MS_RELATIME,
		EnableLocks: wish.Lock, MaxWrite: 1 << 20, DisableReadDirPlus: true, DisableXAttrs: true,
	}
	raw := tree.Serve(top, &fs.Options{
		MountOptions: mountOptions, NullPermissions: true,
		EntryTimeout: &wish.CacheFor, AttrTimeout: &wish.CacheFor, NegativeTimeout: &none,
	})
	fuseServer, err := fuse.NewServer(raw, os.Getenv(serveVariable), &mountOptions)
	if err != nil {
		return nil, fmt.Errorf("mounting on %s failed: %w", wish.Target, err)
	}
	go fuseServer.Serve()
	return fuseServer, fuseServer.WaitMount()
}

// kind is what the mount's type is after "fuse.".
func kind(wish options.Mount) string {
	if strings.HasPrefix(wish.Version, "4") {
		return "nfs4"
	}
	return "nfs"
}

func patience(wish options.Mount) rpc.Patience {
	p := rpc.Patience{Resend: wish.Timeout}
	if wish.Soft {
		p.Total = wish.Timeout * time.Duration(wish.Retries+1)
	}
	return p
}
