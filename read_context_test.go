// This file tests that a context which ends a read leaves the connection as it
// was: decision 1 of the design. Reads are interrupted at every byte, on every
// kind of transport, and everything must arrive once.

package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// interrupter ends the context of the read that is under way.
type interrupter struct {
	cancel   context.CancelFunc
	deadline chan struct{} // a token for every deadline in the past
	times    int
}

func newInterrupter() *interrupter {
	return &interrupter{cancel: func() {}, deadline: make(chan struct{}, 1)}
}

// interrupt returns when the transport's read deadline has passed.
func (i *interrupter) interrupt() {
	i.times++
	i.cancel()
	<-i.deadline
}

// context returns the context of the next read.
func (i *interrupter) context(t *testing.T) context.Context {
	i.cancel()
	ctx, cancel := context.WithCancel(t.Context())
	i.cancel = cancel
	return ctx
}

// saw is told of every read deadline.
func (i *interrupter) saw(by time.Time) {
	if !by.IsZero() && by.Before(time.Now()) {
		i.deadline <- struct{}{}
	}
}

// bytewiseConn gives one byte a Read, and interrupts every second Read once it
// is armed.
type bytewiseConn struct {
	net.Conn
	*interrupter
	armed bool
	reads int
}

func (c *bytewiseConn) Read(p []byte) (int, error) {
	if !c.armed {
		return c.Conn.Read(p)
	}
	if c.reads++; c.reads%2 == 0 {
		c.interrupt()
	}
	return c.Conn.Read(p[:1])
}

func (c *bytewiseConn) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	if c.armed {
		c.saw(t)
	}
	return err
}

// interruptedSocket is a transport whose socket reads are interrupted whenever
// it is empty.
type interruptedSocket struct {
	*net.TCPConn
	*interrupter
}

func (c interruptedSocket) SetReadDeadline(t time.Time) error {
	err := c.TCPConn.SetReadDeadline(t)
	c.saw(t)
	return err
}

// newInterruptedSocketConn returns a Conn on a socket. Its reads end when they
// would wait.
func newInterruptedSocketConn(t *testing.T, role Role) (*Conn, *testPeer, *interrupter) {
	ours, theirs := loopback(t)
	i := newInterrupter()
	c, p := newTestConnOn(t, role, smallBuffer, ends{interruptedSocket{ours, i}, theirs})
	c.in.init(ours, c.opts.ReadBuffer, nil) // it takes no wrapper for a socket
	ready := c.in.ready
	c.in.ready = func(fd uintptr) bool {
		done := ready(fd)
		if !done {
			i.interrupt()
		}
		return done
	}
	return c, p, i
}

// readWhole reads a message, however often the read is interrupted.
func readWhole(t *testing.T, c *Conn, i *interrupter) (m Message) {
	t.Helper()
	dst := []byte("in front ")
	for {
		typ, got, err := c.AppendRead(i.context(t), dst)
		if err == nil {
			return Message{Type: typ, Data: got[len(dst):]}
		}
		if !errors.Is(err, context.Canceled) || len(got) != len(dst) {
			t.Fatalf("an interrupted read: %q, %v", got, err)
		}
	}
}

func wantWhole(t *testing.T, c *Conn, i *interrupter, want []Message) {
	t.Helper()
	for _, m := range want {
		if got := readWhole(t, c, i); got.Type != m.Type || string(got.Data) != string(m.Data) {
			t.Fatalf("got %v %s, want %v %s", got.Type, abridge(string(got.Data)), m.Type, abridge(string(m.Data)))
		}
	}
}

// smallBuffer makes reads straight to their place, past the buffer, likely.
var smallBuffer = Options{ReadBuffer: minRoom}

// interruptedStream is readStream and a message that is too large for
// smallBuffer.
func interruptedStream(p *testPeer) (stream []byte, want []Message) {
	stream, want = readStream(p)
	stream = append(stream, p.frame(OpText, false, testPayload(4_500))...)
	stream = append(stream, p.frame(OpPing, true, "d")...)
	stream = append(stream, p.frame(OpContinuation, true, testPayload(5_000))...)
	return stream, append(want, Message{Type: Text, Data: []byte(testPayload(4_500) + testPayload(5_000))})
}

// also at every byte of a TLS record, since the interruptions are below TLS.
func TestReadSurvivesCancelAtEveryByteOfAStream(t *testing.T) {
	links := []struct {
		name string
		open func(t *testing.T, wrap func(net.Conn) net.Conn) (ours, theirs net.Conn)
	}{
		{"in-memory", func(t *testing.T, wrap func(net.Conn) net.Conn) (ours, theirs net.Conn) {
			ours, theirs = newPipe()
			return wrap(ours), theirs
		}},
		{"tls", func(t *testing.T, wrap func(net.Conn) net.Conn) (ours, theirs net.Conn) {
			return tlsPair(t, wrap)
		}},
	}
	for _, link := range links {
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(link.name+"/"+role.String(), func(t *testing.T) {
				var wire *bytewiseConn
				ours, theirs := link.open(t, func(conn net.Conn) net.Conn {
					wire = &bytewiseConn{Conn: conn, interrupter: newInterrupter()}
					return wire
				})
				c, p := newTestConnOn(t, role, smallBuffer, ends{ours, theirs})
				stream, want := interruptedStream(p)
				wire.armed = true
				p.writeBytes(stream)
				wantWhole(t, c, wire.interrupter, want)
				if wire.times < len(stream)-1 {
					t.Errorf("%d interruptions in %d bytes", wire.times, len(stream))
				}
				wantPongs(p, "pings are answered once", "a", "b", "c", "d")
			})
		}
	}
}

