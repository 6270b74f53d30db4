package xdr

import (
	"bytes"
	"testing"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, text := range []string{"", "a", "four", "seven c"} {
		e := (&Encoder{}).Uint32(7).String(text).Uint64(1 << 40).Uint32(1)
		if len(e.Bytes())%word != 0 {
			t.Errorf("%q: %d bytes are no whole words", text, len(e.Bytes()))
		}
		d := NewDecoder(e.Bytes())
		if n := d.Uint32(); n != 7 {
			t.Errorf("%q: read %d", text, n)
		}
		if got := d.Opaque(); !bytes.Equal(got, []byte(text)) {
			t.Errorf("%q: read %q", text, got)
		}
		if n := d.Uint64(); n != 1<<40 || !d.Bool() || d.Bad() {
			t.Errorf("%q: read %d, bad %v", text, n, d.Bad())
		}
	}
}

func TestWhatIsNotThereIsZeroAndBad(t *testing.T) {
	for _, data := range [][]byte{nil, {0, 0}, {0, 0, 0, 9, 1, 2}, {255, 255, 255, 255}} {
		d := NewDecoder(data)
		if got := d.Opaque(); len(got) != 0 || !d.Bad() {
			t.Errorf("%v: read %v, bad %v", data, got, d.Bad())
		}
		if d.Uint64() != 0 || d.Uint32() != 0 {
			t.Errorf("%v: something was read past the end", data)
		}
	}
}
