// This file is the reference for the inflater and the deflater: an inflater that
// follows the text of RFC 1951 one bit at a time, keeps everything that it has
// ever put out, and sees a payload only whole. It must not share anything with
// what it is the reference for.

package websocket

import "slices"

// An inflateReference inflates what one sender compresses.
type inflateReference struct {
	reach    int // longest distance
	takeover bool

	out     []byte // what a distance may reach, if it is not too long
	payload []byte
	at      int // of the next bit
	seen    inflateSeen
}

// inflateSeen counts what is valid but of interest.
type inflateSeen struct {
	blocks     [3]int // by type, without the one that ends a message
	farthest   int    // longest distance
	finals     int    // blocks with BFINAL
	padding    int    // bits of 1 where there is no meaning
	incomplete int    // codes
}

// An inflateFault says why a payload is refused; it is empty when it is not.
type inflateFault string

const (
	faultCut        inflateFault = "cut"               // no empty stored block at the end
	faultType       inflateFault = "block type"        // 3
	faultComplement inflateFault = "complement"        // NLEN
	faultCounts     inflateFault = "counts"            // of symbols
	faultRepeat     inflateFault = "repeat"            // of code lengths
	faultCodes      inflateFault = "codes"             // over-subscribed or incomplete
	faultNoEnd      inflateFault = "no end"            // no code for the end of the block
	faultSymbol     inflateFault = "symbol"            // without a meaning, or no code
	faultHistory    inflateFault = "distance"          // before the first byte
	faultFar        inflateFault = "distance too long" // for the window agreed
)

// message returns what the payload yields up to its end or its fault.
func (r *inflateReference) message(payload []byte) (out []byte, fault inflateFault) {
	if !r.takeover {
		r.out = nil
	}
	begin := len(r.out)
	r.at, r.payload = 0, payload
	defer func() {
		out = r.out[begin:]
		if p := recover(); p != nil {
			fault = p.(inflateFault) // anything else is a bug
		}
	}()
	for len(payload) > 0 && !r.block() {
	}
	return nil, ""
}

func (r *inflateReference) number(bits int) (n int) {
	for i := range bits {
		if r.at == 8*len(r.payload) {
			panic(faultCut)
		}
		n |= int(r.payload[r.at/8]>>(r.at%8)&1) << i
		r.at++
	}
	return n
}

func (r *inflateReference) align() {
	for r.at%8 != 0 {
		r.seen.padding += r.number(1)
	}
}

// block reports whether the payload ended where LEN is due.
func (r *inflateReference) block() (ended bool) {
	final, kind := r.number(1), r.number(2)
	r.seen.finals += final
	switch kind {
	case 0:
		r.align()
		if r.at == 8*len(r.payload) {
			return true
		}
		r.stored()
	case 1:
		r.symbols(inflateFixedBooks[0], inflateFixedBooks[1])
	case 2:
		r.dynamic()
	default:
		panic(faultType)
	}
	r.seen.blocks[kind]++
	if final == 1 {
		r.align()
	}
	return false
}

func (r *inflateReference) stored() {
	length := r.number(16)
	if length+r.number(16) != 0xFFFF {
		panic(faultComplement)
	}
	rest := r.payload[r.at/8:]
	n := min(length, len(rest))
	r.out = append(r.out, rest[:n]...)
	if r.at += 8 * n; n < length {
		panic(faultCut)
	}
}

// inflateFixedLens are the lengths of the fixed code of literals and lengths (1951
// §3.2.6).
func inflateFixedLens() []int {
	return slices.Concat(slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112), slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8))
}

// inflateCodes is the algorithm of 1951 §3.2.2. The codes are strings of 0 and 1,
// empty for symbols that have none.
func inflateCodes(lens []int) []string {
	codes := make([]string, len(lens))
	code := 0
	for length := 1; length <= 15; length++ {
		code <<= 1
		for symbol, l := range lens {
			if l != length {
				continue
			}
			for bit := length - 1; bit >= 0; bit-- {
				codes[symbol] += string(rune('0' + code>>bit&1))
			}
			code++
		}
	}
	return codes
}

