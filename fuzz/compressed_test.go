package fuzz

import (
	"bytes"
	"compress/flate"
	"io"
	"slices"
	"testing"

	"barewire.example/websocket"
)

// FuzzCompressedSplit: with permessage-deflate agreed on, a Receiver says the same
// however its input is cut, no more than the limit comes out, and what it delivers
// is what compress/flate finds in the frames.
func FuzzCompressedSplit(f *testing.F) {
	for _, v := range vectors(f) {
		if v.agreed != nil {
			f.Add(v.bytes, []byte{1, 3}, compressedChoice(v))
		}
	}
	for _, stream := range []string{
		"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00\x81\x01x",
		"\x41\x03\xf2\x48\xcd\x89\x01p\x00\x00\x80\x04\xc9\xc9\x07\x00\x88\x02\x03\xe8",
		"\xc1\x03\x4a\x1c\x03\x81\x01x",
		"\xc2\x7e\x00\xce\xec\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xaf\xee\x08\x0a" + string(make([]byte, 190)) + "\xb8\x0b",
	} {
		f.Add([]byte(stream), []byte{2, 0, 7}, uint32(websocket.RoleClient))
		f.Add([]byte(stream), []byte{5}, uint32(websocket.RoleClient)|100<<9)
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte, choice uint32) {
		in := newCompressed(stream, choice)
		want := in.run(t, []byte{1}, false)
		for _, each := range []bool{false, true} {
			for _, c := range [][]byte{cuts, nil} {
				run := in.run(t, c, each)
				run.check(want.got)
				if !bytes.Equal(run.message, want.message) && want.got.broken == 0 {
					t.Fatalf("the message in progress is %x, was %x", run.message, want.message)
				}
			}
		}
		in.checkFlate(t, want.got)
	})
}

// A compressed is what the fuzzer chooses, and what that means.
type compressed struct {
	input
	agreed   websocket.Compression
	bits     int  // of the peer's window
	takeover bool // of the peer's
}

func newCompressed(stream []byte, choice uint32) compressed {
	c := compressed{agreed: *settings(choice >> 1 & 3), input: input{stream: stream, role: websocket.Role(choice & 1)}}
	c.agreed.ServerMaxWindowBits, c.agreed.ClientMaxWindowBits = 15-int(choice>>3&7), 15-int(choice>>6&7)
	c.limits.MaxMessageSize = int64(choice >> 9 & 0xFFFF)
	c.limits.MaxFrames = int(choice >> 25)
	c.bits, c.takeover = c.agreed.ServerMaxWindowBits, !c.agreed.ServerNoContextTakeover
	if c.role == websocket.RoleServer {
		c.bits, c.takeover = c.agreed.ClientMaxWindowBits, !c.agreed.ClientNoContextTakeover
	}
	return c
}

// compressedChoice is the inverse of newCompressed, as far as it goes.
func compressedChoice(v vector) uint32 {
	choice := uint32(v.role) | uint32(15-v.agreed.ServerMaxWindowBits)<<3 | uint32(15-v.agreed.ClientMaxWindowBits)<<6
	if v.agreed.ServerNoContextTakeover {
		choice |= 2
	}
	if v.agreed.ClientNoContextTakeover {
		choice |= 4
	}
	return choice | uint32(v.limits.MaxMessageSize&0xFFFF)<<9 | uint32(v.limits.MaxFrames&0x7F)<<25
}

func (c compressed) run(t *testing.T, cuts []byte, each bool) *receiving {
	t.Helper()
	r := websocket.NewReceiver(c.role, c.limits)
	r.SetCompression(&c.agreed)
	r.EachFrame = each
	run := &receiving{t: t, next: r.Next, want: r.Want, paid: r.Rest}
	run.all(c.stream, cuts)
	limit := int(most(c.limits.MaxMessageSize, 1<<20))
	tooBig := func(e event) bool { return len(e.payload) > limit && e.op < websocket.OpClose }
	if len(run.message) > limit || slices.ContainsFunc(run.got.events, tooBig) {
		t.Fatalf("more than %d bytes have come out: %v and %q", limit, run.got.events, run.message)
	}
	return run
}

// checkFlate goes through the frames again and inflates their payloads. A payload
// that is refused may be one with a distance that is too long for the window.
func (c compressed) checkFlate(t *testing.T, got outcome) {
	t.Helper()
	var payload, history []byte
	var deflated bool
	events := without(got.events, websocket.OpPing, websocket.OpPong, websocket.OpClose)
	for at := 0; len(events) > 0; {
		f, ok := parseFrame(c.stream[at:])
		if at += f.size; !ok || !f.whole {
			t.Fatalf("%v came out of less than a message", events)
		}
		if f.opcode >= 8 {
			continue
		}
		if f.opcode != 0 {
			deflated = c.stream[at-f.size]&0x40 != 0
		}
		if payload = append(payload, f.payload...); !f.fin {
			continue
		}
		if deflated {
			if !c.takeover {
				history = nil
			}
			payload = inflated(payload, history[max(0, len(history)-1<<c.bits):])
			history = append(history, payload...)
		}
		if string(payload) != events[0].payload {
			t.Fatalf("got %v, compress/flate has %q", events[0], payload)
		}
		payload, events = nil, events[1:]
	}
}

// inflated returns what compress/flate makes of a payload. A last block ends its
// work, so it begins anew behind one, at the next byte (7692 §7.2.1).
func inflated(payload, history []byte) (out []byte) {
	rest := bytes.NewReader(append(payload[:len(payload):len(payload)], 0, 0, 0xFF, 0xFF))
	for rest.Len() > 0 {
		r := flate.NewReaderDict(rest, append(history[:len(history):len(history)], out...))
		b, err := io.ReadAll(r)
		if out = append(out, b...); err != nil {
			break
		}
	}
	return out
}
