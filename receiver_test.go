package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// receiverFrame is a frame that a Receiver of the role accepts, when op, fin
// and payload are legal.
func receiverFrame(role Role, op Opcode, fin bool, payload string) []byte {
	return receiverWire(role, Header{Fin: fin, Opcode: op, Length: uint64(len(payload))}, payload)
}

// receiverWire masks as the role demands of its peer.
func receiverWire(role Role, h Header, payload string) []byte {
	body := []byte(payload)
	if role == RoleServer {
		h.Masked, h.MaskKey = true, maskKey
		body = maskBytewise(body, maskKey, 0)
	}
	return append(AppendHeader(nil, h), body...)
}

// receiverLog is what a Receiver made of its input, whatever the cuts: control
// events and whole messages, and at last the error.
type receiverLog struct {
	lines   []string
	message []byte
}

func (l *receiverLog) note(ev Event) {
	switch ev.Kind {
	case DataReceived:
		if l.message = append(l.message, ev.Data...); ev.Final {
			l.lines = append(l.lines, fmt.Sprintf("%s %q", ev.Op, l.message))
			l.message = nil
		}
	case PingReceived, PongReceived, CloseReceived:
		l.lines = append(l.lines, fmt.Sprintf("%s %q", ev.Op, ev.Data))
	}
}

// feed gives b to the Receiver until it wants more, and reports whether it is
// still willing.
func (l *receiverLog) feed(r *Receiver, b []byte) bool {
	for {
		ev, n, err := r.Next(b)
		if err != nil {
			l.lines = append(l.lines, err.Error())
			return false
		}
		l.note(ev)
		if b = b[n:]; ev.Kind == NeedMore {
			return len(b) == 0
		}
	}
}

// receiverRun feeds the pieces to a new Receiver.
func receiverRun(role Role, limits Limits, pieces ...[]byte) []string {
	r, l := NewReceiver(role, limits), &receiverLog{}
	for _, p := range pieces {
		if !l.feed(r, slices.Clone(p)) {
			break
		}
	}
	return l.lines
}

func receiverStream(role Role) []byte {
	return slices.Concat(
		receiverFrame(role, OpText, true, "Hello"),
		receiverFrame(role, OpPing, true, ""),
		receiverFrame(role, OpBinary, false, strings.Repeat("x", 126)),
		receiverFrame(role, OpPong, true, "between"),
		receiverFrame(role, OpContinuation, false, ""),
		receiverFrame(role, OpContinuation, true, "end"),
		receiverFrame(role, OpText, false, "\xE2\x82"),
		receiverFrame(role, OpPing, true, strings.Repeat("p", MaxControlPayload)),
		receiverFrame(role, OpContinuation, true, "\xAC"),
		receiverFrame(role, OpText, true, ""),
		receiverFrame(role, OpClose, true, "\x03\xE8bye"),
		[]byte("this is no frame and is ignored"),
	)
}

var receiverStreamLog = []string{
	`text "Hello"`, `ping ""`, `pong "between"`, `binary "` + strings.Repeat("x", 126) + `end"`,
	`ping "` + strings.Repeat("p", MaxControlPayload) + `"`, `text "€"`, `text ""`, `close "\x03\xe8bye"`,
}

func TestReceiverResumesAtEveryByte(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		b := receiverStream(role)
		if got := receiverRun(role, Limits{}, b); !slices.Equal(got, receiverStreamLog) {
			t.Fatalf("%s: whole: %q", role, got)
		}
		if got := receiverRun(role, Limits{}, slices.Collect(slices.Chunk(b, 1))...); !slices.Equal(got, receiverStreamLog) {
			t.Errorf("%s: byte by byte: %q", role, got)
		}
		for cut := range b {
			if got := receiverRun(role, Limits{}, b[:cut], nil, b[cut:]); !slices.Equal(got, receiverStreamLog) {
				t.Errorf("%s: cut at %d: %q", role, cut, got)
			}
		}
	}
}

