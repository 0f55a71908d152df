package websocket

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

func TestDeflaterRoundTrips(t *testing.T) {
	for windowBits := 8; windowBits <= 15; windowBits++ {
		corpora := deflateCorpora(windowBits)
		for _, takeover := range []bool{false, true} {
			for effort := effortFast; effort <= effortBest; effort++ {
				t.Run(fmt.Sprintf("bits-%d-takeover-%t-effort-%d", windowBits, takeover, effort), func(t *testing.T) {
					c := newDeflateCheck(windowBits, takeover, effort)
					c.cut = []int{7, 1000, maxDeflateBlock + 1}[(windowBits+effort)%3]
					deflateRoundTrips(t, c, corpora)
				})
			}
		}
	}
}

// deflateRoundTrips sends all corpora, whole and cut, over one connection. The
// order differs from run to run of the loop, not from test to test.
func deflateRoundTrips(t *testing.T, c *deflateCheck, corpora map[string][]byte) {
	var names []string
	for name := range corpora {
		names = append(names, name)
	}
	slices.Sort(names)
	r := rand.New(rand.NewPCG(1, 1))
	for _, cut := range []int{1 << 30, c.cut} {
		c.cut = cut
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			p := corpora[name]
			c.message(t, p[:min(len(p), 100*cut)])
			if r.IntN(3) == 0 {
				c.d.rest()
			}
		}
	}
}

func TestDeflaterEmptyMessageIsOneZeroByte(t *testing.T) {
	c := newDeflateCheck(15, true, effortFast)
	for _, before := range []string{"", "Hello", ""} {
		c.message(t, []byte(before))
		if got := c.message(t, nil); !bytes.Equal(got, []byte{0}) {
			t.Errorf("after %q: % x", before, got)
		}
	}
}

// 7692 §7.2.3.1
func TestDeflaterWritesTheExampleOfTheRFC(t *testing.T) {
	c := newDeflateCheck(15, true, effortFast)
	if got := hex.EncodeToString(c.message(t, []byte("Hello"))); got != "f248cdc9c90700" {
		t.Errorf("the first Hello became %s", got)
	}
	if got := c.message(t, []byte("Hello")); len(got) > 5 {
		t.Errorf("the second Hello became % x, which is longer than the RFC's", got)
	}
}

func TestDeflaterReachesTheWholeWindow(t *testing.T) {
	random := randomCorpus(1<<15 + 1)
	for windowBits := 8; windowBits <= 15; windowBits++ {
		for effort := effortFast; effort <= effortBest; effort++ {
			size := 1 << windowBits
			c := newDeflateCheck(windowBits, true, effort)
			c.message(t, random[:size])
			out := c.message(t, random[:200])
			if c.ref.seen.farthest != size || len(out) > 10 {
				t.Errorf("%d bits, effort %d: the farthest distance is %d, %d bytes", windowBits, effort, c.ref.seen.farthest, len(out))
			}
			c = newDeflateCheck(windowBits, true, effort)
			c.message(t, random[:size+1])
			if out = c.message(t, random[:4]); len(out) < 5 {
				t.Errorf("%d bits, effort %d: bytes beyond the window became % x", windowBits, effort, out)
			}
		}
	}
}

func TestDeflaterTakesOverOnlyIfAgreed(t *testing.T) {
	p := jsonCorpus(400)
	for effort := effortFast; effort <= effortBest; effort++ {
		with, without := newDeflateCheck(15, true, effort), newDeflateCheck(15, false, effort)
		first, again := with.message(t, p), with.message(t, p)
		if len(again) > 15 || !bytes.Equal(first, without.message(t, p)) || !bytes.Equal(first, without.message(t, p)) {
			t.Errorf("effort %d: the first message has %d bytes, with takeover the second has %d", effort, len(first), len(again))
		}
	}
}

