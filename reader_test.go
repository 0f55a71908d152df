// This file tests Conn.NextReader and Conn.Messages.

package websocket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

func mustNextReader(t *testing.T, c *Conn, want MessageType) io.Reader {
	t.Helper()
	typ, r, err := c.NextReader(t.Context())
	if err != nil || typ != want {
		t.Fatalf("NextReader = %v, %v; want %v", typ, err, want)
	}
	return r
}

// wantRest reads r to its end and then some more.
func wantRest(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != want {
		t.Fatalf("ReadAll = %s, %v; want %s", abridge(string(got)), err, abridge(want))
	}
	for range 3 {
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("behind the end: %d, %v", n, err)
		}
	}
}

func TestNextReaderReadsEverySize(t *testing.T) {
	sizes := map[string]func(io.Reader) io.Reader{
		"large":   func(r io.Reader) io.Reader { return r }, // io.ReadAll's
		"bytes":   iotest.OneByteReader,
		"exactly": func(r io.Reader) io.Reader { return io.LimitReader(r, 1<<20) },
	}
	for name, slice := range sizes {
		t.Run(name, func(t *testing.T) {
			eachLink(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				defer p.meanwhile(func() {
					for _, n := range p.sizes()[:9] {
						p.write(OpText, true, testPayload(n))
						p.write(OpBinary, false, testPayload(n))
						p.write(OpPing, true, "x")
						p.write(OpContinuation, true, testPayload(n))
					}
				})()
				for _, n := range p.sizes()[:9] {
					wantRest(t, slice(mustNextReader(t, c, Text)), testPayload(n))
					wantRest(t, slice(mustNextReader(t, c, Binary)), testPayload(n)+testPayload(n))
				}
			})
		})
	}
}

// TestNextReaderReadsStraightIntoLargeSlices sees that nothing is copied
// through a buffer, and nothing is written behind the payload.
func TestNextReaderReadsStraightIntoLargeSlices(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		payload := testPayload(60_000)
		go p.write(OpBinary, true, payload)
		r := mustNextReader(t, c, Binary)
		got := make([]byte, 0, 64<<10)
		for len(got) < len(payload) {
			n, err := r.Read(got[len(got):cap(got)])
			if err != nil {
				t.Fatal(err)
			}
			got = got[:len(got)+n]
			if len(got) > 100 && (c.in.buf != nil || c.piece != nil) {
				t.Fatal("there is a buffer between")
			}
		}
		if string(got) != payload || bytes.ContainsFunc(got[len(got):cap(got)], func(r rune) bool { return r != 0 }) {
			t.Error("the payload is not what was sent")
		}
		wantRest(t, r, "")
	})
}

func TestNextReaderTakesNothingIntoNothing(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, false, "")
		r := mustNextReader(t, c, Text)
		if n, err := r.Read(nil); n != 0 || err != nil {
			t.Errorf("before anything came: %d, %v", n, err)
		}
		p.write(OpContinuation, true, "x")
		if n, err := r.Read([]byte{}); n != 0 || err != nil {
			t.Errorf("with a byte waiting: %d, %v", n, err)
		}
		wantRest(t, r, "x")
		if n, err := r.Read(nil); n != 0 || err != io.EOF {
			t.Errorf("behind the end: %d, %v", n, err)
		}
	})
}

func TestNextReaderLeavesTheRestBehind(t *testing.T) {
	tests := []struct {
		name string
		take int64
		send func(p *testPeer)
	}{
		{"nothing-read", 0, func(p *testPeer) { p.write(OpText, true, "skipped") }},
		{"some-read", 3, func(p *testPeer) { p.write(OpText, true, "skipped") }},
		{"all-read", 7, func(p *testPeer) { p.write(OpText, true, "skipped") }},
		{"fragments", 3, func(p *testPeer) {
			p.write(OpText, false, "skip")
			p.write(OpPing, true, "x")
			p.write(OpContinuation, false, "")
			p.write(OpContinuation, true, "ped")
		}},
		{"empty", 0, func(p *testPeer) { p.write(OpText, true, "") }},
		{"large", 3, func(p *testPeer) { p.write(OpText, true, testPayload(25_000)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				tt.send(p)
				tt.send(p)
				p.write(OpBinary, true, "next")
				r := mustNextReader(t, c, Text)
				io.CopyN(io.Discard, r, tt.take)
				second := mustNextReader(t, c, Text)
				if n, err := r.Read(make([]byte, 8)); n != 0 || err == nil || err == io.EOF && tt.take == 0 {
					t.Errorf("the first reader reads on: %d, %v", n, err)
				}
				io.CopyN(io.Discard, second, tt.take)
				reads(t, c).want("Read drops what is left too", Binary, "next")
				if n, err := second.Read(make([]byte, 8)); n != 0 || err == nil {
					t.Errorf("the second reader reads on: %d, %v", n, err)
				}
			})
		})
	}
}

// TestNextReaderSkipIsInterrupted has a read give up while it drops the rest of
// a message.
func TestNextReaderSkipIsInterrupted(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, false, "skip")
		r := mustNextReader(t, c, Text)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { synctest.Wait(); cancel() }()
			if _, _, err := c.Read(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("Read: %v", err)
			}
			p.write(OpContinuation, false, "ped")
		}
		p.write(OpContinuation, true, "")
		p.write(OpText, true, "next")
		reads(t, c).want("the rest was dropped", Text, "next")
		if _, err := r.Read(make([]byte, 1)); err != errStaleReader {
			t.Errorf("the reader: %v", err)
		}
	})
}

