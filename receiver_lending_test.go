package websocket

import (
	"bytes"
	"errors"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"
)

// The tests of this file are about whose memory it is, how much of it, and
// when: what Receiver lends and borrows, and the limits.

func TestReceiverAllocatesNothing(t *testing.T) {
	for name, b := range map[string][]byte{
		"data": receiverFrame(RoleServer, OpText, true, strings.Repeat("é", 500)),
		"ping": receiverFrame(RoleServer, OpPing, true, "Hello"),
		"fragments": slices.Concat(receiverFrame(RoleServer, OpText, false, "\xE2"), receiverFrame(RoleServer, OpPong, true, "x"),
			receiverFrame(RoleServer, OpContinuation, true, "\x82\xAC")),
	} {
		for _, size := range []int{1, 3, len(b)} {
			r := NewReceiver(RoleServer, Limits{})
			buf := make([]byte, len(b))
			events := 0
			got := testing.AllocsPerRun(100, func() {
				copy(buf, b)
				events += receiverCount(r, buf, size)
			})
			if got != 0 || events < 101 || r.Err() != nil {
				t.Errorf("%s in pieces of %d: %v allocations, %d events, %v", name, size, got, events, r.Err())
			}
		}
	}
}

// receiverCount feeds b in pieces of size bytes and counts the events.
func receiverCount(r *Receiver, b []byte, size int) (events int) {
	for len(b) > 0 {
		ev, n, err := r.Next(b[:min(size, len(b))])
		if err != nil {
			return events
		}
		if b = b[n:]; ev.Kind != NeedMore {
			events++
		}
	}
	return events
}

// A caller that knows how many bytes of payload come next reads them where they
// belong, and they stay there.
func TestReceiverWantAllowsDirectReads(t *testing.T) {
	payload := strings.Repeat("0123456789", 100)
	wire := receiverFrame(RoleServer, OpBinary, true, payload)
	head := len(wire) - len(payload)
	r := NewReceiver(RoleServer, Limits{})
	for i := range head {
		if r.Want() != 0 {
			t.Fatalf("Want() = %d behind %d bytes of the header", r.Want(), i)
		}
		if ev, n, err := r.Next(wire[i : i+1]); ev.Kind != NeedMore || n != 1 || err != nil {
			t.Fatalf("header: %+v, %d, %v", ev, n, err)
		}
	}
	message, at := make([]byte, len(payload)), 0
	for _, size := range []int{1, 2, 500, len(payload)} {
		if r.Want() != int64(len(payload)-at) {
			t.Fatalf("Want() = %d behind %d of %d bytes", r.Want(), at, len(payload))
		}
		n := copy(message[at:min(at+size, len(message))], wire[head+at:])
		ev, m, err := r.Next(message[at : at+n])
		if ev.Kind != DataReceived || m != n || err != nil || &ev.Data[0] != &message[at] || len(ev.Data) != n {
			t.Fatalf("payload: %+v, %d, %v", ev, m, err)
		}
		at += n
		if last := at == len(payload); ev.Final != last {
			t.Fatalf("final %v behind %d bytes", ev.Final, at)
		}
	}
	if string(message) != payload || r.Want() != 0 {
		t.Errorf("read %q, Want() = %d", message, r.Want())
	}
}

func TestReceiverWantsNothingOfControlFrames(t *testing.T) {
	r := NewReceiver(RoleClient, Limits{})
	r.EachFrame = true
	ping := receiverFrame(RoleClient, OpPing, true, "Hello")
	for i := range ping {
		ev, n, err := r.Next(ping[i : i+1])
		if n != 1 || err != nil || r.Want() != 0 {
			t.Fatalf("byte %d: %+v, %d, %v, Want() = %d", i, ev, n, err, r.Want())
		}
	}
}

