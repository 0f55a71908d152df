// This file builds the tables by which the inflater looks up Huffman codes (1951
// §3.2.2). A table is indexed by the next bits of the data. Codes that are longer
// than its index have their entries in a second table, to which an entry of the
// first one leads.

package websocket

import "math/bits"

const (
	inflateLitBits  = 10 // of the index of the first table
	inflateDistBits = 8
	inflateCodeBits = 7

	inflateMaxUsed = 15 + 5 + 15 + 13 // bits of a match

	// A second table has codes of one length, as many as entries; or of several,
	// and then it is wider than all before it, since codes are dealt out by length.
	// So 286 and 30 symbols take at most 286 + (4+8+…+32) + 30 + (4+8+…+128) entries.
	inflateSubSize = 1024
)

// An inflateEntry is what some next bits of the data stand for.
//
//	bits 0–5    how many bits it takes, extra bits included
//	bits 8–11   how many of these are the code
//	bits 12–15  kind
//	bits 16–31  literal, or the number to which the extra bits are added
//
// An entry that leads to a second table has the bits of that table's index, and
// where it begins.
type inflateEntry uint32

const (
	inflateLiteral inflateEntry = 1 << (12 + iota)
	inflateSpecial              // end of the block, or a repetition of the length before
	inflateInvalid              // symbol without meaning, or no code
	inflateLong                 // leads to a second table
)

func (e inflateEntry) used() uint    { return uint(e & 63) }
func (e inflateEntry) literal() byte { return byte(e >> 16) }

// number adds the extra bits from hold to what e says.
func (e inflateEntry) number(hold uint64) int {
	return int(e>>16) + int(hold&(1<<(e&63)-1)>>(e>>8&15))
}

type inflateTables struct {
	lit  [1 << inflateLitBits]inflateEntry
	dist [1 << inflateDistBits]inflateEntry
}

// What follows is computed once and never changed: entries without the length
// of their code, and the tables of the fixed codes (1951 §3.2.6).
var (
	inflateLitEntries  = newInflateLitEntries()
	inflateDistEntries = newInflateDistEntries()
	inflateCodeEntries = newInflateCodeEntries()
	inflateFixed       = newInflateFixed()
)

func newInflateLitEntries() (all [fixedLitLens]inflateEntry) {
	for i := range endOfBlock {
		all[i] = inflateEntry(i)<<16 | inflateLiteral
	}
	all[endOfBlock] = inflateSpecial
	length := 3
	for i := endOfBlock + 1; i < 285; i++ {
		extra := max(0, (i-261)/4)
		all[i] = inflateEntry(length<<16 | extra)
		length += 1 << extra
	}
	all[285] = deflateMaxMatch << 16
	all[286], all[287] = inflateInvalid, inflateInvalid
	return all
}

func newInflateDistEntries() (all [fixedDists]inflateEntry) {
	dist := 1
	for i := range distSymbols {
		extra := max(0, i/2-1)
		all[i] = inflateEntry(dist<<16 | extra)
		dist += 1 << extra
	}
	all[30], all[31] = inflateInvalid, inflateInvalid
	return all
}

func newInflateCodeEntries() (all [codeLenSymbols]inflateEntry) {
	for i := range 16 {
		all[i] = inflateEntry(i)<<16 | inflateLiteral
	}
	all[16] = 3<<16 | inflateSpecial | 2
	all[17] = 3<<16 | 3
	all[18] = 11<<16 | 7
	return all
}

func newInflateFixed() (t inflateTables) {
	var s inflateScratch
	lens := s.lens[:fixedLitLens]
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	s.build(t.lit[:], lens, inflateLitEntries[:])
	lens = lens[:fixedDists]
	for i := range lens {
		lens[i] = 5
	}
	s.build(t.dist[:], lens, inflateDistEntries[:])
	return t
}

// An inflateBuild is a table in the making.
type inflateBuild struct {
	table   []inflateEntry // its length is a power of two
	entries []inflateEntry // by symbol, without the length of the code
	sorted  []uint16       // symbols that have codes, in the order of these
	count   [maxCodeBits + 1]int
	code    uint // the next one, its first bit lowest
}

// build fills table with the codes that have the lengths lens, by symbol. It
// refuses sets of codes that are over-subscribed, and incomplete ones but for
// those that zlib knows: no code at all, and one code of one bit.
func (s *inflateScratch) build(table []inflateEntry, lens []uint8, entries []inflateEntry) bool {
	b := inflateBuild{table: table, entries: entries}
	b.sorted = b.sort(lens, &s.sorted)
	if !b.complete() {
		return false
	}
	index := uint(bits.Len(uint(len(table))) - 1)
	table[0] = inflateInvalid | 1 // stays wherever there is no code
	for l := uint(1); l <= index; l++ {
		half := 1 << (l - 1)
		copy(table[half:2*half], table[:half])
		for range b.count[l] {
			table[b.code] = b.entry(l)
			b.code = inflateNextCode(b.code, l)
		}
	}
	for l := index + 1; len(b.sorted) > 0; l++ {
		s.buildLong(&b, l, index)
	}
	return true
}

// sort counts the codes of each length and returns the symbols by length.
func (b *inflateBuild) sort(lens []uint8, space *[fixedLitLens]uint16) []uint16 {
	for _, l := range lens {
		if l > 0 {
			b.count[l&15]++
		}
	}
	var at [maxCodeBits + 1]int
	n := 0
	for l, count := range b.count {
		at[l] = n
		n += count
	}
	for symbol, l := range lens {
		if l > 0 {
			space[at[l&15]] = uint16(symbol)
			at[l&15]++
		}
	}
	return space[:n]
}

func (b *inflateBuild) complete() bool {
	left := 1 // codes of l bits that begin like no shorter one; below 0 it stays there
	for _, count := range b.count[1:] {
		left = 2*left - count
	}
	n := len(b.sorted)
	return left == 0 || n == 0 || n == 1 && b.count[1] == 1
}

// entry returns that of the next symbol.
func (b *inflateBuild) entry(l uint) inflateEntry {
	e := b.entries[b.sorted[0]]
	b.sorted = b.sorted[1:]
	return e + inflateEntry(l|l<<8)
}

// inflateNextCode returns what follows the code of l bits, by 1951 §3.2.2. Its
// bits are reversed, so it is to be incremented from the highest one down.
func inflateNextCode(code, l uint) uint {
	zeros := ^code & (1<<l - 1)
	if zeros == 0 {
		return 0
	}
	top := uint(1) << (bits.Len(zeros) - 1)
	return code&(top-1) | top
}

// buildLong adds the codes of l bits, which is more than index.
func (s *inflateScratch) buildLong(b *inflateBuild, l, index uint) {
	for ; b.count[l] > 0; b.count[l]-- {
		first := &b.table[b.code&(1<<index-1)]
		if b.code>>index == 0 { // the first code with this beginning
			width := b.width(l, index)
			*first = inflateEntry(s.subUsed<<16) | inflateLong | inflateEntry(width)
			s.subUsed += 1 << width
		}
		sub := s.sub[*first>>16:][:1<<first.used()]
		e := b.entry(l)
		for i := b.code >> index; i < uint(len(sub)); i += 1 << (l - index) {
			sub[i] = e
		}
		b.code = inflateNextCode(b.code, l)
	}
}

// width returns how many bits index the second table that the next code, of l
// bits, and those behind it fill.
func (b *inflateBuild) width(l, index uint) uint {
	for left := 1<<(l-index) - b.count[l]; left > 0; {
		l++
		left = 2*left - b.count[l]
	}
	return l - index
}
