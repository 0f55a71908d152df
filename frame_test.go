package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// frameWire writes a header down bit by bit from the figure of §5.2, for
// comparison with AppendHeader. form is the width of the extended length.
func frameWire(b0 byte, masked bool, form int, length uint64) []byte {
	wire := []byte{b0, 0}
	switch form {
	case 0:
		wire[1] = byte(length)
	case 16:
		wire[1] = 126
		wire = append(wire, byte(length>>8), byte(length))
	case 64:
		wire[1] = 127
		for shift := 56; shift >= 0; shift -= 8 {
			wire = append(wire, byte(length>>shift))
		}
	}
	if masked {
		wire[1] |= 0x80
		wire = append(wire, 0xA1, 0xB2, 0xC3, 0xD4)
	}
	return wire
}

// Every first two bytes, with extended lengths and keys behind them that a
// decoder could confuse.
func TestFrameHeaderSurvivesTheRoundTrip(t *testing.T) {
	tails := [][]byte{
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		{0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0},
		{0, 0, 0, 0, 0, 1, 0, 0, 4, 3, 2, 1},
		bytes.Repeat([]byte{0xFF}, 12),
	}
	for _, tail := range tails {
		for prefix := range 1 << 16 {
			wire := append(binary.BigEndian.AppendUint16(nil, uint16(prefix)), tail...)
			h, n := ParseHeader(wire)
			if n < 2 || h.Size() != n {
				t.Fatalf("%x: parsed %d bytes, Size() = %d", wire, n, h.Size())
			}
			if got := AppendHeader(nil, h); !bytes.Equal(got, wire[:n]) {
				t.Fatalf("%x became %+v became %x", wire[:n], h, got)
			}
		}
	}
}

func TestFrameHeaderFieldsStandWhereTheRFCPutsThem(t *testing.T) {
	for b0 := range 256 {
		for _, masked := range []bool{false, true} {
			want := Header{
				Fin: b0&0x80 != 0, RSV1: b0&0x40 != 0, RSV2: b0&0x20 != 0, RSV3: b0&0x10 != 0,
				Opcode: Opcode(b0 % 16), Masked: masked, Length: 300,
			}
			if masked {
				want.MaskKey = [4]byte{0xA1, 0xB2, 0xC3, 0xD4}
			}
			wire := frameWire(byte(b0), masked, 16, 300)
			if h, n := ParseHeader(wire); h != want || n != len(wire) {
				t.Errorf("ParseHeader(%x) = %+v, %d", wire, h, n)
			}
			if got := AppendHeader([]byte("dst"), want); string(got) != "dst"+string(wire) {
				t.Errorf("AppendHeader(%+v) = %x, want %x behind dst", want, got, wire)
			}
		}
	}
}

// §5.2: 7, 16 or 64 bits of length, the fewest that hold it. Others are kept as
// overlong.
func TestFrameHeaderLengthHasThreeForms(t *testing.T) {
	type form struct {
		bits     int
		overlong uint8
	}
	shortest := func(f int) []form { return []form{{f, 0}} }
	for _, c := range []struct {
		length uint64
		forms  []form
	}{
		{0, []form{{0, 0}, {16, 16}, {64, 64}}},
		{1, []form{{0, 0}, {16, 16}, {64, 64}}},
		{125, []form{{0, 0}, {16, 16}, {64, 64}}},
		{126, []form{{16, 0}, {64, 64}}},
		{127, []form{{16, 0}, {64, 64}}},
		{65535, []form{{16, 0}, {64, 64}}},
		{65536, shortest(64)},
		{1<<31 - 1, shortest(64)},
		{1 << 31, shortest(64)},
		{1<<32 - 1, shortest(64)},
		{1 << 32, shortest(64)},
		{1<<63 - 1, shortest(64)},
		{1 << 63, shortest(64)},
		{1<<64 - 1, shortest(64)},
	} {
		for _, f := range c.forms {
			frameCheckLength(t, frameWire(0x82, false, f.bits, c.length), c.length, f.overlong)
			frameCheckLength(t, frameWire(0x82, true, f.bits, c.length), c.length, f.overlong)
		}
	}
}

