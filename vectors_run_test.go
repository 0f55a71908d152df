// This file runs test vectors through Receiver and Endpoint, in pieces of every
// size, and compares what comes of them with what the vector says.

package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A vectorEntry is one thing that happens, or must happen, in a run.
type vectorEntry struct {
	line int // of the vector that demands it
	what string
	data []byte
}

func (e vectorEntry) String() string {
	const most = 60
	if len(e.data) > most {
		return fmt.Sprintf("%s %x… (%d bytes)", e.what, e.data[:most], len(e.data))
	}
	if e.what == "<" {
		return fmt.Sprintf("< %s  %s", FormatHex(e.data), FormatFrame(e.data))
	}
	if len(e.data) == 0 {
		return e.what
	}
	return fmt.Sprintf("%s %q", e.what, e.data)
}

// vectorLog is what happens in a run, in order.
type vectorLog []vectorEntry

// add joins what is sent in a row: how it is cut says nothing.
func (l *vectorLog) add(e vectorEntry) {
	if n := len(*l); n > 0 && e.what == "<" && (*l)[n-1].what == "<" {
		last := &(*l)[n-1]
		last.data = slices.Concat(last.data, e.data)
		return
	}
	*l = append(*l, e)
}

// difference returns the first thing that is not as wanted, and its line, which
// is 0 when there is more than wanted.
func (l vectorLog) difference(want vectorLog) (line int, problem string) {
	for i, e := range l {
		switch {
		case i >= len(want):
			return 0, fmt.Sprintf("got %v, want nothing more", e)
		case e.what != want[i].what || !bytes.Equal(e.data, want[i].data):
			return want[i].line, fmt.Sprintf("got %v, want %v", e, want[i])
		}
	}
	if len(want) > len(l) {
		return want[len(l)].line, fmt.Sprintf("got nothing more, want %v", want[len(l)])
	}
	return 0, ""
}

// A vectorRun is a way to run a script.
type vectorRun struct {
	name      string
	endpoint  bool // and not a Receiver alone
	eachFrame bool
	byLine    bool               // every line must have had its effect before the next
	tail      bool               // behind the script more comes, which must have no effect
	cut       func(pos int) bool // whether the input is cut in front of this byte
}

func (r vectorRun) String() string {
	s := "Receiver"
	if r.endpoint {
		s = "Endpoint"
	}
	if r.eachFrame {
		s += " with EachFrame"
	}
	return s + ", " + r.name
}

// play runs the script and returns what came of it.
func (s vectorScript) play(run vectorRun) vectorLog {
	p := newVectorPlayer(s, run)
	for i, step := range s.steps {
		switch step.verb {
		case ">":
			if run.byLine {
				p.flush()
				p.log.add(vectorMarker(step))
			}
			p.pending = append(p.pending, step.data...)
		case "send", "eof":
			p.flush()
			p.act(step)
		case "state":
			if run.byLine || s.settled(i) {
				p.flush()
				p.act(step)
			}
		}
	}
	p.flush()
	return p.log
}

// A vectorPlayer holds what is under test and writes down what it does.
type vectorPlayer struct {
	run      vectorRun
	endpoint *Endpoint // nil when a Receiver is tested alone
	receiver *Receiver
	log      vectorLog

	buffer  []byte // that is lent to what is under test
	pending []byte // received, not given away yet
	pos     int    // of the first byte of pending in the stream
	message []byte // in progress
	failed  error

	announced bool   // a FrameStart came, and its frame is not at its end
	left      uint64 // bytes of its payload that are still to come
	inflating bool   // its message is compressed
}

func newVectorPlayer(s vectorScript, run vectorRun) *vectorPlayer {
	p := &vectorPlayer{run: run}
	if run.endpoint {
		p.endpoint = NewEndpoint(s.role, Config{Limits: s.limits, MaskKey: func() [4]byte { return vectorKey }, Compression: s.agreed})
		p.receiver = &p.endpoint.Receiver
	} else {
		p.receiver = NewReceiver(s.role, s.limits)
		p.receiver.SetCompression(s.agreed)
	}
	p.receiver.EachFrame = run.eachFrame
	return p
}

// flush gives away what is pending, cut as the run wants it.
func (p *vectorPlayer) flush() {
	start := 0
	for i := 1; i < len(p.pending) && p.run.cut != nil; i++ {
		if p.run.cut(p.pos + i) {
			p.feed(p.pending[start:i])
			start = i
		}
	}
	if start < len(p.pending) {
		p.feed(p.pending[start:])
	}
	p.pos += len(p.pending)
	p.pending = p.pending[:0]
}

