package websocket

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// inflateRandomLens returns the lengths of a complete set of n codes, dealt out among
// symbols; those that are listed have one.
func inflateRandomLens(r *rand.Rand, n, symbols int, listed ...int) []int {
	leaves := []int{0}
	for len(leaves) < n {
		i := r.IntN(len(leaves))
		if r.IntN(3) > 0 {
			i = len(leaves) - 1 // makes long codes
		}
		if leaves[i] == 15 {
			continue
		}
		leaves[i]++
		leaves = append(leaves, leaves[i])
	}
	lens := make([]int, symbols)
	for k, symbol := range slices.Concat(listed, r.Perm(symbols)) {
		i := len(leaves) - 1
		if k < len(listed) {
			i = r.IntN(len(leaves))
		}
		if lens[symbol] == 0 && len(leaves) > 0 {
			lens[symbol] = leaves[i]
			leaves = slices.Delete(leaves, i, i+1)
		}
	}
	return lens
}

// random writes at most n symbols that there are codes for. Matches may reach
// back over history bytes that were there before.
func (b inflateBlock) random(r *rand.Rand, n, history int) (size int) {
	for range n {
		symbol, d := r.IntN(len(b.lit)), r.IntN(len(b.dist))
		switch {
		case b.lit[symbol] == "" || symbol == 256 || symbol > 256 && b.dist[d] == "":
			continue
		case symbol < 256:
			b.text.WriteString(b.lit[symbol])
			size++
			continue
		}
		length, dist := r.IntN(1<<inflateLengthExtra[symbol-257]), r.IntN(1<<inflateDistExtra[d])
		if inflateDistBase[d]+dist > size+history {
			continue
		}
		b.text.WriteString(b.lit[symbol])
		b.bits(length, inflateLengthExtra[symbol-257])
		b.text.WriteString(b.dist[d])
		b.bits(dist, inflateDistExtra[d])
		size += inflateLengthBase[symbol-257] + length
	}
	return size
}

// Codes of all lengths, whatever tables they make.
func TestInflateRandomCodes(t *testing.T) {
	long := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := inflateCase{windowBits: 15, takeover: true}
		size := 0
		for range 3 {
			w := &inflateWriter{}
			for range 1 + r.IntN(3) {
				lit := inflateRandomLens(r, 2+r.IntN(285), 286, 256)
				dist := inflateRandomLens(r, 2+r.IntN(29), 30)
				long += inflateFlag(slices.Max(lit) > inflateLitBits) + inflateFlag(slices.Max(dist) > inflateDistBits)
				b := w.dynamic(lit, dist)
				size += b.random(r, 2000, size)
				b.end()
			}
			c.payloads = append(c.payloads, w.end())
		}
		if _, fault := c.check(t); fault != "" {
			t.Errorf("seed %d: fault %q", seed, fault)
		}
	}
	if long < 75 {
		t.Errorf("%d tables have long codes", long)
	}
}

// Codes of which most or all need second tables, of few codes or of many lengths.
func TestInflateSecondTables(t *testing.T) {
	deepLit := slices.Concat(slices.Repeat([]int{11, 12, 13, 14, 15, 15}, 46), []int{1, 2, 3, 4, 6, 9})
	deepDist := slices.Concat(slices.Repeat([]int{9, 10, 11, 12, 13, 14, 15, 15}, 2), []int{1, 2, 3, 4, 5, 6, 7})
	for name, lens := range map[string][2][]int{
		"deep": {deepLit, deepDist},
		"wide": {slices.Concat(slices.Repeat([]int{11}, 256), []int{1, 2, 3}), slices.Concat(slices.Repeat([]int{9}, 4), []int{1, 2, 3, 4, 5, 6, 7})},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		w := &inflateWriter{}
		w.stored(0, string(randomMessage(r, 30000)))
		b := w.dynamic(lens[0], lens[1])
		b.random(r, 20000, 30000)
		if _, fault := (inflateCase{15, true, [][]byte{b.end().end()}}).check(t); fault != "" {
			t.Errorf("%s: fault %q", name, fault)
		}
	}
}

