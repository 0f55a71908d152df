package fuzz

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unicode/utf8"

	"barewire.example/websocket"
)

// FuzzHeader: what ParseHeader takes apart, AppendHeader puts together again.
func FuzzHeader(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.bytes)
	}
	for _, wire := range []string{
		"", "\x81", "\x81\x05", "\x81\x85\x37\xFA\x21\x3D", "\x82\x7E\x01\x00", "\x82\x7E\x00\x7D", "\x82\xFE\xFF\xFF\x01\x02\x03\x04",
		"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", "\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
	} {
		f.Add([]byte(wire))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n := websocket.ParseHeader(b)
		if n == 0 {
			if _, ok := parseFrame(b); ok {
				t.Fatalf("%x has a whole header, but none was found", b)
			}
			return
		}
		if n < 2 || n > websocket.MaxHeaderSize || n > len(b) || h.Size() != n {
			t.Fatalf("%x: a header of %d bytes, Size() = %d", b, n, h.Size())
		}
		if _, short := websocket.ParseHeader(b[:n-1]); short != 0 {
			t.Fatalf("%x: a header of %d bytes in %d", b, short, n-1)
		}
		if got := websocket.AppendHeader(nil, h); !bytes.Equal(got, b[:n]) {
			t.Fatalf("%x became %+v became %x", b[:n], h, got)
		}
		checkHeaderFields(t, b, h, n)
	})
}

// checkHeaderFields compares with the reference, which knows headers too.
func checkHeaderFields(t *testing.T, b []byte, h websocket.Header, n int) {
	t.Helper()
	f, _ := parseFrame(b)
	if h.Fin != f.fin || (h.RSV1 || h.RSV2 || h.RSV3) != f.rsv || h.Opcode != websocket.Opcode(f.opcode) ||
		h.Masked != f.masked || h.Length != f.length || n != f.size-len(f.payload) {
		t.Fatalf("%x: %+v, want %+v", b[:n], h, f)
	}
	long := f.form == 2 && f.length < 126 || f.form == 8 && f.length < 65536
	if (h.Overlong != 0) != long {
		t.Fatalf("%x: overlong %d", b[:n], h.Overlong)
	}
	if h.Overlong = 0; long && h.Size() >= n {
		t.Fatalf("%x: there is no shorter form, but it is overlong", b[:n])
	}
}

// FuzzMask: Mask does byte by byte what §5.3 says, also in two pieces.
func FuzzMask(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x37FA213D), uint16(0x0003))
	f.Add([]byte{}, uint32(1), uint16(0x0100))
	f.Add([]byte("0123456789abcdef0123456789abcdef0"), uint32(0xFFFFFFFE), uint16(0x0709))
	for _, v := range vectors(f) {
		f.Add(v.bytes, uint32(0x01020304), uint16(len(v.bytes)))
	}
	f.Fuzz(func(t *testing.T, b []byte, key uint32, places uint16) {
		pos, cut := int(places>>8), int(places&0xFF)%(len(b)+1)
		k := [4]byte(binary.BigEndian.AppendUint32(nil, key))
		want := make([]byte, len(b))
		for i := range b {
			want[i] = b[i] ^ k[(pos+i)%4]
		}
		whole, pieces := bytes.Clone(b), bytes.Clone(b)
		websocket.Mask(whole, k, pos)
		websocket.Mask(pieces[:cut], k, pos)
		websocket.Mask(pieces[cut:], k, pos+cut)
		if !bytes.Equal(whole, want) || !bytes.Equal(pieces, want) {
			t.Fatalf("%x, key %x, pos %d, cut %d:\nwhole  %x\npieces %x\nwant   %x", b, k, pos, cut, whole, pieces, want)
		}
	})
}

// FuzzUTF8: pieces are judged like the whole, and the first impossible byte is
// the one that fails.
func FuzzUTF8(f *testing.F) {
	for _, text := range []string{
		"", "Hello", "κόσμε", "€😀", "\xED\x9F\xBF\xEE\x80\x80", "\xED\xA0\x80", "\xF4\x8F\xBF\xBF", "\xF4\x90\x80\x80",
		"\xC0\x80", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "a\xE2\x82", "\x80", "\xFF", "\xF0\x9F\x98", "a plain text of more than thirty-two bytes, then \xE2\x28\xA1",
	} {
		f.Add([]byte(text), []byte{1})
		f.Add([]byte(text), []byte{0, 5, 2})
		f.Add([]byte(text), []byte{})
	}
	for _, v := range vectors(f) {
		f.Add(v.bytes, []byte{3})
	}
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		text = text[:min(len(text), 256)] // the definition takes quadratic time
		var u websocket.UTF8
		at := 0
		for piece := range pieces(text, cuts) {
			was := u
			ok := u.Write(piece)
			if at += len(piece); ok != possible(text[:at]) {
				t.Fatalf("%x: Write(…%x) = %v", text[:at], piece, ok)
			}
			if !ok {
				checkImpossibleByte(t, was, text[:at-len(piece)], piece)
				break
			}
		}
		if got := u.Complete(); got != utf8.Valid(text) {
			t.Fatalf("%x: Complete() = %v", text, got)
		}
	})
}

// checkImpossibleByte goes through the piece that failed byte by byte.
func checkImpossibleByte(t *testing.T, u websocket.UTF8, before, piece []byte) {
	t.Helper()
	before = bytes.Clone(before)
	if !possible(before) {
		return
	}
	for i, c := range piece {
		before = append(before, c)
		ok := u.Write(piece[i : i+1])
		if ok != possible(before) {
			t.Fatalf("%x: its last byte gave %v", before, ok)
		}
		if !ok {
			return
		}
	}
	t.Fatalf("%x failed as a piece, but not byte by byte", before)
}
