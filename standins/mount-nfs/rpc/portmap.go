package rpc

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"whisklab/standins/mountnfs/xdr"
)

const (
	portmapPort    = 111 // RFC 1833
	portmapProgram = 100000
	portmapVersion = 2
	portmapGetport = 3
	overTCP        = 6
)

// Address is HOST:PORT.
func Address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// Port asks the host's portmapper where a program listens.
func Port(ctx context.Context, host string, program, version uint32, patience Patience) (int, error) {
	args := (&xdr.Encoder{}).Uint32(program, version, overTCP, 0).Bytes()
	client := NewClient(Address(host, portmapPort), patience)
	defer client.Close()
	d, err := client.Call(ctx, portmapProgram, portmapVersion, portmapGetport, nil, args)
	if err != nil {
		return 0, err
	}
	port := d.Uint32()
	if port == 0 {
		return 0, fmt.Errorf("RPC program %d version %d is not registered", program, version)
	}
	return int(port), nil
}

// Close ends the connection; the client may still be used.
func (c *Client) Close() {
	if l := c.current(); l != nil {
		c.drop(l)
	}
}