// header writes a dynamic header. Code lengths are written as they are listed:
// from 0 to 18, the last three with their extra bits above.
func (w *inflateWriter) header(nlit, ndist int, list []int) inflateBlock {
	w.bits(2<<1, 3).bits(nlit-257, 5).bits(ndist-1, 5).bits(15, 4)
	lens := slices.Concat(slices.Repeat([]int{4}, 13), slices.Repeat([]int{5}, 6))
	for _, symbol := range codeLenOrder {
		w.bits(lens[symbol], 3)
	}
	codes := inflateCodes(lens)
	var all []int
	for _, l := range list {
		symbol, extra := l&31, l>>5
		w.text.WriteString(codes[symbol])
		switch symbol {
		case 16:
			w.bits(extra, 2)
			all = append(all, slices.Repeat(append(all, 0)[max(0, len(all)-1):][:1], 3+extra)...)
		case 17:
			w.bits(extra, 3)
			all = append(all, make([]int, 3+extra)...)
		case 18:
			w.bits(extra, 7)
			all = append(all, make([]int, 11+extra)...)
		default:
			all = append(all, symbol)
		}
	}
	all = append(all, make([]int, nlit+ndist)...)
	return inflateBlock{w, inflateCodes(all[:nlit]), inflateCodes(all[nlit:][:ndist])}
}

func inflateRepeat(n int) int { return 16 | (n-3)<<5 }
func inflateZeros(n int) int {
	if n < 11 {
		return 17 | (n-3)<<5
	}
	return 18 | (n-11)<<5
}

// What zlib accepts of codes, and what it refuses.
func TestInflateHeaders(t *testing.T) {
	zeros256 := []int{inflateZeros(138), inflateZeros(118)}
	zeros255 := []int{inflateZeros(138), inflateZeros(117)}
	for _, test := range []struct {
		name        string
		nlit, ndist int
		list        []int
		write       func(b inflateBlock) *inflateWriter
		want        inflateFault
	}{
		{"only-the-end", 257, 1, slices.Concat(zeros256, []int{1, 0}), inflateBlock.end, ""},
		{"only-the-end-other-bit", 257, 1, slices.Concat(zeros256, []int{1, 0}), inflateBits("1"), faultSymbol},
		{"only-the-end-two-bits", 257, 1, slices.Concat(zeros256, []int{2, 0}), inflateBlock.end, faultCodes},
		{"no-end", 257, 1, slices.Concat([]int{1, 1}, zeros255[:1], []int{inflateZeros(116), 0, 0}), inflateBits("0"), faultNoEnd},
		{"over-subscribed", 257, 1, slices.Concat([]int{1, 1}, []int{inflateZeros(138), inflateZeros(116), 1, 0}), inflateBits(""), faultCodes},
		{"over-subscribed-deep", 257, 1, slices.Concat([]int{1, 2, 3, 4, 4, 5}, []int{inflateZeros(138), inflateZeros(112), 5, 0}), inflateBits(""), faultCodes},
		{"incomplete", 257, 1, slices.Concat([]int{2, 2}, []int{inflateZeros(138), inflateZeros(116), 2, 0}), inflateBits(""), faultCodes},
		{"one-distance", 258, 1, []int{inflateZeros(97), 2, inflateZeros(138), inflateZeros(20), 2, 1, 1}, inflateBits("10 0 0 11"), ""},
		{"one-distance-other-bit", 258, 1, []int{inflateZeros(97), 2, inflateZeros(138), inflateZeros(20), 2, 1, 1}, inflateBits("10 0 1 11"), faultSymbol},
		{"one-distance-two-bits", 258, 1, []int{inflateZeros(97), 2, inflateZeros(138), inflateZeros(20), 2, 1, 2}, inflateBits(""), faultCodes},
		{"no-distance", 258, 1, []int{inflateZeros(97), 2, inflateZeros(138), inflateZeros(20), 2, 1, 0}, inflateBits("10 11"), ""},
		{"no-distance-but-a-match", 258, 1, []int{inflateZeros(97), 2, inflateZeros(138), inflateZeros(20), 2, 1, 0}, inflateBits("10 0 0 11"), faultSymbol},
		{"distances-over-subscribed", 257, 3, slices.Concat(zeros256, []int{1, 1, 1, 1}), inflateBits(""), faultCodes},
		{"distances-incomplete", 257, 3, slices.Concat(zeros256, []int{1, 2, 2, 2}), inflateBits(""), faultCodes},
		{"repeat-across-the-border", 257, 4, slices.Concat(zeros255, []int{1, 1, 2, inflateRepeat(3)}), inflateBlock.end, ""},
		{"zeros-across-the-border", 260, 4, slices.Concat(zeros255, []int{1, 1, inflateZeros(5), 1, 1}), inflateBlock.end, ""},
		{"repeat-beyond-the-end", 257, 3, slices.Concat(zeros255, []int{1, 1, 2, inflateRepeat(3)}), inflateBits(""), faultRepeat},
		{"zeros-beyond-the-end", 257, 2, slices.Concat(zeros255, []int{1, 1, inflateZeros(3)}), inflateBlock.end, faultRepeat},
		{"repeat-of-nothing", 257, 1, []int{inflateRepeat(3), inflateZeros(138), inflateZeros(115), 1, 0}, inflateBlock.end, faultRepeat},
		{"286-symbols", 286, 30, slices.Concat(zeros255, []int{1, 1, inflateZeros(59)}), inflateBlock.end, ""},
		{"287-symbols", 287, 1, slices.Concat(zeros255, []int{1, 1, inflateZeros(31)}), inflateBits(""), faultCounts},
		{"288-symbols", 288, 1, slices.Concat(zeros255, []int{1, 1, inflateZeros(32)}), inflateBits(""), faultCounts},
		{"31-distances", 257, 31, slices.Concat(zeros255, []int{1, 1, inflateZeros(31)}), inflateBits(""), faultCounts},
		{"32-distances", 257, 32, slices.Concat(zeros255, []int{1, 1, inflateZeros(32)}), inflateBits(""), faultCounts},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &inflateWriter{}
			w.stored(0, "x")
			// More follows, so that a fault has the bits that it needs.
			payload := append(test.write(w.header(test.nlit, test.ndist, test.list)).end(), inflateTail+"\x00"...)
			c := inflateCase{15, true, [][]byte{payload}}
			if _, fault := c.check(t); fault != test.want {
				t.Errorf("%x: fault %q", payload, fault)
			}
		})
	}
}

