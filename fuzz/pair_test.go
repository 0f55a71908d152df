package fuzz

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"barewire.example/websocket"
)

// FuzzPair: two endpoints talk by a random script. Whatever they say is legal,
// what was sent arrives equal and in order, and when one has closed and all has
// arrived, both have.
//
// Each step of the script is a byte: bit 0 says whose turn it is, the next
// three are the index of an action, which reads its arguments from what follows.
func FuzzPair(f *testing.F) {
	for _, seed := range []string{
		"\x00\x00\x05Hello\x0A\x01\x01\x02ab\x0B",
		"\x02\x02\x01\xE2\x04\x01p\x0A\x0D\x02\x01\x02\x82\xAC\x0A\x0B",   // a text cut in a code point, a ping between
		"\x02\x02\x01\xE2\x02\x01\x01(\x02\x01\x02\x82\xAC\x0A",           // the second fragment is refused
		"\x03\x04\x02ab\x01\x00\x01c\x03\x00\x00\x03\x01\x02\xFF\xFF\x0B", // a message inside another is refused
		"\x06\x01\x03bye\x00\x00\x01x\x01\x00\x01y\x0A\x01\x00\x01z\x0D\x0B",
		"\x06\x00\x00\x07\x05\x02ok\x0A\x0B",                                   // both close
		"\x06\x02\x01x\x06\x03\x00\x06\x02\x00\x0A",                            // 1005 with a reason, 1006, 1005
		"\x00\x01\x01x\x08\x03\x08\xFF\x01\x01\xC8x\x0A\x0B",                   // a big payload
		"\x00\x00\x01a\x08\x01\x0E\xFF\x01\x00\x01b\x0B\x07\x00\x00\x0D",       // one input ends
		"\x07\x00\x00\x0B\x0F\xFF\x0C",                                         // … behind a Close
		strings.Repeat("\x04\x01a\x04\x02bc", 12) + "\x0A\x0D\x0B\x04\x00\x0A", // more pings than are kept
	} {
		f.Add([]byte(seed))
	}
	for _, v := range vectors(f) {
		f.Add(v.bytes)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := script{rest: text[:min(len(text), 4096)], big: 4}
		p := newPair(t)
		for len(s.rest) > 0 {
			op := s.byte()
			from, to := p[op&1], p[1-op&1]
			actions[int(op>>1)%len(actions)](&s, from, to)
			from.checkStates()
			to.checkStates()
		}
		p.finish()
	})
}

// A script is what the fuzzer chooses; past its end there are zeros.
type script struct {
	rest []byte
	big  int // how many big payloads there may still be
}

func (s *script) byte() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

// payload returns up to most bytes, or a few times so many that two or eight
// bytes of length are needed.
func (s *script) payload(most byte) []byte {
	n := min(int(s.byte()&most), len(s.rest))
	b := bytes.Clone(s.rest[:n])
	s.rest = s.rest[n:]
	if most == 0xFF && n > 0 && b[0] == 'x' && s.big > 0 {
		s.big--
		b = bytes.Repeat(b, 70000/n)
	}
	return b
}

var actions = []func(s *script, from, to *side){
	func(s *script, from, _ *side) {
		op := websocket.OpText + websocket.Opcode(s.byte()&1)
		from.send(op, true, s.payload(0xFF))
	},
	func(s *script, from, _ *side) {
		how := s.byte()
		from.send(websocket.Opcode(how>>1)%3, how&1 == 1, s.payload(0xFF))
	},
	func(s *script, from, _ *side) { from.ping(s.payload(0x7F)) },
	func(s *script, from, _ *side) {
		codes := []websocket.CloseCode{1000, 1001, 1005, 1006, 3000, 4999}
		from.close(codes[int(s.byte())%len(codes)], string(s.payload(0x7F)))
	},
	func(s *script, from, to *side) { to.hear(from, 1+int(s.byte())) },
	func(_ *script, from, to *side) { to.hear(from, len(from.out)) },
	func(_ *script, from, _ *side) { from.pay() },
	func(s *script, from, to *side) {
		if s.byte() == 0xFF { // seldom, since it ends most of what can happen
			to.lose(from)
		}
	},
}