func TestReceiverKnowsWhenItIsBetweenMessages(t *testing.T) {
	r := NewReceiver(RoleClient, Limits{})
	if !r.idle() || r.inData() {
		t.Error("a new Receiver is not idle")
	}
	for i, c := range []struct {
		piece        string
		idle, inData bool
	}{
		{"\x81", false, false}, {"\x02", false, true}, {"a", false, true}, {"b", true, false}, // a text
		{"\x89", false, false}, {"\x01", false, false}, {"x", true, false}, // a ping
		{"\x02\x00", false, false}, {"\x89", false, false}, {"\x00", false, false}, // a ping inside a message
		{"\x80\x01", false, true}, {"c", true, false},
	} {
		if _, n, err := r.Next([]byte(c.piece)); n != len(c.piece) || err != nil {
			t.Fatalf("piece %d: %d, %v", i, n, err)
		}
		if r.idle() != c.idle || r.inData() != c.inData {
			t.Errorf("piece %d (%x): idle() = %v, inData() = %v", i, c.piece, r.idle(), r.inData())
		}
	}
}

func TestReceiverUnmasksInTheCallersBuffer(t *testing.T) {
	wire := slices.Concat(receiverFrame(RoleServer, OpText, true, "Hello"), receiverFrame(RoleServer, OpText, true, "World"))
	r := NewReceiver(RoleServer, Limits{})
	tail := bytes.Clone(wire[11:])
	ev, n, err := r.Next(wire)
	if n != 11 || err != nil || &ev.Data[0] != &wire[6] || string(wire[6:11]) != "Hello" {
		t.Fatalf("%+v, %d, %v, %x", ev, n, err, wire)
	}
	if !bytes.Equal(wire[11:], tail) {
		t.Errorf("bytes that were not consumed have changed: %x", wire[11:])
	}
}

// The payload of a control frame lies in the Receiver: who keeps it must copy
// it before the next call.
func TestReceiverOverwritesControlPayloads(t *testing.T) {
	r := NewReceiver(RoleClient, Limits{})
	b := []byte("\x89\x03one\x8A\x03two\x89\x00")
	first, n, _ := r.Next(b)
	kept := bytes.Clone(first.Data)
	if copy(b[2:], "XXX"); string(first.Data) != "one" {
		t.Errorf("the payload lies in the caller's buffer: %q", first.Data)
	}
	second, m, _ := r.Next(b[n:])
	if string(first.Data) != "two" || string(kept) != "one" || string(second.Data) != "two" {
		t.Errorf("the first payload reads %q, its copy %q, the second %q", first.Data, kept, second.Data)
	}
	if third, _, _ := r.Next(b[n+m:]); third.Kind != PingReceived || len(third.Data) != 0 {
		t.Errorf("an empty ping carries %q", third.Data)
	}
}

func TestReceiverShowsEachFrame(t *testing.T) {
	b := slices.Concat(receiverFrame(RoleServer, OpText, false, "ab"), receiverFrame(RoleServer, OpPing, true, ""),
		receiverFrame(RoleServer, OpContinuation, false, ""), receiverFrame(RoleServer, OpContinuation, true, "c"))
	type seen struct {
		kind  EventKind
		op    Opcode // of the event
		frame Opcode // of its header
		final bool
		data  string
	}
	want := []seen{
		{FrameStart, OpText, OpText, false, ""}, {DataReceived, OpText, OpText, false, "ab"},
		{FrameStart, OpPing, OpPing, false, ""}, {PingReceived, OpPing, OpPing, true, ""},
		{FrameStart, OpText, OpContinuation, false, ""}, {DataReceived, OpText, OpContinuation, false, ""},
		{FrameStart, OpText, OpContinuation, false, ""}, {DataReceived, OpText, OpContinuation, true, "c"},
	}
	for _, each := range []bool{true, false} {
		r := NewReceiver(RoleServer, Limits{})
		r.EachFrame = each
		var got []seen
		for rest := bytes.Clone(b); ; {
			ev, n, err := r.Next(rest)
			if rest = rest[n:]; err != nil || ev.Kind == NeedMore {
				break
			}
			got = append(got, seen{ev.Kind, ev.Op, ev.Header.Opcode, ev.Final, string(ev.Data)})
		}
		if !each {
			want = slices.DeleteFunc(want, func(s seen) bool { return s.kind == FrameStart })
		}
		if !slices.Equal(got, want) {
			t.Errorf("EachFrame %v:\ngot  %v\nwant %v", each, got, want)
		}
	}
}