// inflateBits writes bits, whatever they mean.
func inflateBits(text string) func(inflateBlock) *inflateWriter {
	return func(b inflateBlock) *inflateWriter {
		b.text.WriteString(strings.ReplaceAll(text, " ", ""))
		return b.inflateWriter
	}
}

// The code of code lengths must be complete, also where zlib lets others be.
func TestInflateCodeLengthCodes(t *testing.T) {
	for _, test := range []struct {
		lens string // by the order of RFC 1951 §3.2.7
		want inflateFault
	}{
		{"0000", faultCodes}, {"0001", faultCodes}, {"1110", faultCodes}, {"2220", faultCodes}, {"1100", faultRepeat}, {"0110", faultRepeat},
	} {
		w := &inflateWriter{}
		w.bits(2<<1, 3).bits(0, 5).bits(0, 5).bits(0, 4)
		for i := range test.lens {
			w.bits(int(test.lens[i]-'0'), 3)
		}
		w.text.WriteString(strings.Repeat("1", 8*40)) // zeros, more than there are codes
		if _, fault := (inflateCase{15, true, [][]byte{w.bytes()}}).check(t); fault != test.want {
			t.Errorf("%s: fault %q, want %q", test.lens, fault, test.want)
		}
	}
}

func TestInflateFixedSymbolsWithoutMeaning(t *testing.T) {
	for symbol := 286; symbol <= 287; symbol++ {
		w := &inflateWriter{}
		b := w.fixed(0).literals("abc")
		w.text.WriteString(b.lit[symbol])
		inflateWantFault(t, fmt.Sprint("symbol ", symbol), b.end().end(), faultSymbol)
	}
	for symbol := 30; symbol <= 31; symbol++ {
		w := &inflateWriter{}
		b := w.fixed(0).literals("abc")
		w.text.WriteString(b.lit[257] + b.dist[symbol])
		inflateWantFault(t, fmt.Sprint("distance ", symbol), b.end().end(), faultSymbol)
	}
}

func inflateWantFault(t *testing.T, what string, payload []byte, want inflateFault) {
	t.Helper()
	outs, fault := inflateCase{15, true, [][]byte{payload}}.check(t)
	if string(outs[0]) != "abc" || fault != want {
		t.Errorf("%s: %q and fault %q", what, outs[0], fault)
	}
}

// A call stops behind inflateChunk, but not before its round is over: with as
// many literals as one can have, and the longest match. Literals of nine bits
// before it let the round begin at each place in a byte.
func TestInflateKeepsToItsRoom(t *testing.T) {
	lit, dist := make([]int, 286), make([]int, 30)
	lit['a'], lit[285], lit['b'], lit[256] = 1, 2, 3, 3
	dist[8], dist[9] = 1, 1
	for shift := range 8 {
		for short := 38; short < 48; short++ {
			w := &inflateWriter{}
			w.stored(0, strings.Repeat("x", inflateChunk-shift)).fixed(0).literals(strings.Repeat("\xFF", shift)).end()
			b := w.dynamic(lit, dist).literals(strings.Repeat("a", short)).match(258, 17)
			payload := b.end().stored(0, "more input").end()
			got, ok := inflateMessage(newTestInflater(15, true), payload, inflateWhole)
			if want := inflateChunk + short + 258 + len("more input"); len(got) != want || !ok {
				t.Errorf("%d and %d literals: %d bytes, want %d: %v", shift, short, len(got), want, ok)
			}
		}
	}
}