// A side is one of the two endpoints.
type side struct {
	t *testing.T
	*websocket.Endpoint
	role websocket.Role

	wire []byte // all bytes that it sent
	out  []byte // those that have not been delivered

	asked   []event // messages that were given to it, with a Close at the end
	partial *event  // a message whose last fragment has not been sent
	pings   []string
	ended   bool // nothing more arrives

	run receiving // what it has received
}

type pair [2]*side

func newPair(t *testing.T) pair {
	var p pair
	for i := range p {
		role := websocket.Role(i)
		s := &side{t: t, role: role, Endpoint: websocket.NewEndpoint(role, websocket.Config{
			Limits: websocket.Limits{MaxMessageSize: -1}, MaskKey: keys()})}
		s.run = receiving{t: t, next: s.Next, want: s.Want}
		p[i] = s
	}
	return p
}

// sent notes what a call of the Sender has appended to nothing. An error is
// right when the call was not legal, and only then.
func (s *side) sent(b []byte, err error, legal bool) bool {
	s.t.Helper()
	if (err == nil) != legal || (err != nil) != (len(b) == 0) {
		s.t.Fatalf("%d bytes and the error %v, but legal is %v", len(b), err, legal)
	}
	s.wire, s.out = append(s.wire, b...), append(s.out, b...)
	return legal
}

// legal judges a data frame by §5.4, §5.5.1 and §5.6.
func (s *side) legal(op websocket.Opcode, fin bool, payload []byte) bool {
	if s.Sender.Closed() || (op == websocket.OpContinuation) != (s.partial != nil) {
		return false
	}
	text := payload
	if s.partial != nil {
		op, text = s.partial.op, append([]byte(s.partial.payload), payload...)
	}
	return op != websocket.OpText || possible(text) && (!fin || utf8.Valid(text))
}

func (s *side) send(op websocket.Opcode, fin bool, payload []byte) {
	was, legal := bytes.Clone(payload), s.legal(op, fin, payload)
	b, err := s.AppendFrame(nil, op, fin, payload)
	ok := s.sent(b, err, legal)
	if !bytes.Equal(was, payload) {
		s.t.Fatalf("the caller's payload was changed")
	}
	if !ok {
		return
	}
	if op != websocket.OpContinuation {
		s.partial = &event{op: op}
	}
	s.partial.payload += string(payload)
	if fin {
		s.asked, s.partial = append(s.asked, *s.partial), nil
	}
}

func (s *side) ping(payload []byte) {
	legal := !s.Sender.Closed() && len(payload) <= 125
	b, err := s.AppendPing(nil, payload)
	if s.sent(b, err, legal) {
		s.pings = append(s.pings, string(payload))
	}
}

func (s *side) close(code websocket.CloseCode, reason string) {
	legal := !s.Sender.Closed() && code != 1006 && (code != 1005 || reason == "") &&
		len(reason) <= 123 && utf8.ValidString(reason)
	b, err := s.AppendClose(nil, code, reason)
	if s.sent(b, err, legal) {
		s.asked = append(s.asked, event{websocket.OpClose, string(websocket.AppendCloseBody(nil, code, reason))})
	}
}

func (s *side) pay() {
	owed := s.Owes()
	was := s.Sender.Closed()
	b := s.AppendOwed(nil)
	if owed != (len(b) > 0) || s.Owes() {
		s.t.Fatalf("Owes() was %v, %d bytes were paid, Owes() is %v", owed, len(b), s.Owes())
	}
	s.wire, s.out = append(s.wire, b...), append(s.out, b...)
	if !was && s.Sender.Closed() {
		last := s.run.got.events[len(s.run.got.events)-1]
		s.asked = append(s.asked, event{websocket.OpClose, last.payload[:min(2, len(last.payload))]})
	}
}

