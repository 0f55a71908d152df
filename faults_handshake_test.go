// This file breaks the opening handshake off at every byte, of the request and
// of the answer, for servers and clients. What hostile_server_time_test.go and
// client_hostile_flood_test.go have of it is not repeated: the end and the reset
// of the other side's bytes, for Server and Dial.

package websocket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// faultHandshakeTimeout is none of the timeouts of faults_session_test.go.
const faultHandshakeTimeout = 11 * time.Second

func faultUpgrader() Upgrader {
	o := Options{Logger: slog.New(slog.DiscardHandler), KeepAlive: -1}
	return Upgrader{Options: o, HandshakeTimeout: faultHandshakeTimeout}
}

// A handshakeFault breaks off what one side sends. Its inject is called with the
// end that sends, and what is wrapped around it.
type handshakeFault struct {
	inject func(c *faultyConn, at int)
	causes []error
	took   time.Duration
}

// handshakeFaults break off what our side sends. A peer that reads the end of
// it closes.
var handshakeFaults = map[string]handshakeFault{
	"fin": {
		func(c *faultyConn, at int) { c.eofAt(at) },
		[]error{io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}, 0,
	},
	"reset": {func(c *faultyConn, at int) { c.resetAt(at) }, []error{syscall.ECONNRESET}, 0},
	"stall": {
		func(c *faultyConn, at int) {
			c.writesTo, c.cutWrite = at, func(c *faultyConn, rest []byte) (int, error) {
				c.tune(func(k *simKnobs) { k.stallWrites = true })
				return c.simConn.Write(rest)
			}
		},
		[]error{os.ErrDeadlineExceeded, context.DeadlineExceeded}, faultHandshakeTimeout,
	},
	"short-write": {
		func(c *faultyConn, at int) {
			c.writesTo, c.cutWrite = at, func(*faultyConn, []byte) (int, error) { return 0, errFault }
		},
		[]error{errFault}, 0,
	},
}

// faultyPipe returns the ends of a connection on which ours may be faulty.
func faultyPipe(role Role) (ours *faultyConn, theirs *simConn) {
	a, b := newFaultPipe(role)
	return &faultyConn{simConn: a, readsFrom: -1, writesTo: -1}, b
}

// wantOneOf wants one of the causes, and no orderly end.
func wantOneOf(t *testing.T, why string, err error, causes []error) {
	t.Helper()
	for _, cause := range causes {
		if errors.Is(err, cause) && !errors.Is(err, io.EOF) {
			return
		}
	}
	t.Fatalf("%s: got error %v, want one of %v", why, err, causes)
}

// wantClosedEnd wants our end to be closed.
func wantClosedEnd(t *testing.T, ours *faultyConn) {
	t.Helper()
	if _, err := ours.simConn.Write(nil); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("the transport is not closed: %v", err)
	}
}

// A client breaks off its request, or just stops.
func TestFaultsEndUpgradeConnInTheRequest(t *testing.T) {
	text := rawRequest()
	for name, fault := range map[string]struct {
		send  func(client *simConn, at int)
		cause error
		took  time.Duration
	}{
		"fin":   {func(c *simConn, at int) { c.eofAt(at); io.WriteString(c, text) }, io.ErrUnexpectedEOF, 0},
		"reset": {func(c *simConn, at int) { c.resetAt(at); io.WriteString(c, text) }, syscall.ECONNRESET, 0},
		"stall": {func(c *simConn, at int) { io.WriteString(c, text[:at]) }, os.ErrDeadlineExceeded, faultHandshakeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			for at := range len(text) {
				synctest.Test(t, func(t *testing.T) {
					ours, client := faultyPipe(RoleServer)
					defer client.Close()
					start, u := time.Now(), faultUpgrader()
					fault.send(client, at)
					c, r, err := u.UpgradeConn(ours)
					simWantElapsed(t, start, fault.took)
					if c != nil || r != nil || len(ours.sent()) > 0 {
						t.Fatalf("at byte %d: UpgradeConn = %v, %v, and has sent %q", at, c, r, ours.sent())
					}
					wantAbnormal(t, "UpgradeConn", err, fault.cause)
					wantClosedEnd(t, ours)
				})
			}
		})
	}
}

// upgradeAnswer is what UpgradeConn answers.
func upgradeAnswer() string { return hostileResponse{text: rawAnswer()}.raw(sampleKey) }

// The answer gets no further than to some byte.
func TestFaultsEndUpgradeConnInTheAnswer(t *testing.T) {
	for name, fault := range handshakeFaults {
		t.Run(name, func(t *testing.T) {
			for at := range len(upgradeAnswer()) {
				synctest.Test(t, func(t *testing.T) { testUpgradeAnswer(t, fault, at) })
			}
		})
	}
}

func testUpgradeAnswer(t *testing.T, fault handshakeFault, at int) {
	ours, client := faultyPipe(RoleServer)
	fault.inject(ours, at)
	io.WriteString(client, rawRequest()) // a reset at the first byte comes before it
	left := started(func() bool { leaveAtTheEnd(client); return true })
	start, u := time.Now(), faultUpgrader()
	c, r, err := u.UpgradeConn(ours)
	if r == nil && at > 0 || (c == nil) == (err == nil) {
		t.Fatalf("at byte %d: UpgradeConn = %v, %v, %v", at, c, r, err)
	}
	if err == nil { // the kernel has taken it all
		err = <-startRead(c)
	}
	simWantElapsed(t, start, fault.took)
	wantCloseError(t, "UpgradeConn", err, CloseError{Code: CloseAbnormal})
	wantOneOf(t, "UpgradeConn", err, fault.causes)
	wantClosedEnd(t, ours)
	<-left
	if sent := string(ours.sent()); sent != upgradeAnswer()[:at] && sent != upgradeAnswer() {
		t.Fatalf("at byte %d: %q was sent", at, sent)
	}
}

