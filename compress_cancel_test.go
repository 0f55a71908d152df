// This file stops compressed writes at every point, and ends connections in the
// middle of compressed messages. What the peer has inflated by then must be the
// beginning of what was sent (S-17).

package websocket

import (
	"compress/flate"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// beginning returns the messages that have arrived, and what there is of one
// that was cut off.
func (p *compressPeer) beginning() (whole []string, rest string) {
	p.t.Helper()
	r := NewReceiver(p.role, Limits{-1, -1})
	r.SetCompression(&p.agreed)
	for b := p.ours.sent(); ; {
		ev, n, err := r.Next(b)
		if err != nil {
			p.t.Fatalf("what was sent: %v", err)
		}
		b = b[n:]
		switch {
		case ev.Kind == NeedMore && len(b) == 0:
			return whole, rest
		case ev.Kind == DataReceived:
			rest += string(ev.Data)
			if ev.Final {
				whole, rest = append(whole, rest), ""
			}
		}
	}
}

// TestCompressionSurvivesCancelOfAWrite lets the peer take so many bytes, and
// then the context ends. Either all of the message is on its way, or the
// connection fails, and nothing behind it is sent.
func TestCompressionSurvivesCancelOfAWrite(t *testing.T) {
	writes := map[string]func(context.Context, *Conn, string) error{
		"write": func(ctx context.Context, c *Conn, s string) error { return c.Write(ctx, Text, []byte(s)) },
		"writer": func(ctx context.Context, c *Conn, s string) error {
			w, err := c.NextWriter(ctx, Text)
			if err != nil {
				return err
			}
			_, err = io.WriteString(w, s)
			return errors.Join(err, w.Close())
		},
	}
	long := compressJSON(2000)
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			for room := 0; room < 900; room += 13 {
				o := withCompression(Compression{Threshold: -1})
				o.WriteBuffer = minBuffer
				eachCompress(t, o, func(t *testing.T, c *Conn, p *compressPeer) {
					mustSend(t, c, Message{Type: Text, Data: []byte("first")})
					p.wantMessage("nothing is in the way", Text, true, "first")
					p.ours.tune(func(k *simKnobs) { k.capacity = room })
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					err := write(ctx, c, long)
					p.ours.tune(func(k *simKnobs) { k.capacity = 64 << 10 })
					later := c.Write(t.Context(), Text, []byte("later"))
					whole, rest := p.beginning()
					want := []string{"first", long, "later"}
					if err != nil {
						want = want[:1]
						wantIs(t, "the connection fails", c.Err(), context.DeadlineExceeded)
						wantIs(t, "and the next write", later, c.Err())
					}
					if !slices.Equal(whole, want) || !strings.HasPrefix(long, rest) {
						t.Fatalf("with room for %d: %v, %v: %q and %s", room, err, later, whole, abridge(rest))
					}
				})
			}
		})
	}
}

// A write that is cancelled before its turn has compressed nothing.
func TestCompressionSurvivesCancelOfAWriteThatWaits(t *testing.T) {
	eachCompress(t, compressAll, func(t *testing.T, c *Conn, p *compressPeer) {
		text := compressJSON(500)
		for range 3 {
			p.ours.tune(func(k *simKnobs) { k.stallWrites = true })
			stalled := started(func() error { return c.Write(background, Text, []byte(text)) })
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			wantIs(t, "Write", c.Write(ctx, Text, []byte("never"+text)), context.DeadlineExceeded)
			err := c.WriteBatch(ctx, Message{Type: Text, Data: []byte(text)}, Message{Type: Text, Data: []byte("never")})
			wantIs(t, "WriteBatch", err, context.DeadlineExceeded)
			_, err = c.NextWriter(ctx, Text)
			wantIs(t, "NextWriter", err, context.DeadlineExceeded)
			cancel()
			p.ours.tune(func(k *simKnobs) { k.stallWrites = false })
			wantNil(t, "the write that was stalled", <-stalled)
			p.wantMessage("it was stalled", Text, true, text)

			w, err := c.NextWriter(ctx, Text)
			wantIs(t, "NextWriter with a context that has ended", err, nil)
			_, err = io.WriteString(w, text)
			wantNil(t, "what is still in the buffer", err)
			wantIs(t, "Close", w.Close(), context.DeadlineExceeded)
			mustSend(t, c, Message{Type: Text, Data: []byte(text)})
			if m := p.wantMessage("the window is as it was", Text, true, text); m.size > 60 {
				t.Errorf("%d bytes for a message that was sent before", m.size)
			}
		}
	})
}