func TestDeflaterChoosesTheShortestBlock(t *testing.T) {
	for _, test := range []struct {
		name  string
		p     []byte
		kinds [3]int
	}{
		{"stored", randomCorpus(1000), [3]int{1, 0, 0}},
		{"fixed", []byte("Hello"), [3]int{0, 1, 0}},
		{"dynamic", jsonCorpus(5000), [3]int{0, 0, 1}},
		{"several", jsonCorpus(150000), [3]int{0, 0, 3}},
	} {
		c := newDeflateCheck(15, true, effortFast)
		if c.message(t, test.p); c.ref.seen.blocks != test.kinds {
			t.Errorf("%s: stored, fixed and dynamic blocks: %d", test.name, c.ref.seen.blocks)
		}
	}
}

func TestDeflaterHardlyExpandsRandomData(t *testing.T) {
	for effort := effortFast; effort <= effortBest; effort++ {
		for _, n := range []int{1, 100, 65535, 65536, 200000} {
			c := newDeflateCheck(15, true, effort)
			out := c.d.append(nil, randomCorpus(n), true)
			if most := n + 5*(n/65535+1) + 2; len(out) > most {
				t.Errorf("effort %d: %d bytes became %d", effort, n, len(out))
			}
		}
	}
}

// A connection may live longer than 2^32 bytes.
func TestDeflaterSurvivesOverflowOfItsPosition(t *testing.T) {
	for _, before := range []uint32{0, 1 << 15, 1 << 16} {
		for effort := effortFast; effort <= effortBest; effort++ {
			c := newDeflateCheck(15, true, effort)
			c.d.history.pos = -before
			for _, p := range [][]byte{jsonCorpus(20000), wordsCorpus(40000), jsonCorpus(20000), make([]byte, 5000), jsonCorpus(20000)} {
				c.message(t, p)
			}
			if pos := c.d.history.pos; pos != 105000-before {
				t.Errorf("the position is %d", pos)
			}
		}
	}
}

func TestDeflaterHasNothingButTheWindowAtRest(t *testing.T) {
	for windowBits := 8; windowBits <= 15; windowBits++ {
		size := 1 << windowBits
		c := newDeflateCheck(windowBits, true, effortFast)
		sent := 0
		for _, n := range []int{100, 150, 1000, 1 << 15} {
			c.message(t, jsonCorpus(n))
			ring := &c.d.history.ring[0]
			busy := cap(c.d.history.ring) + 8*cap(c.d.table.words)
			if busy > 64<<10 || busy > 6*size {
				t.Errorf("%d bits: %d bytes while busy", windowBits, busy)
			}
			c.d.rest()
			sent += n
			// The ring grows to the next power of two, and rest leaves it alone.
			got := cap(c.d.history.ring)
			if got > min(size, max(256, 2*sent-1)) || &c.d.history.ring[0] != ring || c.d.table != nil || c.d.own != nil {
				t.Errorf("%d bits: %d bytes at rest after %d", windowBits, got, sent)
			}
		}
	}
}

func TestDeflaterWithoutTakeoverKeepsOnlyTheMessage(t *testing.T) {
	random := randomCorpus(600)
	for effort := effortFast; effort <= effortBest; effort++ {
		c := newDeflateCheck(15, false, effort)
		c.message(t, random)
		if c.d.history.ring != nil {
			t.Errorf("effort %d: there is a window after a message of one piece", effort)
		}
		c.cut = 300
		out := c.message(t, slices.Concat(random[:300], random[:300]))
		if len(out) > 320 || c.d.history.ring == nil {
			t.Errorf("effort %d: the second piece does not refer to the first: %d bytes", effort, len(out))
		}
		if c.d.rest(); c.d.history.ring != nil {
			t.Errorf("effort %d: there is a window at rest", effort)
		}
	}
}

