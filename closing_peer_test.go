// These are the tests of closings that depend on the peer: it answers late or
// never, it begins, or it is gone.

package websocket

import (
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestConnCloseIsBounded has peers that do everything but end the connection
// (R-10, S-54).
func TestConnCloseIsBounded(t *testing.T) {
	const limit = 3 * time.Second
	answer := func(p *testPeer) { p.writeClose(CloseNormal, "") }
	for name, test := range map[string]struct {
		do    func(p *testPeer)
		every func(p *testPeer) // 100 ms
		lost  bool
	}{
		"never-answers":           {do: func(p *testPeer) {}, lost: true},
		"stops-in-a-header":       {do: func(p *testPeer) { p.writeBytes(p.frame(OpClose, true, "\x03\xe8")[:1]) }, lost: true},
		"goes-on-with-messages":   {every: func(p *testPeer) { p.write(OpText, true, "more") }, lost: true},
		"goes-on-with-pings":      {every: func(p *testPeer) { p.write(OpPing, true, "more") }, lost: true},
		"answers-and-stays":       {do: answer},
		"answers-and-goes-on":     {do: answer, every: func(p *testPeer) { p.write(OpText, true, "more") }},
		"answers-with-a-bad-one":  {do: func(p *testPeer) { p.write(OpClose, true, "x") }},
		"answers-twice-and-stays": {do: func(p *testPeer) { answer(p); answer(p) }},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{CloseTimeout: limit}, func(t *testing.T, c *Conn, p *testPeer) {
				start := time.Now()
				closed := startClose(c, CloseNormal, "")
				p.wantClose("our Close", CloseNormal, "")
				if test.do != nil {
					test.do(p)
				}
				for test.every != nil && time.Since(start) < limit-100*time.Millisecond {
					time.Sleep(100 * time.Millisecond)
					test.every(p)
				}
				err := <-closed
				simWantElapsed(t, start, limit)
				if test.lost {
					wantAbnormal(t, "Close", err, os.ErrDeadlineExceeded)
				}
			})
		})
	}
}

func TestConnCloseTimeoutHasDefault(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		wantAbnormal(t, "Close", c.Close(CloseNormal, ""), os.ErrDeadlineExceeded)
		simWantElapsed(t, start, 5*time.Second)
	})
}

func TestConnCloseWaitsForLateAnswer(t *testing.T) {
	eachRole(t, Options{CloseTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		closed := startClose(c, CloseNormal, "")
		time.Sleep(2900 * time.Millisecond)
		p.wantClose("our Close", CloseNormal, "")
		p.writeClose(CloseNormal, "late")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
	})
}

func TestConnCloseWithoutAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(p *testPeer)
		want  error
	}{
		"reset":         {func(p *testPeer) { p.sim.reset() }, syscall.ECONNRESET},
		"eof":           {func(p *testPeer) { p.conn.Close() }, io.ErrUnexpectedEOF},
		"half-close":    {func(p *testPeer) { p.sim.CloseWrite() }, io.ErrUnexpectedEOF},
		"eof-in-answer": {func(p *testPeer) { p.writeBytes(p.frame(OpClose, true, "\x03\xe8")[:3]); p.conn.Close() }, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				start := time.Now()
				closed := startClose(c, CloseNormal, "")
				p.wantClose("our Close", CloseNormal, "")
				test.leave(p)
				err := <-closed
				wantAbnormal(t, "Close", err, test.want)
				simWantElapsed(t, start, 0)
				if c.Err() != err || c.Close(CloseNormal, "") != err {
					t.Fatalf("Err = %v, Close again = %v; want %v", c.Err(), c.Close(CloseNormal, ""), err)
				}
			})
		})
	}
}

// TestConnCloseEchoesCode has F-52, F-56 and F-66 to F-77.
func TestConnCloseEchoesCode(t *testing.T) {
	for _, code := range []CloseCode{
		1000, 1001, 1002, 1003, CloseNoStatus, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3003, 3999, 4000, 4999,
	} {
		t.Run(code.String(), func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				reason := string(bytes.Repeat([]byte("r"), 123))
				if code == CloseNoStatus {
					reason = ""
				}
				read := startRead(c)
				p.writeClose(code, reason)
				p.wantClose("the code comes back, the reason does not", code, "")
				p.wantTeardown("both sides have sent a Close")
				wantCloseError(t, "Read", <-read, CloseError{Code: code, Reason: reason, Remote: true})
				wantNil(t, "Close of what the peer has closed", c.Close(CloseNormal, ""))
			})
		})
	}
}

// TestConnCloseIsThePeersLastWord has F-42 and F-57 to F-59.
func TestConnCloseIsThePeersLastWord(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeBytes(slices.Concat(
			p.frame(OpText, true, "first"), p.frame(OpText, false, "half"), p.frame(OpClose, true, "\x03\xe8"),
			p.frame(OpContinuation, true, "half"), p.frame(OpText, true, "late"), p.frame(OpPing, true, "late"),
			p.frame(OpClose, true, "\x03\xe9"), []byte{0xff, 0xff, 0xff, 0xff}))
		reads(t, c).want("before the Close", Text, "first")
		read := startRead(c)
		p.wantClose("one Close, and no pong", CloseNormal, "")
		p.wantTeardown("nothing follows the Close")
		wantCloseError(t, "Read", <-read, CloseError{Code: CloseNormal, Remote: true})
	})
}

