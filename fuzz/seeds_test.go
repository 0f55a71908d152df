// Package fuzz has the fuzz targets of package websocket. They use its exported
// API only, and compare it with definitions that are slow and plain. Each target
// has seeds of its own, those of the test vectors, and a corpus of inputs that
// were found by fuzzing; go test runs them all, go test -fuzz looks for more.
package fuzz

import (
	"iter"
	"slices"
)

// pieces cuts b into copies of its parts. Each byte of cuts is the length of a
// piece, over and over; none means that b is not cut.
func pieces(b, cuts []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i, empty := 0, 0; len(b) > 0; i++ {
			n := len(b)
			if len(cuts) > 0 && empty < len(cuts) {
				n = min(n, int(cuts[i%len(cuts)]))
			}
			if empty++; n > 0 {
				empty = 0
			}
			if !yield(slices.Clone(b[:n])) {
				return
			}
			b = b[n:]
		}
	}
}

// keys returns a source of masking keys that are all different.
func keys() func() [4]byte {
	n := uint32(0)
	return func() [4]byte {
		n += 0x9E3779B1 // odd, so that all values come by
		return [4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
}
