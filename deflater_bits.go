// This file appends bits to bytes. It must not know what they mean.

package websocket

import "encoding/binary"

// deflateSlack is how many bytes beyond the result a bitWriter may write.
const deflateSlack = 8

// A bitWriter appends bits to out, the lowest bit of a byte first (1951
// §3.1.1). The caller makes room before it puts bits.
type bitWriter struct {
	out []byte
	bitState
}

// bitState is where a bitWriter stands. It is a value of its own so that a
// loop has it in registers.
type bitState struct {
	bits uint64 // what is not yet a whole byte
	n    uint   // how many bits those are, < 8
	at   int    // where the next byte goes
}

func newBitWriter(out []byte, bits uint64, n uint) bitWriter {
	return bitWriter{out[:cap(out)], bitState{bits, n, len(out)}}
}

// put appends the lowest n bits of v, n <= 56, the other ones of which are 0.
func (s bitState) put(out []byte, v uint64, n uint) bitState {
	s.bits |= v << (s.n & 7)
	s.n += n
	binary.LittleEndian.PutUint64(out[s.at:], s.bits)
	s.at += int(s.n >> 3)
	s.bits >>= s.n & 56
	s.n &= 7
	return s
}

func (w *bitWriter) put(v uint64, n uint) { w.bitState = w.bitState.put(w.out, v, n) }

// grow makes room for n bits.
func (w *bitWriter) grow(n int) {
	if need := n/8 + 1 + deflateSlack; len(w.out)-w.at < need {
		w.out = append(w.out[:w.at], make([]byte, need)...)
		w.out = w.out[:cap(w.out)]
	}
}

// align fills the current byte up with zeros.
func (w *bitWriter) align() { w.put(0, -w.n&7) }

// append appends whole bytes. The writer must be aligned.
func (w *bitWriter) append(p []byte) { w.at += copy(w.out[w.at:], p) }

// bytes returns everything but the bits that are not yet a byte.
func (w *bitWriter) bytes() []byte { return w.out[:w.at] }
