// This file lets two endpoints talk with every setting of permessage-deflate, and
// inflates what they send a second time, with exactly the window agreed on.

package websocket

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A deflateLine is one direction of a connection with compression.
type deflateLine struct {
	from, to  *Endpoint
	role      Role // of from
	bits      int
	takeover  bool
	reference *inflateReference // nil for none
	random    *rand.Rand
	rests     bool // now and then, both sides

	heard, want []deflateHeard
	message     []byte // in progress
	sizes       []int  // of the payloads of messages
}

// deflateHeard is a whole message or a ping.
type deflateHeard struct {
	op   Opcode
	data string
}

// deflateLines returns both directions between a client and a server.
func deflateLines(c Compression, seed uint64) [2]*deflateLine {
	client := NewEndpoint(RoleClient, Config{MaskKey: senderKeys(), Compression: &c})
	server := NewEndpoint(RoleServer, Config{Compression: &c})
	lines := [2]*deflateLine{
		{from: client, to: server, role: RoleClient, bits: c.ClientMaxWindowBits, takeover: !c.ClientNoContextTakeover},
		{from: server, to: client, role: RoleServer, bits: c.ServerMaxWindowBits, takeover: !c.ServerNoContextTakeover},
	}
	for i, l := range lines {
		l.random = rand.New(rand.NewPCG(seed, uint64(i)))
		l.reference = &inflateReference{reach: 1 << l.bits, takeover: l.takeover}
	}
	return lines
}

// deliver gives what from has sent to the other side, in pieces, and returns it
// unmasked.
func (l *deflateLine) deliver(t *testing.T, wire []byte) (frames []Header, payloads [][]byte) {
	t.Helper()
	for rest := wire; len(rest) > 0; {
		h, n := ParseHeader(rest)
		payload := bytes.Clone(rest[n : n+int(h.Length)])
		if h.Masked {
			Mask(payload, h.MaskKey, 0)
		}
		frames, payloads = append(frames, h), append(payloads, payload)
		rest = rest[n+len(payload):]
	}
	for len(wire) > 0 {
		n := min(1+l.random.IntN(1<<l.random.IntN(16)), len(wire))
		l.feed(t, wire[:n])
		wire = wire[n:]
	}
	return frames, payloads
}

// feed gives a piece to the receiving side until it wants more. Sides that rest do
// so also in the middle of a message.
func (l *deflateLine) feed(t *testing.T, b []byte) {
	t.Helper()
	if l.rests && l.random.IntN(8) == 0 {
		l.from.Rest()
		l.to.Rest()
	}
	for {
		ev, n, err := l.to.Next(b)
		switch b = b[n:]; {
		case err != nil:
			t.Fatalf("%s, %d bits, takeover %v: %v", l.role, l.bits, l.takeover, err)
		case ev.Kind == NeedMore:
			return
		case ev.Kind == PingReceived:
			l.heard = append(l.heard, deflateHeard{OpPing, string(ev.Data)})
			continue
		}
		if l.message = append(l.message, ev.Data...); ev.Final {
			l.heard = append(l.heard, deflateHeard{ev.Op, string(l.message)})
			l.message = l.message[:0]
		}
	}
}

// send sends a message in n fragments with pings between them, and checks what
// is on the wire.
func (l *deflateLine) send(t *testing.T, op Opcode, message []byte, n int) {
	t.Helper()
	var wire []byte
	was, first := bytes.Clone(message), op
	for i := range n {
		piece := message[i*len(message)/n : (i+1)*len(message)/n]
		var err error
		if wire, err = l.from.AppendFrame(wire, op, i == n-1, piece); err != nil {
			t.Fatal(err)
		}
		if op = OpContinuation; i < n-1 {
			wire, _ = l.from.AppendPing(wire, []byte("between"))
			l.want = append(l.want, deflateHeard{OpPing, "between"})
		}
	}
	if !bytes.Equal(message, was) {
		t.Fatal("the caller's message was changed")
	}
	l.want = append(l.want, deflateHeard{first, string(message)})
	l.checkWire(t, wire, message)
}

// checkWire wants a message to be compressed unless the Sender was told otherwise,
// RSV1 on its first frame only (7692 §6), and the reference to find the message in
// it.
func (l *deflateLine) checkWire(t *testing.T, wire, message []byte) {
	t.Helper()
	headers, payloads := l.deliver(t, wire)
	compressed := !l.from.NoCompression
	var data []byte
	for i, h := range headers {
		if h.RSV1 != (compressed && i == 0) {
			t.Fatalf("frame %d, compressed %v: %+v", i, compressed, h)
		}
		if !h.Opcode.IsControl() {
			data = append(data, payloads[i]...)
		}
	}
	l.sizes = append(l.sizes, len(data))
	if !compressed {
		if !bytes.Equal(data, message) {
			t.Fatalf("a plain message of %d bytes was sent as %d others", len(message), len(data))
		}
		return
	}
	if l.reference == nil {
		return
	}
	if out, fault := l.reference.message(data); fault != "" || !bytes.Equal(out, message) {
		t.Fatalf("%s, %d bits, takeover %v: %q and %d bytes of %d", l.role, l.bits, l.takeover, fault, len(out), len(message))
	}
}

// check wants all to have arrived.
func (l *deflateLine) check(t *testing.T) {
	t.Helper()
	for i, want := range l.want {
		if i >= len(l.heard) || l.heard[i] != want {
			t.Fatalf("%s, %d bits, takeover %v: event %d of %d is not the %s %.100q", l.role, l.bits, l.takeover, i, len(l.want), want.op, want.data)
		}
	}
	if len(l.heard) > len(l.want) {
		t.Fatalf("%d events, want %d", len(l.heard), len(l.want))
	}
}

