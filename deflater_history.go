// This file keeps the last bytes that one side of a connection has sent. It must
// not know how they are compressed.

package websocket

import "encoding/binary"

// A deflateHistory is a ring that grows as the bytes come.
type deflateHistory struct {
	ring []byte // its length is a power of two, and size in the end
	size int    // of the window
	n    int    // how many bytes may be referred to, <= size
	pos  uint32 // position of the next byte in the stream, mod 2^32
}

// at returns where in the ring the byte is that came back bytes before the
// next one.
func (h *deflateHistory) at(back int) int { return (int(h.pos) - back) & (h.size - 1) }

// word returns the eight bytes that begin back bytes before the next one. It
// returns v if they are not all there in one piece.
func (h *deflateHistory) word(v uint64, back int) uint64 {
	i := h.at(back)
	if i+8 > len(h.ring) || back < 8 {
		return v
	}
	return binary.LittleEndian.Uint64(h.ring[i:])
}

// parts returns the history, oldest first.
func (h *deflateHistory) parts() [2][]byte {
	from, to := h.at(h.n), h.at(0)
	if h.n > 0 && from >= to {
		return [2][]byte{h.ring[from:], h.ring[:to]}
	}
	return [2][]byte{h.ring[from:to]}
}

// add appends p to the history.
func (h *deflateHistory) add(p []byte) {
	h.n = min(h.n+len(p), h.size)
	if extra := len(p) - h.size; extra > 0 {
		h.pos += uint32(extra)
		p = p[extra:]
	}
	h.grow(h.at(0) + len(p))
	n := copy(h.ring[h.at(0):], p)
	copy(h.ring, p[n:])
	h.pos += uint32(len(p))
}

// grow makes the ring n bytes long at least, or as long as it may be.
func (h *deflateHistory) grow(n int) {
	if n = min(n, h.size); n <= len(h.ring) {
		return
	}
	length := 256
	for length < n {
		length *= 2
	}
	ring := make([]byte, length)
	copy(ring, h.ring)
	h.ring = ring
}

// forget empties the history. It begins at index 0 of the ring again, but not at
// position 0, which the table takes for an empty place.
func (h *deflateHistory) forget() { h.n, h.pos = 0, uint32(h.size) }
