// These are the tests of keepalive, in bubbles, where 30 seconds are exact.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// beating are the options of these tests: a ping after 30 s, the end 20 s later.
var beating = Options{KeepAlive: 30 * time.Second, PongTimeout: 20 * time.Second}

// eachAttention runs a test with a reader, without one, and in both roles.
func eachAttention(t *testing.T, f func(t *testing.T, c *Conn, p *testPeer)) {
	t.Run("without-reader", func(t *testing.T) { eachRole(t, beating, f) })
	t.Run("with-reader", func(t *testing.T) {
		eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
			startRead(c)
			synctest.Wait()
			f(t, c, p)
		})
	})
}

// wantPeerDead wants the connection to be given up after d from start.
func wantPeerDead(t *testing.T, c *Conn, start time.Time, d time.Duration) {
	t.Helper()
	<-c.Done()
	if took := time.Since(start); took != d {
		t.Errorf("given up after %v, want %v", took, d)
	}
	err := c.Err()
	if status, ok := CloseStatus(err); !ok || status.Code != CloseAbnormal || status.Remote || !errors.Is(err, ErrPeerDead) {
		t.Errorf("ended with %v", err)
	}
}

// with PongTimeout as set here; life_sockets_test.go has a black hole.
func TestKeepaliveGivesUpASilentPeer(t *testing.T) {
	eachAttention(t, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		p.readPing("30 s of silence")
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("pinged after %v", d)
		}
		wantPeerDead(t, c, start, 50*time.Second)
		p.wantEOF("no Close: nobody would read it")
	})
}

func TestKeepaliveIsOnByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := newPipe()
		defer theirs.Close()
		c := newConn(ours, RoleClient, Options{}, nil)
		wantPeerDead(t, c, time.Now(), time.Minute)
	})
}

func TestKeepaliveCanBeTurnedOff(t *testing.T) {
	eachRole(t, Options{KeepAlive: -1}, func(t *testing.T, c *Conn, p *testPeer) {
		<-time.After(time.Hour)
		p.wantIdle("nobody pings")
	})
}

func TestKeepaliveLeavesTheLivingAlone(t *testing.T) {
	eachAttention(t, func(t *testing.T, c *Conn, p *testPeer) {
		for range 100 {
			start := time.Now()
			payload := p.readPing("silence")
			if d := time.Since(start); d != 30*time.Second {
				t.Fatalf("pinged after %v", d)
			}
			p.write(OpPong, true, payload)
			synctest.Wait()
		}
		p.wantIdle("one ping for each silence")
	})
}

// what arrives counts, be it the answer or not, just before the end too.
func TestKeepaliveTakesAnythingForLife(t *testing.T) {
	for name, bytes := range map[string]string{
		"other pong": string(appendFrame(nil, Header{Fin: true, Opcode: OpPong}, nil)),
		"ping":       string(appendFrame(nil, Header{Fin: true, Opcode: OpPing}, nil)),
		"half frame": "\x89",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := newTestConn(t, RoleClient, beating)
				startRead(c)
				p.readPing("silence")
				<-time.After(20*time.Second - 1)
				p.writeBytes([]byte(bytes))
				<-time.After(30 * time.Second)
				if err := c.Err(); err != nil {
					t.Fatalf("given up: %v", err)
				}
			})
		})
	}
}

func TestKeepaliveNeverPingsABusyPeer(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		for range 50 {
			p.write(OpText, true, "busy")
			reads(t, c).want("a message", Text, "busy")
			<-time.After(30*time.Second - 1)
		}
		p.wantIdle("no ping")
	})
}

// A message that trickles in is life, however long it takes.
func TestKeepaliveWaitsForASlowMessage(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		read := started(func() string {
			_, data, err := c.Read(background)
			return fmt.Sprint(string(data), err)
		})
		for _, b := range p.frame(OpText, true, "slow") {
			<-time.After(25 * time.Second)
			p.writeBytes([]byte{b})
		}
		if got := <-read; got != "slow<nil>" {
			t.Errorf("read %s", got)
		}
		p.wantIdle("no ping")
	})
}

// A peer whose message nobody reads cannot be judged: its pong is behind that.
func TestKeepaliveSparesAPeerThatIsNotRead(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, true, "unread")
		p.readPing("silence, as far as anybody has looked")
		<-time.After(time.Hour)
		p.wantIdle("no second ping: there is something to read")
		reads(t, c).want("the message", Text, "unread")
		start := time.Now()
		p.readPing("silence")
		wantPeerDead(t, c, start, time.Since(start)+20*time.Second)
	})
}

func TestKeepaliveSparesAPeerWhoseNextMessageIsBuffered(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		// The first 16 bytes are read at once, and so hold the second header.
		p.writeBytes(append(p.frame(OpText, true, "1st"), p.frame(OpText, true, "second")...))
		reads(t, c).want("the first", Text, "1st")
		<-time.After(time.Hour)
		p.wantIdle("no ping")
		reads(t, c).want("the second", Text, "second")
	})
}

// In the middle of a message nothing can be read but by who wants the message.
func TestKeepaliveSparesAPeerInTheMiddleOfAMessage(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		frame := p.frame(OpText, true, "in two parts")
		p.writeBytes(frame[:len(frame)-4])
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		c.Read(ctx)
		<-time.After(time.Hour)
		p.wantIdle("no ping")
		p.writeBytes(frame[len(frame)-4:])
		reads(t, c).want("the message", Text, "in two parts")
	})
}

