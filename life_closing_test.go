// This file tests closings in a crowd: writers, both ends, the handler and
// Shutdown at once; and writes that are cut (rows S-55, R-08, R-11 and R-17 of the
// list of hostile inputs). Everything runs in bubbles, so that whoever is left
// waiting shows as time that has passed.

package websocket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// How often closings are raced. S-55 wants 10,000, which would take the race
// detector too long.
const (
	lifeRaces     = 1000   // S-55
	lifeHandovers = 200
	lifeMeetings  = 10_000
)

// wantLegal wants what a Conn has sent to be legal frames, whole ones, and nothing
// behind its Close, which must be there.
func wantLegal(t *testing.T, role Role, sent []byte) {
	t.Helper()
	r := NewReceiver(opposite(role), Limits{-1, -1})
	for b := bytes.Clone(sent); len(b) > 0; {
		_, n, err := r.Next(b)
		if b = b[n:]; err != nil {
			t.Fatalf("the %v has sent an illegal frame: %v", role, err)
		}
		if r.Closed() && len(b) > 0 {
			t.Fatalf("the %v has sent %d bytes behind its Close: %q", role, len(b), b)
		}
	}
	if !r.Closed() {
		t.Fatalf("the %v has sent no Close", role)
	}
}

// S-55: eight writers on each side, while both sides close. What is sent is legal,
// nobody waits, and each writer is told of the end.
func TestLifeOfWritersWhileBothSidesClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		for i := range lifeRaces {
			a, b := newPipe(func(k *simKnobs) { k.capacity = 100 + i%400 })
			o := Options{KeepAlive: -1, WriteBuffer: 256}
			client, server := newConn(a, RoleClient, o, nil), newConn(b, RoleServer, o, nil)
			start := time.Now()
			var all sync.WaitGroup
			for _, c := range []*Conn{client, server} {
				for way := range 8 {
					all.Go(func() { writeToTheEnd(t, c, way) })
				}
			}
			read := startRead(server)
			for range i % 50 {
				runtime.Gosched() // some of them write more than others before the end
			}
			first, second := startClose(client, CloseNormal, "c"), startClose(server, CloseGoingAway, "s")
			wantNil(t, "the client's Close", <-first)
			wantNil(t, "the server's Close", <-second)
			all.Wait()
			<-read
			simWantElapsed(t, start, 0)
			wantLegal(t, RoleClient, a.sent())
			wantLegal(t, RoleServer, b.sent())
			sent += len(a.sent()) + len(b.sent())
		}
		if sent < 100*lifeRaces {
			t.Errorf("%d bytes were sent: hardly a writer was in time", sent)
		}
		t.Logf("%d bytes were sent", sent)
	})
}

// writeToTheEnd writes until there is an error, which must be that of a connection
// that is being closed.
func writeToTheEnd(t *testing.T, c *Conn, way int) {
	message := make([]byte, 40*way)
	for err := error(nil); err == nil; {
		if way%2 == 0 {
			err = c.Write(background, Binary, message)
		} else {
			var w *MessageWriter
			if w, err = c.NextWriter(background, Binary); err == nil {
				_, err = w.Write(append(message, message...))
				err = errors.Join(err, w.Close())
			}
		}
		if ce := (*CloseError)(nil); err != nil && !errors.Is(err, ErrClosed) && !(errors.As(err, &ce) && ce.Code != CloseAbnormal) {
			t.Errorf("writer %d: %v", way, err)
		}
	}
}

// both sides send a Close before either has seen the other's. Both end
// cleanly, and each reports the other's code.
func TestLifeEndsCleanlyWhenBothCloseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i := range lifeMeetings {
			a, b := newPipe(func(k *simKnobs) { k.latency = time.Millisecond })
			o := Options{KeepAlive: -1}
			client, server := newConn(a, RoleClient, o, nil), newConn(b, RoleServer, o, nil)
			codes := [2]CloseCode{3000 + CloseCode(i%1000), 4000 + CloseCode(i%999)}
			first, second := startClose(client, codes[0], "c"), startClose(server, codes[1], "s")
			wantNil(t, "the client's Close", <-first)
			wantNil(t, "the server's Close", <-second)
			wantCloseError(t, "the client", client.Err(), CloseError{Code: codes[1], Reason: "s"})
			wantCloseError(t, "the server", server.Err(), CloseError{Code: codes[0], Reason: "c"})
			wantLegal(t, RoleClient, a.sent())
			wantLegal(t, RoleServer, b.sent())
		}
	})
}

