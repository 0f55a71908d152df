// This file tests control frames where they are inconvenient: during a message
// that takes long to send, in front of a reader who does not come, between the
// halves of a code point.

package websocket

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// during a large message a ping waits for the fragment that is being
// written, and for no other. The pipe has room for half of one, so it is always
// clear which that is. 64 MiB stand for 1 GiB, and fewer where each byte is masked
// twice, for which the race detector takes its time.
func TestEndureStreamedWriteAnswersPings(t *testing.T) {
	const every = 500
	inEachRole(t, func(t *testing.T, role Role) {
		client, server := newPipe(func(k *simKnobs) { k.capacity = 4 << 10 })
		on, size := ends{server, client}, 64<<20
		if role == RoleClient {
			on, size = ends{client, server}, 8<<20
		}
		c, p := newTestConnOn(t, role, Options{}, on)
		startRead(c)
		wrote := started(func() error { return streamZeros(c, size) })
		got, pinged := 0, 0
		for frames := 0; ; frames++ {
			ping := frames%every == every/2
			if ping {
				synctest.Wait() // until the next fragment has begun
				p.write(OpPing, true, fmt.Sprint(frames))
				synctest.Wait() // until it is known
			}
			h, payload := p.readFrame("the fragment that had begun")
			if got += len(payload); h.Fin {
				break
			}
			if ping {
				p.wantFrame("its pong, behind one fragment", OpPong, fmt.Sprint(frames))
				pinged++
			}
			p.sim.peer.forgetSent()
		}
		wantNil(t, "the message", <-wrote)
		if got != size || pinged < size/(8<<10)/every {
			t.Errorf("%d bytes came and %d pings were answered", got, pinged)
		}
	})
}

// streamZeros writes a message with NextWriter.
func streamZeros(c *Conn, size int) error {
	w, err := c.NextWriter(background, Binary)
	for b := make([]byte, 1<<20); err == nil && size > 0; size -= len(b) {
		_, err = w.Write(b)
	}
	if err != nil {
		return err
	}
	return w.Close()
}

// forgetSent drops the record of what was sent, of which there is too much.
func (c *simConn) forgetSent() {
	defer c.locked()()
	c.written = c.written[:0]
}

// floodUnread sends messages and pings to a Conn for a second, and returns how
// many bytes were taken. What is behind the first frame does not matter: nobody
// must read so far.
func floodUnread(p *testPeer) (taken int) {
	flood := p.frame(OpText, true, "unread")
	for i := range 100 {
		flood = append(flood, p.frame(OpPing, true, fmt.Sprint("unread ", i))...)
		flood = append(flood, p.frame(OpText, true, "unread")...)
	}
	p.sim.SetWriteDeadline(time.Now().Add(time.Second))
	for err := error(nil); err == nil; {
		var n int
		n, err = p.sim.Write(flood)
		taken += n
	}
	return taken
}

// when the application does not read, nothing is read for it. Pings are not
// answered, and the peer's bytes wait where they have come to: in the transport.
func TestEndureUnreadBytesStayInTheTransport(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		taken := floodUnread(p)
		<-time.After(time.Hour)
		if waiting := p.sim.peer.unread(); waiting != taken || taken > 64<<10 {
			t.Errorf("%d bytes of %d wait in the transport", waiting, taken)
		}
		if c.in.buf != nil || c.in.data != nil || c.partial != nil || c.owing.Load() {
			t.Error("the connection holds some")
		}
		p.wantIdle("no ping was read")
		reads(t, c).want("the first message", Text, "unread")
		p.wantIdle("no ping was read")
		reads(t, c).want("the second, behind a ping", Text, "unread")
		p.wantFrame("in front of the second message", OpPong, "unread 0")
		p.wantIdle("one ping was read")
	})
}

