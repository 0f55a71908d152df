// These are the tests of how a Conn fails when the peer breaks a rule (§7.1.7):
// what goes out, what does not come in, and how long the peer is listened to.

package websocket

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// brokenRules are bytes that break a rule, as the peer's role writes them.
// They are a choice of table F; the vectors have all of it.
var brokenRules = map[string]struct {
	rule  Rule // 0: the one on masking
	bytes func(p *testPeer) []byte
}{
	"F-01-mask": {0, func(p *testPeer) []byte {
		return p.encode(Header{Fin: true, Opcode: OpText, Length: 5, Masked: p.role == RoleServer}, "Hello")
	}},
	"F-06-length-form": {RuleLengthForm, func(p *testPeer) []byte {
		return p.encode(Header{Fin: true, Opcode: OpText, Length: 5, Overlong: 16, Masked: p.role == RoleClient}, "Hello")
	}},
	"F-12-length-sign": {RuleLengthSign, func(p *testPeer) []byte {
		return p.encode(Header{Fin: true, Opcode: OpBinary, Length: 1<<64 - 1, Masked: p.role == RoleClient}, "")
	}},
	"F-15-too-big": {RuleTooBig, func(p *testPeer) []byte {
		return p.encode(Header{Fin: true, Opcode: OpBinary, Length: DefaultMaxMessageSize + 1, Masked: p.role == RoleClient}, "")
	}},
	"F-20-reserved-bit": {RuleReservedBit, func(p *testPeer) []byte {
		return p.encode(Header{Fin: true, RSV1: true, Opcode: OpText, Length: 1, Masked: p.role == RoleClient}, "x")
	}},
	"F-24-opcode":   {RuleOpcode, func(p *testPeer) []byte { return p.frame(3, true, "x") }},
	"F-25-opcode-B": {RuleOpcode, func(p *testPeer) []byte { return p.frame(0xb, true, "x") }},
	"F-27-long-ping": {RuleControlLength, func(p *testPeer) []byte {
		return p.frame(OpPing, true, strings.Repeat("x", 126))
	}},
	"F-31-fragmented-ping": {RuleControlFragmented, func(p *testPeer) []byte { return p.frame(OpPing, false, "x") }},
	"F-34-continuation":    {RuleContinuation, func(p *testPeer) []byte { return p.frame(OpContinuation, true, "x") }},
	"F-43-text":            {RuleUTF8, func(p *testPeer) []byte { return p.frame(OpText, true, "\xc0\x80") }},
	"F-46-cut-text":        {RuleUTF8, func(p *testPeer) []byte { return p.frame(OpText, true, "\xe2\x82") }},
	"F-53-close-length":    {RuleCloseLength, func(p *testPeer) []byte { return p.frame(OpClose, true, "\x03") }},
	"F-54-close-reason":    {RuleCloseReason, func(p *testPeer) []byte { return p.frame(OpClose, true, "\x03\xe8\xff") }},
	"F-81-close-code":      {RuleCloseCode, func(p *testPeer) []byte { return p.frame(OpClose, true, "\x03\xed") }},
}

// maskRule is the rule on masking that p can break.
func maskRule(p *testPeer) Rule {
	if p.role == RoleClient {
		return RuleMaskMissing
	}
	return RuleMaskForbidden
}

