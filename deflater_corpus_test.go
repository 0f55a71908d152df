// This file makes what the tests and benchmarks of the deflater and the inflater
// send. It must give the same bytes on every run.

package websocket

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
)

// jsonMessage returns n bytes of JSON-like text: events of a trading service,
// one object after another, with names from a small vocabulary and numbers
// that differ.
func jsonMessage(r *rand.Rand, n int) []byte {
	kinds := []string{"trade", "quote", "cancel", "order", "heartbeat"}
	names := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}
	b := make([]byte, 0, n+256)
	for id := 100000 + r.IntN(1e6); len(b) < n; id++ {
		b = fmt.Appendf(b, `{"id":%d,"type":"%s","user":{"name":"%s","level":%d},"price":%d.%02d,"size":%d,`,
			id, kinds[r.IntN(len(kinds))], names[r.IntN(len(names))], r.IntN(10), r.IntN(1000), r.IntN(100), r.IntN(500))
		b = fmt.Appendf(b, `"time":"2024-05-%02dT%02d:%02d:%02d.%03dZ","tags":["%s","x%d"],"active":%t}`+"\n",
			1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), names[r.IntN(len(names))], r.IntN(100), r.IntN(2) == 0)
	}
	return b[:n]
}

// randomMessage returns n bytes that nothing can compress.
func randomMessage(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// jsonCorpus returns the first n bytes of a message that is always the same, and
// so does randomCorpus.
func jsonCorpus(n int) []byte   { return jsonMessage(rand.New(rand.NewPCG(1, 2)), n) }
func randomCorpus(n int) []byte { return randomMessage(rand.New(rand.NewPCG(5, 6)), n) }

// wordsCorpus returns n bytes of made-up prose: words drawn with unequal
// probability.
func wordsCorpus(n int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	words := make([]string, 2000)
	for i := range words {
		w := make([]byte, 2+r.IntN(9))
		for j := range w {
			w[j] = "etaoinshrdlucmfwypvbgkjqxz"[min(r.IntN(26), r.IntN(26))]
		}
		words[i] = string(w)
	}
	b := make([]byte, 0, n+16)
	for len(b) < n {
		x := r.Float64()
		b = append(b, words[int(x*x*x*float64(len(words)))]...)
		b = append(b, ' ')
	}
	return b[:n]
}

// binaryCorpus returns n bytes of little-endian counters and small deltas, as
// in a binary protocol.
func binaryCorpus(n int) []byte {
	r := rand.New(rand.NewPCG(7, 8))
	b := make([]byte, 0, n+16)
	x := uint32(0)
	for len(b) < n {
		x += uint32(r.IntN(50))
		b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), 1, 0, byte(r.IntN(4)), 0)
	}
	return b[:n]
}

// allBytesCorpus has a run of each byte.
func allBytesCorpus() []byte {
	var b []byte
	for i := range 256 {
		b = append(b, bytes.Repeat([]byte{byte(i)}, i%5+1)...)
	}
	return b
}

// deflateCorpora are the messages of the round trips: of the length of a few
// windows, and with the longest one of more than a block. Some repeat what is just
// within the window, or just beyond it.
func deflateCorpora(windowBits int) map[string][]byte {
	size := 1 << windowBits
	n := max(2100*size>>10, 2000)
	random := randomCorpus(n)
	return map[string][]byte{
		"empty":    nil,
		"one":      {'a'},
		"three":    []byte("aaa"),
		"zeros":    make([]byte, n),
		"random":   random,
		"words":    wordsCorpus(n / 2),
		"json":     jsonCorpus(n / 2),
		"binary":   binaryCorpus(n / 4),
		"all":      allBytesCorpus(),
		"exactly":  slices.Concat(random[:size], random[:300], random[1000:1000+size], random[1000:1300]),
		"too-far":  slices.Concat(random[:size+1], random[:300]),
		"long-258": slices.Concat(random[:258], random[:258], []byte("x"), random[:259], []byte("y"), random[:257]),
	}
}