// Every rule on frames, with the first frame that breaks it and what stands
// before that.
func TestReceiverNamesTheBrokenRuleAndItsOffset(t *testing.T) {
	const start = "\x01\x02ok" // a text that goes on
	small := Limits{MaxMessageSize: 4, MaxFrames: 2}
	for _, c := range []struct {
		before, frame string // as a server sends them
		limits        Limits
		broken        Rule
	}{
		{"", "\x81\x80\x00\x00\x00\x00", Limits{}, RuleMaskForbidden},
		{"", "\xC1\x00", Limits{}, RuleReservedBit},
		{start, "\xA0\x00", Limits{}, RuleReservedBit},
		{start, "\x99\x00", Limits{}, RuleReservedBit},
		{"", "\x83\x00", Limits{}, RuleOpcode},
		{"", "\x8B\x00", Limits{}, RuleOpcode},
		{start, "\x08\x00", Limits{}, RuleControlFragmented},
		{"", "\x89\x7E\x00\x7E", Limits{}, RuleControlLength},
		{"", "\x8A\x7F\x80\x00\x00\x00\x00\x00\x00\x00", Limits{}, RuleLengthSign},
		{"", "\x82\x7E\x00\x7D", Limits{}, RuleLengthForm},
		{"", "\x88\x7E\x00\x00", Limits{}, RuleLengthForm},
		{"\x89\x00", "\x80\x00", Limits{}, RuleContinuation},
		{start + "\x80\x00", "\x00\x00", Limits{}, RuleContinuation},
		{start, "\x82\x00", Limits{}, RuleInterleaved},
		{start + "\x8A\x01x", "\x80\x03", small, RuleTooBig},
		{start + "\x00\x00", "\x80\x00", small, RuleTooManyFrames},
		{start, "\x80\x02a\xFF", Limits{}, RuleUTF8},
		{start + "\x00\x02\xE2\x82", "\x80\x00", Limits{}, RuleUTF8},
		{start, "\x88\x01\x03", Limits{}, RuleCloseLength},
		{start, "\x88\x02\x03\xED", Limits{}, RuleCloseCode},
		{start, "\x88\x03\x03\xE8\xFF", Limits{}, RuleCloseReason},
	} {
		b := []byte(c.before + c.frame + "\x81\x01!")
		want := (&ProtocolError{c.broken, int64(len(c.before))}).Error()
		for cut := range len(b) + 1 {
			got := receiverRun(RoleClient, c.limits, b[:cut], b[cut:])
			if len(got) == 0 || got[len(got)-1] != want {
				t.Errorf("%x %x, cut at %d: got %q, want %s", c.before, c.frame, cut, got, want)
			}
		}
	}
	if got := receiverRun(RoleServer, Limits{}, []byte("\x81\x00")); !slices.Equal(got, []string{
		"websocket: client frame is not masked (RFC 6455 §5.1) at byte 0"}) {
		t.Errorf("unmasked: %q", got)
	}
}

// Which rule is named when a header breaks several: the order of check.
func TestReceiverJudgesHeadersInOneOrder(t *testing.T) {
	wires := []string{
		"\x43\x80\x00\x00\x00\x00",                         // reserved bit, opcode, mask
		"\x03\x80\x00\x00\x00\x00",                         // opcode, mask
		"\x09\xFF\xFF\x00\x00\x00\x00\x00\x00\x00\x00\x00", // mask, sign …
		"\x09\x7F\xFF\x00\x00\x00\x00\x00\x00\x00",         // sign, fragmented, length
		"\x09\x7E\x00\x7E",                                 // fragmented, length
		"\x89\x7F\x00\x00\x00\x00\x00\x00\x00\x7E",         // length, form
		"\x80\x7E\x00\x05",                                 // form, continuation
		"\x80\x7E\x04\x00",                                 // continuation, too big
	}
	for i, want := range []Rule{
		RuleReservedBit, RuleOpcode, RuleMaskForbidden, RuleLengthSign, RuleControlFragmented,
		RuleControlLength, RuleLengthForm, RuleContinuation,
	} {
		wire := append([]byte(wires[i]), make([]byte, MaxHeaderSize)...)
		_, _, err := NewReceiver(RoleClient, Limits{MaxMessageSize: 1}).Next(wire)
		if !errors.Is(err, want) {
			t.Errorf("%x: got %v, want %s", wires[i], err, want.ID())
		}
	}
}

