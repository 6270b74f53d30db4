package nfs

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"whisklab/standins/mountnfs/rpc"
	"whisklab/standins/mountnfs/xdr"
)

const (
	mountProgram, mountVersion, mountMount = 100005, 3, 1

	v4, compound                 = 4, 1 // RFC 7530
	opGetHandle, opLookup        = 10, 15
	opPutRoot                    = 24
	fsinfo                uint32 = 19
	least, most                  = 4096, 1 << 20 // bytes of one transfer
	mountWithin                  = 15 * time.Second
)

// Export says what to mount, and how to ask for it.
type Export struct {
	Host, Path          string
	Version             string // "" tries 4, then 3
	Port, MountPort     int    // MountPort 0: the portmapper knows
	ReadSize, WriteSize int    // wished sizes of transfers, 0 for the server's
	Patience            rpc.Patience
}

// Dial finds the export on its server; the error is a sentence as mount.nfs has them.
func Dial(ctx context.Context, export Export) (*Server, Handle, error) {
	ip, err := net.ResolveIPAddr("ip", export.Host)
	if err != nil {
		return nil, nil, fmt.Errorf("Failed to resolve server %s: %w", export.Host, err)
	}
	within := rpc.Patience{Total: mountWithin, Resend: mountWithin}
	if total := export.Patience.Total; total != 0 && total < mountWithin {
		within = rpc.Patience{Total: total, Resend: export.Patience.Resend}
	}
	s := &Server{rpc: rpc.NewClient(rpc.Address(ip.String(), export.Port), within), Host: ip.String()}
	root, err := s.root(ctx, export, within)
	if err != nil {
		return nil, nil, sentence(export, err)
	}
	s.negotiate(ctx, root, export)
	s.rpc.SetPatience(export.Patience)
	return s, root, nil
}

func sentence(export Export, err error) error {
	source := export.Host + ":" + export.Path
	switch err {
	case syscall.ENOENT, syscall.ENOTDIR:
		return fmt.Errorf("mounting %s failed, reason given by server: %w", source, err)
	case syscall.EACCES, syscall.EPERM:
		return fmt.Errorf("access denied by server while mounting %s", source)
	}
	return fmt.Errorf("mounting %s failed: %w", source, err)
}

// root finds the handle of the export's root, with which calls of version 3 work.
func (s *Server) root(ctx context.Context, export Export, within rpc.Patience) (Handle, error) {
	if !strings.HasPrefix(export.Version, "3") {
		root, err := s.rootV4(ctx, export.Path)
		if err == nil {
			if _, no := s.Getattr(ctx, rpc.Root, root); no == 0 {
				return root, nil
			}
		}
	}
	root, err := s.rootV3(ctx, export, within)
	if err != nil {
		return nil, err
	}
	if _, no := s.Getattr(ctx, rpc.Root, root); no != 0 {
		return nil, no
	}
	return root, nil
}

// rootV4 walks to a path by one call of version 4.0 to NFS's own port. Linux's server gives the
// same handles to both versions.
func (s *Server) rootV4(ctx context.Context, path string) (Handle, error) {
	names := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	e := (&xdr.Encoder{}).String("").Uint32(0, uint32(len(names)+2), opPutRoot)
	for _, name := range names {
		e.Uint32(opLookup).String(name)
	}
	d, err := s.rpc.Call(ctx, program, v4, compound, rpc.Root, e.Uint32(opGetHandle).Bytes())
	if err != nil {
		return nil, err
	}
	status := d.Uint32()
	d.Opaque() // the tag
	d.Uint32() // how many results
	if status != 0 {
		return nil, statusErrno(status)
	}
	for range len(names) + 2 {
		d.Uint32() // operation
		d.Uint32() // its status
	}
	root := Handle(d.Opaque())
	if d.Bad() || len(root) == 0 {
		return nil, syscall.EIO
	}
	return root, nil
}

func (s *Server) rootV3(ctx context.Context, export Export, within rpc.Patience) (Handle, error) {
	port := export.MountPort
	if port == 0 {
		var err error
		if port, err = rpc.Port(ctx, s.Host, mountProgram, mountVersion, within); err != nil {
			return nil, err
		}
	}
	mountd := rpc.NewClient(rpc.Address(s.Host, port), within)
	defer mountd.Close()
	d, err := mountd.Call(ctx, mountProgram, mountVersion, mountMount, rpc.Root, (&xdr.Encoder{}).String(export.Path).Bytes())
	if err != nil {
		return nil, err
	}
	if status := d.Uint32(); status != 0 {
		return nil, statusErrno(status)
	}
	return Handle(d.Opaque()), nil
}

// negotiate takes the server's wish for the size of transfers, or a smaller one of the mount's.
func (s *Server) negotiate(ctx context.Context, root Handle, export Export) {
	s.ReadMax, s.WriteMax = 1<<16, 1<<16
	d, no := s.call(ctx, fsinfo, rpc.Root, (&xdr.Encoder{}).Opaque(root))
	if no == 0 {
		postAttr(d)
		s.ReadMax = int(max(min(d.Uint32(), most), least))
		d.Skip(8) // preferred size and multiple of reads
		s.WriteMax = int(max(min(d.Uint32(), most), least))
	}
	if export.ReadSize >= least {
		s.ReadMax = min(s.ReadMax, export.ReadSize)
	}
	if export.WriteSize >= least {
		s.WriteMax = min(s.WriteMax, export.WriteSize)
	}
}