// feed gives a piece away in a buffer that is overwritten afterwards.
func (p *vectorPlayer) feed(piece []byte) {
	p.buffer = append(p.buffer[:0], piece...)
	for b, last := p.buffer, 1; ; {
		ev, n, err := p.next(b)
		// An event without a byte is that of an empty frame, behind its FrameStart,
		// or more of what the bytes before have inflated to.
		idle := last == 0 && n == 0 && len(ev.Data) == 0 && ev.Kind != NeedMore
		if n < 0 || n > len(b) || idle {
			p.note(fmt.Sprintf("consumed %d of %d bytes", n, len(b)), nil)
			return
		}
		b, last = b[n:], n+len(ev.Data)
		p.announce(ev, uint64(n))
		p.take(ev, err)
		if p.endpoint != nil {
			p.sent(p.endpoint.AppendOwed(nil))
		}
		if err == nil && ev.Kind != NeedMore {
			continue
		}
		if err == nil && len(b) > 0 {
			p.note("asked for more with bytes left over", b)
		}
		break
	}
	for i := range p.buffer {
		p.buffer[i] = 0xDB
	}
}

func (p *vectorPlayer) next(b []byte) (Event, int, error) {
	if p.endpoint != nil {
		return p.endpoint.Next(b)
	}
	return p.receiver.Next(b)
}

func (p *vectorPlayer) note(what string, data []byte) {
	p.log.add(vectorEntry{what: what, data: bytes.Clone(data)})
}

func (p *vectorPlayer) sent(frames []byte) {
	if len(frames) > 0 {
		p.note("<", frames)
	}
}

// announce checks that with EachFrame each frame is announced, and without it
// none. The event has consumed n bytes. More than one event may come of the last
// byte of a compressed frame.
func (p *vectorPlayer) announce(ev Event, n uint64) {
	switch {
	case ev.Kind == FrameStart:
		if p.announced && p.left > 0 || !p.run.eachFrame {
			p.note("FrameStart out of place", nil)
		}
		p.announced, p.left = true, ev.Header.Length
		if ev.Header.Opcode.startsMessage() {
			p.inflating = ev.Header.RSV1
		}
	case ev.Kind != NeedMore && p.run.eachFrame:
		if !p.announced {
			p.note("no FrameStart in front of "+traceName(ev.Op), nil)
		}
		p.left -= n
		p.announced = p.left > 0 || p.inflating && !ev.Final
	case p.left > 0:
		p.left -= n
	}
}

// take writes down an event or the broken rule.
func (p *vectorPlayer) take(ev Event, err error) {
	broken := (*ProtocolError)(nil)
	switch {
	case err != nil && err == p.failed: // sticky, as it must be
	case errors.As(err, &broken):
		p.failed = err
		p.note(fmt.Sprintf("break %s at %d", broken.Rule.ID(), broken.Offset), nil)
	case err != nil:
		p.note(err.Error(), nil)
	case ev.Kind == DataReceived:
		p.message = append(p.message, ev.Data...)
		clear(ev.Data) // it is ours until the next call
		if ev.Final {
			p.note("event "+traceName(ev.Op), p.message)
			p.message = nil
		}
	case ev.Kind == CloseReceived:
		code, reason, _ := ParseCloseBody(ev.Data)
		p.note(fmt.Sprintf("event CLOSE %d", code), reason)
	case ev.Kind == PingReceived, ev.Kind == PongReceived:
		p.note("event "+traceName(ev.Op), ev.Data)
	}
}

// act does what the application does, or looks at.
func (p *vectorPlayer) act(step vectorStep) {
	switch {
	case p.endpoint == nil:
	case step.verb == "send":
		p.send(step)
	case step.verb == "state":
		p.note("state "+p.endpoint.State().String(), nil)
	case step.verb == "eof":
		p.note("eof "+vectorEOF(p.endpoint), nil)
	}
}

// vectorEOF ends the input.
func vectorEOF(e *Endpoint) string {
	err := e.EOF()
	if lost := (*CloseError)(nil); errors.As(err, &lost) && lost.Code == CloseAbnormal {
		return "lost"
	}
	if err != nil {
		return err.Error()
	}
	return "clean"
}

func (p *vectorPlayer) send(step vectorStep) {
	name, code, _ := strings.Cut(step.what, " ")
	var frame []byte
	var err error
	if name == "CLOSE" {
		n, _ := strconv.Atoi(code) // was checked with the format
		frame, err = p.endpoint.AppendClose(nil, CloseCode(n), string(step.data))
	} else {
		frame, err = p.endpoint.AppendFrame(nil, vectorOpcode(name), !step.part, step.data)
	}
	p.sent(frame)
	if err != nil {
		p.note("refused "+vectorRefusal(err), nil)
	}
}

func vectorOpcode(name string) Opcode {
	for o := Opcode(0); o < 16; o++ {
		if traceName(o) == name {
			return o
		}
	}
	panic("the format allows a frame called " + name)
}

// vectorErrors are the names by which vectors call our own misuse.
var vectorErrors = map[string]error{
	"closed": ErrClosed, "message-type": ErrMessageType, "utf8": ErrInvalidUTF8,
	"close-code": ErrCloseCode, "control-length": ErrControlLength, "fragment": ErrFragment,
}

func vectorRefusals() []string { return slices.Sorted(maps.Keys(vectorErrors)) }

func vectorRefusal(err error) string {
	for name, sentinel := range vectorErrors {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	return err.Error()
}
