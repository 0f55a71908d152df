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
		if most := int64(l.wire(true)); most < stored || most < fixed || most > n+n/8+64 {
			t.Errorf("%d bytes may take %d compressed; they take %d stored and %d in fixed codes", n, most, stored, fixed)
		}
		if most := l.wire(false); most != uint64(n) {
			t.Errorf("%d bytes may take %d uncompressed", n, most)
		}
	}
}

// Without a limit no sum overflows, on 32 bits either (S-05, S-08).
func TestLimitsOfTheWireDoNotOverflow(t *testing.T) {
	for _, l := range []Limits{{MaxMessageSize: -1}, {MaxMessageSize: math.MaxInt64}, {MaxMessageSize: int64(maxInt)}} {
		l = l.normal()
		if plain, wire := l.wire(false), l.wire(true); plain != uint64(maxInt) || wire < plain || wire-plain != plain/8+64 {
			t.Errorf("%+v: %d plain, %d compressed", l, plain, wire)
		}
	}
}
