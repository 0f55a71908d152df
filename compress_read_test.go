// This file tests the reading of compressed messages: whole or in part,
// interrupted at every byte, with control frames in the middle. What must not
// happen to a window is that it falls out of step with what the peer has sent.

package websocket

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// takeovers are options with both sides' windows kept and without.
var takeovers = map[string]Compression{
	"takeover": {Threshold: -1},
	"alone":    {Threshold: -1, ServerNoContextTakeover: true, ClientNoContextTakeover: true},
}

// eachTakeover runs a test with each of them.
func eachTakeover(t *testing.T, o Options, f func(t *testing.T, c *Conn, p *compressPeer)) {
	t.Helper()
	for name, agreed := range takeovers {
		t.Run(name, func(t *testing.T) {
			o.Compression = &agreed
			eachCompress(t, o, f)
		})
	}
}

// compressMessages are messages that refer to each other where they may, with
// some that are long when they come out, some that are not compressed at all,
// and an empty one.
func compressMessages() []Message {
	return []Message{
		{Type: Text, Data: []byte(compressJSON(600))},
		{Type: Binary, Data: []byte(compressNoise(300, 6))},
		{Type: Text, Data: []byte("plain"), NoCompression: true},
		{Type: Text, Data: []byte(compressJSON(700))},
		{Type: Binary, Data: []byte(strings.Repeat("x", 3*inflateChunk+1))},
		{Type: Text, Data: nil},
		{Type: Binary, Data: []byte(compressNoise(300, 6))},
		{Type: Text, Data: []byte(compressJSON(10_000))},
	}
}

// stream encodes messages in fragments of at most so many bytes, with pings in
// between, and returns also how many pings those are.
func (p *compressPeer) stream(messages []Message, most int) (stream []byte, pings int) {
	ping := p.frame(OpPing, true, "ping")
	for _, m := range messages {
		if m.NoCompression {
			stream = append(stream, p.frame(Opcode(m.Type), true, string(m.Data))...)
			continue
		}
		frames := p.compressed(m.Type, string(m.Data), most)
		for len(frames) > 0 {
			h, n := ParseHeader(frames)
			n += int(h.Length)
			stream = append(append(stream, frames[:n]...), ping...)
			frames = frames[n:]
			pings++
		}
	}
	return stream, pings
}

func TestCompressionReadsEveryKindOfMessage(t *testing.T) {
	for _, most := range []int{1, 50, 1 << 20} {
		eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
			want := compressMessages()
			for _, repeat := range []int{1, 2} {
				stream, pings := p.stream(want, most)
				done := p.meanwhile(func() { p.writeBytes(stream) })
				wantMessages(t, c, "compressed", want)
				done()
				if repeat == 1 {
					p.wantFrame("a pong", OpPong, "ping")
				}
				synctest.Wait()
				p.dropPongs(pings)
			}
		})
	}
}

// dropPongs takes up to so many pongs away: owed ones replace each other.
func (p *compressPeer) dropPongs(most int) {
	p.t.Helper()
	for range most {
		if len(p.got) == 0 && p.sim.unread() == 0 {
			return
		}
		p.wantFrame("nothing but pongs", OpPong, "ping")
	}
	p.wantIdle("no more pongs than pings")
}

// each byte comes alone, and the read is interrupted before it and behind it.
func TestCompressionSurvivesCancelAtEveryByte(t *testing.T) {
	for _, most := range []int{7, 1 << 20} {
		eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
			var wire *bytewiseConn
			o := Options{Compression: &p.agreed, ReadBuffer: minBuffer}
			c, p = newCompressConnOn(t, c.role, o, func(ours *simConn) transport {
				wire = &bytewiseConn{Conn: ours, interrupter: newInterrupter()}
				return wire
			})
			want := compressMessages()
			stream, _ := p.stream(want, most)
			wire.armed = true
			done := p.meanwhile(func() { p.writeBytes(stream) })
			wantWhole(t, c, wire.interrupter, want)
			done()
			lastPing := len(p.frame(OpPing, true, "ping"))
			if wire.times < len(stream)-lastPing-1 {
				t.Errorf("%d interruptions in %d bytes", wire.times, len(stream))
			}
		})
	}
}

// Reads are interrupted that wait for the rest of a message, and then NextReader
// gives all of it.
func TestCompressionSurvivesCancelBeforeAReader(t *testing.T) {
	for _, most := range []int{7, 1 << 20} {
		eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
			for i, m := range compressMessages() {
				frames := p.compressed(m.Type, string(m.Data), most)
				come := 1 + len(frames)*i/9
				for j := range come {
					p.writeBytes(frames[j : j+1])
					wantInterrupted(t, c)
				}
				done := p.meanwhile(func() { p.writeBytes(frames[come:]) })
				wantRest(t, mustNextReader(t, c, m.Type), string(m.Data))
				done()
			}
		})
	}
}

// wantInterrupted interrupts a read that waits.
func wantInterrupted(t *testing.T, c *Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, _, err := c.AppendRead(ctx, nil)
	wantIs(t, "a read that waits", err, context.DeadlineExceeded)
}