// checkCodes adds up what the codes cover, in units of the longest possible one.
// Of incomplete ones it lets pass those that zlib does, when that may be.
func (r *inflateReference) checkCodes(lens []int, oneMayDo bool) {
	covered, codes, longest := 0, 0, 0
	for _, l := range lens {
		if l > 0 {
			covered += 1 << (15 - l)
			codes++
			longest = max(longest, l)
		}
	}
	if covered == 1<<15 {
		return
	}
	r.seen.incomplete++
	if !oneMayDo || codes > 1 || longest > 1 {
		panic(faultCodes)
	}
}

// An inflateBook has at the bits of a code, with a 1 before them, its symbol plus
// one, and -1 at what codes begin with.
type inflateBook []int16

func newInflateBook(lens []int) inflateBook {
	book := make(inflateBook, 2<<slices.Max(lens))
	for symbol, code := range inflateCodes(lens) {
		at := 1
		for i := range len(code) {
			book[at] = -1
			at = at<<1 | int(code[i]-'0')
		}
		if code != "" {
			book[at] = int16(symbol + 1)
		}
	}
	return book
}

var inflateFixedBooks = [2]inflateBook{newInflateBook(inflateFixedLens()), newInflateBook(slices.Repeat([]int{5}, 32))}

// symbol reads bits until they are a code. A code that is not there is a fault
// as soon as no code begins like that.
func (r *inflateReference) symbol(book inflateBook) int {
	for at := 1; ; {
		at = at<<1 | r.number(1)
		if at >= len(book) || book[at] == 0 {
			panic(faultSymbol)
		}
		if book[at] > 0 {
			return int(book[at] - 1)
		}
	}
}

func (r *inflateReference) dynamic() {
	nlit, ndist, ncode := 257+r.number(5), 1+r.number(5), 4+r.number(4)
	if nlit > 286 || ndist > 30 {
		panic(faultCounts)
	}
	lens := make([]int, 19)
	for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:ncode] {
		lens[symbol] = r.number(3)
	}
	r.checkCodes(lens, false)
	book := newInflateBook(lens)
	lens = nil
	for len(lens) < nlit+ndist {
		lens = append(lens, r.lengths(book, lens)...)
		if len(lens) > nlit+ndist {
			panic(faultRepeat)
		}
	}
	if lens[256] == 0 {
		panic(faultNoEnd)
	}
	r.checkCodes(lens[:nlit], true)
	r.checkCodes(lens[nlit:], true)
	r.symbols(newInflateBook(lens[:nlit]), newInflateBook(lens[nlit:]))
}

func (r *inflateReference) lengths(book inflateBook, before []int) []int {
	switch symbol := r.symbol(book); symbol {
	case 16:
		n := 3 + r.number(2)
		if len(before) == 0 {
			panic(faultRepeat)
		}
		return slices.Repeat(before[len(before)-1:], n)
	case 17:
		return make([]int, 3+r.number(3))
	case 18:
		return make([]int, 11+r.number(7))
	default:
		return []int{symbol}
	}
}

// The tables of 1951 §3.2.5.
var (
	inflateLengthBase  = []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	inflateLengthExtra = []int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	inflateDistBase    = []int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	inflateDistExtra   = []int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

func (r *inflateReference) symbols(lit, dist inflateBook) {
	for {
		symbol := r.symbol(lit)
		switch {
		case symbol < 256:
			r.out = append(r.out, byte(symbol))
		case symbol == 256:
			return
		case symbol > 285:
			panic(faultSymbol)
		default:
			length := inflateLengthBase[symbol-257] + r.number(inflateLengthExtra[symbol-257])
			r.match(length, dist)
		}
	}
}

func (r *inflateReference) match(length int, dists inflateBook) {
	symbol := r.symbol(dists)
	if symbol > 29 {
		panic(faultSymbol)
	}
	dist := inflateDistBase[symbol] + r.number(inflateDistExtra[symbol])
	switch {
	case dist > len(r.out):
		panic(faultHistory)
	case dist > r.reach:
		panic(faultFar)
	}
	r.seen.farthest = max(r.seen.farthest, dist)
	for range length {
		r.out = append(r.out, r.out[len(r.out)-dist])
	}
}
