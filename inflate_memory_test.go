// This file is about the inflater's memory: whose it is, how much, and when.

package websocket

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestInflateAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	plain := [][]byte{jsonMessage(r, 64), jsonMessage(r, 40000), {}, jsonMessage(r, 1000), randomMessage(r, 100)}
	pool := make([]*inflateScratch, 0, 1)
	for _, takeover := range []bool{false, true} {
		payloads := inflateByWriter(t, 6, takeover, plain)
		for _, pooled := range []bool{false, true} {
			f := newTestInflater(15, takeover)
			if pooled {
				f.scratch, f.done = inflateLending(&pool)
			}
			got := testing.AllocsPerRun(20, func() {
				inflateCount(t, f, payloads)
				if pooled {
					f.rest()
				}
			})
			if got != 0 {
				t.Errorf("takeover %v, pooled %v: %v allocations", takeover, pooled, got)
			}
		}
	}
}

// inflateLending lends what is in pool, and makes what is not.
func inflateLending(pool *[]*inflateScratch) (scratch func() *inflateScratch, done func(*inflateScratch)) {
	scratch = func() *inflateScratch {
		last := len(*pool) - 1
		if last < 0 {
			return new(inflateScratch)
		}
		s := (*pool)[last]
		*pool = (*pool)[:last]
		return s
	}
	return scratch, func(s *inflateScratch) { *pool = append(*pool, s) }
}

// inflateCount returns how many bytes the payloads yield.
func inflateCount(t testing.TB, f *inflater, payloads [][]byte) (total int) {
	for _, p := range payloads {
		for more := true; more; {
			out, n, ok := f.next(p)
			if !ok {
				t.Fatal("refused")
			}
			total += len(out)
			p = p[n:]
			more = len(out) > 0
		}
		if _, more, ok := f.end(); more || !ok {
			t.Fatal("not at its end")
		}
	}
	return total
}

// At rest there is the history with takeover, and nothing without.
func TestInflateMemoryAtRest(t *testing.T) {
	for windowBits := 8; windowBits <= 15; windowBits++ {
		inflateCheckMemory(t, windowBits, false)
		inflateCheckMemory(t, windowBits, true)
	}
}

func inflateCheckMemory(t *testing.T, windowBits int, takeover bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	var pool []*inflateScratch
	f := newTestInflater(windowBits, takeover)
	f.scratch, f.done = inflateLending(&pool)
	seen := 0 // that later messages may refer to
	for _, size := range []int{0, 10, 100, 1000, 10000, 40000, 10, 0} {
		w := &inflateWriter{}
		for rest := size; rest > 0; rest -= min(rest, 1<<15) {
			w.stored(0, string(randomMessage(r, min(rest, 1<<15))))
		}
		inflateCount(t, f, [][]byte{w.end()})
		if takeover {
			seen = min(1<<windowBits, seen+size)
		}
		if f.rest(); f.s != nil || f.spare != nil || len(f.history.b) != seen || cap(f.history.b) > min(1<<windowBits, 2*seen) {
			t.Errorf("%d bits, takeover %v: %d bytes in %d, want %d", windowBits, takeover, len(f.history.b), cap(f.history.b), seen)
		}
		if size > 0 && (len(pool) != 1 || pool[0].src != nil) {
			t.Errorf("%d bits, takeover %v: %d scratches in the pool", windowBits, takeover, len(pool))
		}
	}
}

// One scratch serves message after message, whether it was lent or not.
func TestInflateKeepsItsScratchUntilRest(t *testing.T) {
	payload := inflateHex(t, inflateHello)
	for _, lent := range []bool{false, true} {
		f := newTestInflater(15, true)
		var pool []*inflateScratch
		if lent {
			f.scratch, f.done = inflateLending(&pool)
		}
		inflateCount(t, f, [][]byte{payload})
		kept := f.spare
		f.next(payload[:3])
		if kept == nil || f.s != kept || f.s.src != nil {
			t.Error("the scratch is not used again, or it keeps what is the caller's")
		}
		if f.rest(); f.s != kept || len(pool) != 0 {
			t.Error("rest takes the scratch away from a message")
		}
		if out, _, _ := f.next(payload[3:]); string(out) != "llo" {
			t.Errorf("behind a rest in the middle there is %q", out)
		}
		if _, _, ok := f.end(); !ok || len(pool) != 0 {
			t.Error("rest breaks a message")
		}
		f.rest()
		f.rest() // it has nothing more to give
		if f.spare != nil || lent && (len(pool) != 1 || pool[0] != kept) || string(f.history.b) != "HelloHello" {
			t.Errorf("at rest, there is %v and %q, and in the pool %d", f.spare, f.history.b, len(pool))
		}
	}
}

