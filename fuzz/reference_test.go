package fuzz

import (
	"fmt"
	"unicode/utf8"

	"barewire.example/websocket"
)

// This file is a decoder of §5 that has the whole input in memory. It is naive,
// slow, and written from the RFC without a look at Receiver, so that it can say
// what Receiver should have said.

// An event is a whole message, or a control frame.
type event struct {
	op      websocket.Opcode
	payload string
}

func (e event) String() string { return fmt.Sprintf("%s %q", e.op, e.payload) }

// An outcome is all that a decoder has to say about an input. Two runs over the
// same bytes are equal when their outcomes are.
type outcome struct {
	events []event
	broken websocket.Rule
	offset int // of the frame that broke it
}

// A reference has what the judgement of the next frame depends on.
type reference struct {
	role    websocket.Role // of the side that receives
	size    uint64         // most bytes of a message
	frames  uint64         // most frames of a message
	outcome outcome

	op       byte   // of the message in progress, 0 when there is none
	message  []byte // its payload so far
	declared uint64 // the lengths of its frames
	count    uint64 // the number of its frames
}

func decode(input []byte, role websocket.Role, limits websocket.Limits) outcome {
	d := reference{role: role, size: most(limits.MaxMessageSize, 1<<20), frames: most(int64(limits.MaxFrames), 131072)}
	for at := 0; ; {
		f, ok := parseFrame(input[at:])
		if !ok {
			return d.outcome
		}
		rule := d.judge(f)
		if rule == 0 {
			rule = d.take(f)
		}
		if rule != 0 {
			d.outcome.broken, d.outcome.offset = rule, at
			return d.outcome
		}
		if at += f.size; !f.whole || f.opcode == 8 {
			return d.outcome
		}
	}
}

// most turns a limit as the documentation of Limits describes it into a number.
func most(limit, byDefault int64) uint64 {
	const maxInt = int64(^uint(0) >> 1)
	switch {
	case limit == 0:
		return uint64(byDefault)
	case limit < 0 || limit > maxInt:
		return uint64(maxInt)
	}
	return uint64(limit)
}

// A frame is one frame of §5.2, or the start of one.
type frame struct {
	fin, rsv, masked bool
	opcode           byte
	length           uint64
	form             int    // bytes of extended length
	payload          []byte // unmasked, as much of it as there is
	whole            bool   // that is all of it
	size             int    // of header and payload, when whole
}

// parseFrame needs at least a whole header.
func parseFrame(b []byte) (f frame, ok bool) {
	if len(b) < 2 {
		return f, false
	}
	f.fin, f.rsv, f.opcode = b[0]>>7 == 1, b[0]>>4&7 != 0, b[0]&15
	f.masked, f.length = b[1]>>7 == 1, uint64(b[1]&127)
	switch f.length {
	case 126:
		f.form = 2
	case 127:
		f.form = 8
	}
	key := 2 + f.form
	if f.size = key; f.masked {
		f.size += 4
	}
	if len(b) < f.size {
		return f, false
	}
	if f.form > 0 {
		f.length = 0
		for _, c := range b[2:key] {
			f.length = f.length*256 + uint64(c)
		}
	}
	for i, c := range b[f.size:] {
		if uint64(i) == f.length {
			break
		}
		if f.masked {
			c ^= b[key+i%4]
		}
		f.payload = append(f.payload, c)
	}
	f.whole = uint64(len(f.payload)) == f.length
	f.size += len(f.payload)
	return f, true
}

// judge names the first rule that the header breaks, in the order in which
// Receiver documents them.
func (d *reference) judge(f frame) websocket.Rule {
	control := f.opcode >= 8
	known := f.opcode <= 2 || f.opcode >= 8 && f.opcode <= 10
	short := f.form == 0 || f.form == 2 && f.length > 125 || f.form == 8 && f.length > 65535
	for _, r := range []struct {
		broken bool
		rule   websocket.Rule
	}{
		{f.rsv, websocket.RuleReservedBit},
		{!known, websocket.RuleOpcode},
		{d.role == websocket.RoleServer && !f.masked, websocket.RuleMaskMissing},
		{d.role == websocket.RoleClient && f.masked, websocket.RuleMaskForbidden},
		{f.length >= 1<<63, websocket.RuleLengthSign},
		{control && !f.fin, websocket.RuleControlFragmented},
		{control && f.length > 125, websocket.RuleControlLength},
		{!short, websocket.RuleLengthForm},
		{f.opcode == 0 && d.op == 0, websocket.RuleContinuation},
		{f.opcode > 0 && !control && d.op != 0, websocket.RuleInterleaved},
		{!control && d.declared+f.length > d.size, websocket.RuleTooBig},
		{!control && d.count+1 > d.frames, websocket.RuleTooManyFrames},
	} {
		if r.broken {
			return r.rule
		}
	}
	return 0
}

// take judges the payload, and notes what has become whole.
func (d *reference) take(f frame) websocket.Rule {
	if f.opcode < 8 {
		return d.takeData(f)
	}
	if !f.whole {
		return 0
	}
	if rule := judgeClose(f); rule != 0 {
		return rule
	}
	d.outcome.events = append(d.outcome.events, event{websocket.Opcode(f.opcode), string(f.payload)})
	return 0
}

func (d *reference) takeData(f frame) websocket.Rule {
	if f.opcode != 0 {
		d.op = f.opcode
	}
	d.message = append(d.message, f.payload...)
	d.declared += f.length
	d.count++
	ended := f.whole && f.fin
	if d.op == 1 && (!possible(d.message) || ended && !utf8.Valid(d.message)) {
		return websocket.RuleUTF8
	}
	if ended {
		d.outcome.events = append(d.outcome.events, event{websocket.Opcode(d.op), string(d.message)})
		d.op, d.message, d.declared, d.count = 0, nil, 0, 0
	}
	return 0
}

// judgeClose judges the body of a Close by §5.5.1, §7.4 and the registry.
func judgeClose(f frame) websocket.Rule {
	if f.opcode != 8 || len(f.payload) == 0 {
		return 0
	}
	if len(f.payload) == 1 {
		return websocket.RuleCloseLength
	}
	code := int(f.payload[0])*256 + int(f.payload[1])
	reserved := code == 1004 || code == 1005 || code == 1006 || code == 1015
	if code < 1000 || code >= 5000 || reserved || code > 1014 && code < 3000 {
		return websocket.RuleCloseCode
	}
	if !utf8.Valid(f.payload[2:]) {
		return websocket.RuleCloseReason
	}
	return 0
}

// possible reports whether some completion of text is valid UTF-8.
func possible(text []byte) bool {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			break
		}
		text = text[n:]
	}
	return completes(text)
}

// completes tries to complete a code point with a byte of each range that
// RFC 3629 §4 knows for bytes behind the first.
func completes(rest []byte) bool {
	if utf8.Valid(rest) {
		return true
	}
	if len(rest) >= utf8.UTFMax {
		return false
	}
	for _, c := range []byte{0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF} {
		if completes(append(rest[:len(rest):len(rest)], c)) {
			return true
		}
	}
	return false
}
