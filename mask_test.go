package websocket

import (
	"bytes"
	"math"
	"testing"
)

// maskBytewise is §5.3 word for word: octet i of the payload is XORed with
// octet i modulo 4 of the key.
func maskBytewise(payload []byte, key [4]byte, pos int) []byte {
	out := make([]byte, len(payload))
	for i := range payload {
		out[i] = payload[i] ^ key[(pos+i)%4]
	}
	return out
}

// maskPattern returns n bytes that differ from their neighbours.
func maskPattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*37 + 11)
	}
	return b
}

var maskKey = [4]byte{0x37, 0xFA, 0x21, 0x3D}

// S-30: the lengths, offsets and phases; mask_linux_test.go has the page behind
// which nothing can be read. The race detector turns checkptr on.
func TestMaskIsBytewiseAtEveryLengthOffsetAndPhase(t *testing.T) {
	for length := range 131 {
		for offset := range 16 {
			for pos := range 9 {
				maskCheckInside(t, length, offset, pos)
			}
		}
	}
}

// maskCheckInside masks the middle of a buffer and looks at all of it.
func maskCheckInside(t *testing.T, length, offset, pos int) {
	t.Helper()
	got, want := maskPattern(160), maskPattern(160)
	copy(want[offset:], maskBytewise(want[offset:offset+length], maskKey, pos))
	Mask(got[offset:offset+length], maskKey, pos)
	if !bytes.Equal(got, want) {
		t.Fatalf("length %d, offset %d, pos %d:\ngot  %x\nwant %x", length, offset, pos, got, want)
	}
}

func TestMaskMayBeAppliedPieceByPiece(t *testing.T) {
	const length = 40
	want := maskBytewise(maskPattern(length), maskKey, 0)
	for first := range length + 1 {
		for second := first; second <= length; second++ {
			got := maskPattern(length)
			Mask(got[:first], maskKey, 0)
			Mask(got[first:second], maskKey, first)
			Mask(got[second:], maskKey, second)
			if !bytes.Equal(got, want) {
				t.Fatalf("cut at %d and %d:\ngot  %x\nwant %x", first, second, got, want)
			}
		}
	}
}

func TestMaskTwiceRestores(t *testing.T) {
	for length := range 70 {
		b := maskPattern(length)
		Mask(b, maskKey, 3)
		Mask(b, maskKey, 3)
		if !bytes.Equal(b, maskPattern(length)) {
			t.Fatalf("length %d: %x", length, b)
		}
	}
}

// §5.7: a single-frame masked text message.
func TestMaskGivesTheExampleOfTheRFC(t *testing.T) {
	b := []byte("Hello")
	Mask(b, maskKey, 0)
	if want := []byte{0x7F, 0x9F, 0x4D, 0x51, 0x58}; !bytes.Equal(b, want) {
		t.Errorf("got %x, want %x", b, want)
	}
}

func TestMaskPositionMayBeLarge(t *testing.T) {
	got := maskPattern(21)
	Mask(got, maskKey, math.MaxInt-1) // an even number that is 2 modulo 4
	if want := maskBytewise(maskPattern(21), maskKey, 2); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}