// hear delivers up to n bytes from the other side.
func (s *side) hear(from *side, n int) {
	if s.ended {
		return
	}
	b := bytes.Clone(from.out[:min(n, len(from.out))])
	from.out = from.out[len(b):]
	for len(b) > 0 && s.run.step(&b) {
	}
	if s.Err() != nil {
		s.t.Fatalf("the %s refuses what the other sends: %v", s.role, s.Err())
	}
}

// lose ends the input of s.
func (s *side) lose(from *side) {
	s.ended, from.out = true, nil
	inOrder := s.Receiver.Closed()
	if err := s.EOF(); (err == nil) != inOrder {
		s.t.Fatalf("EOF: %v in state %s", err, s.State())
	}
}

// checkStates holds the state against the definitions of §7.1.
func (s *side) checkStates() {
	sent, heard := s.Sender.Closed(), s.Receiver.Closed()
	want := websocket.StateOpen
	switch {
	case sent && heard:
		want = websocket.StateClosed
	case heard:
		want = websocket.StateAnswering
	case s.ended:
		want = websocket.StateLost
	case sent:
		want = websocket.StateClosing
	}
	if s.State() != want {
		s.t.Fatalf("state %s, want %s", s.State(), want)
	}
}

// finish delivers everything and compares.
func (p pair) finish() {
	for again := true; again; {
		again = false
		for i, s := range p {
			s.pay()
			again = again || len(s.out) > 0 && !p[1-i].ended
			p[1-i].hear(s, len(s.out))
		}
	}
	anyClosed := p[0].Sender.Closed() || p[1].Sender.Closed()
	for i, s := range p {
		s.checkSent()
		s.checkHeard(p[1-i])
		if !p[0].ended && !p[1].ended && anyClosed != (s.State() == websocket.StateClosed) {
			s.t.Fatalf("all has arrived, a Close was sent: %v, but the %s is %s", anyClosed, s.role, s.State())
		}
	}
}

// checkSent wants all that was sent to be legal, and to be what was asked for.
func (s *side) checkSent() {
	got := decode(s.wire, 1-s.role, websocket.Limits{MaxMessageSize: -1})
	if got.broken != 0 {
		s.t.Fatalf("the %s broke %s at byte %d of %x", s.role, got.broken.ID(), got.offset, s.wire)
	}
	if said := without(got.events, websocket.OpPing, websocket.OpPong); !slices.Equal(said, s.asked) {
		s.t.Fatalf("the %s sent %v, was asked to send %v", s.role, said, s.asked)
	}
}

// checkHeard wants what arrived to be what was sent, up to where the input
// ended.
func (s *side) checkHeard(from *side) {
	heard := without(s.run.got.events, websocket.OpPing, websocket.OpPong)
	want := from.asked
	if s.ended {
		want = want[:min(len(want), len(heard))]
	}
	if !slices.Equal(heard, want) {
		s.t.Fatalf("the %s heard %v, want %v", s.role, heard, want)
	}
	s.checkPongs(from)
}

// checkPongs wants pongs to answer pings in order, perhaps not all of them, but
// the most recent one if nothing has ended (§5.5.3).
func (s *side) checkPongs(from *side) {
	rest := s.pings
	pongs := without(s.run.got.events, websocket.OpPing, websocket.OpClose, websocket.OpText, websocket.OpBinary)
	for _, pong := range pongs {
		i := slices.Index(rest, pong.payload)
		if i < 0 {
			s.t.Fatalf("the %s heard %v of pings %q", s.role, pongs, s.pings)
		}
		rest = rest[i+1:]
	}
	whole := !s.ended && !from.ended && !s.Receiver.Closed()
	if whole && len(s.pings) > 0 {
		last := s.pings[len(s.pings)-1]
		if len(pongs) < min(16, len(s.pings)) || pongs[len(pongs)-1].payload != last {
			s.t.Fatalf("the %s heard %v of pings %q", s.role, pongs, s.pings)
		}
	}
}

func without(events []event, ops ...websocket.Opcode) []event {
	var rest []event
	for _, e := range events {
		if !slices.Contains(ops, e.op) {
			rest = append(rest, event{e.op, strings.Clone(e.payload)})
		}
	}
	return rest
}