// keepalive reads, but no further than to the header of a message. What is
// behind that header in its buffer is all that it holds.
func TestEndureUnreadBytesWithKeepalive(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpPing, true, "in front")
		taken := floodUnread(p)
		p.readPing("silence")
		p.wantFrame("it reads what is in front of the message", OpPong, "in front")
		<-time.After(time.Hour)
		p.wantIdle("nothing behind it")
		held, read := len(c.in.data), taken-p.sim.peer.unread()
		if held > defaultBuffer || read > defaultBuffer+len(c.in.first) || c.partial != nil {
			t.Errorf("%d bytes of %d are held, want %d at most", held, read, defaultBuffer)
		}
		if c.Err() != nil {
			t.Errorf("given up: %v", c.Err())
		}
		reads(t, c).want("the first message", Text, "unread")
	})
}

// enduredRunes have a code point of each length, and the last of each.
const enduredRunes = "aé€😀\u007f\u07ff\uffff\U0010ffff"

// a code point can be cut anywhere, with control frames in the gap, whose
// payload is not text. Each message begins anew.
func TestEndureControlFramesInsideCodePoints(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for cut := 0; cut <= len(enduredRunes); cut++ {
			for second := cut; second <= len(enduredRunes); second++ {
				p.writeBytes(slices.Concat(
					p.frame(OpText, false, enduredRunes[:cut]), p.frame(OpPing, true, "\xff"),
					p.frame(OpContinuation, false, enduredRunes[cut:second]), p.frame(OpPong, true, "\xe2\x82"), p.frame(OpPing, true, "\xac"),
					p.frame(OpContinuation, false, ""), p.frame(OpContinuation, true, enduredRunes[second:])))
				streamed := (cut+second)%2 > 0
				if typ, data, err := readOne(c, streamed); err != nil || typ != Text || string(data) != enduredRunes {
					t.Fatalf("cut at %d and %d, streamed=%v: %v %q, %v", cut, second, streamed, typ, data, err)
				}
				wantPongs(p, "its pings are answered", "\xff", "\xac")
			}
		}
	})
}

// what makes the text impossible is found behind the control frames, too,
// and at once.
func TestEndureControlFramesDoNotMendCodePoints(t *testing.T) {
	for name, test := range map[string]struct{ first, ping, last string }{
		"other-second-half": {"\xe2\x82", "", "x"},
		"half-in-the-ping":  {"\xe2\x82", "\xac", ""},
		"surrogate":         {"\xed", "\x80\x80", "\xa0"},
		"too-large":         {"\xf4", "", "\x90"},
		"never-ends":        {"\xf0\x9f", "\x98\x80", "\x98"},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				p.write(OpText, false, test.first)
				p.write(OpPing, true, test.ping)
				p.write(OpContinuation, true, test.last)
				read := startRead(c)
				p.wantFrame("up to there it may be text", OpPong, test.ping)
				p.wantClose("it is not", CloseInvalidPayload, RuleUTF8.Text())
				p.conn.Close()
				wantIs(t, "Read", <-read, RuleUTF8)
			})
		})
	}
}

// binary messages have no state, a message that is left has none for the
// next one, and one that was interrupted keeps its own.
func TestEndureCodePointsOfOneMessage(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpBinary, true, "\xe2\x82")
		reads(t, c).want("no text", Binary, "\xe2\x82")
		p.write(OpText, false, "left in a code point\xe2\x82")
		r := mustNextReader(t, c, Text)
		r.Read(make([]byte, 1))
		p.write(OpPing, true, "\xac")
		p.write(OpContinuation, true, "\xac")
		p.write(OpText, true, enduredRunes)
		reads(t, c).want("the next message", Text, enduredRunes)
		wantPongs(p, "in the message that was left", "\xac")

		p.write(OpText, false, strings.Repeat("x", 10)+"\xe2\x82")
		wantInterrupted(t, c)
		p.write(OpPing, true, "")
		p.write(OpContinuation, true, "\xac")
		reads(t, c).want("across an interruption", Text, strings.Repeat("x", 10)+"€")
	})
}