func TestReadSurvivesCancelAtEveryByteOfASocket(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run(role.String(), func(t *testing.T) {
			c, p, i := newInterruptedSocketConn(t, role)
			stream, want := interruptedStream(p)
			for n := range stream[:len(stream)-1] {
				p.writeBytes(stream[n : n+1])
				ctx := i.context(t)
				if typ, data, err := c.Read(ctx); err == nil {
					wantSame(t, Message{Type: typ, Data: data}, want[0])
					want = want[1:]
				} else if !errors.Is(err, context.Canceled) {
					t.Fatalf("at byte %d: %v", n, err)
				}
			}
			p.writeBytes(stream[len(stream)-1:])
			wantWhole(t, c, i, want)
			wantPongs(p, "pings are answered once", "a", "b", "c", "d")
		})
	}
}

func wantSame(t *testing.T, got, want Message) {
	t.Helper()
	if got.Type != want.Type || string(got.Data) != string(want.Data) {
		t.Fatalf("got %v %s, want %v %s", got.Type, abridge(string(got.Data)), want.Type, abridge(string(want.Data)))
	}
}

// TestReadSurvivesADeadlineBehindEveryByte lets a second pass behind every byte
// that comes, which is all that each read has.
func TestReadSurvivesADeadlineBehindEveryByte(t *testing.T) {
	eachRole(t, smallBuffer, func(t *testing.T, c *Conn, p *testPeer) {
		stream, want := interruptedStream(p)
		for n := range stream {
			p.writeBytes(stream[n : n+1])
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			start := time.Now()
			typ, data, err := c.Read(ctx)
			switch {
			case err == nil:
				wantSame(t, Message{Type: typ, Data: data}, want[0])
				want = want[1:]
			case !errors.Is(err, context.DeadlineExceeded) || !isTimeout(err):
				t.Fatalf("at byte %d: %v", n, err)
			case time.Since(start) != time.Second:
				t.Fatalf("at byte %d: the read took %v", n, time.Since(start))
			}
			cancel()
		}
		if len(want) > 0 {
			t.Errorf("%d messages are missing", len(want))
		}
		wantPongs(p, "pings are answered once", "a", "b", "c", "d")
		p.wantIdle("pings are answered once")
	})
}

func isTimeout(err error) bool {
	t, ok := err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}

func TestReadRefusesAnEndedContext(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		p.write(OpText, true, "x")
		if _, _, err := c.Read(ctx); !errors.Is(err, context.Canceled) || isTimeout(err) {
			t.Errorf("Read: %v", err)
		}
		if c.Err() != nil {
			t.Errorf("the connection is over: %v", c.Err())
		}
		reads(t, c).want("nothing was lost", Text, "x")
	})
}

// TestReadGivesUpItsTurn has a read wait for another to end.
func TestReadGivesUpItsTurn(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		first := make(chan string, 1)
		go func() {
			_, data, _ := c.Read(t.Context())
			first <- string(data)
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Read: %v", err)
		}
		if _, _, err := c.NextReader(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("NextReader: %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		p.write(OpText, true, "x")
		if got := <-first; got != "x" {
			t.Errorf("the other read got %q", got)
		}
	})
}

// TestReadWithTheSameContextRegistersOnce: decision 2 of the design. The type of
// the context cannot be compared.
func TestReadWithTheSameContextRegistersOnce(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ctx := newCountingContext(t.Context())
		for range 10 {
			p.write(OpText, true, "x")
			if _, _, err := c.Read(ctx); err != nil {
				t.Fatal(err)
			}
			p.write(OpText, true, "y")
			if _, r, err := c.NextReader(ctx); err == nil {
				io.Copy(io.Discard, r)
			}
		}
		if *ctx.registered != 1 {
			t.Errorf("%d registrations", *ctx.registered)
		}
		c.CloseNow()
		if *ctx.unregistered != 1 {
			t.Error("the registration outlives the connection")
		}
	})
}

// TestReadIsCancelledWhileItEnds races the end of a context with a message.
// Whoever wins, the next read must not meet the deadline of this one.
func TestReadIsCancelledWhileItEnds(t *testing.T) {
	eachLink(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for range 300 {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			go p.write(OpText, true, "x")
			if _, _, err := c.Read(ctx); err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				reads(t, c).want("the message was not lost", Text, "x")
			}
		}
	})
}
