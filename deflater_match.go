// This file finds repetitions (LZ77). It reads the message in place and, for
// what came before it, the history. Every match is verified byte by byte, and
// none begins before the window or the history.

package websocket

import (
	"encoding/binary"
	"math/bits"
)

const (
	deflateMinMatch = 4    // 3 are allowed, and rarely pay
	deflateFar      = 4096 // beyond it the shortest match does not pay either
	deflateLong     = 64   // of what has been seen at such length the ends are entered only, lest it crowds out the rest
)

// An lzToken is a run of literals and the match after it: the length of the run
// in 9 bits, that of the match less 3 in 8, its distance less 1 in 15. After a
// run of lzNoMatch there is no match.
type lzToken uint32

const lzNoMatch = 511

func newLZToken(run int, m lzMatch) lzToken {
	return lzToken(run<<23 | (m.length-3)<<15 | (m.distance - 1))
}

func (t lzToken) run() int         { return int(t >> 23) }
func (t lzToken) length() uint32   { return uint32(t>>15) & 0xff }
func (t lzToken) distance() uint32 { return uint32(t) & 0x7fff }

// An lzMatch says that length bytes have been seen distance bytes before.
type lzMatch struct{ length, distance int }

// An lzMatcher finds the matches in one piece of a message.
type lzMatcher struct {
	p       []byte
	old     *deflateHistory // what came before p
	table   *deflateTable
	tokens  []lzToken
	literal int // where the run of literals begins
	good    int // a match of this length is taken at once; 0: any is
}

func lzGood(effort uint8) int {
	return [...]int{effortFast: 0, effortNormal: 16, effortBest: 64}[effort]
}

// parse appends the tokens of p[from:to] to tokens. After the last one only
// literals follow.
func (m *lzMatcher) parse(tokens []lzToken, from, to int) []lzToken {
	m.tokens, m.literal = tokens, from
	if m.good == 0 {
		from = m.greedy(from, to)
	}
	m.lazy(from, to)
	return m.tokens
}

// emit ends the run of literals with a match at i.
func (m *lzMatcher) emit(i int, found lzMatch) {
	run := i - m.literal
	for ; run >= lzNoMatch; run -= lzNoMatch {
		m.tokens = append(m.tokens, newLZToken(lzNoMatch, lzMatch{3, 1}))
	}
	m.tokens = append(m.tokens, newLZToken(run, found))
	m.literal = i + found.length
}

// greedy takes the better of the two latest matches wherever there is one. It
// returns where it stopped, a few bytes before the end.
func (m *lzMatcher) greedy(i, to int) int {
	p, buckets, shift := m.p, m.table.buckets, m.table.shift
	base, size, have := m.old.pos, m.old.size, m.old.n
	literal := i
	last := min(to, len(p)) - 8
	for i <= last {
		v := binary.LittleEndian.Uint64(p[i:])
		b := &buckets[deflateHash(uint32(v), shift)]
		bucket := *b
		pos := uint16(base + uint32(i))
		*b = bucket<<16 | uint64(pos)
		most := uint(min(have+i, size))
		n, d := 0, int(pos-uint16(bucket))
		if uint(d-1) < most {
			n = commonBytes(v, m.word(v, i, d))
		}
		if other := int(pos - uint16(bucket>>16)); uint(other-1) < most {
			if k := commonBytes(v, m.word(v, i, other)); k > n {
				n, d = k, other
			}
		}
		if n == 8 {
			n = m.extend(i, to, d)
		}
		if n < deflateMinMatch || n == deflateMinMatch && d > deflateFar {
			i += 1 + (i-literal)>>5
			continue
		}
		m.emit(i, lzMatch{n, d})
		// Few of the positions in a match are worth entering.
		if i+n <= last {
			b = &buckets[deflateHash(binary.LittleEndian.Uint32(p[i+2:]), shift)]
			*b = *b<<16 | uint64(pos+2)
			b = &buckets[deflateHash(binary.LittleEndian.Uint32(p[i+n-2:]), shift)]
			*b = *b<<16 | uint64(pos+uint16(n)-2)
		}
		i += n
		literal = i
	}
	return i
}

