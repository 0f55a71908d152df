// This file tests the end of TLS without the end of WebSocket, and the other way
// round. Handshakes of TLS that break off are in server_tls_test.go and
// client_tls_test.go.

package websocket

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
)

// enduredCutsOfTLS are the ways in which a peer's bytes can end: without
// close_notify, which is what somebody in between can do, and with it. FIN comes
// behind what was sent; RST might overtake it.
var enduredCutsOfTLS = map[string]func(c *tls.Conn) error{
	"without-close-notify": func(c *tls.Conn) error { return c.NetConn().(*net.TCPConn).CloseWrite() },
	"with-close-notify":    (*tls.Conn).CloseWrite,
}

// eachCutOfTLS runs a test in both roles for each such way.
func eachCutOfTLS(t *testing.T, f func(t *testing.T, c *Conn, p *testPeer, cut func())) {
	for name, cut := range enduredCutsOfTLS {
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(name+"/"+role.String(), func(t *testing.T) {
				ours, theirs := tlsPair(t, nil)
				if role == RoleServer {
					ours, theirs = theirs, ours
				}
				c, p := newTestConnOn(t, role, Options{WriteTimeout: testPatience, CloseTimeout: testPatience}, ends{ours, theirs})
				f(t, c, p, func() { wantNil(t, "the end of the peer's bytes", cut(theirs)) })
			})
		}
	}
}

// whoever has not sent a Close has not closed, were all of its frames
// whole.
func TestEnduredTruncationOfTLS(t *testing.T) {
	for name, last := range map[string]func(p *testPeer) []byte{
		"nothing-sent":      func(p *testPeer) []byte { return nil },
		"whole-message":     func(p *testPeer) []byte { return p.frame(OpText, true, "whole") },
		"between-fragments": func(p *testPeer) []byte { return p.frame(OpText, false, "half") },
		"in-a-frame":        func(p *testPeer) []byte { return p.frame(OpText, true, "half")[:5] },
		"in-a-close":        func(p *testPeer) []byte { return p.frame(OpClose, true, "\x03\xe8")[:3] },
	} {
		t.Run(name, func(t *testing.T) {
			eachCutOfTLS(t, func(t *testing.T, c *Conn, p *testPeer, cut func()) {
				if sent := last(p); len(sent) > 0 {
					p.writeBytes(sent)
				}
				cut()
				wantAbnormal(t, "Read", <-startRead(c), io.ErrUnexpectedEOF)
				wantDone(t, c)
				wantAbnormal(t, "Err", c.Err(), io.ErrUnexpectedEOF)
			})
		})
	}
}

// our Close alone does not make it an orderly end.
func TestEnduredTruncationOfTLSBehindOurClose(t *testing.T) {
	eachCutOfTLS(t, func(t *testing.T, c *Conn, p *testPeer, cut func()) {
		closed := startClose(c, CloseNormal, "")
		p.wantClose("ours", CloseNormal, "")
		p.write(OpText, true, "no answer to it")
		cut()
		wantAbnormal(t, "Close", <-closed, io.ErrUnexpectedEOF)
	})
}

// when both have sent a Close, nothing is missing.
func TestEnduredEndOfTLSBehindTheClosingHandshake(t *testing.T) {
	t.Run("ours-first", func(t *testing.T) {
		eachCutOfTLS(t, func(t *testing.T, c *Conn, p *testPeer, cut func()) {
			closed := startClose(c, CloseNormal, "")
			p.wantClose("ours", CloseNormal, "")
			p.writeClose(CloseGoingAway, "bye")
			cut()
			wantNil(t, "Close", <-closed)
			wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseGoingAway, Reason: "bye"})
		})
	})
	t.Run("theirs-first", func(t *testing.T) {
		eachCutOfTLS(t, func(t *testing.T, c *Conn, p *testPeer, cut func()) {
			p.writeClose(CloseGoingAway, "bye")
			cut()
			want := CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true}
			wantCloseError(t, "Read", <-startRead(c), want)
			p.wantClose("the answer", CloseGoingAway, "")
			wantDone(t, c)
			wantCloseError(t, "Err", c.Err(), want)
		})
	})
}
