// This file tests what belongs to neither half of a Conn: options, the end, and
// what early bytes become.

package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestConnOptionsHaveSafeDefaults(t *testing.T) {
	got := Options{}.normal()
	if got.WriteTimeout != 10*time.Second || got.CloseTimeout != 5*time.Second || got.ReadBuffer != 8<<10 || got.WriteBuffer != 8<<10 {
		t.Errorf("zero: %+v", got)
	}
	got = Options{WriteTimeout: -1, CloseTimeout: -1, ReadBuffer: 1, WriteBuffer: -1}.normal()
	if got.WriteTimeout >= 0 || got.CloseTimeout != 5*time.Second || got.ReadBuffer != 256 || got.WriteBuffer != 256 {
		t.Errorf("too small: %+v", got)
	}
	got = Options{WriteTimeout: 1, CloseTimeout: 2, ReadBuffer: 1000, WriteBuffer: 2000}.normal()
	if got.WriteTimeout != 1 || got.CloseTimeout != 2 || got.ReadBuffer != 1000 || got.WriteBuffer != 2000 {
		t.Errorf("set: %+v", got)
	}
}

func TestConnKnowsItsAddresses(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		if c.LocalAddr() != p.conn.RemoteAddr() || c.RemoteAddr() != p.conn.LocalAddr() {
			t.Errorf("%v → %v", c.LocalAddr(), c.RemoteAddr())
		}
		if c.Subprotocol() != "" {
			t.Errorf("subprotocol %q", c.Subprotocol())
		}
		c.transport = &writeLog{transport: c.transport} // which has none
		if c.LocalAddr() != nil || c.RemoteAddr() != nil {
			t.Errorf("without addresses: %v → %v", c.LocalAddr(), c.RemoteAddr())
		}
	})
}

// TestConnReadsEarlyBytes gives the Conn the beginning of the stream with the
// handshake, cut in every place.
func TestConnReadsEarlyBytes(t *testing.T) {
	length := 1
	for cut := 0; cut < length; cut++ {
		synctest.Test(t, func(t *testing.T) {
			c, p := newTestConn(t, RoleServer, Options{})
			stream, want := readStream(p)
			length = len(stream)
			c.in.data = append([]byte(nil), stream[:cut]...)
			p.writeBytes(stream[cut:])
			wantMessages(t, c, "early bytes come first", want)
			wantPongs(p, "pings among them are answered", "a", "b", "c")
		})
	}
}

func TestConnLetsEarlyBytesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newTestConn(t, RoleServer, Options{})
		c.in.data = append(make([]byte, 0, 4<<10), p.frame(OpText, true, "early")...)
		reads(t, c).want("early", Text, "early")
		go c.Read(context.Background())
		synctest.Wait()
		if cap(c.in.data) > len(c.in.first) || c.in.buf != nil {
			t.Errorf("%d bytes are held while idle", cap(c.in.data))
		}
	})
}

func TestConnIsOverOnce(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		before, after := 0, 0
		c.whenOver(func() {
			before++
			if c.Err() != ErrClosed {
				t.Errorf("when over: %v", c.Err())
			}
		})
		if c.Err() != nil {
			t.Errorf("Err of an open connection: %v", c.Err())
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { c.CloseNow() })
		}
		all.Wait()
		<-c.Done()
		c.whenOver(func() { after++ })
		if c.Err() != ErrClosed || before != 1 || after != 1 {
			t.Errorf("Err: %v; told %d and %d times", c.Err(), before, after)
		}
		if calls := p.sim.closes(); len(calls) != 1 {
			t.Errorf("the transport saw %q", calls)
		}
		c.end(io.EOF)
		if c.Err() != ErrClosed {
			t.Errorf("the first reason does not stand: %v", c.Err())
		}
	})
}

func TestConnCloseNowReportsItsTransport(t *testing.T) {
	boom := errors.New("boom")
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.fail(simClose, 1, boom)
		if err := c.CloseNow(); err != boom {
			t.Errorf("CloseNow: %v", err)
		}
		if err := c.CloseNow(); err != nil || c.Err() != ErrClosed {
			t.Errorf("once more: %v; Err: %v", err, c.Err())
		}
	})
}