// A reader whose context ends is done with. The next read skips what is left of
// its message.
func TestCompressionSkipsAfterAnInterruptedReader(t *testing.T) {
	text := compressJSON(250)
	eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
		for cut := 1; ; cut++ {
			frames := p.compressed(Text, text, 60)
			if cut >= len(frames) {
				break
			}
			p.writeBytes(frames[:cut])
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			var got []byte
			_, r, err := c.NextReader(ctx)
			if err == nil {
				got, err = io.ReadAll(r)
			}
			wantIs(t, "reading what does not come", err, context.DeadlineExceeded)
			cancel()
			p.writeBytes(frames[cut:])
			if r == nil {
				r = mustNextReader(t, c, Text)
				wantRest(t, r, text)
			} else if !strings.HasPrefix(text, string(got)) {
				t.Fatalf("cut at %d: %s", cut, abridge(string(got)))
			}
			p.send(Binary, text)
			reads(t, c).want("the next message", Binary, text)
		}
	})
}

// A message of which only a part is read is inflated all the same: the next one
// refers to it.
func TestCompressionSkipsWhatIsNotRead(t *testing.T) {
	text := compressJSON(20_000)
	for _, most := range []int{100, 1 << 20} {
		eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
			for _, n := range []int{0, 1, 100, inflateChunk, 10_000, len(text) - 1, len(text)} {
				frames := append(p.compressed(Text, text, most), p.compressed(Text, text, most)...)
				done := p.meanwhile(func() { p.writeBytes(frames) })
				r := mustNextReader(t, c, Text)
				got := make([]byte, n)
				if _, err := io.ReadFull(r, got); err != nil || string(got) != text[:n] {
					t.Fatalf("%d bytes of it: %s, %v", n, abridge(string(got)), err)
				}
				reads(t, c).want("the next message", Text, text)
				done()
				if _, err := r.Read(got); n > 0 && n < len(text) && err != errStaleReader {
					t.Errorf("what is left of the first: %v", err)
				}
			}
		})
	}
}

// A reader's last piece is where the inflater works, which other connections
// use, too. It must stay as it is until it is read, whatever happens meanwhile.
func TestCompressionKeepsAPieceUntilItIsRead(t *testing.T) {
	text := compressJSON(2000)
	eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
		other, q := newCompressConn(t, c.role, compressAll)
		p.send(Text, text)
		r := mustNextReader(t, c, Text)
		pinged := startPing(t.Context(), c) // it may pump
		payload := p.readPing("the ping")
		p.write(OpPong, true, payload)
		synctest.Wait()
		for range 3 {
			q.send(Binary, strings.Repeat("z", 5000))
			reads(t, other).want("of another connection", Binary, strings.Repeat("z", 5000))
		}
		go other.Read(t.Context()) // it waits, so it gives up what it has
		synctest.Wait()
		wantRest(t, r, text)
		p.send(Text, "next")
		reads(t, c).want("the next", Text, "next")
		wantPong(t, "the pong came between", pinged, 0)
		other.CloseNow()
	})
}

// Ping reads for itself when nobody else does, no further than to a message.
func TestCompressionSurvivesThePump(t *testing.T) {
	eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressJSON(5000)
		for range 2 {
			frames := p.compressed(Text, text, 100)
			for cut := 0; cut < len(frames); cut += 211 {
				p.writeBytes(frames[cut:min(cut+211, len(frames))])
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, err := c.Ping(ctx)
				wantIs(t, "the message is in front of the pong", err, context.DeadlineExceeded)
				cancel()
			}
			reads(t, c).want("a message at which the pump stopped", Text, text)
			for len(p.got) > 0 || p.sim.unread() > 0 {
				p.readPing("one of them")
			}
		}
		pinged := startPing(t.Context(), c)
		payload := p.readPing("nothing is in the way")
		p.writeBytes(append(p.frame(OpPong, true, payload), p.compressed(Text, text, 100)...))
		wantPong(t, "the pong came first", pinged, 0)
		reads(t, c).want("and then a message", Text, text)
	})
}

// Keepalive pings in the middle of messages in both directions.
func TestCompressionSurvivesKeepalive(t *testing.T) {
	eachTakeover(t, Options{KeepAlive: time.Second, WriteBuffer: minBuffer}, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressJSON(2000)
		frames := p.compressed(Text, text, 50)
		got := started(func() error {
			_, data, err := c.Read(background)
			if string(data) != text {
				t.Errorf("Read = %s, %v", abridge(string(data)), err)
			}
			return err
		})
		for len(frames) > 0 {
			h, n := ParseHeader(frames)
			p.writeBytes(frames[:n+int(h.Length)])
			frames = frames[n+int(h.Length):]
			p.write(OpPong, true, p.readPing("a second of silence"))
		}
		wantNil(t, "Read", <-got)
		p.send(Text, text)
		reads(t, c).want("the next", Text, text)
	})
}