// deflateJSON returns n bytes of records that are alike.
func deflateJSON(random *rand.Rand, n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, `{"id":%d,"name":"sensor-%d","value":%.3f,"ok":%v,"unit":"°C"},`, i, random.IntN(50), random.Float64()*100, random.IntN(4) > 0)
	}
	for b = b[:n]; !bytes.HasSuffix(b, []byte("}")) && len(b) > 0; {
		b = b[:len(b)-1]
	}
	return b
}

func deflateRandom(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// talk sends one of each kind.
func (l *deflateLine) talk(t *testing.T) {
	t.Helper()
	same := deflateJSON(l.random, 120)
	for range 2 {
		l.send(t, OpText, same, 1)
	}
	if n := len(l.sizes); (l.sizes[n-1] < l.sizes[n-2]) != l.takeover {
		t.Fatalf("%s, %d bits, takeover %v: the same message took %d bytes and then %d", l.role, l.bits, l.takeover, l.sizes[n-2], l.sizes[n-1])
	}
	l.send(t, OpText, nil, 1)
	l.send(t, OpBinary, []byte{0}, 1)
	l.send(t, OpBinary, make([]byte, 3000), 2)
	l.send(t, OpText, deflateJSON(l.random, 1500), 3)
	l.from.NoCompression = true
	l.send(t, OpText, same, 1)
	l.send(t, OpBinary, deflateRandom(l.random, 300), 2)
	l.from.NoCompression = false
	l.send(t, OpBinary, deflateRandom(l.random, 700), 1)
	l.send(t, OpText, same, 4)
	l.send(t, OpBinary, nil, 3)
}

// Every pair of parameters: 8 windows and takeover or not, in each direction. The
// last message of each is a large one, which the reference reads in some only: it
// takes a second for a megabyte.
func TestEndpointCompressesWithEveryPairOfParameters(t *testing.T) {
	large := [][]byte{deflateJSON(rand.New(rand.NewPCG(1, 2)), 100<<10), make([]byte, 100<<10), deflateRandom(rand.New(rand.NewPCG(3, 4)), 100<<10)}
	i := 0
	for c := range deflateSettings {
		i++
		c.Effort, c.Threshold = 1+i%3, -1
		lines := deflateLines(c, uint64(i))
		for _, l := range lines {
			l.rests = i%2 == 0
			l.talk(t)
		}
		for _, l := range lines { // each has a window of its own
			l.talk(t)
			if i%67 != 0 {
				l.reference = nil
			}
			l.send(t, OpBinary, large[i/3%3], 1+i%2)
			l.check(t)
		}
	}
	if i != 256 {
		t.Errorf("%d pairs", i)
	}
}

// A distance may be as long as the window, and no longer: the same bytes come back
// at each distance around 2^n.
func TestEndpointRefersToTheWholeWindowAndNoFurther(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		c := Compression{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits, Threshold: -1, Effort: 3}
		for more := -1; more <= 1; more++ {
			for _, l := range deflateLines(c, uint64(bits)) {
				l.reach(t, 1<<bits+more)
			}
		}
	}
}

// reach sends the same 40 bytes again, back bytes behind the first time.
func (l *deflateLine) reach(t *testing.T, back int) {
	t.Helper()
	noise := deflateRandom(l.random, back)
	l.send(t, OpBinary, noise, 1)
	l.send(t, OpBinary, noise[:40], 1)
	l.check(t)
	short, farthest := l.sizes[1] < 40, l.reference.seen.farthest
	if short != (back <= 1<<l.bits) || farthest > 1<<l.bits {
		t.Errorf("%d bits, %d bytes back: %d bytes were sent for 40; the longest distance is %d", l.bits, back, l.sizes[1], farthest)
	}
}

// What was agreed on is about what the server sends and what the client sends, and
// not about what this side does.
func TestEndpointKnowsWhoseParametersTheyAre(t *testing.T) {
	c := Compression{ServerNoContextTakeover: true, ServerMaxWindowBits: 9, ClientMaxWindowBits: 12, Threshold: -1}
	lines := deflateLines(c, 1)
	for i, want := range []struct {
		bits     int
		takeover bool
	}{{12, true}, {9, false}} {
		d, f := lines[i].from.deflater, lines[i].to.inflater
		if d.history.size != 1<<want.bits || d.takeover != want.takeover || f.history.limit != 1<<want.bits || f.takeover != want.takeover {
			t.Errorf("%s: sends with a window of %d, takeover %v; the other side has %d, %v", lines[i].role, d.history.size, d.takeover, f.history.limit, f.takeover)
		}
	}
	plain := NewEndpoint(RoleServer, Config{})
	if plain.deflater != nil || plain.inflater != nil {
		t.Error("an endpoint without an agreement compresses")
	}
	plain.Receiver.SetCompression(&c)
	plain.Sender.SetCompression(&c)
	plain.Receiver.SetCompression(nil)
	plain.Sender.SetCompression(nil)
	if plain.deflater != nil || plain.inflater != nil {
		t.Error("an agreement on nothing leaves compression on")
	}
}

// A text of several chunks comes in pieces that may end anywhere.
func TestEndpointCompressesLongTexts(t *testing.T) {
	for _, l := range deflateLines(Compression{Threshold: -1, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, 7) {
		l.send(t, OpText, []byte(strings.Repeat("€ und ä", 9999)), 3)
		l.check(t)
	}
}