func TestKeepaliveDoesNotCutAClosingHandshake(t *testing.T) {
	o := beating
	o.CloseTimeout = 10 * time.Minute
	eachRole(t, o, func(t *testing.T, c *Conn, p *testPeer) {
		closed := started(func() error { return c.Close(CloseNormal, "") })
		p.wantClose("ours", CloseNormal, "")
		<-time.After(9 * time.Minute)
		p.writeClose(CloseNormal, "")
		p.conn.Close()
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// A connection on which nobody ever reads answers the peer's pings too.
func TestKeepaliveAnswersPingsOfAPeerThatIsOnlyWrittenTo(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpPing, true, "are you there?")
		payload := p.readPing("silence")
		p.wantFrame("its pong", OpPong, "are you there?")
		p.write(OpPong, true, payload)
		synctest.Wait()
		if err := c.Write(background, Text, []byte("x")); err != nil {
			t.Fatal(err)
		}
		p.wantFrame("a message", OpText, "x")
	})
}

func TestKeepaliveSeesThePeersCloseWithoutAReader(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeClose(CloseGoingAway, "bye")
		p.readPing("silence")
		p.wantClose("the answer", CloseGoingAway, "")
		p.conn.Close()
		<-c.Done()
		wantCloseError(t, "the connection", c.Err(), CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true})
	})
}

// A control frame behind the pong is no message that waits to be read.
func TestKeepaliveSkimsControlFrames(t *testing.T) {
	eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
		pinged := startPing(background, c)
		payload := p.readPing("Ping")
		pong := p.frame(OpPong, true, payload)
		p.writeBytes(append(pong, p.frame(OpPong, true, "more")...))
		wantPong(t, "Ping", pinged, 0)
		<-time.After(time.Hour)
		if c.Err() == nil {
			t.Error("a peer that is silent for an hour is not noticed; nobody has a message to read")
		}
	})
}

// A peer that does not take the ping is given up by WriteTimeout, earlier.
func TestKeepaliveLeavesWritesToTheirTimeout(t *testing.T) {
	o := beating
	o.WriteTimeout = time.Second
	synctest.Test(t, func(t *testing.T) {
		c, _ := newTestConn(t, RoleServer, o, func(k *simKnobs) { k.stallWrites = true })
		start := time.Now()
		<-c.Done()
		if d := time.Since(start); d > 32*time.Second || errors.Is(c.Err(), ErrPeerDead) {
			t.Errorf("ended after %v with %v", d, c.Err())
		}
	})
}

// A peer that reads slowly comes to the ping late. While it is being written to,
// WriteTimeout judges it.
func TestKeepaliveSparesWhoIsBeingWrittenTo(t *testing.T) {
	o := beating
	o.WriteTimeout = -1
	eachRole(t, o, func(t *testing.T, c *Conn, p *testPeer) {
		payload := p.readPing("silence")
		p.stall(true)
		written := started(func() error { return c.Write(background, Binary, make([]byte, 1<<20)) })
		<-time.After(10 * (o.KeepAlive + o.PongTimeout))
		wantNil(t, "Err", c.Err())
		p.write(OpPong, true, payload)
		p.stall(false)
		p.wantFrame("all of it", OpBinary, string(make([]byte, 1<<20)))
		wantNil(t, "Write", <-written)
	})
}

// A lateRead tells when a deadline has ended one of its reads.
type lateRead struct {
	net.Conn
	late chan struct{}
}

func (l *lateRead) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.late <- struct{}{}
	}
	return n, err
}

// Time goes on while the process is stopped, so an answer may be there although it
// seems that none has come in time: there is a second look.
func TestKeepaliveLooksTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := newPipe()
		late := make(chan struct{}, 3)
		c, p := newTestConnOn(t, RoleServer, beating, ends{&lateRead{ours, late}, theirs})
		payload := p.readPing("silence")
		<-late
		p.write(OpPong, true, payload)
		p.readPing("it is alive")
		wantNil(t, "Err", c.Err())
	})
}

func TestKeepaliveEndsWithTheConnection(t *testing.T) {
	for name, end := range map[string]func(c *Conn, p *testPeer){
		"close-now":    func(c *Conn, p *testPeer) { c.CloseNow() },
		"peer-is-lost": func(c *Conn, p *testPeer) { p.conn.Close(); c.Read(background) },
		"while-pinging": func(c *Conn, p *testPeer) {
			p.readPing("silence")
			c.CloseNow()
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, beating, func(t *testing.T, c *Conn, p *testPeer) {
				end(c, p)
				synctest.Wait()
				if c.pulse.timer.Stop() {
					t.Error("the timer goes on")
				}
				first := fmt.Sprint(c.Err())
				<-time.After(time.Hour)
				if now := fmt.Sprint(c.Err()); now != first {
					t.Errorf("ended with %s, and later with %s", first, now)
				}
				io.Copy(io.Discard, p.conn)
			})
		})
	}
}

// The timer is the only thing that an idle connection has for this.
func TestKeepaliveNeedsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newTestConn(t, RoleServer, beating)
		<-time.After(29 * time.Second)
		synctest.Wait()
		if stacks := allStacks(); strings.Contains(stacks, "(*Conn).feel") {
			t.Errorf("a goroutine watches over %p: %s", c, stacks)
		}
	})
}

// Behind a Close what arrives belongs to who drops it, and CloseTimeout says how
// long that may take.
func TestKeepaliveLeavesAnEndingConnectionAlone(t *testing.T) {
	eachRole(t, Options{KeepAlive: time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeClose(CloseNormal, "")
		_, _, err := c.Read(background)
		wantCloseError(t, "the peer has closed", err, CloseError{Code: CloseNormal, Remote: true})
		if !c.unread() {
			t.Error("keepalive would ask for a sign of life")
		}
	})
}