// leaveAtTheEnd reads until there is nothing more, and closes.
func leaveAtTheEnd(c *simConn) {
	io.Copy(io.Discard, c)
	c.Close()
}

// wantForgotten wants a server to keep track of no connection.
func wantForgotten(t *testing.T, s *Server) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.pending) + s.group().Len(); n != 0 {
		t.Fatalf("the server keeps track of %d connections that are over", n)
	}
}

// A Server has the same patience with everybody, at the same time.
func TestFaultsEndServersWaitingForTheRequest(t *testing.T) {
	text := rawRequest()
	synctest.Test(t, func(t *testing.T) {
		l := newSimListener()
		s := &Server{Upgrader: faultUpgrader(), Handler: withoutRequest(neverCalled(t))}
		startServer(t, s, l)
		start := time.Now()
		var conns []*simConn
		for at := range len(text) {
			conn := dialServer(t, l)
			simMustWrite(t, conn, text[:at])
			conns = append(conns, conn)
		}
		for at, conn := range conns {
			if sent := wantClosedAt(t, conn, start, faultHandshakeTimeout); sent != "" {
				t.Fatalf("at byte %d: the answer is %q", at, sent)
			}
		}
		wantForgotten(t, s)
	})
}

// A faultyListener breaks off what the server sends on each connection.
type faultyListener struct {
	*simListener
	inject func(c *faultyConn)
}

func (l *faultyListener) Accept() (net.Conn, error) {
	nc, err := l.simListener.Accept()
	if err != nil {
		return nil, err
	}
	c := &faultyConn{simConn: nc.(*simConn), readsFrom: -1, writesTo: -1}
	l.inject(c)
	return c, nil
}

// The handler is called only when the whole answer has been taken.
func TestFaultsEndServersInTheAnswer(t *testing.T) {
	for name, fault := range handshakeFaults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testServerAnswer(t, fault, name == "fin") })
		})
	}
}

func testServerAnswer(t *testing.T, fault handshakeFault, taken bool) {
	var at atomic.Int32
	var calls atomic.Int32
	l := &faultyListener{newSimListener(), func(c *faultyConn) { fault.inject(c, int(at.Load())) }}
	s := &Server{Upgrader: faultUpgrader(), Handler: withoutRequest(func(ctx context.Context, c *Conn) error {
		calls.Add(1)
		_, _, err := c.Read(ctx)
		if status, _ := CloseStatus(err); status.Code != CloseAbnormal {
			t.Errorf("Read = %v", err)
		}
		return err
	})}
	startServer(t, s, l)
	length := len(upgradeAnswer())
	for ; int(at.Load()) < length; at.Add(1) {
		start, conn := time.Now(), dialServer(t, l.simListener)
		io.WriteString(conn, rawRequest()) // it may be reset already
		leaveAtTheEnd(conn)
		wantForgotten(t, s)
		simWantElapsed(t, start, fault.took)
	}
	// A client that sees the end at once may be gone before the answer.
	if n := int(calls.Load()); n != 0 && !taken || taken && n < length-1 {
		t.Errorf("the handler was called %d times for %d answers", n, length)
	}
}

// The request gets no further than to some byte.
func TestFaultsEndDialInTheRequest(t *testing.T) {
	length := 0
	dialBubble(t, Dialer{}, testURL, func(s *dialing) {
		_, head := s.accept()
		length = len(head)
		s.cancel()
		s.failed()
	})
	for name, fault := range handshakeFaults {
		t.Run(name, func(t *testing.T) {
			for at := range length {
				synctest.Test(t, func(t *testing.T) { testDialRequest(t, fault, at) })
			}
		})
	}
}

func testDialRequest(t *testing.T, fault handshakeFault, at int) {
	ours, server := faultyPipe(RoleClient)
	fault.inject(ours, at)
	d := Dialer{HandshakeTimeout: faultHandshakeTimeout}
	s := startDialOn(t, d, testURL, func() (net.Conn, net.Conn) { return ours, server })
	leaveAtTheEnd(server)
	r := s.failed()
	simWantElapsed(t, s.start, fault.took)
	wantOneOf(t, "Dial", r.err, fault.causes)
	if r.resp != nil {
		t.Fatalf("at byte %d: there is an answer: %v", at, r.resp)
	}
	wantClosedEnd(t, ours)
}

// The server falls silent at some byte of its answer, or of an interim one.
func TestFaultsEndDialWaitingForTheAnswer(t *testing.T) {
	text := "HTTP/1.1 103 Early Hints\r\n\r\n" + rawAnswer()
	for at := range len(hostileResponse{text: text}.raw(sampleKey)) {
		dialBubble(t, Dialer{HandshakeTimeout: faultHandshakeTimeout}, testURL, func(s *dialing) {
			p, head := s.accept()
			p.writeBytes([]byte(hostileResponse{text: text}.raw(keyOf(s.t, head))[:at]))
			r := s.failed()
			simWantElapsed(s.t, s.start, faultHandshakeTimeout)
			wantOneOf(s.t, "Dial", r.err, []error{context.DeadlineExceeded})
			if r.resp != nil {
				s.t.Fatalf("at byte %d: there is an answer: %v", at, r.resp)
			}
			wantCloseCall(p)
		})
	}
}
