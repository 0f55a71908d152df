package websocket

import (
	"math"
	"testing"
)

// Compressed data that is no larger than what comes out always fits, whichever
// blocks it is in: stored ones have 5 bytes for 65535, those with the fixed codes
// 9 bits for a byte (1951 §3.2.4, §3.2.6).
func TestLimitsOfTheWireHoldEveryMessage(t *testing.T) {
	for n := int64(1); n < 1<<20; n += 1 + n/3 {
		l := Limits{MaxMessageSize: n}
		stored := n + 5*((n+65534)/65535) + 1
		fixed := (3+9*n+7+3)/8 + 1
		if most := int64(l.wire(true, 0)); most < stored || most < fixed || most > n+n/8+64 {
			t.Errorf("%d bytes may take %d compressed; they take %d stored and %d in fixed codes", n, most, stored, fixed)
		}
		if most := l.wire(false, 7); most != uint64(n) {
			t.Errorf("%d bytes may take %d uncompressed", n, most)
		}
	}
}

// Who flushes behind each frame gets a block with the fixed codes into it, and an
// empty stored one.
func TestLimitsOfTheWireHoldEveryFlush(t *testing.T) {
	for size := 1; size < 300; size++ {
		l := Limits{MaxMessageSize: 1000}
		flushed := (3+9*size+7+3+7)/8 + 4
		for frames, sum := 1, flushed; frames*size <= 1000; frames, sum = frames+1, sum+flushed {
			if most := l.wire(true, frames-1); uint64(sum) > most {
				t.Fatalf("%d times %d bytes take %d, and %d are allowed", frames, size, sum, most)
			}
		}
	}
}

// Without a limit no sum overflows, on 32 bits either (S-05, S-08).
func TestLimitsOfTheWireDoNotOverflow(t *testing.T) {
	for _, l := range []Limits{{MaxMessageSize: -1}, {MaxMessageSize: math.MaxInt64}, {MaxMessageSize: int64(maxInt)}} {
		l = l.normal()
		if plain, wire := l.wire(false, 7), l.wire(true, 0); plain != uint64(maxInt) || wire < plain || wire-plain != plain/8+64 {
			t.Errorf("%+v: %d plain, %d compressed", l, plain, wire)
		}
	}
}