// TestConnCloseAfterBrokenRule wants the exact bytes: what was owed before, a
// Close with the rule's code, the end. What follows the bad frame is lost
// (F-92).
func TestConnCloseAfterBrokenRule(t *testing.T) {
	for name, test := range brokenRules {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				rule := test.rule
				if rule == 0 {
					rule = maskRule(p)
				}
				before := slices.Concat(p.frame(OpText, true, "good"), p.frame(OpPing, true, "owed"))
				p.writeBytes(slices.Concat(before, test.bytes(p),
					p.frame(OpText, true, "late"), p.frame(OpPing, true, "late"), p.frame(OpClose, true, "\x03\xe8")))
				reads(t, c).want("before the bad frame", Text, "good")
				read := startRead(c)
				p.wantFrame("before the bad frame", OpPong, "owed")
				p.wantClose("the rule's code and text", rule.Code(), rule.Text())
				p.wantEOF("nothing follows the Close")
				p.conn.Close()
				err := <-read
				if want := (&ProtocolError{rule, int64(len(before))}).Error(); err.Error() != want {
					t.Fatalf("Read = %v, want %v", err, want)
				}
				wantIs(t, "Read", err, rule)
				if got := c.Close(CloseNormal, ""); got != err || c.Err() != err {
					t.Fatalf("Close = %v, Err = %v, want %v", got, c.Err(), err)
				}
			})
		})
	}
}

// A bad byte is bad when it has come, not when its frame is whole (F-49).
func TestConnCloseAtTheFirstBadByte(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		frame := p.frame(OpText, true, "ok\xff"+strings.Repeat("x", 17))
		p.writeBytes(frame[:len(frame)-17])
		read := startRead(c)
		p.wantClose("the rule's code and text", CloseInvalidPayload, RuleUTF8.Text())
		p.wantEOF("nothing follows the Close")
		p.conn.Close()
		wantIs(t, "Read", <-read, RuleUTF8)
	})
}

// A message that is being written when the peer breaks a rule is not cut: the
// Close follows its frame.
func TestConnCloseAfterBrokenRuleWaitsForTheFrameInProgress(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ours := p.sim.peer
		ours.tune(func(k *simKnobs) { k.stallWrites = true })
		wrote := started(func() error { return c.Write(background, Text, []byte("in progress")) })
		synctest.Wait()
		p.write(3, true, "")
		read := startRead(c)
		time.Sleep(time.Second)
		ours.tune(func(k *simKnobs) { k.stallWrites = false })
		p.wantFrame("the frame in progress", OpText, "in progress")
		p.wantClose("the rule's code and text", CloseProtocolError, RuleOpcode.Text())
		p.wantEOF("nothing follows the Close")
		p.conn.Close()
		wantIs(t, "Read", <-read, RuleOpcode)
		wantNil(t, "Write", <-wrote)
	})
}

// pour writes n bytes of whatever after a bad frame, and returns how many were
// taken.
func pour(p *testPeer, n int) (written int) {
	b := make([]byte, 32<<10)
	for written < n {
		m, err := p.conn.Write(b)
		if written += m; err != nil {
			break
		}
	}
	return written
}

// testReadableClose has a peer that breaks a rule, goes on sending 10 MB and
// only then looks: it must be able to read our Close (R-09, F-17). Both
// transports reset a connection that is closed with bytes unread.
func testReadableClose(t *testing.T, c *Conn, p *testPeer) {
	const size = 10 << 20
	read := startRead(c)
	p.writeBytes(p.encode(Header{Fin: true, Opcode: OpBinary, Length: size, Masked: p.role == RoleClient}, ""))
	if n := pour(p, size); n != size {
		t.Fatalf("the peer could write %d bytes of %d", n, size)
	}
	p.wantClose("the rule's code and text", CloseTooBig, RuleTooBig.Text())
	p.wantEOF("nothing follows the Close")
	p.conn.Close()
	wantIs(t, "Read", <-read, ErrTooBig)
	<-c.Done()
}

func TestConnCloseIsReadableByPeerThatGoesOnSending(t *testing.T) {
	eachRole(t, Options{}, testReadableClose)
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run("tcp-"+role.String(), func(t *testing.T) {
			c, p := newTCPTestConn(t, role, Options{})
			testReadableClose(t, c, p)
		})
	}
}

