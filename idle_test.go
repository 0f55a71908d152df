// This file tests Options.IdleTimeout in bubbles, where ten seconds are exact:
// what puts the end off, and what does not.

package websocket

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// idling are the options of these tests.
var idling = Options{IdleTimeout: 10 * time.Second}

// wantIdleClose wants the connection to be closed as idle, exactly d after
// start, and answers.
func wantIdleClose(p *testPeer, start time.Time, d time.Duration) {
	p.t.Helper()
	p.wantClose("nobody uses the connection", CloseGoingAway, "idle")
	simWantElapsed(p.t, start, d)
	p.writeClose(CloseGoingAway, "")
	p.conn.Close()
}

// idleReaders are the ways to read, or not to, what never comes.
var idleReaders = map[string]func(c *Conn){
	"without-reader": func(c *Conn) {},
	"with-reader":    func(c *Conn) { startRead(c) },
	"close-read":     func(c *Conn) { c.CloseRead() },
}

func TestIdleEndsAConnection(t *testing.T) {
	for name, attend := range idleReaders {
		t.Run(name, func(t *testing.T) {
			eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
				start := time.Now()
				attend(c)
				wantIdleClose(p, start, 10*time.Second)
				<-c.Done()
				simWantElapsed(t, start, 10*time.Second)
				wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseGoingAway})
			})
		})
	}
}

// What is used puts the end off by ten seconds from then on, exactly.
func TestIdlePutsTheEndOff(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, c *Conn, p *testPeer){
		"received":       func(t *testing.T, c *Conn, p *testPeer) { p.write(OpText, true, "x") },
		"received-empty": func(t *testing.T, c *Conn, p *testPeer) { p.write(OpText, true, "") },
		"sent": func(t *testing.T, c *Conn, p *testPeer) {
			wantNil(t, "Write", c.Write(background, Text, []byte("x")))
			p.wantFrame("it is sent", OpText, "x")
		},
		"batch": func(t *testing.T, c *Conn, p *testPeer) {
			wantNil(t, "WriteBatch", c.WriteBatch(background, Message{Type: Binary}))
			p.wantFrame("it is sent", OpBinary, "")
		},
		"prepared": func(t *testing.T, c *Conn, p *testPeer) {
			wantNil(t, "WritePrepared", c.WritePrepared(background, Prepare(Message{Type: Text, Data: []byte("x")})))
			p.wantFrame("it is sent", OpText, "x")
		},
		"queue": func(t *testing.T, c *Conn, p *testPeer) {
			wantNil(t, "Send", NewQueue(c, QueueOptions{}).Send(background, Message{Type: Text, Data: []byte("x")}))
			p.wantFrame("it is sent", OpText, "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
				startRead(c)
				start := time.Now()
				for _, pause := range []time.Duration{10*time.Second - 1, time.Second, 9 * time.Second, 0, 5 * time.Second} {
					<-time.After(pause)
					use(t, c, p)
				}
				synctest.Wait()
				wantIdleClose(p, start, 35*time.Second-1)
				<-c.Done()
			})
		})
	}
}

// A piece of a message will do, of one frame or of many, in both directions.
func TestIdleCountsPieces(t *testing.T) {
	eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
		startRead(c)
		start := time.Now()
		frame := p.frame(OpBinary, true, "slow")
		header := len(frame) - 4
		p.writeBytes(frame[:header])
		for _, b := range frame[header:] {
			<-time.After(9 * time.Second)
			p.writeBytes([]byte{b})
		}
		<-time.After(9 * time.Second)
		p.write(OpText, false, "fragment")
		<-time.After(9 * time.Second)
		p.write(OpContinuation, true, "")
		w, err := c.NextWriter(background, Binary)
		wantNil(t, "NextWriter", err)
		piece := make([]byte, defaultBuffer-MaxHeaderSize)
		w.Write(piece)
		for range 2 { // each is written when the next comes
			<-time.After(9 * time.Second)
			w.Write(piece)
		}
		p.wantFragment("the first", OpBinary, false, string(piece))
		p.wantFragment("the second", OpContinuation, false, string(piece))
		<-time.After(9 * time.Second)
		wantNil(t, "MessageWriter.Close", w.Close())
		p.wantFragment("the last", OpContinuation, true, string(piece))
		wantIdleClose(p, start, (4+2+2+1)*9*time.Second+10*time.Second)
		<-c.Done()
	})
}

// S-27: pings and pongs are no use, whoever sends them.
func TestIdleIgnoresPings(t *testing.T) {
	for name, attend := range idleReaders {
		t.Run(name, func(t *testing.T) {
			eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
				start := time.Now()
				attend(c)
				for range 3 {
					<-time.After(3 * time.Second)
					p.write(OpPing, true, "alive")
					p.write(OpPong, true, "unasked")
					pinged := startPing(background, c)
					for range 2 { // in which order does not matter
						if h, payload := p.readFrame("a ping and a pong"); h.Opcode == OpPing {
							p.write(OpPong, true, payload)
						}
					}
					wantPong(t, "Ping", pinged, 0)
				}
				wantIdleClose(p, start, 10*time.Second)
				<-c.Done()
			})
		})
	}
}

// S-27: a client that does not say who it is, but pings, is not let stay.
func TestIdleBoundsWhoOnlyPings(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		ended := make(chan error, 1)
		l := serve(t, Upgrader{Options: idling}, func(ctx context.Context, c *Conn) error {
			_, _, err := c.Read(ctx) // the password
			ended <- err
			return err
		})
		start := time.Now()
		p := openServer(t, l)
		for range 9 {
			<-time.After(time.Second)
			p.write(OpPing, true, "let me in")
			p.wantFrame("the server lives", OpPong, "let me in")
		}
		wantIdleClose(p, start, 10*time.Second)
		wantCloseError(t, "Read", <-ended, CloseError{Code: CloseGoingAway})
	})
}

