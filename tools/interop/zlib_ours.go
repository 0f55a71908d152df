package main

import (
	"bytes"
	"fmt"
	"strings"

	"barewire.example/websocket"
)

// role alternates, so that both have their turn.
func (c zlibCheck) role() websocket.Role {
	if (c.Bits+c.effort+c.Level)%2 == 0 {
		return websocket.RoleClient
	}
	return websocket.RoleServer
}

// endpoint returns our side. The direction that is not used has other parameters than the one that is.
func (c zlibCheck) endpoint(role websocket.Role, bits int) *websocket.Endpoint {
	used := websocket.Compression{ServerMaxWindowBits: bits, ServerNoContextTakeover: c.Alone,
		ClientMaxWindowBits: minBits + maxBits - bits, ClientNoContextTakeover: !c.Alone}
	if (role == websocket.RoleClient) == (c.Do == "inflate") {
		used = websocket.Compression{ClientMaxWindowBits: bits, ClientNoContextTakeover: c.Alone,
			ServerMaxWindowBits: minBits + maxBits - bits, ServerNoContextTakeover: !c.Alone}
	}
	used.Effort, used.Threshold = c.effort, -1
	return websocket.NewEndpoint(role, websocket.Config{
		MaskKey:     func() [4]byte { return [4]byte{} }, // changes nothing
		Compression: &used,
	})
}

// deflate returns the payloads of the messages that we make; every third one is in fragments.
func (c zlibCheck) deflate() (all [][]byte, err error) {
	bits := c.Bits
	if c.ours != 0 {
		bits = c.ours
	}
	e := c.endpoint(c.role(), bits)
	for i, m := range c.Messages {
		pieces := [][]byte{m}
		if i%3 == 0 {
			pieces = [][]byte{m[:len(m)/5], m[len(m)/5 : len(m)/2], {}, m[len(m)/2:]}
		}
		var data []byte
		for k, piece := range pieces {
			op := websocket.OpBinary
			if k > 0 {
				op = websocket.OpContinuation
			}
			sent, err := e.AppendFrame(nil, op, k == len(pieces)-1, piece)
			if err != nil {
				return nil, err
			}
			h, n := websocket.ParseHeader(sent)
			if h.RSV1 != (k == 0) || h.Length != uint64(len(sent)-n) {
				return nil, fmt.Errorf("frame %d of message %d of %d bytes has the header %+v", k, i, len(m), h)
			}
			data = append(data, sent[n:]...)
		}
		all = append(all, data)
	}
	return all, nil
}

// inflate returns the messages that we make of such payloads. They are in frames of up to 9,999 bytes and come in pieces of
// other sizes.
func (c zlibCheck) inflate(payloads [][]byte) (all [][]byte, fault string) {
	role := c.role()
	e := c.endpoint(role, c.ours)
	for i, p := range payloads {
		wire := frames(p, role == websocket.RoleServer)
		var data []byte
		final := false
		for cut := 1 + i*i*100; len(wire) > 0; {
			n := min(cut, len(wire))
			events, err := feed(e, wire[:n])
			if err != nil {
				return all, err.Error()
			}
			for _, ev := range events {
				data, final = append(data, ev.Data...), ev.Final
			}
			wire = wire[n:]
		}
		if !final {
			return all, fmt.Sprintf("message %d has not ended", i)
		}
		all = append(all, data)
	}
	return all, ""
}

func feed(e *websocket.Endpoint, b []byte) (all []websocket.Event, err error) {
	for {
		ev, n, err := e.Next(b)
		if err != nil {
			return nil, err
		}
		if ev.Kind == websocket.NeedMore {
			return all, nil
		}
		ev.Data = bytes.Clone(ev.Data)
		all = append(all, ev)
		b = b[n:]
	}
}

// frames returns a compressed binary message on the wire.
func frames(data []byte, masked bool) (wire []byte) {
	h := websocket.Header{RSV1: true, Opcode: websocket.OpBinary, Masked: masked, MaskKey: [4]byte{0, 1, 2, 3}}
	for !h.Fin {
		piece := data[:min(len(data), 9_999)]
		data = data[len(piece):]
		h.Fin, h.Length = len(data) == 0, uint64(len(piece))
		wire = websocket.AppendHeader(wire, h)
		for i, b := range piece {
			if masked {
				b ^= h.MaskKey[i%4]
			}
			wire = append(wire, b)
		}
		h.RSV1, h.Opcode = false, websocket.OpContinuation
	}
	return wire
}

// outcomeOfZlib is what came of the messages, and why no more came.
type outcomeOfZlib struct {
	want, saw [][]byte
	fault     string
}

func (c zlibCheck) judge(o outcomeOfZlib) (faults []string) {
	if c.fault != "" {
		if !strings.Contains(o.fault, c.fault) || len(o.saw) != len(o.want)-1 {
			faults = append(faults, fmt.Sprintf("want the error %q after %d messages, saw %q after %d", c.fault, len(o.want)-1, o.fault, len(o.saw)))
		}
		return faults
	}
	if o.fault != "" || len(o.saw) != len(o.want) {
		return []string{fmt.Sprintf("want %d messages, saw %d, and the error %q", len(o.want), len(o.saw), o.fault)}
	}
	for i, m := range o.want {
		if !bytes.Equal(m, o.saw[i]) {
			faults = append(faults, fmt.Sprintf("message %d: want %v, saw %v", i, message{"binary", m}, message{"binary", o.saw[i]}))
		}
	}
	return faults
}