// TestConnCloseNowWakesEverybody has a call of every kind blocked.
func TestConnCloseNowWakesEverybody(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.stall(true)
		calls := map[string]func() error{
			"Read":       func() error { _, _, err := c.Read(t.Context()); return err },
			"Read2":      func() error { _, _, err := c.Read(context.Background()); return err },
			"NextReader": func() error { _, _, err := c.NextReader(t.Context()); return err },
			"Write":      func() error { return c.Write(t.Context(), Text, nil) },
			"Write2":     func() error { return c.Write(context.Background(), Text, nil) },
			"Ping":       func() error { _, err := c.Ping(t.Context()); return err },
		}
		var all sync.WaitGroup
		for name, call := range calls {
			all.Go(func() {
				if err := call(); err != ErrClosed {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		c.CloseNow()
		all.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		if c.out.buf != nil || c.out.b != nil {
			t.Error("a buffer is held")
		}
	})
}

func TestConnHurryEndsIt(t *testing.T) {
	eachRole(t, Options{CloseTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		c.hurry()
		time.AfterFunc(2*time.Second, c.hurry) // the first one counts
		_, _, err := c.Read(t.Context())
		wantCloseError(t, "the time is up", err, CloseError{Code: CloseAbnormal})
		if took := time.Since(start); took != 3*time.Second || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read: %v after %v", err, took)
		}
		c.hurry()
		if c.Err() != err {
			t.Errorf("Err: %v, but Read: %v", c.Err(), err)
		}
	})
}

func TestConnContextErrorsAreTimeoutsWhenTheyAre(t *testing.T) {
	for cause, timeout := range map[error]bool{context.DeadlineExceeded: true, context.Canceled: false} {
		var err error = &contextError{cause}
		if isTimeout(err) != timeout || !errors.Is(err, cause) || err.Error() != "websocket: "+cause.Error() {
			t.Errorf("%v: %v", cause, err)
		}
	}
}

// TestConnSurvivesConnections opens and loses connections on real sockets: the
// package's goroutines are counted when its tests end.
func TestConnSurvivesConnections(t *testing.T) {
	for _, link := range testLinks {
		t.Run(link.name, func(t *testing.T) {
			for range 20 {
				ours, theirs := link.open(t)
				c, p := newTestConnOn(t, RoleServer, Options{}, ends{ours, theirs})
				p.write(OpText, true, "x")
				reads(t, c).want("it works", Text, "x")
				p.conn.Close()
				_, _, err := c.Read(t.Context())
				if s, ok := CloseStatus(err); !ok || s.Code != CloseAbnormal || errors.Is(err, net.ErrClosed) {
					t.Errorf("lost: %v", err)
				}
				<-c.Done()
			}
		})
	}
}

// What is longer than a century is meant to be for ever, and no setting makes a
// connection allocate what it cannot get.
func TestConnOptionsMayBeHuge(t *testing.T) {
	o := Options{WriteTimeout: math.MaxInt64, CloseTimeout: math.MaxInt64, ReadBuffer: math.MaxInt, WriteBuffer: math.MaxInt}
	eachRole(t, o, func(t *testing.T, c *Conn, p *testPeer) {
		wantNil(t, "Write", c.Write(background, Text, []byte("x")))
		p.wantFrame("there is no deadline in the past", OpText, "x")
		p.write(OpText, true, "y")
		reads(t, c).want("the buffer is of a size that can be had", Text, "y")
	})
}

// crypto/tls sends a last word when it is closed. Nobody waits for a peer that
// does not take it.
func TestConnOfStuckTLSPeerEndsAtOnce(t *testing.T) {
	cert, err := testCertificate()
	wantNil(t, "certificate", err)
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe()
		peer := tls.Client(a, &tls.Config{InsecureSkipVerify: true})
		ours := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{cert}})
		shaken := started(peer.Handshake)
		wantNil(t, "handshake", ours.Handshake())
		wantNil(t, "handshake", <-shaken)
		c, _ := newTestConnOn(t, RoleServer, Options{}, ends{ours, peer})
		b.tune(func(k *simKnobs) { k.stallWrites = true })
		start := time.Now()
		c.CloseNow()
		simWantElapsed(t, start, 0)
		<-c.Done()
	})
}
