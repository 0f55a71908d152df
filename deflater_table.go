// This file is the deflater's index of what it has seen. It holds positions
// only and is a hint: whoever uses it verifies what it says, so old entries
// need not be removed and positions may overflow.

package websocket

import (
	"encoding/binary"
	"math/bits"
)

// maxTableWords is the size of the largest table: 32 KiB.
const maxTableWords = 4096

// A deflateTable maps four bytes to the last places where they were seen. Each
// of its words holds the lowest 16 bits of four positions, the latest lowest.
type deflateTable struct {
	words   []uint64
	buckets []uint64 // the latest four places for each hash
	older   []uint64 // the four before them, or nil
	shift   uint     // from 32 bits of hash to an index
}

// tableWords returns how many words a table for a window of size bytes has.
func tableWords(size int) int { return min(size/2, maxTableWords) }

// newDeflateTable allocates a table, which begin makes ready.
func newDeflateTable(words int) *deflateTable {
	return &deflateTable{words: make([]uint64, words)}
}

// begin makes t ready and enters the history. A deep table has twice as many
// places for half as many hashes.
func (t *deflateTable) begin(old *deflateHistory, deep bool) {
	clear(t.words)
	t.buckets, t.older = t.words, nil
	if deep {
		half := len(t.words) / 2
		t.buckets, t.older = t.words[:half], t.words[half:]
	}
	t.shift = uint(32 - bits.Len(uint(len(t.buckets)-1)))
	pos := old.pos - uint32(old.n)
	for _, part := range old.parts() {
		t.enter(part, 0, len(part)-deflateMinMatch+1, pos)
		pos += uint32(len(part))
	}
}

func deflateHash(v uint32, shift uint) uint32 { return v * 0x9e3779b1 >> (shift & 31) }

// enter enters the positions from up to to of p, which begins at position pos
// of the stream.
func (t *deflateTable) enter(p []byte, from, to int, pos uint32) {
	if t.older != nil {
		t.enterDeep(p, from, to, pos)
		return
	}
	buckets, shift := t.buckets, t.shift
	for i := from; i < to; i++ {
		b := &buckets[deflateHash(binary.LittleEndian.Uint32(p[i:]), shift)]
		*b = *b<<16 | uint64(uint16(pos+uint32(i)))
	}
}

func (t *deflateTable) enterDeep(p []byte, from, to int, pos uint32) {
	for i := from; i < to; i++ {
		h := deflateHash(binary.LittleEndian.Uint32(p[i:]), t.shift)
		b := t.buckets[h]
		t.buckets[h] = b<<16 | uint64(uint16(pos+uint32(i)))
		t.older[h] = t.older[h]<<16 | b>>48
	}
}

// look enters position pos, where the bytes v are, and returns the places
// where they may have been before.
func (t *deflateTable) look(v uint32, pos uint16) (latest, older uint64) {
	h := deflateHash(v, t.shift)
	latest = t.buckets[h]
	t.buckets[h] = latest<<16 | uint64(pos)
	if t.older != nil {
		older = t.older[h]
		t.older[h] = older<<16 | latest>>48
	}
	return latest, older
}