// §8.1, Autobahn 6.4: inside a frame, and with control frames between the
// halves of a code point.
func TestReceiverFailsTextAtTheFirstImpossibleByte(t *testing.T) {
	payload := "κόσμε\xF4\x90"
	b := slices.Concat(receiverFrame(RoleClient, OpText, false, "\xCE"), receiverFrame(RoleClient, OpPing, true, "\xFF"),
		receiverFrame(RoleClient, OpContinuation, true, payload[1:]+"and more"))
	first := len(b) - len("and more") - 1
	r, l := NewReceiver(RoleClient, Limits{}), &receiverLog{}
	for i := range b {
		if alive := l.feed(r, b[i:i+1]); alive != (i < first) {
			t.Fatalf("byte %d: alive %v, log %q; the first impossible byte is %d", i, alive, l.lines, first)
		} else if !alive {
			break
		}
	}
	if want := (&ProtocolError{RuleUTF8, 6}); r.Err() == nil || r.Err().Error() != want.Error() {
		t.Errorf("got %v, want %v", r.Err(), want)
	}
}

//
func TestReceiverStartsEachTextAnew(t *testing.T) {
	whole := receiverFrame(RoleClient, OpText, true, "€")
	binary := receiverFrame(RoleClient, OpBinary, true, "\xE2\x82")
	got := receiverRun(RoleClient, Limits{}, whole, binary, whole, binary, binary, whole)
	want := []string{`text "€"`, `binary "\xe2\x82"`, `text "€"`, `binary "\xe2\x82"`, `binary "\xe2\x82"`, `text "€"`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// S-57: 10 000 calls after the error give the same one.
func TestReceiverErrorsAreSticky(t *testing.T) {
	r := NewReceiver(RoleClient, Limits{})
	b := []byte("\x89\x00\x83\x00\x81\x01x")
	if ev, n, err := r.Next(b); ev.Kind != PingReceived || n != 2 || err != nil || r.Err() != nil {
		t.Fatalf("ping: %v, %d, %v", ev.Kind, n, err)
	}
	ev, n, first := r.Next(b[2:])
	if ev.Kind != NeedMore || n != 2 || !errors.Is(first, RuleOpcode) {
		t.Fatalf("opcode 3: %v, %d, %v", ev.Kind, n, first)
	}
	for range 10000 {
		ev, n, err := r.Next(b[4:])
		if ev.Kind != NeedMore || ev.Data != nil || n != 0 || err != first || r.Err() != first || r.Closed() {
			t.Fatalf("afterwards: %+v, %d, %v", ev, n, err)
		}
	}
	if want := "websocket: opcode is reserved (RFC 6455 §5.2) at byte 2"; first.Error() != want {
		t.Errorf("got %v, want %s", first, want)
	}
}

func TestReceiverIgnoresWhatFollowsClose(t *testing.T) {
	r := NewReceiver(RoleClient, Limits{})
	b := []byte("\x88\x02\x03\xE8\xFF\xFFgarbage")
	if ev, n, err := r.Next(b); ev.Kind != CloseReceived || ev.Op != OpClose || !ev.Final || n != 4 || err != nil || !r.Closed() {
		t.Fatalf("close: %+v, %d, %v", ev, n, err)
	}
	for _, more := range [][]byte{b[4:], nil, bytes.Repeat([]byte{0xFF}, 1000)} {
		if ev, n, err := r.Next(more); ev.Kind != NeedMore || ev.Data != nil || n != len(more) || err != nil {
			t.Errorf("behind it: %+v, %d, %v", ev, n, err)
		}
	}
	if r.Err() != nil || r.Want() != 0 {
		t.Errorf("Err() = %v, Want() = %d", r.Err(), r.Want())
	}
	if want := int64(len(b) + 1000); r.offset != want {
		t.Errorf("%d bytes were counted, want %d", r.offset, want)
	}
}