// Also in the middle of a message, and without takeover, which is about others.
func TestDeflaterRemembersAcrossARest(t *testing.T) {
	p := jsonCorpus(1000)
	for effort := effortFast; effort <= effortBest; effort++ {
		c := newDeflateCheck(12, true, effort)
		for i := range 20 {
			out := c.message(t, p)
			c.d.rest()
			if i > 0 && len(out) > 30 {
				t.Errorf("effort %d: message %d has %d bytes", effort, i, len(out))
			}
		}
		c = newDeflateCheck(12, false, effort)
		first := c.d.append(nil, p, false)
		c.d.rest()
		out := c.d.append(bytes.Clone(first), p, true)
		if len(out)-len(first) > 30 {
			t.Errorf("effort %d: the second piece has %d bytes", effort, len(out)-len(first))
		}
		if got, fault := c.ref.message(out); fault != "" || !bytes.Equal(got, slices.Concat(p, p)) {
			t.Errorf("effort %d: fault %q", effort, fault)
		}
	}
}

// A table from a pool is full of somebody else's positions, which must make no
// difference; and who gets a scratch back may let others write into it.
func TestDeflaterUsesItsHooks(t *testing.T) {
	p := jsonCorpus(3000)
	scratches, tables := 0, 0
	lent := deflateScratch{}
	c := newDeflateCheck(10, true, effortFast)
	c.d.deflateHooks = deflateHooks{
		scratch: func() *deflateScratch { scratches++; return &lent },
		done:    func(s *deflateScratch) { scratches--; *s = deflateScratch{} },
		getTable: func(words int) *deflateTable {
			tables++
			table := newDeflateTable(words)
			table.begin(&deflateHistory{size: 1 << 10}, false)
			table.enter(p, 0, 1000, 1<<10)
			return table
		},
		doneTable: func(*deflateTable) { tables-- },
	}
	c.d.init(10, true, effortFast)
	plain := newDeflateCheck(10, true, effortFast)
	for range 5 {
		if !bytes.Equal(c.message(t, p), plain.message(t, p)) {
			t.Error("what was in the table makes a difference")
		}
		if scratches != 0 || tables != 1 || c.d.own != nil {
			t.Errorf("between messages: %d scratches, %d tables", scratches, tables)
		}
		c.d.rest()
		c.d.rest() // it has nothing more to give
		plain.d.rest()
		if tables != 0 {
			t.Errorf("at rest: %d tables", tables)
		}
	}
}

func TestDeflaterAllocatesNothing(t *testing.T) {
	for effort := effortFast; effort <= effortBest; effort++ {
		for _, takeover := range []bool{false, true} {
			deflateAllocatesNothing(t, takeover, effort)
		}
	}
}

func deflateAllocatesNothing(t *testing.T, takeover bool, effort int) {
	t.Helper()
	for _, p := range [][]byte{jsonCorpus(128), jsonCorpus(20000), randomCorpus(40000), jsonCorpus(70000)} {
		var d deflater
		d.init(15, takeover, effort)
		send := func(dst []byte) []byte { return d.append(d.append(dst, p[:50], false), p[50:], true) }
		dst := make([]byte, 0, len(send(nil))+deflateSlack)
		d.append(nil, randomCorpus(1<<15), true)
		if n := testing.AllocsPerRun(1, func() { send(dst) }); n != 0 {
			t.Errorf("effort %d, takeover %t, %d bytes: %v allocations", effort, takeover, len(p), n)
		}
	}
}

func TestDeflaterSizes(t *testing.T) {
	if n := unsafe.Sizeof(deflater{}); n > 128 {
		t.Errorf("a deflater has %d bytes", n)
	}
	if n := unsafe.Sizeof(deflateScratch{}); n > 96<<10 {
		t.Errorf("a deflateScratch has %d bytes", n)
	}
}

// More effort does not cost more when a message is sent again and again: what it
// repeats within itself must not push out of the table where all of it was before.
func TestDeflaterFindsWholeMessagesAgain(t *testing.T) {
	message := jsonMessage(rand.New(rand.NewPCG(9, 9)), 2000)
	fast := 0
	for effort := effortFast; effort <= effortBest; effort++ {
		var d deflater
		d.init(15, true, effort)
		total := 0
		for range 100 {
			total += len(d.append(nil, message, true))
		}
		if effort == effortFast {
			fast = total
		}
		if total > fast || fast > 40*100 {
			t.Errorf("effort %d: %d bytes, and %d with the least effort", effort, total, fast)
		}
	}
}