func TestIdleEndsTheConnectionsOfClients(t *testing.T) {
	dialBubble(t, Dialer{Options: idling}, testURL, func(s *dialing) {
		start := time.Now()
		p, d := s.open()
		<-time.After(5 * time.Second)
		wantNil(s.t, "Write", d.c.Write(background, Text, []byte("x")))
		p.wantFrame("it is sent", OpText, "x")
		wantIdleClose(p, start, 15*time.Second)
		<-d.c.Done()
	})
}

func TestIdleMayLastForEver(t *testing.T) {
	for _, timeout := range []time.Duration{0, -1, math.MinInt64, math.MaxInt64, 2000 * time.Hour} {
		t.Run(fmt.Sprint(timeout), func(t *testing.T) {
			eachRole(t, Options{IdleTimeout: timeout}, func(t *testing.T, c *Conn, p *testPeer) {
				for range 2 {
					<-time.After(1000*time.Hour - 1)
					p.wantIdle("nobody minds")
					p.write(OpText, true, "x")
					reads(t, c).want("it works", Text, "x")
				}
				c.mu.Lock()
				defer c.mu.Unlock()
				if (c.idleness.timer != nil) != (timeout > 0) {
					t.Errorf("the timer is %v", c.idleness.timer)
				}
			})
		})
	}
}

// A closing handshake is bounded by CloseTimeout, and there is one Close only.
func TestIdleLeavesAClosingHandshakeAlone(t *testing.T) {
	o := idling
	o.CloseTimeout = 35 * time.Second
	eachRole(t, o, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		closed := startClose(c, CloseNormal, "bye")
		p.wantClose("ours", CloseNormal, "bye")
		<-time.After(34 * time.Second)
		p.wantIdle("there is one Close only")
		wantUnreturned(t, "the peer has not answered", closed)
		<-closed
		simWantElapsed(t, start, 35*time.Second)
		wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseAbnormal})
	})
}

// A peer that does not answer is cut off by CloseTimeout.
func TestIdleIsBoundedByCloseTimeout(t *testing.T) {
	eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		<-c.Done()
		simWantElapsed(t, start, 10*time.Second+defaultCloseTimeout)
		p.wantClose("it was told", CloseGoingAway, "idle")
		p.wantEOF("and cut")
	})
}

// Nothing is left of the timer when the connection is over.
func TestIdleEndsWithTheConnection(t *testing.T) {
	eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
		<-time.After(9 * time.Second)
		c.CloseNow()
		if c.idleness.timer.Stop() {
			t.Error("the timer goes on")
		}
		<-time.After(time.Hour)
		wantIs(t, "Err", c.Err(), ErrClosed)
		p.wantEOF("there is no Close")
	})
	eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
		<-time.After(9 * time.Second)
		p.write(OpText, true, "last")
		reads(t, c).want("it is used", Text, "last")
		<-time.After(2 * time.Second) // the timer has been set anew
		c.CloseNow()
		if c.idleness.timer.Stop() {
			t.Error("the timer goes on")
		}
	})
}

// KeepAlive ends who is gone, IdleTimeout who has nothing to say.
func TestIdleTogetherWithKeepalive(t *testing.T) {
	o := Options{KeepAlive: 4 * time.Second, PongTimeout: 3 * time.Second, IdleTimeout: 30 * time.Second}
	t.Run("alive", func(t *testing.T) {
		eachRole(t, o, func(t *testing.T, c *Conn, p *testPeer) {
			start := time.Now()
			pings := 0
			for {
				h, payload := p.readFrame("pings, and then a Close")
				if h.Opcode == OpClose {
					break
				}
				pings++
				p.write(h.Opcode+1, true, payload)
			}
			simWantElapsed(t, start, 30*time.Second)
			if pings != 7 {
				t.Errorf("%d pings came in 30 s, want one each 4 s", pings)
			}
			p.conn.Close()
			<-c.Done()
			synctest.Wait()
		})
	})
	t.Run("gone", func(t *testing.T) {
		eachRole(t, o, func(t *testing.T, c *Conn, p *testPeer) {
			start := time.Now()
			p.readPing("4 s of silence")
			wantPeerDead(t, c, start, 7*time.Second)
			p.wantEOF("no Close")
		})
	})
}

// A message that CloseRead does not expect is told so, and not that it is late.
func TestIdleTogetherWithCloseRead(t *testing.T) {
	eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
		c.CloseRead()
		<-time.After(9 * time.Second)
		wantNil(t, "Write", c.Write(background, Text, []byte("news")))
		p.wantFrame("it is only written to", OpText, "news")
		<-time.After(9 * time.Second)
		p.write(OpText, true, "unexpected")
		p.wantClose("CloseRead", ClosePolicyViolation, "no message was expected")
		p.conn.Close()
		<-c.Done()
	})
}

// A message that the peer sends all the time, and that is read, is used.
func TestIdleCountsALargeMessage(t *testing.T) {
	eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
		payload := strings.Repeat("x", 300_000)
		read := started(func() int {
			_, data, _ := c.Read(background)
			return len(data)
		})
		for piece := range slices.Chunk(p.frame(OpBinary, true, payload), 10_000) {
			<-time.After(9 * time.Second)
			p.writeBytes(piece)
		}
		if n := <-read; n != len(payload) {
			t.Errorf("read %d bytes", n)
		}
	})
}
