// Package xdr writes and reads the wire format of ONC RPC (RFC 4506), as far as NFS needs it.
package xdr

import "encoding/binary"

const word = 4 // every item is padded to a multiple of this

// Encoder collects items; its methods return it, so that calls can be chained.
type Encoder struct{ b []byte }

// Bytes is what was written so far.
func (e *Encoder) Bytes() []byte { return e.b }

// Uint32 writes unsigned integers; also what booleans, enumerations and counts are.
func (e *Encoder) Uint32(values ...uint32) *Encoder {
	for _, v := range values {
		e.b = binary.BigEndian.AppendUint32(e.b, v)
	}
	return e
}

// Uint64 writes unsigned hyper integers.
func (e *Encoder) Uint64(values ...uint64) *Encoder {
	for _, v := range values {
		e.b = binary.BigEndian.AppendUint64(e.b, v)
	}
	return e
}

// Opaque writes variable-length data.
func (e *Encoder) Opaque(data []byte) *Encoder {
	e.Uint32(uint32(len(data)))
	e.b = append(e.b, data...)
	for range padding(len(data)) {
		e.b = append(e.b, 0)
	}
	return e
}

// String writes a string.
func (e *Encoder) String(s string) *Encoder { return e.Opaque([]byte(s)) }

// Raw appends what is already encoded.
func (e *Encoder) Raw(data []byte) *Encoder {
	e.b = append(e.b, data...)
	return e
}

// Decoder reads items. Past the end everything is zero, and Bad says so.
type Decoder struct {
	b   []byte
	bad bool
}

// NewDecoder reads from data, which it keeps.
func NewDecoder(data []byte) *Decoder { return &Decoder{b: data} }

// Bad tells whether something was read that was not there.
func (d *Decoder) Bad() bool { return d.bad }

// Skip passes over bytes.
func (d *Decoder) Skip(n int) { d.take(n) }

// Uint32 reads an unsigned integer.
func (d *Decoder) Uint32() uint32 {
	if data := d.take(4); data != nil {
		return binary.BigEndian.Uint32(data)
	}
	return 0
}

// Uint64 reads an unsigned hyper integer.
func (d *Decoder) Uint64() uint64 {
	if data := d.take(8); data != nil {
		return binary.BigEndian.Uint64(data)
	}
	return 0
}

// Bool reads a boolean.
func (d *Decoder) Bool() bool { return d.Uint32() == 1 }

// Opaque reads variable-length data. It is a part of what the decoder was given.
func (d *Decoder) Opaque() []byte {
	n := int(d.Uint32())
	data := d.take(n)
	d.take(padding(n))
	return data
}

func (d *Decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

func padding(n int) int { return (word - n%word) % word }