// The caller may look at the last piece after it has learnt that it is the last.
func TestInflateEndLeavesTheLastPiece(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		f := newTestInflater(15, takeover)
		f.scratch = func() *inflateScratch { return new(inflateScratch) }
		f.done = func(s *inflateScratch) { inflateScribble(s.out[:]) } // somebody else has it now
		out, _, _ := f.next(inflateHex(t, inflateHello))
		if _, more, ok := f.end(); more || !ok || string(out) != "Hello" {
			t.Errorf("takeover %v: behind the end there is %q", takeover, out)
		}
		if f.rest(); string(out) == "Hello" {
			t.Errorf("takeover %v: the scratch is not given back", takeover)
		}
	}
}

func TestInflateGivesScratchesBack(t *testing.T) {
	for name, leave := range map[string]func(f *inflater){
		"drop":  (*inflater).drop,
		"fault": func(f *inflater) { f.next([]byte{0xFF, 0xFF}) },
		"cut":   func(f *inflater) { f.end() },
	} {
		lent := 0
		f := newTestInflater(9, false)
		f.scratch = func() *inflateScratch { lent++; return new(inflateScratch) }
		f.done = func(*inflateScratch) { lent-- }
		f.next([]byte{0, 5, 0})
		if lent != 1 {
			t.Fatalf("%s: %d scratches in the middle of a message", name, lent)
		}
		if leave(f); lent != 0 || f.s != nil || f.history.b != nil {
			t.Errorf("%s: %d scratches are lent", name, lent)
		}
	}
}

// A scratch that another sender's message has used makes no difference.
func TestInflateScratchesAreInterchangeable(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var pool []*inflateScratch
	type sender struct {
		f        *inflater
		plain    [][]byte
		payloads [][]byte
	}
	var senders []sender
	for i := range 6 {
		s := sender{f: newTestInflater(15, i%2 == 0)}
		s.f.scratch, s.f.done = inflateLending(&pool)
		for range 10 {
			s.plain = append(s.plain, jsonMessage(r, r.IntN(20000)))
		}
		s.payloads = inflateByWriter(t, r.IntN(10), i%2 == 0, s.plain)
		senders = append(senders, s)
	}
	broken := newTestInflater(15, true)
	for m := range 10 {
		for i, s := range senders {
			broken.init(15, true)
			broken.scratch, broken.done = inflateLending(&pool)
			inflateMessage(broken, randomMessage(r, 200), inflateWhole)
			got, ok := inflateMessage(s.f, s.payloads[m], inflateRandomly(r))
			s.f.rest()
			if !ok || !bytes.Equal(got, s.plain[m]) {
				t.Errorf("sender %d, message %d: %v", i, m, ok)
			}
		}
	}
}

// A bomb yields a few KiB at a time, and no memory but the history.
func TestInflateBomb(t *testing.T) {
	const size = 2 << 20
	bomb := inflateByWriter(t, 9, true, [][]byte{make([]byte, size)})[0]
	f := newTestInflater(15, true)
	inflateCount(t, f, [][]byte{bomb}) // so that history and scratch are there
	total := 0
	if got := testing.AllocsPerRun(1, func() { total = inflateCount(t, f, [][]byte{bomb}) }); got != 0 || total != size {
		t.Errorf("%d bytes and %v allocations", total, got)
	}
	if out, _, ok := f.next(bomb); !ok || len(out) > inflateChunk+inflateOverrun || len(out) < inflateChunk {
		t.Errorf("%d bytes at once", len(out))
	}
}

// A megabyte that yields nothing: one call takes it all.
func TestInflateEmptyBlocks(t *testing.T) {
	payload := bytes.Repeat([]byte("\x00"+inflateTail), 200_000)
	f := newTestInflater(15, true)
	if out, n, ok := f.next(payload); len(out) != 0 || n != len(payload) || !ok {
		t.Errorf("%d bytes from %d of %d: %v", len(out), n, len(payload), ok)
	}
	f.next([]byte{0})
	if _, more, ok := f.end(); more || !ok {
		t.Error("not at its end")
	}
}

func TestInflateSizes(t *testing.T) {
	const idle, scratch = 80, 15 << 10
	if got := unsafe.Sizeof(inflater{}); got > idle {
		t.Errorf("an inflater has %d bytes, at most %d are wanted", got, idle)
	}
	if got := unsafe.Sizeof(inflateScratch{}); got > scratch {
		t.Errorf("a scratch has %d bytes, at most %d are wanted", got, scratch)
	}
}
