package websocket

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// huffmanCost is how many bits the best code without a limit takes: the sum of
// all inner nodes.
func huffmanCost(freq []uint32) int {
	weights := slices.DeleteFunc(slices.Clone(freq), func(f uint32) bool { return f == 0 })
	cost := 0
	for len(weights) > 1 {
		slices.Sort(weights)
		weights[1] += weights[0]
		cost += int(weights[1])
		weights = weights[1:]
	}
	return cost
}

func newHuffmanTest(freq []uint32, limit int) *huffmanCode {
	h := new(huffmanCode)
	h.reset(len(freq))
	copy(h.freq[:], freq)
	h.gather()
	h.build(limit, new(huffmanBuilder))
	return h
}

func huffmanLengths(h *huffmanCode) []int {
	lengths := make([]int, h.size)
	for _, symbol := range h.used {
		lengths[symbol] = int(h.codes[symbol] & 15)
	}
	return lengths
}

// huffmanFrequencies are frequencies of n symbols, more or less skewed.
func huffmanFrequencies(r *rand.Rand, n int) []uint32 {
	freq := make([]uint32, n)
	skew := r.IntN(16)
	for i := range freq {
		freq[i] = uint32(r.IntN(1+65535/n>>r.IntN(skew+1))) * uint32(r.IntN(2))
	}
	freq[0], freq[n-1] = freq[0]+1, freq[n-1]+1
	return freq
}

func TestDeflaterHuffmanCodesAreCompleteAndBest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		freq := huffmanFrequencies(r, 2+r.IntN(litLenSymbols-1))
		h := newHuffmanTest(freq, maxCodeBits)
		new(inflateReference).checkCodes(huffmanLengths(h), false) // panics if not complete
		best := huffmanCost(freq)
		if got := h.length(); got != best && slices.Max(huffmanLengths(h)) < maxCodeBits {
			t.Fatalf("%d bits, the best code takes %d: %v", got, best, freq)
		}
		// Entropy is less than a bit a symbol below the best code.
		total := 0
		for _, f := range freq {
			total += int(f)
		}
		if bound := h.bound(); bound > best || bound < best-total-total/8-1 {
			t.Fatalf("the bound is %d, the best code takes %d", bound, best)
		}
	}
}

// Fibonacci numbers make the deepest tree.
func TestDeflaterHuffmanCodesKeepTheLimit(t *testing.T) {
	for _, limit := range []int{maxLengthBits, maxCodeBits} {
		freq := []uint32{1, 1}
		for sum := uint32(2); ; sum += freq[len(freq)-1] {
			next := freq[len(freq)-1] + freq[len(freq)-2]
			if sum+next > maxDeflateBlock+1 || len(freq) == codeLenSymbols && limit == maxLengthBits {
				break
			}
			freq = append(freq, next)
		}
		lengths := huffmanLengths(newHuffmanTest(freq, limit))
		new(inflateReference).checkCodes(lengths, false)
		if got := slices.Max(lengths); got != limit || len(freq) < limit+2 {
			t.Errorf("%d symbols have a code of %d bits, the limit is %d", len(freq), got, limit)
		}
	}
}

func TestDeflaterHuffmanLogarithmsAreBounds(t *testing.T) {
	for n := 1; n < 1<<17; n++ {
		below, above := logBelow(n), logAbove(n)
		exact := 256 * math.Log2(float64(n))
		if float64(below) > exact+1e-6 || float64(above) < exact-1e-6 || exact-float64(below) > 25 || float64(above)-exact > 15 {
			t.Fatalf("%d: %d and %d for %f", n, below, above, exact)
		}
	}
}
