// This file gives inflaters what to inflate, cut in different ways, and compares
// them with the reference and with compress/flate. It can write DEFLATE data by
// hand.

package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// inflateTail is what the sender takes away (7692 §7.2.1).
const inflateTail = "\x00\x00\xff\xff"

func newTestInflater(windowBits int, takeover bool) *inflater {
	f := &inflater{}
	f.init(windowBits, takeover)
	return f
}

// inflateMessage gives the payload to f in pieces, of cut() bytes each, and
// returns what comes out. What f lends it overwrites, as a caller may.
func inflateMessage(f *inflater, payload []byte, cut func() int) (all []byte, ok bool) {
	for len(payload) > 0 {
		piece := bytes.Clone(payload[:min(cut(), len(payload))])
		payload = payload[len(piece):]
		last := false
		for more := true; more; {
			out, n, ok := f.next(piece)
			if !ok {
				return all, false
			}
			if more = len(out) > 0; last && (more || len(piece) > 0) {
				panic("the piece before was not longer than inflateChunk, but it was not the last")
			}
			last = len(out) <= inflateChunk
			all = append(all, out...)
			inflateScribble(out)
			inflateScribble(piece[:n])
			piece = piece[n:]
		}
		if len(piece) > 0 {
			panic("nothing comes out, but not all is consumed")
		}
	}
	for {
		out, more, ok := f.end()
		if !more {
			return all, ok
		}
		all = append(all, out...)
		inflateScribble(out)
	}
}

func inflateScribble(b []byte) {
	for i := range b {
		b[i] = 0xA5
	}
}

func inflateWhole() int { return 1 << 30 }
func inflateBytes() int { return 1 }

func inflateRandomly(r *rand.Rand) func() int {
	return func() int { return 1 + r.IntN(1<<r.IntN(14)) }
}

// An inflateCase is a sequence of payloads of one sender.
type inflateCase struct {
	windowBits int
	takeover   bool
	payloads   [][]byte
}

// check compares the reference with inflaters that get the payloads cut in
// different ways, and with compress/flate. It returns what the messages yield
// and the fault of the last one; those behind it are not looked at.
func (c inflateCase) check(t testing.TB) (outs [][]byte, fault inflateFault) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(len(c.payloads))))
	cuts := []func() int{inflateWhole, inflateBytes, inflateRandomly(r), func() int { return 17 }}
	fs := make([]*inflater, len(cuts))
	for i := range fs {
		fs[i] = newTestInflater(c.windowBits, c.takeover)
	}
	ref := inflateReference{reach: 1 << c.windowBits, takeover: c.takeover}
	for m, payload := range c.payloads {
		var history []byte
		if c.takeover {
			history = ref.out
		}
		want, verdict := ref.message(payload)
		inflateCheckFlate(t, history, payload, inflateResult{want, verdict})
		fault = verdict
		for i, f := range fs {
			if got, ok := inflateMessage(f, payload, cuts[i]); !bytes.Equal(got, want) || ok != (fault == "") {
				t.Fatalf("message %d = %.100x, cut %d, %d bits: %v and %.100q, reference %q and %.100q", m, payload, i, c.windowBits, ok, got, fault, want)
			}
		}
		if outs = append(outs, want); fault != "" {
			break
		}
	}
	return outs, fault
}

func inflateFlag(b bool) int {
	if b {
		return 1
	}
	return 0
}

type inflateResult struct {
	out   []byte
	fault inflateFault
}

// inflateCheckFlate compares the reference with compress/flate, as far as that
// has the same opinions: it knows one window only, does not look for the end of
// messages, and does without a code for the end of blocks.
func inflateCheckFlate(t testing.TB, history, payload []byte, want inflateResult) {
	t.Helper()
	got, err := inflateByFlate(history, payload)
	var corrupt flate.CorruptInputError
	agrees := true
	switch want.fault {
	case "":
		agrees = errors.Is(err, io.ErrUnexpectedEOF) && bytes.Equal(got, want.out)
	case faultType, faultComplement, faultCounts, faultSymbol, faultHistory, faultRepeat:
		agrees = errors.As(err, &corrupt) && bytes.Equal(got, want.out)
	case faultCodes:
		agrees = (errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF)) && bytes.Equal(got, want.out)
	case faultCut:
		agrees = bytes.HasPrefix(got, want.out)
	}
	if !agrees {
		t.Fatalf("%.100x: compress/flate %v and %.100q, reference %q and %.100q", payload, err, got, want.fault, want.out)
	}
}