// Without half-close the Conn listens all the same: until the peer, which has
// read the Close, leaves.
func TestConnCloseIsReadableWithoutHalfClose(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := newPipe()
				c, p := newTestConnOn(t, role, Options{}, ends{noHalfClose{ours}, theirs})
				read := startRead(c)
				p.write(3, true, "")
				pour(p, 1<<20)
				p.wantClose("the rule's code and text", CloseProtocolError, RuleOpcode.Text())
				p.conn.Close()
				wantIs(t, "Read", <-read, RuleOpcode)
			})
		})
	}
}

// On TCP the end is seen from the peer's side: an orderly one, not a reset.
func TestConnCloseEndsTCPInOrder(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run(role.String(), func(t *testing.T) {
			c, p := newTCPTestConn(t, role, Options{})
			closed := startClose(c, CloseNormal, "")
			p.wantClose("our Close", CloseNormal, "")
			p.writeClose(CloseNormal, "")
			if role == RoleServer {
				p.wantEOF("the server closes first")
			}
			p.conn.(*net.TCPConn).CloseWrite()
			p.wantEOF("the end")
			wantNil(t, "Close", <-closed)
		})
	}
}

// endless is a transport on which the peer never stops sending.
type endless struct {
	*simConn
	first []byte // what comes before whatever
	taken int
}

func (e *endless) Read(p []byte) (n int, err error) {
	n = len(p)
	if len(e.first) > 0 {
		n = copy(p, e.first)
		e.first = e.first[n:]
	}
	e.taken += n
	return n, nil
}

// the drain is bounded in bytes here, and in the next test in time.
func TestConnCloseStopsListeningAfter64MiB(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := newPipe()
				e := &endless{simConn: ours, first: []byte{0x83, 0x80, 0, 0, 0, 0}}
				c, _ := newTestConnOn(t, role, Options{}, ends{e, theirs})
				start := time.Now()
				_, _, err := c.Read(background)
				wantIs(t, "Read", err, RuleOpcode)
				<-c.Done()
				simWantElapsed(t, start, 0)
				if over := e.taken - 64<<20; over < 0 || over > 64<<10 {
					t.Fatalf("%d bytes were taken, want 64 MiB", e.taken)
				}
			})
		})
	}
}

func TestConnCloseStopsListeningAtCloseTimeout(t *testing.T) {
	eachRole(t, Options{CloseTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		read := startRead(c)
		start := time.Now()
		p.write(3, true, "")
		trickled := started(func() (n int) {
			for ; ; n++ {
				if _, err := p.sim.Write([]byte("x")); err != nil {
					return n
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
		wantIs(t, "Read", <-read, RuleOpcode)
		simWantElapsed(t, start, 0)
		<-c.Done()
		simWantElapsed(t, start, 3*time.Second)
		if n := <-trickled; n < 30 || n > 32 {
			t.Fatalf("%d bytes were taken in 3 s", n)
		}
	})
}

// TestConnCloseAfterBrokenRuleToStalledPeer: a Close that cannot be sent does
// not hold the connection longer than one that is not answered.
func TestConnCloseAfterBrokenRuleToStalledPeer(t *testing.T) {
	eachRole(t, Options{CloseTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		start := time.Now()
		p.write(3, true, "")
		_, _, err := c.Read(background)
		wantIs(t, "Read", err, RuleOpcode)
		simWantElapsed(t, start, 3*time.Second)
		if err := p.fill(); err != io.EOF {
			t.Fatalf("the peer reads %v, want EOF", err)
		}
	})
}

func TestConnCloseLogsBrokenRuleOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c, p := newTestConn(t, RoleServer, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		p.write(3, true, "\x1b[31m")
		p.conn.Close()
		for range 3 {
			_, _, err := c.Read(background)
			wantIs(t, "Read", err, RuleOpcode)
		}
		want := fmt.Sprintf("%q", (&ProtocolError{Rule: RuleOpcode}).Error())
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, want) || !strings.Contains(got, "peer=192.0.2.1:49152") {
			t.Fatalf("logged %q, want one line with %s", got, want)
		}
	})
}
