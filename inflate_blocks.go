// This file is the inflater's state machine: what a block begins with (1951
// §3.2.3), stored blocks (1951 §3.2.4) and the header of dynamic ones (1951
// §3.2.7). Each step takes from the input all that it needs or nothing, so a step
// that has to wait for input is simply tried again. The symbols of compressed
// blocks are the business of inflate_symbols.go.

package websocket

import "encoding/binary"

// An inflateStep says what comes next in the data.
type inflateStep uint8

const (
	inflateAtHeader   inflateStep = iota // BFINAL and BTYPE of a block
	inflateAtLength                      // LEN and NLEN of a stored block
	inflateAtStored                      // its bytes
	inflateAtCounts                      // HLIT, HDIST and HCLEN
	inflateAtCodeLens                    // lengths of the codes of lengths
	inflateAtLens                        // lengths of the codes of symbols
	inflateAtSymbols                     // symbols
	inflateAtFault                       // what cannot be
)

// An inflateVerdict says how a step went.
type inflateVerdict uint8

const (
	inflateOn   inflateVerdict = iota // take the next one
	inflateWait                       // all input is used, it needs more
	inflateBad
)

// advance takes one step, which may be many symbols.
func (f *inflater) advance(s *inflateScratch) (v inflateVerdict) {
	switch s.step {
	case inflateAtHeader:
		v = s.header()
	case inflateAtLength:
		v = s.storedLength()
	case inflateAtStored:
		v = s.stored()
	case inflateAtCounts:
		v = s.counts()
	case inflateAtCodeLens:
		v = s.readCodeLens()
	case inflateAtLens:
		v = s.readLens()
	case inflateAtSymbols:
		v = s.symbols(&f.history)
	default:
		v = inflateBad
	}
	if v == inflateBad {
		s.step = inflateAtFault
	}
	return v
}

// need reports whether there are n bits in hold, n at most 56, and takes them
// from the input when that has them.
func (s *inflateScratch) need(n uint) bool {
	if s.nbits >= n {
		return true
	}
	s.refill()
	return s.nbits >= n
}

// refill moves bytes from src to hold until less than one fits.
func (s *inflateScratch) refill() {
	if len(s.src) >= 8 {
		n := (63 - s.nbits) >> 3
		more := binary.LittleEndian.Uint64(s.src) & (1<<(8*n) - 1)
		s.hold |= more << s.nbits
		s.nbits += 8 * n
		s.src = s.src[n:]
		return
	}
	for s.nbits <= 56 && len(s.src) > 0 {
		s.hold |= uint64(s.src[0]) << s.nbits
		s.nbits += 8
		s.src = s.src[1:]
	}
}

// take removes n bits from hold, which has them.
func (s *inflateScratch) take(n uint) uint {
	v := uint(s.hold & (1<<n - 1))
	s.hold >>= n
	s.nbits -= n
	return v
}

// align drops the bits up to the next byte boundary.
func (s *inflateScratch) align() { s.take(s.nbits & 7) }

func (s *inflateScratch) header() inflateVerdict {
	if !s.need(3) {
		return inflateWait
	}
	s.final = s.take(1) == 1
	switch s.take(2) {
	case 0:
		s.align()
		s.step = inflateAtLength
	case 1:
		s.tables = &inflateFixed
		s.step = inflateAtSymbols
	case 2:
		s.step = inflateAtCounts
	default: // reserved
		return inflateBad
	}
	return inflateOn
}

// endBlock goes on with the next block. Behind one with BFINAL it begins at the
// next byte boundary, with the history as it is (7692 §7.2.1, §7.2.3.4).
func (s *inflateScratch) endBlock() {
	if s.final {
		s.align()
	}
	s.step = inflateAtHeader
}

func (s *inflateScratch) storedLength() inflateVerdict {
	if !s.need(32) {
		return inflateWait
	}
	length, complement := s.take(16), s.take(16)
	if length != complement^0xFFFF {
		return inflateBad
	}
	s.length = int(length)
	s.step = inflateAtStored
	return inflateOn
}

func (s *inflateScratch) stored() inflateVerdict {
	for s.nbits > 0 && s.length > 0 { // whole bytes
		s.out[s.pos] = byte(s.take(8))
		s.pos++
		s.length--
	}
	n := copy(s.out[s.pos:], s.src[:min(s.length, len(s.src))])
	s.pos += n
	s.src = s.src[n:]
	s.length -= n
	switch {
	case s.length == 0:
		s.endBlock()
	case len(s.src) == 0:
		return inflateWait
	}
	return inflateOn
}

func (s *inflateScratch) counts() inflateVerdict {
	if !s.need(14) {
		return inflateWait
	}
	s.nlit, s.ndist, s.ncode = int(s.take(5))+257, int(s.take(5))+1, int(s.take(4))+4
	if s.nlit > litLenSymbols || s.ndist > distSymbols {
		return inflateBad
	}
	s.codeLens, s.have = [codeLenSymbols]uint8{}, 0
	s.step = inflateAtCodeLens
	return inflateOn
}

func (s *inflateScratch) readCodeLens() inflateVerdict {
	for ; s.have < s.ncode; s.have++ {
		if !s.need(3) {
			return inflateWait
		}
		s.codeLens[codeLenOrder[s.have]] = uint8(s.take(3))
	}
	// Until the table of literals is made, its memory serves for the lengths.
	if !s.build(s.own.lit[:1<<inflateCodeBits], s.codeLens[:], inflateCodeEntries[:]) {
		return inflateBad
	}
	s.have = 0
	s.step = inflateAtLens
	return inflateOn
}

func (s *inflateScratch) readLens() inflateVerdict {
	total := s.nlit + s.ndist
	for s.have < total {
		s.need(inflateMaxUsed)
		e := s.own.lit[s.hold&(1<<inflateCodeBits-1)]
		switch {
		case e.used() > s.nbits:
			return inflateWait
		case e&inflateInvalid != 0 || !s.lengths(e, total):
			return inflateBad
		}
		s.take(e.used())
	}
	// A block without a code for its end could not end.
	if s.lens[endOfBlock] == 0 || !s.buildOwn() {
		return inflateBad
	}
	s.step = inflateAtSymbols
	return inflateOn
}

// lengths stores the code lengths that e stands for: one, or a repetition,
// which must not go beyond total.
func (s *inflateScratch) lengths(e inflateEntry, total int) bool {
	if e&inflateLiteral != 0 {
		s.lens[s.have] = e.literal()
		s.have++
		return true
	}
	value := uint8(0)
	if e&inflateSpecial != 0 { // repeats the length before it
		if s.have == 0 {
			return false
		}
		value = s.lens[s.have-1]
	}
	n := e.number(s.hold)
	if n > total-s.have {
		return false
	}
	for range n {
		s.lens[s.have] = value
		s.have++
	}
	return true
}

func (s *inflateScratch) buildOwn() bool {
	s.subUsed = 0
	s.tables = &s.own
	dist := s.lens[s.nlit : s.nlit+s.ndist]
	return s.build(s.own.lit[:], s.lens[:s.nlit], inflateLitEntries[:]) && s.build(s.own.dist[:], dist, inflateDistEntries[:])
}
