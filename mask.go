// This file masks and unmasks payloads (§5.3): the same operation both ways.

package websocket

import (
	"encoding/binary"
	"math/bits"
)

// Mask transforms b in place, as §5.3 describes: octet i of the payload is
// XORed with octet i modulo 4 of the key. pos is how many octets of the payload
// came before b. Applying it twice restores b.
func Mask(b []byte, key [4]byte, pos int) {
	k := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
	kk := uint64(k)<<32 | uint64(k)
	for len(b) >= 64 {
		maskBlock((*[64]byte)(b), kk)
		b = b[64:]
	}
	for len(b) >= 8 {
		xor8(b, kk)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(k)
		k = bits.RotateLeft32(k, -8)
	}
}

// maskBlock is eight words written out: three times as fast as a loop over
// them, and as fast as crypto/subtle.XORBytes, which first needs a block filled
// with the key (docs/decisions/0001-masking.md).
func maskBlock(b *[64]byte, kk uint64) {
	xor8(b[0:8], kk)
	xor8(b[8:16], kk)
	xor8(b[16:24], kk)
	xor8(b[24:32], kk)
	xor8(b[32:40], kk)
	xor8(b[40:48], kk)
	xor8(b[48:56], kk)
	xor8(b[56:64], kk)
}

func xor8(b []byte, kk uint64) {
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^kk)
}
