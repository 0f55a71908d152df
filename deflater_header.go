// This file makes the codes of a dynamic block and describes them to the peer
// (1951 §3.2.7).

package websocket

import "math/bits"

const (
	maxLengthBits = 7 // of the code of a code length

	// Symbols that are no lengths but repetitions, and how many extra bits
	// those have.
	repeatLast     = 16 // 3 to 6 times
	repeatZero     = 17 // 3 to 10
	repeatZeroLong = 18 // 11 to 138
	repeatBits     = "\x02\x03\x07"

	headerCounts = 5 + 5 + 4 // bits of the three numbers at the start
)

// makeCodes makes the three codes of a dynamic block.
func (s *deflateScratch) makeCodes() {
	// Some inflaters want a complete code of distances, needed or not.
	s.dist.completePair()
	s.litLen.build(maxCodeBits, &s.builder)
	s.dist.build(maxCodeBits, &s.builder)
	s.packLengths()
	s.lengths.gather()
	s.lengths.build(maxLengthBits, &s.builder)
}

// packLengths makes the header. Runs go on from the first code to the second.
func (s *deflateScratch) packLengths() {
	s.header = s.headerBuf[:0]
	s.lengths.reset(codeLenSymbols)
	var r lengthRun
	for _, h := range []*huffmanCode{&s.litLen, &s.dist} {
		next := 0
		for _, symbol := range h.used {
			s.addRun(&r, 0, int(symbol)-next)
			s.addRun(&r, byte(h.codes[symbol]&15), 1)
			next = int(symbol) + 1
		}
	}
	s.endRun(r)
}

// A lengthRun is a length that so many symbols in a row have.
type lengthRun struct {
	length byte
	n      int
}

// addRun makes r longer, or ends it and begins another.
func (s *deflateScratch) addRun(r *lengthRun, length byte, n int) {
	if r.length != length && n > 0 {
		s.endRun(*r)
		*r = lengthRun{length: length}
	}
	r.n += n
}

// endRun adds a run to the header.
func (s *deflateScratch) endRun(r lengthRun) {
	n := r.n
	if n > 0 && r.length > 0 {
		s.addHeader(r.length, 0)
		n--
	}
	for n >= 3 {
		switch {
		case r.length > 0:
			n -= s.addHeader(repeatLast, min(n, 6)-3) + 3
		case n < 11:
			n -= s.addHeader(repeatZero, n-3) + 3
		default:
			n -= s.addHeader(repeatZeroLong, min(n, 138)-11) + 11
		}
	}
	for range n {
		s.addHeader(r.length, 0)
	}
}

// addHeader adds a symbol with its extra bits and returns those.
func (s *deflateScratch) addHeader(symbol byte, extra int) int {
	s.header = append(s.header, symbol, byte(extra))
	s.lengths.freq[symbol]++
	return extra
}

// sentLengths returns how many lengths of the code of lengths are sent.
func (s *deflateScratch) sentLengths() int {
	n := codeLenSymbols
	for n > 4 && s.lengths.freq[codeLenOrder[n-1]] == 0 {
		n--
	}
	return n
}

// dynamicLength returns how many bits a dynamic block takes without its first
// three and without the extra bits of lengths and distances.
func (s *deflateScratch) dynamicLength() int {
	n := headerCounts + 3*s.sentLengths()
	n += s.lengths.length() + s.litLen.length() + s.dist.length()
	for i := range len(repeatBits) {
		n += int(s.lengths.freq[repeatLast+i]) * int(repeatBits[i])
	}
	return n
}

// writeHeader writes everything between the first three bits and the content.
func (s *deflateScratch) writeHeader(w *bitWriter) {
	w.put(uint64(s.litLen.used[len(s.litLen.used)-1]-256), 5)
	w.put(uint64(s.dist.used[len(s.dist.used)-1]), 5)
	n := s.sentLengths()
	w.put(uint64(n-4), 4)
	for i := range n {
		symbol := codeLenOrder[i]
		length := uint32(0)
		if s.lengths.freq[symbol] > 0 {
			length = s.lengths.codes[symbol] & 15
		}
		w.put(uint64(length), 3)
	}
	for i := 0; i < len(s.header); i += 2 {
		symbol := s.header[i]
		c := s.lengths.codes[symbol]
		w.put(uint64(c>>4), uint(c&15))
		if symbol >= repeatLast {
			w.put(uint64(s.header[i+1]), uint(repeatBits[symbol-repeatLast]))
		}
	}
}

// fixedCodes returns the fixed codes.
func (s *deflateScratch) fixedCodes() (litLen, dist *huffmanCode) {
	if s.fixed[0].size == 0 {
		s.fixed[0].makeFixed(litLenSymbols, &s.builder)
		s.fixed[1].makeFixed(distSymbols, &s.builder)
	}
	return &s.fixed[0], &s.fixed[1]
}

// dynamicBound returns a number of bits that dynamicLength is not below.
func (s *deflateScratch) dynamicBound() int {
	n := headerCounts + 3*max(s.litLen.sentBound(), s.dist.sentBound())
	return n + s.litLen.headerBound() + s.dist.headerBound() + s.litLen.bound() + s.dist.bound()
}

// sentBound returns how many lengths of the code of lengths are sent at least.
// The shortest code of n symbols has at most log2(n) bits, and short ones come
// late in codeLenOrder.
func (h *huffmanCode) sentBound() int {
	shortest := bits.Len(uint(max(len(h.used), 2))) - 1
	return max(4, 20-2*shortest)
}

// headerBound returns how many bits the lengths take at least: one for each
// run of them, and for a run of zeros as many as the cheapest way has.
func (h *huffmanCode) headerBound() int {
	n, next := 0, 0
	for _, symbol := range h.used {
		switch zeros := int(symbol) - next; {
		case zeros > 13:
			n += 1 + 8
		case zeros > 0:
			n += 1 + min(zeros, 4)
		}
		next = int(symbol) + 1
	}
	return n
}
