// Package options reads the command line of mount.nfs (mount.nfs(8), nfs(5)).
package options

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Mount is what is to be mounted where, and how. The zero value of a number is the server's wish.
type Mount struct {
	Host, Path, Target  string
	Version             string // "" is any
	Port, MountPort     int
	ReadSize, WriteSize int
	Timeout             time.Duration // until a call is sent again
	Retries             int           // of a soft mount
	Soft                bool          // calls may fail when the server does not answer
	Sync                bool
	Lock                bool
	CacheFor            time.Duration // attributes and names
	Flags               uintptr       // of mount(2)
	Fake                bool          // do all but mount
}

// ErrUsage is what no use of the program looks like.
var ErrUsage = errors.New("usage: mount.nfs host:/path dir [-fnrsvw] [-o options]")

// nfs(5), over TCP.
const (
	defaultPort    = 2049
	defaultTimeout = 60 * time.Second
	defaultRetries = 2
	deciseconds    = 100 * time.Millisecond
)

// Parse reads the arguments after the program's name.
//
// Attributes are not kept unless an option says so: what one host has written the others see at
// once, where the kernel's client may be some seconds late.
func Parse(program string, args []string) (Mount, error) {
	m := Mount{Port: defaultPort, Timeout: defaultTimeout, Retries: defaultRetries, Lock: true}
	if strings.HasSuffix(program, "nfs4") {
		m.Version = "4"
	}
	names, given, err := m.words(args)
	if err != nil {
		return m, err
	}
	host, dir, ok := strings.Cut(names[0], ":/")
	if !ok || host == "" {
		return m, fmt.Errorf("remote share %q is not in 'host:dir' format", names[0])
	}
	m.Host, m.Path, m.Target = strings.Trim(host, "[]"), path.Clean("/"+dir), names[1]
	for _, option := range given.options {
		if err := m.apply(option, given.sloppy); err != nil {
			return m, err
		}
	}
	return m, nil
}

type given struct {
	options []string
	sloppy  bool // what is not known is let pass
}

// words splits the arguments into the two names and everything else.
func (m *Mount) words(args []string) (names []string, g given, err error) {
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "-o" || word == "-t" || word == "-N":
			if i++; i == len(args) {
				return nil, g, ErrUsage
			}
			if word == "-o" {
				g.options = append(g.options, strings.Split(args[i], ",")...)
			}
		case strings.HasPrefix(word, "-o"):
			g.options = append(g.options, strings.Split(word[2:], ",")...)
		case strings.HasPrefix(word, "-"):
			m.Fake = m.Fake || strings.Contains(word, "f")
			g.sloppy = g.sloppy || strings.Contains(word, "s")
			if strings.Contains(word, "r") {
				g.options = append(g.options, "ro")
			}
		default:
			names = append(names, word)
		}
	}
	if len(names) != 2 {
		return nil, g, ErrUsage
	}
	return names, g, nil
}

var flags = map[string]uintptr{
	"ro": syscall.MS_RDONLY, "nosuid": syscall.MS_NOSUID, "nodev": syscall.MS_NODEV,
	"noexec": syscall.MS_NOEXEC, "noatime": syscall.MS_NOATIME, "nodiratime": syscall.MS_NODIRATIME,
	"relatime": syscall.MS_RELATIME, "strictatime": syscall.MS_STRICTATIME,
}

// without are options that make no difference here, or name what is so anyway.
var without = []string{
	"", "defaults", "rw", "suid", "dev", "exec", "atime", "diratime", "auto", "noauto", "user", "nouser",
	"users", "group", "owner", "_netdev", "nofail", "async", "fg", "bg", "intr", "nointr", "tcp",
	"resvport", "noresvport", "rdirplus", "nordirplus", "cto", "nocto", "acl", "noacl", "fsc", "nofsc",
	"sharecache", "nosharecache", "ac",
	"addr", "clientaddr", "mountaddr", "mounthost", "mountvers", "mountproto", "namlen", "retry",
	"nconnect", "lookupcache", "minorversion", "comment", "context", "acregmin", "acdirmin", "acdirmax",
}

func (m *Mount) apply(option string, sloppy bool) error {
	key, value, _ := strings.Cut(option, "=")
	if handled, err := m.word(key, value); handled {
		return err
	}
	if handled, err := m.number(key, value); handled {
		return err
	}
	if flag, ok := flags[key]; ok {
		m.Flags |= flag
		return nil
	}
	if sloppy || slices.Contains(without, key) || strings.HasPrefix(key, "x-") {
		return nil
	}
	return fmt.Errorf("an incorrect mount option was specified: %s", option)
}

func (m *Mount) word(key, value string) (handled bool, err error) {
	switch key {
	case "vers", "nfsvers":
		m.Version = value
		if value != "3" && value != "4" && !strings.HasPrefix(value, "4.") {
			err = fmt.Errorf("requested NFS version or transport protocol is not supported: %s", value)
		}
	case "soft", "softerr":
		m.Soft = true
	case "hard":
		m.Soft = false
	case "sync":
		m.Sync = true
	case "lock":
		m.Lock = true
	case "nolock":
		m.Lock = false
	case "local_lock":
		m.Lock = value == "none"
	case "noac":
		m.CacheFor, m.Sync = 0, true
	case "remount":
		err = errors.New("this stand-in cannot remount: unmount it first")
	case "sec":
		if value != "sys" {
			err = fmt.Errorf("this stand-in only knows sec=sys, not %s", value)
		}
	case "proto", "udp":
		if !strings.HasPrefix(value, "tcp") {
			err = errors.New("this stand-in only knows proto=tcp")
		}
	default:
		return false, nil
	}
	return true, err
}

func (m *Mount) number(key, value string) (handled bool, err error) {
	set := map[string]func(int){
		"port":      func(n int) { m.Port = n },
		"mountport": func(n int) { m.MountPort = n },
		"rsize":     func(n int) { m.ReadSize = n },
		"wsize":     func(n int) { m.WriteSize = n },
		"retrans":   func(n int) { m.Retries = n },
		"timeo":     func(n int) { m.Timeout = time.Duration(max(n, 1)) * deciseconds },
		"actimeo":   func(n int) { m.CacheFor = time.Duration(n) * time.Second },
		"acregmax":  func(n int) { m.CacheFor = time.Duration(n) * time.Second },
	}[key]
	if set == nil {
		return false, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return true, fmt.Errorf("invalid value for %s: %q", key, value)
	}
	set(n)
	return true, nil
}