// the handler closes while the server is shut down. The peer gets one Close,
// from either, and all three calls return when it has answered.
func TestLifeEndsOnceWhenHandlerAndShutdownClose(t *testing.T) {
	for range lifeHandovers {
		var closed chan error // made in the bubble
		runServer(t, func(ctx context.Context, c *Conn) error {
			c.Read(ctx)
			closed <- c.Close(4001, "handler")
			closed <- c.Close(4002, "handler again")
			return errTest // which asks for another Close
		}, func(t *testing.T, s shutdownRun) {
			closed = make(chan error, 2)
			p := openServer(t, s.l)
			synctest.Wait()
			start := time.Now()
			p.write(OpText, true, "close")
			done := s.shutdown(t.Context())
			h, body := p.readFrame("one of the Closes")
			code, _, _ := ParseCloseBody([]byte(body))
			if h.Opcode != OpClose || code != 4001 && code != CloseGoingAway {
				t.Fatalf("got %v %q", h.Opcode, body)
			}
			p.writeClose(code, "")
			p.wantEOF("there is one Close only")
			p.conn.Close()
			wantNil(t, "Shutdown", <-done)
			wantNil(t, "the handler's Close", <-closed)
			wantNil(t, "the handler's second Close", <-closed)
			simWantElapsed(t, start, 0)
		})
	}
}

// the same with a peer that takes nothing, so that the handler hangs in a
// Write. All return at CloseTimeout with one result.
func TestLifeEndsInTimeWhenNothingIsTaken(t *testing.T) {
	var stuck chan struct{} // both made in the bubble
	var results chan error
	runServer(t, func(ctx context.Context, c *Conn) error {
		wrote := started(func() error { return c.Write(background, Binary, make([]byte, 1<<20)) })
		<-stuck
		first := started(func() error { return c.Close(4001, "") })
		results <- c.Close(4002, "")
		results <- <-first
		results <- c.Close(4003, "")
		return <-wrote
	}, func(t *testing.T, s shutdownRun) {
		stuck, results = make(chan struct{}), make(chan error, 3)
		p := openServer(t, s.l)
		synctest.Wait() // until nothing more is taken
		close(stuck)
		start := time.Now()
		wantNil(t, "Shutdown", <-s.shutdown(t.Context()))
		simWantElapsed(t, start, defaultCloseTimeout)
		first := <-results
		wantAbnormal(t, "Close", first, os.ErrDeadlineExceeded)
		for range 2 {
			if err := <-results; err != first {
				t.Errorf("another Close = %v, the first: %v", err, first)
			}
		}
		io.Copy(io.Discard, p.conn)
	})
}

// a context that ends a write at any byte of its frame. When all of it is
// out the write has been done. When any of it is missing the connection fails, and
// not a byte follows.
func TestLifeEndsWithAWriteThatIsCut(t *testing.T) {
	ways := map[string]func(ctx context.Context, c *Conn, p []byte) error{
		"write": func(ctx context.Context, c *Conn, p []byte) error { return c.Write(ctx, Binary, p) },
		"batch": func(ctx context.Context, c *Conn, p []byte) error {
			return c.WriteBatch(ctx, Message{Type: Text, Data: p[:10]}, Message{Type: Binary, Data: p[10:]})
		},
		"writer": func(ctx context.Context, c *Conn, p []byte) error {
			w, err := c.NextWriter(ctx, Binary)
			if err == nil {
				w.Write(p)
				err = w.Close()
			}
			return err
		},
	}
	for name, write := range ways {
		t.Run(name, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				for room, whole := 0, false; !whole; room++ {
					whole = testCutWrite(t, role, room, write)
				}
			})
		})
	}
}

// testCutWrite writes to a peer that takes room bytes, and returns whether that
// was all.
func testCutWrite(t *testing.T, role Role, room int, write func(context.Context, *Conn, []byte) error) (whole bool) {
	t.Helper()
	c, p := newTestConn(t, role, Options{})
	ours := p.sim.peer
	ours.tune(func(k *simKnobs) { k.capacity = room; k.stallWrites = room == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	start := time.Now()
	err := write(ctx, c, []byte(testPayload(150)))
	ours.tune(func(k *simKnobs) { k.capacity = 64 << 10; k.stallWrites = false })
	if err == nil {
		simWantElapsed(t, start, 0)
		wantNil(t, "the next write", c.Write(t.Context(), Text, nil))
		return true
	}
	simWantElapsed(t, start, time.Second)
	wantLost(t, c, err, context.DeadlineExceeded)
	if n := len(ours.sent()); n != room {
		t.Fatalf("%d bytes were sent where there was room for %d", n, room)
	}
	return false
}