// inflateByFlate starts a reader anew behind each block with BFINAL. The error of
// a payload in order is that of a stream without an end.
func inflateByFlate(history, payload []byte) (out []byte, err error) {
	src := bytes.NewReader(append(bytes.Clone(payload), inflateTail...))
	if len(payload) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	for err == nil && src.Len() > 0 {
		var got []byte
		dict := slices.Concat(history[max(0, len(history)-1<<15):], out)
		got, err = io.ReadAll(flate.NewReaderDict(src, dict))
		out = append(out, got...)
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return out, err
}

// An inflateWriter writes DEFLATE data by hand.
type inflateWriter struct {
	text strings.Builder // bits: 0 and 1
}

func (w *inflateWriter) bits(n, count int) *inflateWriter {
	for i := range count {
		w.text.WriteByte('0' + byte(n>>i&1))
	}
	return w
}

func (w *inflateWriter) align() *inflateWriter {
	for w.text.Len()%8 != 0 {
		w.text.WriteByte('0')
	}
	return w
}

// stored writes a stored block.
func (w *inflateWriter) stored(final int, data string) *inflateWriter {
	w.bits(final, 3).align().bits(len(data), 16).bits(^len(data), 16)
	for i := range len(data) {
		w.bits(int(data[i]), 8)
	}
	return w
}

// end writes the header of the block whose rest the sender takes away, and
// returns the payload.
func (w *inflateWriter) end() []byte { return w.bits(0, 3).bytes() }

func (w *inflateWriter) bytes() (b []byte) {
	text := w.align().text.String()
	for i := range len(text) {
		if i%8 == 0 {
			b = append(b, 0)
		}
		b[i/8] |= (text[i] - '0') << (i % 8)
	}
	return b
}

// An inflateBlock writes the symbols of a block.
type inflateBlock struct {
	*inflateWriter
	lit, dist []string
}

// fixed begins a block with the fixed codes.
func (w *inflateWriter) fixed(final int) inflateBlock {
	w.bits(final|1<<1, 3)
	return inflateBlock{w, inflateCodes(inflateFixedLens()), inflateCodes(slices.Repeat([]int{5}, 32))}
}

// dynamic begins a block with codes of these lengths. The lengths themselves
// are written without repetitions, in codes of 4 bits.
func (w *inflateWriter) dynamic(lit, dist []int) inflateBlock {
	lit = append(lit, make([]int, max(0, 257-len(lit)))...)
	w.bits(2<<1, 3).bits(len(lit)-257, 5).bits(len(dist)-1, 5).bits(15, 4)
	for i := range 19 {
		w.bits(4*inflateFlag(i > 2), 3) // 16, 17 and 18 have none
	}
	codes := inflateCodes(slices.Repeat([]int{4}, 16))
	for _, l := range slices.Concat(lit, dist) {
		w.text.WriteString(codes[l])
	}
	return inflateBlock{w, inflateCodes(lit), inflateCodes(dist)}
}

func (b inflateBlock) literals(s string) inflateBlock {
	for i := range len(s) {
		b.text.WriteString(b.lit[s[i]])
	}
	return b
}

func (b inflateBlock) match(length, dist int) inflateBlock {
	b.number(b.lit[257:], inflateLengthBase, length, inflateLengthExtra)
	b.number(b.dist, inflateDistBase, dist, inflateDistExtra)
	return b
}

// number writes the last code whose base is not above n, and its extra bits.
func (b inflateBlock) number(codes []string, base []int, n int, extra []int) {
	i := len(base) - 1
	for base[i] > n || codes[i] == "" {
		i--
	}
	b.text.WriteString(codes[i])
	b.bits(n-base[i], extra[i])
}

func (b inflateBlock) end() *inflateWriter {
	b.text.WriteString(b.lit[256])
	return b.inflateWriter
}
