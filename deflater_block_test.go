package websocket

import (
	"math/rand/v2"
	"testing"
)

func TestDeflaterBlockLengthsAreExact(t *testing.T) {
	corpora := deflateCorpora(15)
	r := rand.New(rand.NewPCG(3, 3))
	kinds := map[string]int{}
	for _, p := range corpora {
		for range 60 {
			if len(p) == 0 {
				continue
			}
			from := r.IntN(len(p))
			part := p[from:min(len(p), from+1+r.IntN(1+r.IntN(1+r.IntN(maxDeflateBlock))))]
			kinds[blockCheckLength(t, part, r)]++
		}
	}
	for _, kind := range []string{"stored", "fixed", "dynamic"} {
		if kinds[kind] < 20 {
			t.Errorf("only %d blocks are %s", kinds[kind], kind)
		}
	}
}

// blockCheckLength writes a block and returns its kind.
func blockCheckLength(t *testing.T, p []byte, r *rand.Rand) string {
	t.Helper()
	table := newDeflateTable(tableWords(1 << 15))
	old := &deflateHistory{size: 1 << 15}
	table.begin(old, false)
	s := new(deflateScratch)
	m := lzMatcher{p: p, old: old, table: table, good: 16 * r.IntN(2)}
	b := deflateBlock{deflateScratch: s, p: p, tokens: m.parse(s.tokens[:0], 0, len(p))}
	w := newBitWriter(nil, 0, uint(r.IntN(8)))
	before := int(w.n)
	b.write(&w)
	got := 8*w.at + int(w.n) - before

	lengths := map[string]int{
		"stored": blockHeader + (-(before + blockHeader))&7 + storedPrefix + 8*len(p),
		"fixed":  blockHeader + b.extra + b.litLen.fixedLength() + b.dist.fixedLength(),
	}
	bound := s.dynamicBound()
	s.makeCodes()
	if bound > s.dynamicLength() {
		t.Errorf("the bound is %d, the dynamic block has %d", bound, s.dynamicLength())
	}
	lengths["dynamic"] = blockHeader + b.extra + s.dynamicLength()
	kind := "stored"
	for name, n := range lengths {
		if n < lengths[kind] {
			kind = name
		}
	}
	if got != lengths[kind] {
		t.Errorf("the block has %d bits, the lengths are %v", got, lengths)
	}
	return kind
}

func TestDeflaterBlockCodesOfLengthsAndDistances(t *testing.T) {
	for length := 3; length <= deflateMaxMatch; length++ {
		code, extra := lengthCode(uint32(length - 3))
		if length == 258 && code != 28 {
			t.Errorf("258 has code %d", code)
		}
		first := inflateLengthBase[code]
		if int(extra) != inflateLengthExtra[code] || length < first || length >= first+1<<extra || (length-3)&(1<<extra-1) != length-first {
			t.Errorf("length %d has code %d and %d extra bits", length, code, extra)
		}
	}
	for distance := 1; distance <= 1<<15; distance++ {
		code, extra := distanceCode(uint32(distance - 1))
		first := inflateDistBase[code]
		if int(extra) != inflateDistExtra[code] || distance < first || distance >= first+1<<extra || (distance-1)&(1<<extra-1) != distance-first {
			t.Errorf("distance %d has code %d and %d extra bits", distance, code, extra)
		}
	}
}
