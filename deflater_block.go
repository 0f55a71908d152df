// This file writes one DEFLATE block in whichever of the three ways is the
// shortest (1951 §3.2.3). It must know the exact length of each beforehand.

package websocket

import "math/bits"

// The numbers of the format, which the inflater goes by too.
const (
	litLenSymbols  = 286 // literals, the end of a block, lengths of matches (1951 §3.2.5)
	distSymbols    = 30  // distances
	codeLenSymbols = 19  // lengths of the codes of those (1951 §3.2.7)
	fixedLitLens   = 288 // the fixed codes have symbols that never occur (1951 §3.2.6)
	fixedDists     = 32

	endOfBlock  = 256 // the symbol between literals and lengths
	firstLength = 257 // the symbol of the shortest match

	maxCodeBits     = 15
	deflateMaxMatch = 258

	// codeLenOrder is the order in which the lengths of the codes of code lengths
	// are sent (1951 §3.2.7).
	codeLenOrder = "\x10\x11\x12\x00\x08\x07\x09\x06\x0a\x05\x0b\x04\x0c\x03\x0d\x02\x0e\x01\x0f"
)

// The block types, as they stand before the bit BFINAL, which is never set.
const (
	blockStored  = 0 << 1
	blockFixed   = 1 << 1
	blockDynamic = 2 << 1

	blockHeader  = 3  // bits of type and BFINAL
	storedPrefix = 32 // bits between a stored block's header and its bytes
)

// shortRun literals before a match, or fewer, are handled without a loop and
// without a branch, since their number is hard to predict. The match behind them
// is longer, so that many bytes are there in any case.
const shortRun = 2

// deflateScratch is what a deflater needs only while it works. It refers to
// nothing outside of itself.
type deflateScratch struct {
	tokens       [maxDeflateBlock/deflateMinMatch + 1]lzToken // more than a block can have
	litLen, dist huffmanCode
	lengths      huffmanCode // the code of the code lengths
	header       []byte      // the code lengths in that code, with their extra bits
	headerBuf    [2 * (litLenSymbols + distSymbols)]byte
	fixed        [2]huffmanCode
	builder      huffmanBuilder
}

// A deflateBlock is a part of a message on its way out.
type deflateBlock struct {
	*deflateScratch
	p      []byte
	tokens []lzToken
	extra  int // bits that come after the codes of lengths and distances
}

// lengthCode returns the code of a length less 3, and how many extra bits it
// has (1951 §3.2.5).
func lengthCode(length uint32) (code uint32, extra uint) {
	if length == deflateMaxMatch-3 {
		return 28, 0
	}
	extra = uint(bits.Len32(length|7) - 3)
	return uint32(extra)<<2 + length>>(extra&31), extra
}

// distanceCode returns the code of a distance less 1, and how many extra bits
// it has.
func distanceCode(distance uint32) (code uint32, extra uint) {
	extra = uint(bits.Len32(distance|2) - 2)
	return uint32(extra)<<1 + distance>>(extra&31), extra
}

// write writes b to w.
func (b *deflateBlock) write(w *bitWriter) {
	b.count()
	stored := blockHeader + int(-(w.n+blockHeader)&7) + storedPrefix + 8*len(b.p)
	fixed := blockHeader + b.extra + b.litLen.fixedLength() + b.dist.fixedLength()
	best := min(stored, fixed)
	if blockHeader+b.extra+b.dynamicBound() < best {
		b.makeCodes()
		if dynamic := blockHeader + b.extra + b.dynamicLength(); dynamic < best {
			w.grow(dynamic)
			w.put(blockDynamic, blockHeader)
			b.writeHeader(w)
			b.writeTokens(w, &b.litLen, &b.dist)
			return
		}
	}
	w.grow(best)
	if best == stored {
		b.writeStored(w)
		return
	}
	w.put(blockFixed, blockHeader)
	litLen, dist := b.fixedCodes()
	b.writeTokens(w, litLen, dist)
}

// count counts how often each symbol occurs.
func (b *deflateBlock) count() {
	b.litLen.reset(litLenSymbols)
	b.dist.reset(distSymbols)
	litLen, dist := &b.litLen.freq, &b.dist.freq
	p, extra := b.p, uint(0)
	for _, t := range b.tokens {
		run := t.run()
		if run > shortRun {
			countLiterals(litLen, p[:run])
			p = p[run:]
			if run == lzNoMatch {
				continue
			}
			run = 0
		}
		litLen[p[0]] += uint32(run+1) >> 1
		litLen[p[1]] += uint32(run) >> 1
		length, n := lengthCode(t.length())
		litLen[firstLength+length]++
		distance, m := distanceCode(t.distance())
		dist[distance]++
		extra += n + m
		p = p[run+int(t.length())+3:]
	}
	countLiterals(litLen, p)
	litLen[endOfBlock] = 1
	b.extra = int(extra)
	b.litLen.gather()
	b.dist.gather()
}

func countLiterals(freq *[fixedLitLens]uint32, p []byte) {
	for _, c := range p {
		freq[c]++
	}
}

func (b *deflateBlock) writeStored(w *bitWriter) {
	w.put(blockStored, blockHeader)
	w.align()
	n := uint64(len(b.p))
	w.put(n|(n^0xffff)<<16, storedPrefix)
	w.append(b.p)
}

// writeTokens writes the content of b. The room must be there.
func (b *deflateBlock) writeTokens(w *bitWriter, litLen, dist *huffmanCode) {
	out, s := w.out, w.bitState
	p := b.p
	for _, t := range b.tokens {
		run := t.run()
		if run > shortRun {
			s = s.literals(out, p[:run], litLen)
			p = p[run:]
			if run == lzNoMatch {
				continue
			}
			run = 0
		}
		first := litLen.codes[p[0]] & -uint32((run+1)>>1)
		second := litLen.codes[p[1]] & -uint32(run>>1)
		length, distance := t.length(), t.distance()
		code, extra := lengthCode(length)
		v, n := joinCodes(uint64(first>>4), uint(first&15), second)
		v, n = joinCodes(v, n, litLen.codes[firstLength+code])
		v |= uint64(length&(1<<(extra&31)-1)) << (n & 63)
		s = s.put(out, v, n+extra)
		code, extra = distanceCode(distance)
		c := dist.codes[code]
		v, n = uint64(c>>4), uint(c&15)
		v |= uint64(distance&(1<<(extra&31)-1)) << n
		s = s.put(out, v, n+extra)
		p = p[run+int(length)+3:]
	}
	s = s.literals(out, p, litLen)
	c := litLen.codes[endOfBlock]
	w.bitState = s.put(out, uint64(c>>4), uint(c&15))
}

// joinCodes adds a code to the n bits v.
func joinCodes(v uint64, n uint, code uint32) (uint64, uint) {
	return v | uint64(code>>4)<<(n&63), n + uint(code&15)
}

// literals appends the codes of p, three at a time.
func (s bitState) literals(out, p []byte, litLen *huffmanCode) bitState {
	codes := &litLen.codes
	for len(p) >= 3 {
		v, n := joinCodes(0, 0, codes[p[0]])
		v, n = joinCodes(v, n, codes[p[1]])
		v, n = joinCodes(v, n, codes[p[2]])
		s = s.put(out, v, n)
		p = p[3:]
	}
	for _, c := range p {
		code := codes[c]
		s = s.put(out, uint64(code>>4), uint(code&15))
	}
	return s
}
