package websocket

import (
	"compress/flate"
	"math/rand/v2"
	"slices"
	"testing"
)

// FuzzInflate gives the same data to inflaters in different pieces, to the
// reference, and to compress/flate. The data is either two payloads as they
// are, or text that is compressed first and then damaged, as seed says. The low
// bits of settings are the window and the takeover, the rest says how to compress.
func FuzzInflate(f *testing.F) {
	add := func(windowBits, takeover, level int, data []byte) {
		f.Add(uint16(windowBits-8|takeover<<3|level<<4), uint64(len(data)), data)
	}
	hello := inflateHex(f, inflateHello)
	for windowBits := 8; windowBits <= 15; windowBits++ {
		add(windowBits, 1, 0, hello)
		add(windowBits, 0, 0, append(inflateHex(f, "f3 48 cd c9 c9 07 00"), hello...))
		add(windowBits, 1, 0, inflateHex(f, "00 05 00 fa ff 48 65 6c 6c 6f 00"))
	}
	r := rand.New(rand.NewPCG(8, 9))
	for i := range 26 {
		add(15, i&1, i>>1, jsonMessage(r, 300))
		w := &inflateWriter{}
		w.dynamic(inflateRandomLens(r, 40, 286, 256), inflateRandomLens(r, 20, 30)).random(r, 100, 0)
		add(15, i&1, 0, w.end())
	}
	f.Fuzz(func(t *testing.T, settings uint16, seed uint64, data []byte) {
		if len(data) > 1<<11 {
			return // it may be a bomb, and the reference takes its time
		}
		c := inflateCase{windowBits: 8 + int(settings&7), takeover: settings>>3&1 == 1}
		r := rand.New(rand.NewPCG(seed, 0))
		middle := r.IntN(len(data) + 1)
		c.payloads = [][]byte{data[:middle], data[middle:]}
		if level := int(settings>>4) % 13; level > 0 {
			c.payloads = inflateByWriter(t, flate.HuffmanOnly+level-1, c.takeover, c.payloads)
			inflateDamage(r, c.payloads)
		}
		c.check(t)
	})
}

// inflateDamage changes a few bits, or moves bytes, in half of the payloads.
func inflateDamage(r *rand.Rand, payloads [][]byte) {
	for i, p := range payloads {
		for changes := r.IntN(4) - 1; changes > 0 && len(p) > 0; changes-- {
			p = inflateChange(r, p, r.IntN(len(p)))
		}
		payloads[i] = p
	}
}

func inflateChange(r *rand.Rand, p []byte, at int) []byte {
	switch r.IntN(4) {
	case 0:
		p[at] = byte(r.Uint32())
		return p
	case 1:
		return slices.Delete(p, at, min(len(p), at+1+r.IntN(4)))
	case 2:
		return slices.Insert(p, at, randomMessage(r, 1+r.IntN(3))...)
	default:
		p[at] ^= 1 << r.IntN(8)
		return p
	}
}