func frameCheckLength(t *testing.T, wire []byte, length uint64, overlong uint8) {
	t.Helper()
	h, n := ParseHeader(wire)
	if n != len(wire) || h.Length != length || h.Overlong != overlong {
		t.Errorf("ParseHeader(%x) = length %d, overlong %d, %d bytes", wire, h.Length, h.Overlong, n)
	}
	if got := AppendHeader(nil, h); !bytes.Equal(got, wire) || h.Size() != len(wire) {
		t.Errorf("AppendHeader(%+v) = %x, Size() = %d; want %x", h, got, h.Size(), wire)
	}
}

// A form that cannot hold the length gives way to one that can.
func TestFrameHeaderNeverCutsALength(t *testing.T) {
	for _, h := range []Header{
		{Overlong: 16, Length: 65536}, {Overlong: 64, Length: 1 << 40}, {Overlong: 16, Length: 300},
		{Overlong: 16, Length: 1<<64 - 1, Masked: true},
	} {
		wire := AppendHeader(nil, h)
		got, n := ParseHeader(wire)
		if n != len(wire) || n != h.Size() || got.Length != h.Length || got.Overlong != 0 {
			t.Errorf("%+v became %x became %+v; Size() = %d", h, wire, got, h.Size())
		}
	}
}

func TestFrameHeaderIsNothingUntilItIsWhole(t *testing.T) {
	for _, wire := range [][]byte{
		frameWire(0xC1, false, 0, 100), frameWire(0xC1, false, 16, 100), frameWire(0xC1, false, 64, 100),
		frameWire(0xC1, true, 0, 100), frameWire(0xC1, true, 16, 100), frameWire(0xC1, true, 64, 100),
	} {
		for i := range wire {
			if h, n := ParseHeader(wire[:i]); n != 0 || h != (Header{}) {
				t.Errorf("ParseHeader(%x) = %+v, %d", wire[:i], h, n)
			}
		}
		if _, n := ParseHeader(append(wire, 0xEE, 0xEE)); n != len(wire) {
			t.Errorf("ParseHeader(%x…) took %d bytes", wire, n)
		}
	}
	if n := len(frameWire(0, true, 64, 0)); n != MaxHeaderSize {
		t.Errorf("the longest header has %d bytes, MaxHeaderSize is %d", n, MaxHeaderSize)
	}
}

// A Header may be used again: nothing of what it was shines through, and what
// is not whole leaves it as it was.
func TestFrameHeaderIsParsedOverAnother(t *testing.T) {
	old := Header{
		Fin: true, RSV1: true, RSV2: true, RSV3: true, Opcode: OpPong,
		Masked: true, MaskKey: [4]byte{1, 2, 3, 4}, Overlong: 16, Length: 99,
	}
	h, wire := old, frameWire(0x02, false, 64, 1<<40)
	if n := h.parse(wire[:len(wire)-1]); n != 0 || h != old {
		t.Errorf("a part of a header gave %+v, %d", h, n)
	}
	if n := h.parse(wire); n != len(wire) || h != (Header{Opcode: OpBinary, Length: 1 << 40}) {
		t.Errorf("%x was parsed as %+v, %d", wire, h, n)
	}
}

func TestFrameHeaderLeavesOtherBitsOfTheOpcodeOut(t *testing.T) {
	if got := AppendHeader(nil, Header{Opcode: 0xF1}); !bytes.Equal(got, []byte{0x01, 0}) {
		t.Errorf("opcode 0xf1 was written as %x", got)
	}
}

func TestFrameOpcodesHaveNames(t *testing.T) {
	names := map[Opcode]string{0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
	for op := range Opcode(0xFF) {
		name, defined := names[op]
		if !defined {
			name = fmt.Sprintf("opcode %d", uint8(op))
		}
		if op.String() != name || op.defined() != defined || op.IsControl() != (op%16 >= 8) {
			t.Errorf("opcode %#x: %q, defined %v, control %v", uint8(op), op, op.defined(), op.IsControl())
		}
	}
}

func TestFrameRolesAndTypesHaveNames(t *testing.T) {
	for got, want := range map[string]string{
		RoleServer.String(): "server", RoleClient.String(): "client",
		Text.String(): "text", Binary.String(): "binary",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