// TestConnCloseAnswersBehindPongs pays first what was owed first.
func TestConnCloseAnswersBehindPongs(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeBytes(slices.Concat(p.frame(OpPing, true, "1"), p.frame(OpPing, true, "2"), p.frame(OpClose, true, "")))
		read := startRead(c)
		p.wantFrame("the first ping", OpPong, "1")
		p.wantFrame("the second ping", OpPong, "2")
		p.wantFrame("the Close", OpClose, "")
		p.wantTeardown("both sides have sent a Close")
		wantCloseError(t, "Read", <-read, CloseError{Code: CloseNoStatus, Remote: true})
	})
}

// noHalfClose hides everything of a transport that is optional.
type noHalfClose struct{ transport }

// TestConnCloseWithoutHalfClose: each side waits for the end of the other's
// bytes, so the server, which cannot end its own alone, must close.
func TestConnCloseWithoutHalfClose(t *testing.T) {
	for name, closer := range map[string]func(client, server *Conn) *Conn{
		"client-begins": func(client, server *Conn) *Conn { return client },
		"server-begins": func(client, server *Conn) *Conn { return server },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newPipe()
				client, _ := newTestConnOn(t, RoleClient, Options{}, ends{noHalfClose{a}, b})
				server, _ := newTestConnOn(t, RoleServer, Options{}, ends{noHalfClose{b}, a})
				readClient, readServer := startRead(client), startRead(server)
				start := time.Now()
				wantNil(t, "Close", closer(client, server).Close(CloseNormal, ""))
				wantCloseError(t, "client", <-readClient, CloseError{Code: CloseNormal, Remote: name == "server-begins"})
				wantCloseError(t, "server", <-readServer, CloseError{Code: CloseNormal, Remote: name == "client-begins"})
				simWantElapsed(t, start, 0)
			})
		})
	}
}

// TestConnCloseStatus: every way to end, and how CloseStatus reports it
// (§7.1.4 to §7.1.6).
func TestConnCloseStatus(t *testing.T) {
	badFrame := RuleReservedBit
	for name, test := range map[string]struct {
		end  func(t *testing.T, c *Conn, p *testPeer)
		want *CloseError // nil: no status
	}{
		"peer-closes": {func(t *testing.T, c *Conn, p *testPeer) { p.writeClose(4000, "why") },
			&CloseError{Code: 4000, Reason: "why", Remote: true}},
		"peer-closes-without-status": {func(t *testing.T, c *Conn, p *testPeer) { p.writeClose(CloseNoStatus, "") },
			&CloseError{Code: CloseNoStatus, Remote: true}},
		"we-close": {func(t *testing.T, c *Conn, p *testPeer) {
			startClose(c, 4000, "")
			p.readFrame("")
			p.writeClose(4001, "ok")
		},
			&CloseError{Code: 4001, Reason: "ok"}},
		"we-close-without-status": {func(t *testing.T, c *Conn, p *testPeer) {
			startClose(c, CloseNoStatus, "")
			p.readFrame("")
			p.writeClose(CloseNoStatus, "")
		}, &CloseError{Code: CloseNoStatus}},
		"we-close-unanswered": {func(t *testing.T, c *Conn, p *testPeer) { c.Close(4000, "") }, &CloseError{Code: CloseAbnormal}},
		"we-close-now":        {func(t *testing.T, c *Conn, p *testPeer) { c.CloseNow() }, nil},
		"peer-breaks-a-rule": {func(t *testing.T, c *Conn, p *testPeer) { p.writeBytes([]byte{0xc1, 0x80, 0, 0, 0, 0}) },
			&CloseError{Code: badFrame.Code(), Reason: badFrame.Text()}},
		"peer-breaks-a-rule-in-the-answer": {func(t *testing.T, c *Conn, p *testPeer) {
			startClose(c, 4000, "")
			p.readFrame("")
			p.writeBytes([]byte{0xc1, 0x80, 0, 0, 0, 0})
		}, &CloseError{Code: badFrame.Code(), Reason: badFrame.Text()}},
		"eof":   {func(t *testing.T, c *Conn, p *testPeer) { p.conn.Close() }, &CloseError{Code: CloseAbnormal}},
		"reset": {func(t *testing.T, c *Conn, p *testPeer) { p.sim.reset() }, &CloseError{Code: CloseAbnormal}},
		"message-cannot-be-finished": {func(t *testing.T, c *Conn, p *testPeer) {
			abandonMessage(t, c)
			p.readFrame("")
			p.readFrame("")
			p.writeClose(1000, "")
		},
			&CloseError{Code: CloseNormal}},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				read := startRead(c)
				test.end(t, c, p)
				p.conn.Close()
				err := <-read
				<-c.Done()
				got, ok := CloseStatus(c.Err())
				if ok != (test.want != nil) {
					t.Fatalf("CloseStatus(%v) = %v, %v", c.Err(), got, ok)
				}
				if test.want != nil {
					wantCloseError(t, "CloseStatus", &got, *test.want)
				}
				if err != c.Err() {
					t.Fatalf("Read = %v, Err = %v", err, c.Err())
				}
			})
		})
	}
}

// abandonMessage writes half a message and cannot go on.
func abandonMessage(t *testing.T, c *Conn) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := c.NextWriter(ctx, Binary)
	wantNil(t, "NextWriter", err)
	w.Write(make([]byte, c.opts.WriteBuffer+1))
	cancel()
	wantIs(t, "the writer's Close", w.Close(), context.Canceled)
}
