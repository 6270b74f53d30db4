// mount.nfs for a kernel without an NFS client: the export becomes a FUSE file system. See README.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"whisklab/standins/mountnfs/options"
)

const (
	// Exit codes of mount(8).
	badUsage, failed = 1, 32
	// Debian's own program, out of our way. Without it nfs-common is not installed, and then a
	// machine cannot mount either.
	original = "/usr/sbin/mount.nfs.distrib"
)

func main() {
	program := filepath.Base(os.Args[0])
	var err error
	switch {
	case strings.HasPrefix(program, "umount."):
		err = unmount(os.Args[1:])
	case os.Getenv(serveVariable) != "":
		err = serveAndTell(program, os.Args[1:])
	default:
		err = mount(program, os.Args[1:])
	}
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
	if errors.Is(err, options.ErrUsage) {
		os.Exit(badUsage)
	}
	os.Exit(failed)
}

// mount starts the process that serves the mount, and ends when it is mounted.
func mount(program string, args []string) error {
	wish, err := options.Parse(program, args)
	if err != nil {
		return err
	}
	if _, err := os.Stat(original); err != nil {
		return errors.New("the package nfs-common is not installed")
	}
	target, err := os.Stat(wish.Target)
	if err != nil {
		return fmt.Errorf("mount point %s does not exist", wish.Target)
	}
	if !target.IsDir() {
		return fmt.Errorf("mount point %s is not a directory", wish.Target)
	}
	if wish.Fake {
		return nil
	}
	return startServing(wish)
}

// unmount does what umount.nfs does; mount(8) calls it for mounts that it finds in /etc/fstab.
func unmount(args []string) error {
	flags := 0
	var target string
	for _, word := range args {
		switch {
		case !strings.HasPrefix(word, "-"):
			target = word
		case strings.Contains(word, "f"):
			flags |= syscall.MNT_FORCE
		case strings.Contains(word, "l"):
			flags |= syscall.MNT_DETACH
		}
	}
	if target == "" {
		return options.ErrUsage
	}
	if err := syscall.Unmount(target, flags); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	return nil
}
