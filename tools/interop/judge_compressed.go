package main

import (
	"bytes"
	"fmt"
	"strings"

	"barewire.example/websocket"
)

// judgeAgreement wants both sides to believe what must have been agreed on.
func (j *judge) judgeAgreement() {
	for _, end := range []struct {
		side
		report
	}{{client, j.client}, {server, j.server}} {
		j.expect("what the "+string(end.side)+" has agreed on", j.agreed.effective(), end.Compression.effective())
	}
}

// judgeAnswer wants the server's answer to say what must have been agreed on.
func (j *judge) judgeAnswer() {
	saw, err := parseAnswer(j.answer)
	if err != nil {
		j.faults = append(j.faults, err.Error())
		return
	}
	j.expect("what the answer says", j.agreed.effective(), saw.effective())
}

// parseAnswer returns the parameters of the only extension in the head of an answer, or nil when there is none. It does not
// rely on what is under test.
func parseAnswer(head string) (*params, error) {
	var p *params
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(name, "Sec-WebSocket-Extensions") {
			continue
		}
		list := strings.Split(value, ";")
		if p != nil || strings.TrimSpace(list[0]) != "permessage-deflate" {
			return nil, fmt.Errorf("the answer's extensions: want permessage-deflate alone, saw %q", line)
		}
		p = &params{}
		for _, param := range list[1:] {
			if !p.set(strings.TrimSpace(param)) {
				return nil, fmt.Errorf("the answer's parameter %q of permessage-deflate is none", param)
			}
		}
	}
	return p, nil
}

// set takes a parameter of an answer.
func (p *params) set(param string) bool {
	switch param {
	case "server_no_context_takeover":
		p.ServerAlone = true
		return true
	case "client_no_context_takeover":
		p.ClientAlone = true
		return true
	}
	for bits := minBits; bits <= maxBits; bits++ {
		switch param {
		case fmt.Sprintf("server_max_window_bits=%d", bits):
			p.ServerBits = bits
			return true
		case fmt.Sprintf("client_max_window_bits=%d", bits):
			p.ClientBits = bits
			return true
		}
	}
	return false
}

// judgeData compares the data frames with the messages that went: 7692 §6 marks the first frame of each that is compressed,
// and here all are, or none.
func (j *judge) judgeData() {
	sent := sentBy(j.check)
	for _, from := range []side{client, server} {
		var sizes []int
		for _, f := range j.frames {
			if f.from != from {
				continue
			}
			starts := f.op == websocket.OpText || f.op == websocket.OpBinary
			j.expect(fmt.Sprintf("%s frame of the %s has RSV1", f.op, from), starts && j.agreed != nil, f.rsv1)
			switch {
			case starts:
				sizes = append(sizes, int(f.length))
			case f.op == websocket.OpContinuation && len(sizes) > 0:
				sizes[len(sizes)-1] += int(f.length)
			}
		}
		j.expect("messages on the wire of the "+string(from), len(sent[from]), len(sizes))
		if len(sent[from]) == len(sizes) {
			j.judgeSizes(from, sent[from], sizes)
		}
	}
}

// sentBy returns the messages that each side sends.
func sentBy(c check) map[side][]message {
	sent := map[side][]message{server: c.want.received}
	for _, s := range c.Steps {
		if strings.HasPrefix(s.Do, "send") {
			sent[client] = append(sent[client], message{s.Type, s.Data})
		}
	}
	return sent
}

// judgeSizes compares the length of messages with what they take on the wire.
func (j *judge) judgeSizes(from side, sent []message, sizes []int) {
	for i, m := range sent {
		n, what := len(m.Data), fmt.Sprintf("message %d of the %s, %d bytes, takes", i, from, len(m.Data))
		switch {
		case j.agreed == nil:
			j.expect(what, n, sizes[i])
		case sizes[i] > n+n/100+64:
			j.faults = append(j.faults, fmt.Sprintf("%s %d bytes: it has grown", what, sizes[i]))
		case m.Type == "text" && n >= 1000 && sizes[i] > n/2: // all our texts can be compressed
			j.faults = append(j.faults, fmt.Sprintf("%s %d bytes: want less than half", what, sizes[i]))
		}
		if j.agreed != nil && i > 0 && n > 0 && bytes.Equal(m.Data, sent[i-1].Data) {
			j.judgeTwins(what, from, twins{n, sizes[i-1], sizes[i]})
		}
	}
}

// twins are a message and the same again: its length, and what each takes on the wire.
type twins struct{ length, first, second int }

// judgeTwins wants the second to be found in the history when the window reaches so far back, and not when the window is too
// small, or begins anew with each message. zlib's deflate leaves 262 bytes of its window unused, and makes one of 9 bits in
// place of 8, which is the same in effect.
func (j *judge) judgeTwins(what string, from side, t twins) {
	bits, alone := j.agreed.of(from)
	switch {
	case alone:
		j.expect(what+" without history", t.first, t.second)
	case t.length > 1<<bits:
		if t.second < t.length {
			j.faults = append(j.faults, fmt.Sprintf("%s %d bytes: what it repeats is beyond a window of %d bits", what, t.second, bits))
		}
	case t.length <= max(1<<bits, 1<<9)-262:
		if t.second > t.length*9/10 { // who is in a hurry does not look everywhere
			j.faults = append(j.faults, fmt.Sprintf("%s %d bytes: what it repeats is within a window of %d bits", what, t.second, bits))
		}
	}
}
