// These are the tests of connections that end without a closing handshake, and
// of what calls return once a connection has ended, however it did.

package websocket

import (
	"context"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// recordedSession is all that a well-behaved peer writes on a connection: each
// length form, fragments with a ping between them, a pong, a Close.
func recordedSession(p *testPeer) []byte {
	return slices.Concat(
		p.frame(OpText, true, "Hello"), p.frame(OpPing, true, "1"),
		p.frame(OpText, false, "frag\xe2\x82"), p.frame(OpPing, true, ""), p.frame(OpContinuation, false, ""),
		p.frame(OpContinuation, true, "\xac"), p.frame(OpBinary, true, strings.Repeat("x", 130)),
		p.frame(OpPong, true, "12345678"), p.frame(OpClose, true, "\x03\xe9bye"))
}

// TestConnCloseAbnormalAtEveryByte is F-91, R-12 and R-13: the session ends
// behind each of its bytes.
func TestConnCloseAbnormalAtEveryByte(t *testing.T) {
	for name, test := range map[string]struct {
		cut  func(end *simConn, offset int)
		want error
	}{
		"eof":   {(*simConn).eofAt, io.ErrUnexpectedEOF},
		"reset": {(*simConn).resetAt, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, role := range []Role{RoleServer, RoleClient} {
					_, p := newTestConn(t, role, Options{})
					session := recordedSession(p)
					for offset := range len(session) {
						c, p := newTestConn(t, role, Options{})
						test.cut(p.sim, offset)
						p.sim.Write(session)
						testLostSession(t, c, test.want)
					}
				}
			})
		})
	}
}

func testLostSession(t *testing.T, c *Conn, want error) {
	t.Helper()
	start := time.Now()
	err := <-startRead(c)
	simWantElapsed(t, start, 0)
	wantAbnormal(t, "Read", err, want)
	if c.Err() != err {
		t.Fatalf("Err = %v, Read = %v", c.Err(), err)
	}
}

// The last byte of the session makes the difference.
// Somebody may go on to hold the Conn.
func TestConnCloseLetsTheBufferGo(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeBytes([]byte("\x81"))
		read := startRead(c)
		synctest.Wait()
		p.conn.Close()
		<-read
		if c.in.buf != nil || c.in.data != nil {
			t.Error("a lost connection holds its buffer")
		}
	})
}

func TestConnCloseIsNormalAfterTheLastByte(t *testing.T) {
	for name, cut := range map[string]func(end *simConn, offset int){"eof": (*simConn).eofAt, "reset": (*simConn).resetAt} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				session := recordedSession(p)
				cut(p.sim, len(session))
				p.sim.Write(session)
				read := startRead(c)
				time.Sleep(time.Second)
				p.conn.Close()
				wantCloseError(t, "Read", <-read, CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true})
			})
		})
	}
}

// TestConnCloseErrorIsTheSameEverAfter is S-57.
func TestConnCloseErrorIsTheSameEverAfter(t *testing.T) {
	endings := map[string]func(c *Conn, p *testPeer){
		"peer-closes":   func(c *Conn, p *testPeer) { p.writeClose(CloseNormal, ""); p.conn.Close() },
		"broken-rule":   func(c *Conn, p *testPeer) { p.write(3, true, ""); p.conn.Close() },
		"eof":           func(c *Conn, p *testPeer) { p.conn.Close() },
		"eof-in-header": func(c *Conn, p *testPeer) { p.writeBytes([]byte{0x81}); p.conn.Close() },
		"eof-in-message": func(c *Conn, p *testPeer) {
			p.writeBytes(p.frame(OpText, true, "half")[:7])
			p.conn.Close()
		},
		"close-now":         func(c *Conn, p *testPeer) { c.CloseNow() },
		"close-is-answered": func(c *Conn, p *testPeer) { p.writeClose(CloseNormal, ""); p.conn.Close(); c.Close(4000, "") },
		"close-timeout":     func(c *Conn, p *testPeer) { c.Close(CloseNormal, "") },
		"write-timeout": func(c *Conn, p *testPeer) {
			p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
			c.Write(background, Text, []byte("stuck"))
		},
	}
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				end(c, p)
				startRead(c)
				<-c.Done()
				testSameError(t, c)
			})
		})
	}
}

func testSameError(t *testing.T, c *Conn) {
	t.Helper()
	want := c.Err()
	if want == nil {
		t.Fatal("Err = nil behind Done")
	}
	for name, call := range map[string]func() error{
		"Read":       func() error { _, _, err := c.Read(t.Context()); return err },
		"NextReader": func() error { _, _, err := c.NextReader(t.Context()); return err },
		"Write":      func() error { return c.Write(t.Context(), Text, nil) },
		"Ping":       func() error { _, err := c.Ping(t.Context()); return err },
	} {
		for range 10_000 {
			if err := call(); err != want {
				t.Fatalf("%s = %v, want %v", name, err, want)
			}
		}
	}
}

