package websocket

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func inflateHex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const inflateHello = "f2 48 cd c9 c9 07 00"

// The examples of 7692 §7.2.3, and what senders may or may not do besides.
func TestInflateExamples(t *testing.T) {
	for _, test := range []struct {
		name, payloads string // separated by bars
		want           string // likewise
		fault          inflateFault
	}{
		{"one-block", inflateHello, "Hello", ""},
		{"shared-window", inflateHello + "|f2 00 11 00 00", "Hello|Hello", ""},
		{"stored", "00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello", ""},
		{"final", "f3 48 cd c9 c9 07 00 00", "Hello", ""},
		{"two-blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello", ""},
		{"empty", "00", "", ""},
		{"no-payload", "", "", ""},
		{"no-payload-between", inflateHello + "||f2 00 11 00 00", "Hello||Hello", ""},
		{"again-after-final", "f3 48 cd c9 c9 07 00" + inflateHello, "HelloHello", ""},
		{"window-goes-on-after-final", "f3 48 cd c9 c9 07 00 00|f2 00 11 00 00", "Hello|Hello", ""},
		{"window-goes-on-within", "f3 48 cd c9 c9 07 00 f2 00 11 00 00", "HelloHello", ""},
		{"final-stored-at-the-end", "f2 48 cd c9 c9 07 04|f2 00 11 00 00", "Hello|Hello", ""},
		{"padding-is-ignored", "f2 48 cd c9 c9 07 e0", "Hello", ""},
		{"thousand-empty-blocks", strings.Repeat("00 00 00 ff ff", 1000) + "00", "", ""},
		{"reserved-type-final", "ff ff ff ff", "", faultType},
		{"reserved-type", "06", "", faultType},
		{"reserved-type-behind-data", inflateHello + "00 00 ff ff 06", "Hello", faultType},
		{"cut-in-a-code", "f2 48 cd c9", "Hel", faultCut},
		{"cut-in-the-end", "f2 48 cd c9 c9 07", "Hello", faultCut},
		{"cut-behind-final", "f3 48 cd c9 c9 07 00", "Hello", faultCut},
		{"tail-not-taken-away", inflateHello + "00 00 ff ff", "Hello", faultCut},
		{"tail-begun", inflateHello + "00", "Hello", faultCut},
		{"cut-in-stored", "00 05 00 fa ff 48 65", "He", faultCut},
		{"cut-before-stored", "00 05 00 fa ff", "", faultCut},
		{"complement", "00 05 00 fb ff 48 65 6c 6c 6f 00", "", faultComplement},
		{"missing-history", "f2 00 11 00 00", "H", faultHistory},
		{"nothing-after-a-fault", "06|" + inflateHello, "", faultType},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := inflateCase{windowBits: 15, takeover: true}
			for payload := range strings.SplitSeq(test.payloads, "|") {
				c.payloads = append(c.payloads, inflateHex(t, payload))
			}
			outs, fault := c.check(t)
			if got := string(bytes.Join(outs, []byte("|"))); got != test.want || fault != test.fault {
				t.Errorf("%q and fault %q, want %q and %q", got, fault, test.want, test.fault)
			}
		})
	}
}

// What is inflated up to a fault, every way to cut gives out; nothing comes
// behind it, not even from a valid message.
func TestInflateStaysBad(t *testing.T) {
	for _, payload := range []string{"06", "f2 48 cd c9", inflateHello + "00 00 ff ff 06"} {
		f := newTestInflater(15, true)
		if _, ok := inflateMessage(f, inflateHex(t, payload), inflateWhole); ok {
			t.Fatalf("%s is accepted", payload)
		}
		if f.s != nil || f.spare != nil || f.history.b != nil {
			t.Errorf("%s: memory is kept", payload)
		}
		if out, _, ok := f.next(inflateHex(t, inflateHello)); ok || len(out) > 0 {
			t.Errorf("%s: next goes on", payload)
		}
		if out, more, ok := f.end(); ok || more || len(out) > 0 {
			t.Errorf("%s: end goes on", payload)
		}
	}
}

// 7692 §7.1.1: without takeover, there is nothing to refer to.
func TestInflateWithoutTakeoverForgets(t *testing.T) {
	payloads := [][]byte{inflateHex(t, inflateHello), inflateHex(t, inflateHello), inflateHex(t, "f2 00 11 00 00")}
	outs, fault := inflateCase{15, false, payloads}.check(t)
	if got := string(bytes.Join(outs, []byte("|"))); got != "Hello|Hello|H" || fault != faultHistory {
		t.Errorf("%q and fault %q", got, fault)
	}
}

// 7692 §7.1.2: the window is 2^w bytes, so that is the longest distance.
func TestInflateDistanceLimits(t *testing.T) {
	for windowBits := 8; windowBits <= 15; windowBits++ {
		reach := 1 << windowBits
		for _, test := range []struct {
			before, dist int
			fault        inflateFault
		}{
			{reach, reach, ""}, {reach + 1, reach, ""}, {reach + 258, reach, ""}, {reach - 1, reach - 1, ""},
			{reach - 1, reach, faultHistory}, {reach + 1, reach + 1, faultFar},
		} {
			if test.dist > 1<<15 {
				continue // there is no code for it
			}
			w := &inflateWriter{}
			w.stored(0, strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz!", reach/16)[:test.before])
			c := inflateCase{windowBits, true, [][]byte{w.fixed(0).match(258, test.dist).end().end()}}
			_, fault := c.check(t)
			c.takeover = false
			if _, again := c.check(t); fault != test.fault || again != test.fault {
				t.Errorf("distance %d behind %d bytes, %d bits: faults %q and %q", test.dist, test.before, windowBits, fault, again)
			}
		}
	}
}

// Across messages, and wherever the ring of the history begins.
func TestInflateTakesHistoryOver(t *testing.T) {
	for windowBits := 8; windowBits <= 15; windowBits++ {
		reach := 1 << windowBits
		c := inflateCase{windowBits: windowBits, takeover: true}
		size := 0
		for i := range 14 {
			letters := 1 + i*i*reach/300
			w := &inflateWriter{}
			b := w.fixed(i & 1).literals(strings.Repeat(string(rune('a'+i%26)), letters))
			size += letters
			for k := range 20 {
				dist := min(size, reach) - k*104729%min(size, reach)
				length := 3 + (i+k*13)%256
				b = b.match(length, dist)
				size += length
			}
			if b.end(); i&1 == 1 {
				w.align() // behind BFINAL
			}
			c.payloads = append(c.payloads, w.end())
		}
		if outs, fault := c.check(t); fault != "" || len(outs) != 14 {
			t.Errorf("%d bits: fault %q in message %d", windowBits, fault, len(outs))
		}
	}
}

// Every length at distances around the size of words and steps of copying.
func TestInflateCopiesEveryLength(t *testing.T) {
	w := &inflateWriter{}
	b := w.fixed(0).literals("The quick brown fox jumps over the lazy dog, and again, and again.")
	for dist := 1; dist <= 40; dist++ {
		for length := 3; length <= 258; length++ {
			b = b.literals(string(rune('A'+(dist+length)%26))).match(length, dist)
		}
	}
	if _, fault := (inflateCase{15, true, [][]byte{b.end().end()}}).check(t); fault != "" {
		t.Errorf("fault %q", fault)
	}
}
