// This file tests which of several faults in a compressed message counts: the
// first in the stream, however the stream is cut.

package websocket

import (
	"errors"
	"slices"
	"testing"
)

// receiverLiterals returns a block of literals in the fixed codes.
func receiverLiterals(text string) string {
	w := &inflateWriter{}
	return string(w.fixed(0).literals(text).end().end())
}

// receiverCorrupt has the length code 286 behind the literals, which has no
// meaning (1951 §3.2.6).
func receiverCorrupt(text string) string {
	w := &inflateWriter{}
	b := w.fixed(0).literals(text)
	b.text.WriteString(b.lit[286])
	return string(w.bytes())
}

// receiverFaults are payloads of a text in which one thing follows another, so
// closely that all of it is inflated at once. The limit is 16 bytes.
var receiverFaults = []struct {
	name, payload string
	broken        Rule
}{
	{"sound", receiverLiterals("Hello"), 0},
	{"code-point-cut", receiverLiterals("Hello \xe2\x82"), RuleUTF8},
	{"impossible", receiverLiterals("Hello \xff!"), RuleUTF8},
	{"limit", receiverLiterals("0123456789abcdef!"), RuleTooBig},
	{"limit-reached", receiverLiterals("0123456789abcdef"), 0},
	{"corrupt", receiverCorrupt("Hello"), RuleDeflate},
	{"corrupt-at-once", receiverCorrupt(""), RuleDeflate},
	{"impossible-limit", receiverLiterals("01234\xff6789abcdef!"), RuleUTF8},
	{"limit-impossible", receiverLiterals("0123456789abcdef\xff"), RuleTooBig},
	{"code-point-cut-limit", receiverLiterals("0123456789abcd\xe2\x82\xac"), RuleTooBig},
	{"impossible-corrupt", receiverCorrupt("Hello\xff"), RuleUTF8},
	{"code-point-cut-corrupt", receiverCorrupt("Hello\xe2\x82"), RuleDeflate},
	{"limit-corrupt", receiverCorrupt("0123456789abcdef!"), RuleTooBig},
	{"limit-reached-corrupt", receiverCorrupt("0123456789abcdef"), RuleDeflate},
	{"corrupt-impossible", receiverCorrupt("Hello") + "\xff\xff", RuleDeflate},
	{"code-point-cut-limit-corrupt", receiverCorrupt("0123456789abcd\xe2\x82\xac"), RuleTooBig},
	{"unfinished", receiverLiterals("Hello")[:4], RuleDeflate},
	{"unfinished-impossible", receiverLiterals("Hel\xfflo")[:6], RuleUTF8},
	{"unfinished-code-point-cut", receiverLiterals("Hel\xe2\x82\xac")[:6], RuleDeflate},
	{"empty-block-impossible", "\x00\x00\x00\xff\xff" + receiverLiterals("\xff"), RuleUTF8},
	{"block-without-an-end", receiverLiterals("Hello")[:6], RuleDeflate},
}

// receiverFaultRun returns what comes of the pieces.
func receiverFaultRun(role Role, pieces ...[]byte) []string {
	r, l := newDeflateReceiver(role, Limits{MaxMessageSize: 16}), &receiverLog{}
	for _, p := range pieces {
		if !l.feed(r, slices.Clone(p)) {
			break
		}
	}
	return l.lines
}

func TestReceiverNamesTheFirstFaultHoweverTheFrameIsCut(t *testing.T) {
	for _, c := range receiverFaults {
		t.Run(c.name, func(t *testing.T) {
			for _, role := range []Role{RoleServer, RoleClient} {
				wire := receiverCompressed(role, OpText, c.payload, 1)
				want := receiverFaultRun(role, slices.Collect(slices.Chunk(wire, 1))...)
				if c.broken != 0 && !slices.Equal(want, []string{(&ProtocolError{c.broken, 0}).Error()}) || c.broken == 0 && len(want) != 1 {
					t.Errorf("%s, byte by byte: %q, want %s", role, want, c.broken.ID())
				}
				for cut := range len(wire) + 1 {
					if got := receiverFaultRun(role, wire[:cut], wire[cut:]); !slices.Equal(got, want) {
						t.Fatalf("%s, cut at %d: %q, want %q", role, cut, got, want)
					}
				}
			}
		})
	}
}

// The frame in which the fault lies is the one that is named, and it fails before
// the next arrives.
func TestReceiverNamesTheFirstFaultHoweverTheMessageIsFragmented(t *testing.T) {
	for _, c := range receiverFaults {
		t.Run(c.name, func(t *testing.T) {
			for n := 2; n <= len(c.payload)+1; n++ {
				wire := receiverCompressed(RoleClient, OpText, c.payload, n)
				want := receiverFaultRun(RoleClient, slices.Collect(slices.Chunk(wire, 1))...)
				for cut := range len(wire) + 1 {
					if got := receiverFaultRun(RoleClient, wire[:cut], wire[cut:]); !slices.Equal(got, want) {
						t.Fatalf("%d frames, cut at %d: %q, want %q", n, cut, got, want)
					}
				}
				r := newDeflateReceiver(RoleClient, Limits{MaxMessageSize: 16})
				if _, err := receiverOut(r, wire); c.broken != 0 && !errors.Is(err, c.broken) || c.broken == 0 && err != nil {
					t.Errorf("%d frames: %v, want %s", n, err, c.broken.ID())
				}
			}
		})
	}
}

// A text fails at the first byte of the payload of which an impossible byte comes.
func TestReceiverFailsCompressedTextAtTheFirstImpossibleByte(t *testing.T) {
	for _, text := range []string{"\xff", "a\xc0", "κόσμε\xed\xa0", "\xf4\x90", "€€€\xe2\x28"} {
		payload := receiverLiterals(text + "and more")
		// Three bits of a header, and 9 or 8 for each byte.
		bits := 3
		for i := range len(text) {
			bits += 8
			if text[i] >= 144 {
				bits++
			}
		}
		wire := receiverCompressed(RoleClient, OpText, payload, 1)
		r, l := newDeflateReceiver(RoleClient, Limits{}), &receiverLog{}
		at := 0
		for at < len(wire) && l.feed(r, []byte{wire[at]}) {
			at++
		}
		if want := 2 + (bits+7)/8 - 1; at != want || !errors.Is(r.Err(), RuleUTF8) {
			t.Errorf("%q failed at byte %d, want %d: %v", text, at, want, r.Err())
		}
	}
}

// Behind the error nothing is inflated (§7.1.7).
func TestReceiverInflatesNothingBehindAnError(t *testing.T) {
	r := newDeflateReceiver(RoleClient, Limits{})
	_, first := receiverOut(r, []byte("\xc1\x04\xff\xff\xff\xff"))
	for range 3 {
		out, err := receiverOut(r, []byte("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"))
		if out != 0 || err != first || !errors.Is(err, RuleDeflate) {
			t.Errorf("%d bytes, %v", out, err)
		}
	}
}
