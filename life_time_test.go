// This file tests for how long a peer can hold what it does not use: rows R-01,
// R-02 and S-54 of the list of hostile inputs, and the life of connections that
// are only written to. Everything runs in bubbles, where ten seconds are exact.

package websocket

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lifeServers are the two ways to serve, with the patience of HandshakeTimeout's
// default.
var lifeServers = map[string]serveFunc{
	"raw": serveRaw,
	"net-http": func(t *testing.T, u Upgrader, f connFunc) *simListener {
		return startHTTP(t, &http.Server{Handler: Handler(f, &u), ReadHeaderTimeout: defaultHandshakeTimeout})
	},
}

// who connects and says nothing is left after 10 s. What it holds until then
// is measured by TestServerHoldsLittleForPendingHandshakes.
func TestLifeOfASilentClient(t *testing.T) {
	for name, serve := range lifeServers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serve(t, Upgrader{}, neverCalled(t))
				conn, start := dialServer(t, l), time.Now()
				if sent := wantClosedAt(t, conn, start, 10*time.Second); sent != "" {
					t.Errorf("the answer is %q", sent)
				}
			})
		})
	}
}

// a thousand clients (a tenth of the row's, for the sake of the race
// detector) send a byte of their request each second. Each is left after 10 s,
// however many bytes it has still to send, and none makes a good one wait.
func TestLifeOfSlowClients(t *testing.T) {
	const slow = 1000
	for name, serve := range lifeServers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serve(t, Upgrader{}, serveEcho)
				start := time.Now()
				var left []<-chan time.Duration
				for range slow {
					conn := dialServer(t, l)
					conn.peer.tune(func(k *simKnobs) { k.neverReset = true })
					left = append(left, started(func() time.Duration { return dripUntilLeft(conn, start) }))
				}
				for range 8 {
					<-time.After(1070 * time.Millisecond) // never when a byte comes
					before := time.Now()
					p := openServer(t, l)
					wantEcho(p, "not kept waiting")
					finishPeer(p)
					simWantElapsed(t, before, 0)
				}
				for i, after := range left {
					if d := <-after; d != 10*time.Second {
						t.Fatalf("client %d was left after %v", i, d)
					}
				}
			})
		})
	}
}

// dripUntilLeft sends a request byte by byte until the server ends the connection,
// and returns when that was.
func dripUntilLeft(conn *simConn, start time.Time) time.Duration {
	dripped := started(func() int {
		<-time.After(500 * time.Millisecond) // never when the server's timer ends
		return drip(conn, time.Second, rawRequest())
	})
	io.Copy(io.Discard, conn)
	left := time.Since(start)
	<-dripped // it notices with its next byte
	return left
}

// A lifeEnd is a peer that leaves without the end that a connection should have,
// and when the connection is then over: one that is read, and one that waits for
// something else. There nobody looks before keepalive does.
type lifeEnd struct {
	leave            func(p *testPeer)
	reading, waiting time.Duration
}

const lifeSilence = defaultKeepAlive + defaultPongTimeout

var lifeEnds = map[string]lifeEnd{
	"sends-close-and-stays": {
		func(p *testPeer) { p.writeClose(CloseNormal, "") },
		defaultCloseTimeout, defaultKeepAlive + defaultCloseTimeout,
	},
	"sends-close-and-fin": {
		func(p *testPeer) { p.writeClose(CloseNormal, ""); p.sim.CloseWrite() },
		0, defaultKeepAlive,
	},
	"sends-fin": {func(p *testPeer) { p.sim.CloseWrite() }, 0, defaultKeepAlive},
	// The ping cannot be sent; what the peer has sent before may still be read.
	"sends-rst": {func(p *testPeer) { p.sim.reset() }, 0, defaultKeepAlive + defaultCloseTimeout},
	"vanishes":  {func(p *testPeer) {}, lifeSilence, lifeSilence},
	// The byte is a sign of life when it is seen, which is after the first ping.
	"stops-in-a-header": {func(p *testPeer) { p.writeBytes([]byte("\x81")) }, lifeSilence, 2 * lifeSilence},
}

// S-54: whichever way it leaves, all that the connection had is free within
// CloseTimeout, or KeepAlive and PongTimeout: its handler, goroutines, timers and
// buffers, and the server's own record of it.
func TestLifeEndsWithAHalfClosedPeer(t *testing.T) {
	for name, end := range lifeEnds {
		t.Run(name+"/reading", func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) { end.run(t, serve, serveEcho, end.reading) })
		})
		t.Run(name+"/waiting", func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) {
				end.run(t, serve, func(ctx context.Context, _ *Conn) error {
					<-ctx.Done()
					return nil
				}, end.waiting)
			})
		})
	}
}

// run wants everything to be over exactly so long after the peer has left.
func (end lifeEnd) run(t *testing.T, serve serveFunc, f connFunc, want time.Duration) {
	t.Helper()
	conns := make(chan *Conn, 1)
	p := openServer(t, serve(t, Upgrader{}, func(ctx context.Context, c *Conn) error {
		conns <- c
		return f(ctx, c)
	}))
	c, start := <-conns, time.Now()
	end.leave(p)
	<-c.Done()
	simWantElapsed(t, start, want)
	synctest.Wait()
	// Its handler is a function that serve calls.
	if stacks := allStacks(); strings.Contains(stacks, "websocket.(*Conn).serve(") {
		t.Errorf("something goes on: %s", stacks)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pulse.timer.Stop() || c.kill != nil && c.kill.Stop() {
		t.Error("a timer goes on")
	}
	if c.in.buf != nil && c.receiver.idle() || c.out.buf != nil {
		t.Error("a buffer is held")
	}
}

// A connection that is only written to notices that its peer is gone, although
// the transport takes all that is written: writes are no sign of the peer's life.
func TestLifeIsNoticedByWhoOnlyWrites(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		wrote := started(func() (err error) {
			for i := 0; err == nil && i < 1000; i++ {
				err = c.Write(background, Text, []byte("tick"))
				time.Sleep(1700 * time.Millisecond) // never when a timer of keepalive ends
			}
			return err
		})
		go drainPeer(p)
		wantPeerDead(t, c, start, 50*time.Second)
		wantIs(t, "Write", <-wrote, ErrPeerDead)
	})
}

// A peer that takes everything and answers pings is alive, although it never says
// anything of its own and nobody reads.
func TestLifeGoesOnWithWhoOnlyListens(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		stop := p.meanwhile(func() {
			for {
				h, payload, err := p.nextFrame()
				if err != nil {
					return
				}
				if h.Opcode == OpPing {
					p.conn.Write(p.frame(OpPong, true, payload))
				}
			}
		})
		for range 500 {
			wantNil(t, "Write", c.Write(background, Text, []byte("tick")))
			time.Sleep(1700 * time.Millisecond)
		}
		c.CloseNow()
		stop()
	})
}

// Err is nil until Done is closed, whatever was received before, and the same
// ever after.
func TestLifeErrComesWithDone(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeClose(CloseGoingAway, "bye")
		_, _, err := c.Read(background)
		wantCloseError(t, "Read", err, CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true})
		select {
		case <-c.Done():
			t.Fatal("the transport is still open, but Done is closed")
		default:
		}
		if c.Err() != nil {
			t.Fatalf("Err = %v before Done", c.Err())
		}
		p.conn.Close()
		<-c.Done()
		if !errors.Is(c.Err(), err) {
			t.Fatalf("Err = %v, Read = %v", c.Err(), err)
		}
	})
}