// lazy takes the longest match, unless there is a longer one a byte further.
func (m *lzMatcher) lazy(i, to int) {
	last := to - deflateMinMatch
	for i <= last {
		found := m.find(i, to)
		if found.length == 0 {
			i += 1 + (i-m.literal)>>6
			continue
		}
		next := i + 1
		for found.length < m.good && i < last {
			later := m.find(i+1, to)
			next = i + 2
			if later.length <= found.length {
				break
			}
			i, found = i+1, later
		}
		m.emit(i, found)
		i += found.length
		end := min(i, last+1)
		if found.length >= deflateLong {
			m.table.enter(m.p, next, min(next+4, end), m.old.pos)
			next = max(next, i-4)
		}
		m.table.enter(m.p, next, end, m.old.pos)
	}
}

// find enters position i and returns the longest match there.
func (m *lzMatcher) find(i, to int) lzMatch {
	v := binary.LittleEndian.Uint32(m.p[i:])
	latest, older := m.table.look(v, uint16(m.old.pos+uint32(i)))
	best := m.longest(latest, i, to, lzMatch{length: deflateMinMatch - 1})
	if m.table.older != nil {
		best = m.longest(older, i, to, best)
	}
	best.length = min(best.length, to-i)
	if best.length < deflateMinMatch || best.length == deflateMinMatch && best.distance > deflateFar {
		return lzMatch{}
	}
	return best
}

// longest returns the longest match of those that a bucket names, if it is
// longer than best.
func (m *lzMatcher) longest(bucket uint64, i, to int, best lzMatch) lzMatch {
	p := m.p
	pos := uint16(m.old.pos + uint32(i))
	most := uint(min(i+m.old.n, m.old.size))
	v, tail := uint64(0), i+8 > len(p)
	if !tail {
		v = binary.LittleEndian.Uint64(p[i:])
	}
	// Position 0 of 65,536 passes for an empty place.
	for ; bucket != 0; bucket >>= 16 {
		d := int(pos - uint16(bucket))
		if uint(d-1) >= most {
			continue
		}
		n := 8
		if !tail {
			n = commonBytes(v, m.word(v, i, d))
		}
		if n == 8 && m.mayBeat(best.length, i, d) {
			n = m.extend(i, to, d)
		}
		if n > best.length {
			best = lzMatch{n, d}
		}
	}
	return best
}

// mayBeat reports whether the match at distance d may be longer than best.
func (m *lzMatcher) mayBeat(best, i, d int) bool {
	from, p := i+best-7, m.p
	if best < 8 || d > i || from+8 > len(p) {
		return true
	}
	return binary.LittleEndian.Uint64(p[from:]) == binary.LittleEndian.Uint64(p[from-d:])
}

// word returns the eight bytes at distance d from i. It returns v if they must
// be looked at one by one.
func (m *lzMatcher) word(v uint64, i, d int) uint64 {
	if d <= i {
		return binary.LittleEndian.Uint64(m.p[i-d:])
	}
	return m.old.word(v, d-i)
}

// extend returns how long the match of p[i:to] at distance d is.
func (m *lzMatcher) extend(i, to, d int) int {
	p := m.p[i:min(to, i+deflateMaxMatch)]
	if d <= i {
		return commonLength(p, m.p[i-d:])
	}
	n := 0
	for back := d - i; back > 0; {
		from := m.old.at(back)
		part := m.old.ring[from:min(from+back, len(m.old.ring))]
		k := commonLength(p[n:], part)
		n += k
		if k < len(part) {
			return n
		}
		back -= k
	}
	return n + commonLength(p[n:], m.p)
}

// commonBytes returns how many bytes are equal before the first that is not.
func commonBytes(a, b uint64) int { return bits.TrailingZeros64(a^b) >> 3 }

// commonLength is commonBytes for slices.
func commonLength(a, b []byte) int {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		if k := commonBytes(binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:])); k < 8 {
			return i + k
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
