// This file inflates the symbols of compressed blocks (1951 §3.2.5): fast while
// there is enough input and room for any symbol, with care where there may not
// be.

package websocket

import "encoding/binary"

// inflateOverrun is how much a call may write behind inflateChunk. It is that of
// a round of fastSymbols which begins there: literals of one bit while there are
// 63 to 2*inflateLitBits bits, and a match, which is copied in steps of 16 bytes.
const inflateOverrun = 64 - 2*inflateLitBits + (deflateMaxMatch+15)&^15

// inflateAhead is how much input a round of fastSymbols may look at: it takes at
// most 7 bytes, and looks at the next 8.
const inflateAhead = 15

// symbols inflates up to the end of the block, the end of the input, or until
// out is full.
func (s *inflateScratch) symbols(h *inflateHistory) inflateVerdict {
	if len(s.src) >= inflateAhead {
		if v := s.fastSymbols(h); v != inflateOn || s.step != inflateAtSymbols {
			return v
		}
	}
	return s.carefulSymbols(h)
}

// carefulSymbols takes a symbol only when all its bits are there.
func (s *inflateScratch) carefulSymbols(h *inflateHistory) inflateVerdict {
	tables := s.tables
	for s.pos <= inflateChunk {
		s.need(inflateMaxUsed)
		e := tables.lit[s.hold&(1<<inflateLitBits-1)]
		if e&inflateLong != 0 {
			e = s.long(e, s.hold>>inflateLitBits)
		}
		switch {
		case e.used() > s.nbits:
			return inflateWait
		case e&inflateLiteral != 0:
			s.out[s.pos] = e.literal()
			s.pos++
			s.take(e.used())
		case e&inflateSpecial != 0:
			s.take(e.used())
			s.endBlock()
			return inflateOn
		case e&inflateInvalid != 0:
			return inflateBad
		default:
			if v := s.match(e, h); v != inflateOn {
				return v
			}
		}
	}
	return inflateOn
}

// long looks up the second table to which e leads.
func (s *inflateScratch) long(e inflateEntry, hold uint64) inflateEntry {
	return s.sub[(uint64(e>>16)+hold&(1<<e.used()-1))%inflateSubSize]
}

// match inflates a match whose length is e.
func (s *inflateScratch) match(e inflateEntry, h *inflateHistory) inflateVerdict {
	hold := s.hold >> e.used()
	d := s.tables.dist[hold&(1<<inflateDistBits-1)]
	if d&inflateLong != 0 {
		d = s.long(d, hold>>inflateDistBits)
	}
	switch {
	case d.used() > s.nbits-e.used():
		return inflateWait
	case d&inflateInvalid != 0:
		return inflateBad
	}
	n := e.number(s.hold)
	if !s.copy(h, s.pos, d.number(hold), n) {
		return inflateBad
	}
	s.pos += n
	s.take(e.used() + d.used())
	return inflateOn
}

// fastSymbols inflates while there is input ahead and room in out. It keeps
// in local variables what carefulSymbols keeps in s. The bits of hold above nbits
// are those that the next refill puts there again.
func (s *inflateScratch) fastSymbols(h *inflateHistory) inflateVerdict {
	src, hold, nbits, pos, tables := s.src, s.hold, s.nbits, s.pos, s.tables
	v := inflateOn
	for len(src) >= inflateAhead && pos <= inflateChunk {
		hold |= binary.LittleEndian.Uint64(src) << (nbits & 63)
		src = src[(63-nbits)>>3&7:]
		nbits |= 56
		e := tables.lit[hold&(1<<inflateLitBits-1)]
		for e&inflateLiteral != 0 && nbits >= 2*inflateLitBits {
			s.out[pos] = e.literal()
			pos++
			hold >>= e.used()
			nbits -= e.used()
			e = tables.lit[hold&(1<<inflateLitBits-1)]
		}
		hold |= binary.LittleEndian.Uint64(src) << (nbits & 63)
		src = src[(63-nbits)>>3&7:]
		nbits |= 56
		if e&inflateLong != 0 {
			e = s.long(e, hold>>inflateLitBits)
		}
		if e&(inflateLiteral|inflateSpecial|inflateInvalid) != 0 {
			if e&inflateLiteral == 0 {
				break // carefulSymbols will see to it
			}
			s.out[pos] = e.literal()
			pos++
			hold >>= e.used()
			nbits -= e.used()
			continue
		}
		n := e.number(hold)
		hold >>= e.used()
		d := tables.dist[hold&(1<<inflateDistBits-1)]
		if d&inflateLong != 0 {
			d = s.long(d, hold>>inflateDistBits)
		}
		if d&inflateInvalid != 0 || !s.copy(h, pos, d.number(hold), n) {
			v = inflateBad
			break
		}
		pos += n
		hold >>= d.used()
		nbits -= e.used() + d.used()
	}
	s.src, s.hold, s.nbits, s.pos = src, hold&(1<<nbits-1), nbits, pos
	return v
}

// copy repeats at pos the n bytes that are dist back, in out or before it.
func (s *inflateScratch) copy(h *inflateHistory, pos, dist, n int) bool {
	if dist > pos {
		return s.copyHistory(h, pos, dist, n)
	}
	from := pos - dist
	if dist >= 16 && dist <= h.limit {
		for k := 0; k < n; k += 16 {
			*(*[16]byte)(s.out[pos+k:]) = *(*[16]byte)(s.out[from+k:])
		}
		return true
	}
	// They overlap: what is copied already is the source of the next step.
	for end := pos + n; pos < end; {
		pos += copy(s.out[pos:end], s.out[from:pos])
	}
	return dist <= h.limit
}

func (s *inflateScratch) copyHistory(h *inflateHistory, pos, dist, n int) bool {
	back := dist - pos // from the first byte of out
	if back > len(h.b) || dist > h.limit {
		return false
	}
	i := h.next - back
	if i < 0 {
		i += len(h.b)
	}
	if n <= back && i+n+16 <= len(h.b) {
		for k := 0; k < n; k += 16 {
			*(*[16]byte)(s.out[pos+k:]) = *(*[16]byte)(h.b[i+k:])
		}
		return true
	}
	end := pos + min(n, back)
	from := pos
	pos += copy(s.out[pos:end], h.b[i:])
	pos += copy(s.out[pos:end], h.b)
	for n -= end - from; n > 0; {
		k := copy(s.out[pos:pos+n], s.out[:pos])
		pos += k
		n -= k
	}
	return true
}