// A message of which a part has been read, and the connection ends.
func TestCompressionEndsInTheMiddleOfAMessage(t *testing.T) {
	text := compressJSON(20_000)
	ends := map[string]func(t *testing.T, c *Conn, p *compressPeer, rest []byte){
		"close":       closeInside,
		"close-read":  closeReadInside,
		"lost":        lostInside,
		"close-write": closeWriteInside,
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
				frames := p.compressed(Text, text, 500)
				p.writeBytes(frames[:len(frames)/2])
				r := mustNextReader(t, c, Text)
				if _, err := io.ReadFull(r, make([]byte, 5000)); err != nil {
					t.Fatal(err)
				}
				end(t, c, p, frames[len(frames)/2:])
				if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
					t.Errorf("the reader goes on: %v", err)
				}
			})
		})
	}
}

func closeInside(t *testing.T, c *Conn, p *compressPeer, rest []byte) {
	closed := startClose(c, CloseNormal, "")
	p.wantClose("Close", CloseNormal, "")
	p.writeBytes(rest)
	p.send(Binary, "one more")
	p.writeClose(CloseNormal, "")
	p.wantTeardown("the peer has answered")
	wantNil(t, "Close", <-closed)
}

func closeReadInside(t *testing.T, c *Conn, p *compressPeer, rest []byte) {
	c.CloseRead()
	synctest.Wait()
	p.writeBytes(rest)
	p.write(OpPing, true, "?")
	p.wantFrame("the rest was dropped", OpPong, "?")
	p.send(Text, "unexpected")
	p.wantClose("a message", ClosePolicyViolation, "no message was expected")
	p.writeClose(ClosePolicyViolation, "")
	p.wantTeardown("the peer has answered")
	<-c.Done()
}

func lostInside(t *testing.T, c *Conn, p *compressPeer, rest []byte) {
	p.sim.reset()
	_, _, err := c.Read(t.Context())
	wantCloseError(t, "the connection is lost", err, CloseError{Code: CloseAbnormal})
}

func closeWriteInside(t *testing.T, c *Conn, p *compressPeer, rest []byte) {
	wantNil(t, "CloseWrite", c.CloseWrite(CloseNormal, ""))
	p.wantClose("CloseWrite", CloseNormal, "")
	p.writeBytes(rest)
	p.send(Binary, compressJSON(900))
	reads(t, c).want("an answer", Binary, compressJSON(900))
	p.writeClose(CloseNormal, "")
	_, _, err := c.Read(t.Context())
	wantCloseError(t, "the peer's Close", err, CloseError{Code: CloseNormal})
}

// A peer may end a message with BFINAL and its own tail: compress/flate's Close
// does that.
func TestCompressionTakesWhatAFlateWriterCloses(t *testing.T) {
	eachCompress(t, compressAll, func(t *testing.T, c *Conn, p *compressPeer) {
		for _, n := range []int{0, 5, 1000} {
			var b strings.Builder
			w, _ := flate.NewWriter(&b, 9)
			io.WriteString(w, compressJSON(n))
			w.Close()
			p.writeBytes(p.raw(0xc1, b.String()+"\x00")) // 7692 §7.2.3.4
			reads(t, c).want("with BFINAL", Text, compressJSON(n))
		}
	})
}