// TestNextReaderTakesOverWhatReadBegan interrupts a Read in the middle of a
// message: the next call gets all of it.
func TestNextReaderTakesOverWhatReadBegan(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for _, size := range []int{0, 5, 20_000} {
			payload := testPayload(size)
			p.write(OpText, false, payload)
			for range 2 {
				ctx, cancel := context.WithCancel(t.Context())
				go func() { synctest.Wait(); cancel() }()
				if _, _, err := c.Read(ctx); !errors.Is(err, context.Canceled) {
					t.Fatalf("Read: %v", err)
				}
				p.write(OpContinuation, false, "more")
			}
			p.write(OpContinuation, true, "end")
			wantRest(t, mustNextReader(t, c, Text), payload+"moremoreend")
			p.write(OpText, true, "next")
			reads(t, c).want("nothing is left of it", Text, "next")
		}
	})
}

func TestNextReaderEndsWithItsContext(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ctx, cancel := context.WithCancel(t.Context())
		p.write(OpText, false, "some")
		_, r, err := c.NextReader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		go func() { synctest.Wait(); cancel() }()
		if n, err := r.Read(make([]byte, 8)); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("Read = %d, %v", n, err)
		}
		p.write(OpContinuation, true, "more")
		p.write(OpText, true, "next")
		reads(t, c).want("the connection is as it was", Text, "next")
	})
}

func TestNextReaderTellsHowTheConnectionEnds(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, false, "ok\xe2\x82")
		r := mustNextReader(t, c, Text)
		p.write(OpContinuation, true, "not €")
		got, err := io.ReadAll(r)
		if string(got) != "ok\xe2\x82" || !errors.Is(err, RuleUTF8) {
			t.Errorf("ReadAll = %q, %v", got, err)
		}
		<-c.Done()
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, RuleUTF8) {
			t.Errorf("once more: %v", err)
		}
		p.wantClose("text was not UTF-8", CloseInvalidPayload, RuleUTF8.Text())
	})
}

func TestMessagesEndsSilentlyAfterAnOrderlyClose(t *testing.T) {
	for _, code := range []CloseCode{CloseNormal, CloseGoingAway} {
		eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
			p.write(OpText, true, "a")
			p.write(OpBinary, true, "b")
			p.writeClose(code, "")
			p.sim.CloseWrite()
			var got []string
			for m, err := range c.Messages(t.Context()) {
				if err != nil {
					t.Errorf("%v: %v", code, err)
				}
				got = append(got, m.Type.String()+" "+string(m.Data))
			}
			if strings.Join(got, ", ") != "text a, binary b" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestMessagesGivesEveryOtherError(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		do   func(c *Conn, p *testPeer)
		want func(err error) bool
	}{
		{"other-code", nil, func(c *Conn, p *testPeer) { p.writeClose(CloseInternalError, "x"); p.sim.CloseWrite() },
			func(err error) bool { s, ok := CloseStatus(err); return ok && s.Code == CloseInternalError }},
		{"no-code", nil, func(c *Conn, p *testPeer) { p.writeClose(CloseNoStatus, ""); p.sim.CloseWrite() },
			func(err error) bool { s, ok := CloseStatus(err); return ok && s.Code == CloseNoStatus }},
		{"lost", nil, func(c *Conn, p *testPeer) { p.sim.CloseWrite() },
			func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"closed-here", nil, func(c *Conn, p *testPeer) { c.CloseNow() },
			func(err error) bool { return err == ErrClosed }},
		{"context", ended, func(c *Conn, p *testPeer) {},
			func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"broken-rule", nil, func(c *Conn, p *testPeer) { p.write(OpContinuation, true, ""); p.sim.CloseWrite() },
			func(err error) bool { return errors.Is(err, RuleContinuation) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				ctx := tt.ctx
				if ctx == nil {
					ctx = t.Context()
				}
				tt.do(c, p)
				var errs []error
				for m, err := range c.Messages(ctx) {
					if m.Data != nil || m.Type != 0 {
						t.Errorf("a message came: %v", m)
					}
					errs = append(errs, err)
				}
				if len(errs) != 1 || !tt.want(errs[0]) {
					t.Errorf("errors: %v", errs)
				}
			})
		})
	}
}

func TestMessagesCanBeLeftAndTakenUp(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for _, s := range []string{"a", "b", "c"} {
			p.write(OpText, true, s)
		}
		for _, want := range []string{"a", "b"} {
			for m, err := range c.Messages(t.Context()) {
				if err != nil || string(m.Data) != want {
					t.Errorf("got %q, %v; want %q", m.Data, err, want)
				}
				break
			}
		}
		reads(t, c).want("after leaving the loop", Text, "c")
	})
}

func TestReaderHoldsNoBufferBehindItsMessage(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, true, "a message that is longer than sixteen bytes")
		io.Copy(io.Discard, mustNextReader(t, c, Text))
		ctx, cancel := context.WithCancel(t.Context())
		read := started(func() error { _, _, err := c.Read(ctx); return err })
		synctest.Wait()
		if c.piece != nil {
			t.Errorf("a waiting connection holds %d bytes", cap(c.piece))
		}
		cancel()
		<-read
	})
}