// On 386 a message cannot be longer than an int, so that is the limit there
// when none is set (S-05, S-08).
func TestReceiverLimitsHaveDefaults(t *testing.T) {
	for _, c := range []struct{ in, want Limits }{
		{Limits{}, Limits{1 << 20, 131072}},
		{Limits{-1, -1}, Limits{int64(maxInt), maxInt}},
		{Limits{math.MinInt64, math.MinInt}, Limits{int64(maxInt), maxInt}},
		{Limits{1, 1}, Limits{1, 1}},
		{Limits{math.MaxInt64, maxInt}, Limits{int64(maxInt), maxInt}},
		{Limits{int64(maxInt), 7}, Limits{int64(maxInt), 7}},
	} {
		if got := c.in.normal(); got != c.want {
			t.Errorf("%+v stand for %+v, want %+v", c.in, got, c.want)
		}
	}
}

// Exactly the limit is accepted, one byte more is refused on the header, and
// the fragments of a message add up (S-09).
func TestReceiverLimitsTheSizeOfMessages(t *testing.T) {
	for _, c := range []struct {
		limit   int64
		lengths []uint64 // of the frames of one message; their payloads are not sent but for the last
		broken  Rule
	}{
		{0, []uint64{1 << 20}, 0},
		{0, []uint64{1<<20 + 1}, RuleTooBig},
		{5, []uint64{2, 3}, 0},
		{5, []uint64{2, 4}, RuleTooBig},
		{5, []uint64{5, 0, 0}, 0},
		{5, []uint64{5, 0, 1}, RuleTooBig},
		{1, []uint64{1<<63 - 1}, RuleTooBig},
		{-1, []uint64{uint64(maxInt)}, 0},
		{-1, []uint64{uint64(maxInt) + 1}, map[int]Rule{64: RuleLengthSign, 32: RuleTooBig}[bits.UintSize]},
		{-1, []uint64{1, uint64(maxInt)}, RuleTooBig}, // S-01
		{-1, []uint64{1, 1<<63 - 1}, RuleTooBig},
	} {
		r := NewReceiver(RoleClient, Limits{MaxMessageSize: c.limit, MaxFrames: -1})
		var err error
		for i, length := range c.lengths {
			h := Header{Opcode: OpBinary, Length: length}
			if i > 0 {
				h.Opcode = OpContinuation
			}
			wire := AppendHeader(nil, h)
			if i < len(c.lengths)-1 {
				wire = append(wire, make([]byte, length)...)
			}
			_, _, err = r.Next(wire)
		}
		if last := c.lengths[len(c.lengths)-1]; c.broken == 0 && (err != nil || uint64(r.Want()) != last) {
			t.Errorf("limit %d, frames %d: %v, Want() = %d", c.limit, c.lengths, err, r.Want())
		}
		if c.broken != 0 && !errors.Is(err, c.broken) {
			t.Errorf("limit %d, frames %d: got %v, want %s", c.limit, c.lengths, err, c.broken.ID())
		}
	}
}

// S-21: empty fragments are counted, control frames are not, and each message
// begins at nothing.
func TestReceiverLimitsTheFramesOfMessages(t *testing.T) {
	for _, c := range []struct{ limit, most int }{{0, 131072}, {1, 1}, {3, 3}} {
		r := NewReceiver(RoleClient, Limits{MaxFrames: c.limit})
		for range 2 {
			feed := receiverFragments(c.most)
			if got := receiverCount(r, feed, len(feed)); got != 2*c.most || !r.idle() {
				t.Fatalf("limit %d: %d events: %v", c.limit, got, r.Err())
			}
		}
		feed := receiverFragments(c.most + 1)
		if got := receiverCount(r, feed, len(feed)); got != 2*c.most+1 || !errors.Is(r.Err(), ErrTooManyFrames) {
			t.Errorf("limit %d: one more: %d events, %v", c.limit, got, r.Err())
		}
	}
}

// receiverFragments returns a message of n empty frames, each with a ping in
// front of it.
func receiverFragments(n int) []byte {
	b := bytes.Repeat([]byte("\x89\x00\x00\x00"), n)
	b[2] = byte(OpBinary)
	b[len(b)-2] |= bitFin
	return b
}