// TestConnCloseNowWakesAll has a call blocked at each place where one can be.
func TestConnCloseNowWakesAll(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, false, "half")
		_, r, err := c.NextReader(background)
		wantNil(t, "NextReader", err)
		calls := map[string]<-chan error{}
		start := func(name string, call func() error) {
			calls[name] = started(call)
			synctest.Wait()
		}
		start("read of a message", func() error { _, err := io.ReadAll(r); return err })
		start("Read that waits for its turn", func() error { _, _, err := c.Read(background); return err })
		start("NextReader that waits for its turn", func() error { _, _, err := c.NextReader(background); return err })
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		start("Write", func() error { return c.Write(background, Text, []byte("stuck")) })
		start("Write that waits for its turn", func() error { return c.Write(background, Text, nil) })
		start("NextWriter that waits for its turn", func() error { _, err := c.NextWriter(background, Text); return err })
		start("Ping that waits for its turn", func() error { _, err := c.Ping(background); return err })
		start("Close", func() error { return c.Close(CloseNormal, "") })
		wantNil(t, "CloseNow", c.CloseNow())
		before := time.Now()
		for name, result := range calls {
			if err := <-result; err != ErrClosed {
				t.Errorf("%s = %v, want %v", name, err, ErrClosed)
			}
		}
		simWantElapsed(t, before, 0)
		wantNil(t, "CloseNow again", c.CloseNow())
	})
}

// A write that fails does not hide that the peer had closed before.
func TestConnCloseOfPeerIsSeenAfterFailedWrite(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, true, "last")
		p.writeClose(CloseGoingAway, "bye")
		p.sim.CloseWrite()
		p.sim.peer.fail(simWrite, 1, syscall.EPIPE)
		err := c.Write(background, Text, []byte("too late"))
		wantAbnormal(t, "Write", err, syscall.EPIPE)
		wantAbnormal(t, "Write again", c.Write(background, Text, []byte("too late")), syscall.EPIPE)
		reads(t, c).want("what came before", Text, "last")
		wantCloseError(t, "Read", <-startRead(c), CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true})
		<-c.Done()
		wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true})
	})
}

// When nobody reads and the peer has nothing to say, a failed write ends the
// connection within CloseTimeout.
func TestConnCloseFollowsFailedWrite(t *testing.T) {
	eachRole(t, Options{CloseTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		p.sim.peer.fail(simWrite, 1, syscall.EPIPE)
		c.Write(background, Text, []byte("lost"))
		<-c.Done()
		simWantElapsed(t, start, 3*time.Second)
		wantAbnormal(t, "Err", c.Err(), syscall.EPIPE)
	})
}

// A peer that sends its Close and keeps the transport open delays nobody who
// reads.
func TestConnCloseOfPeerIsToldAtOnce(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		p.writeClose(CloseNormal, "")
		wantCloseError(t, "Read", <-startRead(c), CloseError{Code: CloseNormal, Remote: true})
		p.wantFrame("the answer is on its way", OpClose, "\x03\xe8")
		wantCloseError(t, "Read again", <-startRead(c), CloseError{Code: CloseNormal, Remote: true})
		simWantElapsed(t, start, 0)
		<-c.Done()
		simWantElapsed(t, start, defaultCloseTimeout)
	})
}

// The context of a read ends it also while a writer is in the way of our Close.
func TestConnCloseOfPeerIsToldWhenTheContextEnds(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		wrote := started(func() error { return c.Write(background, Text, []byte("stuck")) })
		synctest.Wait()
		p.writeClose(CloseNormal, "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := c.Read(ctx)
		wantCloseError(t, "Read", err, CloseError{Code: CloseNormal, Remote: true})
		simWantElapsed(t, start, time.Second)
		<-wrote
		<-c.Done()
		simWantElapsed(t, start, defaultCloseTimeout)
	})
}

func TestConnCloseLeavesNoTimer(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		closed := startClose(c, CloseNormal, "")
		p.wantClose("our Close", CloseNormal, "")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("both sides have sent a Close")
		<-closed
		if c.kill == nil || c.kill.Stop() {
			t.Fatal("the timer was not stopped")
		}
	})
}

func TestConnCloseStartsNoTimerBehindTheEnd(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		c.CloseNow()
		wantIs(t, "Close", c.Close(CloseNormal, ""), ErrClosed)
		if c.kill != nil {
			t.Fatal("a timer was started for a connection that is over")
		}
	})
}
