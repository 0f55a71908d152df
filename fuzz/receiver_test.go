package fuzz

import (
	"errors"
	"slices"
	"testing"

	"barewire.example/websocket"
)

// FuzzReceiverSplit: a Receiver and an Endpoint say the same as the reference,
// however their input is cut, and an Endpoint answers as it must.
func FuzzReceiverSplit(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.bytes, []byte{1, 3}, choose(v.role, int16(v.limits.MaxMessageSize), int8(v.limits.MaxFrames)))
	}
	for _, stream := range []string{
		"\x81\x05Hello\x89\x00\x88\x02\x03\xE8ignored",
		"\x01\x02\xE2\x82\x89\x01p\x80\x01\xAC\x82\x7E\x00\x7E",
		"\x02\x00\x00\x00\x80\x01x\x00\x00",
		"\x81\x04a\xF4\x90\x80",
		"\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFabc",
		"\x88\x03\x03\xE8\xFF",
		"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58\x89\x80\x01\x02\x03\x04\x88\x82\x00\x00\x00\x00\x03\xE9",
	} {
		role := websocket.RoleClient
		if stream[1]&0x80 != 0 {
			role = websocket.RoleServer
		}
		f.Add([]byte(stream), []byte{3, 0, 1}, choose(role, -1, -1))
		f.Add([]byte(stream), []byte{2}, choose(role, 1, 1))
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte, choice uint32) {
		in := input{stream: stream, cuts: cuts, role: websocket.Role(choice & 1)}
		in.limits.MaxMessageSize = int64(int16(choice>>1)) << (choice >> 25 & 63)
		in.limits.MaxFrames = int(int8(choice >> 17))
		want := decode(stream, in.role, in.limits)
		for _, each := range []bool{false, true} {
			for _, c := range [][]byte{cuts, nil, {1}} {
				r := websocket.NewReceiver(in.role, in.limits)
				r.EachFrame = each
				run := receiving{t: t, next: r.Next, want: r.Want}
				run.all(stream, c)
				run.check(want)
			}
		}
		checkEndpoint(t, in, want)
	})
}

// choose is the inverse of what the target makes of its last argument.
func choose(role websocket.Role, size int16, frames int8) uint32 {
	return uint32(role) | uint32(uint16(size))<<1 | uint32(uint8(frames))<<17
}

// An input is what the fuzzer chooses.
type input struct {
	stream, cuts []byte
	role         websocket.Role // of the side that receives
	limits       websocket.Limits
}

// A receiving is one run of a Receiver or an Endpoint.
type receiving struct {
	t    *testing.T
	next func([]byte) (websocket.Event, int, error)
	want func() int64
	paid func() // called after each event, or nil

	got     outcome
	message []byte
	err     error
}

func (r *receiving) all(stream, cuts []byte) {
	for piece := range pieces(stream, cuts) {
		for r.step(&piece) {
		}
		if r.err != nil {
			break
		}
	}
	r.sticky()
}

// step takes one event from the piece, and reports whether there may be more.
func (r *receiving) step(piece *[]byte) bool {
	r.t.Helper()
	b := *piece
	wanted := r.want()
	ev, n, err := r.next(b)
	if n < 0 || n > len(b) || err == nil && ev.Kind == websocket.NeedMore && n != len(b) {
		r.t.Fatalf("event %d consumed %d of %d bytes", ev.Kind, n, len(b))
	}
	if *piece = b[n:]; err != nil {
		r.fail(err)
		return false
	}
	r.note(ev)
	// What was wanted is payload, and lies where it was read to.
	if wanted > 0 && len(b) > 0 && (ev.Kind != websocket.DataReceived || len(ev.Data) == 0 || &ev.Data[0] != &b[0]) {
		r.t.Fatalf("%d bytes of payload were wanted, but %d bytes led to %+v", wanted, len(b), ev)
	}
	if r.paid != nil {
		r.paid()
	}
	return ev.Kind != websocket.NeedMore
}

func (r *receiving) note(ev websocket.Event) {
	switch ev.Kind {
	case websocket.DataReceived:
		if r.message = append(r.message, ev.Data...); ev.Final {
			r.got.events = append(r.got.events, event{ev.Op, string(r.message)})
			r.message = nil
		}
	case websocket.PingReceived, websocket.PongReceived, websocket.CloseReceived:
		r.got.events = append(r.got.events, event{ev.Op, string(ev.Data)})
	}
}

func (r *receiving) fail(err error) {
	r.t.Helper()
	var pe *websocket.ProtocolError
	if !errors.As(err, &pe) || pe.Rule == 0 {
		r.t.Fatalf("the error is %v", err)
	}
	r.got.broken, r.got.offset, r.err = pe.Rule, int(pe.Offset), err
	if r.paid != nil {
		r.paid()
	}
}

// sticky asks again after an error.
func (r *receiving) sticky() {
	r.t.Helper()
	if r.err == nil {
		return
	}
	if ev, n, err := r.next([]byte("\x89\x00")); err != r.err || n != 0 || ev.Kind != websocket.NeedMore {
		r.t.Fatalf("after %v: %+v, %d, %v", r.err, ev, n, err)
	}
}

func (r *receiving) check(want outcome) {
	r.t.Helper()
	if !slices.Equal(r.got.events, want.events) || r.got.broken != want.broken || r.got.offset != want.offset {
		r.t.Fatalf("got  %v, broken %s at %d\nwant %v, broken %s at %d", r.got.events, r.got.broken.ID(), r.got.offset,
			want.events, want.broken.ID(), want.offset)
	}
}

// checkEndpoint wants a pong for each ping, an echo for the Close, and a Close
// with the rule's code for a broken rule: nothing less, and nothing else.
func checkEndpoint(t *testing.T, in input, want outcome) {
	t.Helper()
	e := websocket.NewEndpoint(in.role, websocket.Config{Limits: in.limits, MaskKey: keys()})
	var sent []byte
	run := receiving{t: t, next: e.Next, want: e.Want, paid: func() { sent = e.AppendOwed(sent) }}
	run.all(in.stream, in.cuts)
	run.check(want)
	state, answers := websocket.StateOpen, []event(nil)
	for _, ev := range want.events {
		switch ev.op {
		case websocket.OpPing:
			answers = append(answers, event{websocket.OpPong, ev.payload})
		case websocket.OpClose:
			answers = append(answers, event{websocket.OpClose, ev.payload[:min(2, len(ev.payload))]})
			state = websocket.StateClosed
		}
	}
	if want.broken != 0 {
		body := websocket.AppendCloseBody(nil, want.broken.Code(), want.broken.Text())
		answers = append(answers, event{websocket.OpClose, string(body)})
		state = websocket.StateFailed
	}
	if e.State() != state || e.Owes() {
		t.Fatalf("state %s, want %s; Owes() = %v", e.State(), state, e.Owes())
	}
	got := decode(sent, 1-in.role, websocket.Limits{})
	if got.broken != 0 || !slices.Equal(got.events, answers) {
		t.Fatalf("sent %x\nwhich is %v, broken %s\nwant     %v", sent, got.events, got.broken.ID(), answers)
	}
	if err := e.EOF(); (err == nil) != (state != websocket.StateOpen) {
		t.Fatalf("EOF in state %s: %v", state, err)
	}
}
