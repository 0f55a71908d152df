// This file makes Huffman codes (1951 §3.2.2). It must make complete codes
// only: inflaters refuse others.

package websocket

import "math/bits"

// maxTreeDepth is more than the depth of any tree. One of depth n stands for at
// least as many symbols as the Fibonacci number of n+2 says, and a block has
// 65,536 at most.
const maxTreeDepth = 24

// A huffmanCode is on its way from how often each symbol occurs to its code.
type huffmanCode struct {
	freq  [fixedLitLens]uint32
	codes [fixedLitLens]uint32 // the bits as they are sent, and in the lowest four how many; only of used symbols
	used  []uint16             // the symbols that occur, in order
	list  [fixedLitLens]uint16
	size  int // of the alphabet
}

// A huffmanBuilder is the memory for making a code.
type huffmanBuilder struct {
	leaves [litLenSymbols]uint32 // frequency<<9 | symbol, the rarest first
	weight [litLenSymbols]uint32 // of the inner nodes
	parent [2][litLenSymbols]uint16
	counts [maxTreeDepth + 1]int // how many codes of each length there are
}

// reset begins to count symbols below size.
func (h *huffmanCode) reset(size int) {
	h.size = size
	clear(h.freq[:size])
}

// gather lists the used symbols.
func (h *huffmanCode) gather() {
	n := 0
	for symbol, f := range h.freq[:h.size] {
		h.list[n] = uint16(symbol)
		if f > 0 {
			n++
		}
	}
	h.used = h.list[:n]
}

// completePair makes h have two used symbols at least. Those that are added
// never occur.
func (h *huffmanCode) completePair() {
	switch {
	case len(h.used) > 1:
		return
	case len(h.used) == 0:
		h.list[0], h.list[1] = 0, 1
	case h.list[0] == 0:
		h.list[1] = 1
	default:
		h.list[0], h.list[1] = 0, h.list[0]
	}
	h.used = h.list[:2]
}

// length returns how many bits all symbols take.
func (h *huffmanCode) length() int {
	n := uint32(0)
	for _, symbol := range h.used {
		n += h.freq[symbol] * (h.codes[symbol] & 15)
	}
	return int(n)
}

// fixedLength returns how many bits all symbols take with the fixed code.
func (h *huffmanCode) fixedLength() int {
	n := 0
	for _, symbol := range h.used {
		n += int(h.freq[symbol]) * fixedBits(int(symbol), h.size)
	}
	return n
}

// fixedBits returns the length of a symbol's fixed code (1951 §3.2.6).
func fixedBits(symbol, size int) int {
	switch {
	case size == distSymbols:
		return 5
	case symbol < 144 || symbol >= 280:
		return 8
	case symbol < 256:
		return 9
	}
	return 7
}

// makeFixed makes the fixed code.
func (h *huffmanCode) makeFixed(size int, b *huffmanBuilder) {
	h.reset(size)
	n := fixedLitLens
	if size == distSymbols {
		n = 32
	}
	clear(b.counts[:])
	for symbol := range n {
		h.list[symbol] = uint16(symbol)
		h.codes[symbol] = uint32(fixedBits(symbol, size))
		b.counts[h.codes[symbol]]++
	}
	h.used = h.list[:n]
	h.assign(b)
}

// build makes the best code of at most limit bits. Two symbols at least must
// be used.
func (h *huffmanCode) build(limit int, b *huffmanBuilder) {
	for i, symbol := range h.used {
		b.leaves[i] = h.freq[symbol]<<9 | uint32(symbol)
	}
	leaves := b.leaves[:len(h.used)]
	sortLeaves(leaves)
	b.tree(len(leaves))
	b.limit(limit)
	// The rarest symbols get the longest codes.
	for n := limit; n > 0; n-- {
		for _, leaf := range leaves[:b.counts[n]] {
			h.codes[leaf&511] = uint32(n)
		}
		leaves = leaves[b.counts[n]:]
	}
	h.assign(b)
}

// sortLeaves is Shell's sort: there are few leaves, and package slices would be
// all that the core needs it for.
func sortLeaves(v []uint32) {
	for _, gap := range [...]int{132, 57, 23, 10, 4, 1} {
		for i := gap; i < len(v); i++ {
			x, j := v[i], i
			for ; j >= gap && v[j-gap] > x; j -= gap {
				v[j] = v[j-gap]
			}
			v[j] = x
		}
	}
}

// tree joins the two lightest of n leaves and inner nodes until one is left,
// and counts the leaves at each depth.
func (b *huffmanBuilder) tree(n int) {
	leaf, inner := 0, 0
	for made := range n - 1 {
		sum := uint32(0)
		for range 2 {
			if inner == made || leaf < n && b.leaves[leaf]>>9 <= b.weight[inner] {
				sum += b.leaves[leaf] >> 9
				b.parent[0][leaf] = uint16(made)
				leaf++
			} else {
				sum += b.weight[inner]
				b.parent[1][inner] = uint16(made)
				inner++
			}
		}
		b.weight[made] = sum
	}
	// The root was made last. From it down, weights become depths.
	b.weight[n-2] = 0
	for i := n - 3; i >= 0; i-- {
		b.weight[i] = b.weight[b.parent[1][i]] + 1
	}
	clear(b.counts[:])
	for _, parent := range b.parent[0][:n] {
		b.counts[b.weight[parent]+1]++
	}
}

// limit changes the number of codes of each length so that none is longer than
// most and the code stays complete.
func (b *huffmanBuilder) limit(most int) {
	for n := most + 1; n < len(b.counts); n++ {
		b.counts[most] += b.counts[n]
	}
	sum := 0 // each code's share of 1<<most
	for n := 1; n <= most; n++ {
		sum += b.counts[n] << (most - n)
	}
	for ; sum > 1<<most; sum-- {
		// A leaf further up moves down and takes one of the lowest beside it.
		n := most - 1
		for b.counts[n] == 0 {
			n--
		}
		b.counts[most]--
		b.counts[n]--
		b.counts[n+1] += 2
	}
}

// assign gives the used symbols codes of the lengths that codes has.
func (h *huffmanCode) assign(b *huffmanBuilder) {
	var next [maxCodeBits + 1]uint32
	for n := 1; n < maxCodeBits; n++ {
		next[n+1] = (next[n] + uint32(b.counts[n])) << 1
	}
	for _, symbol := range h.used {
		n := h.codes[symbol] & 15
		h.codes[symbol] = uint32(bits.Reverse16(uint16(next[n]))>>(16-n))<<4 | n
		next[n]++
	}
}

// bound returns a number of bits that the symbols take at least with any code:
// their entropy, a little less, or a bit for each.
func (h *huffmanCode) bound() int {
	total, sum := 0, 0
	for _, symbol := range h.used {
		f := int(h.freq[symbol])
		total += f
		sum += f * logAbove(f)
	}
	if total == 0 {
		return 0
	}
	return max(total, (total*logBelow(total)-sum)>>8)
}

// logBelow returns a little less than the logarithm of n > 0 in base 2, times
// 256: between powers of 2 it takes the straight line.
func logBelow(n int) int {
	k := uint(bits.Len(uint(n)) - 1)
	return int(k)<<8 + n<<8>>k - 256
}

// logAbove returns a little more than it: a parabola that starts with the
// logarithm's slope.
func logAbove(n int) int {
	k := uint(bits.Len(uint(n)) - 1)
	x := (n<<8+1<<k-1)>>k - 256
	return int(k)<<8 + x + (x*(256-x)*114+65535)>>16
}
