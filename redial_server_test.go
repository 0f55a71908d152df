// This file is the server that the tests of Redial connect to: a list of what
// each attempt meets.

package websocket

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A redialServer is what a sequence of attempts meets: one outcome each.
type redialServer struct {
	t        *testing.T
	start    time.Time
	outcomes []outcome // nil refuses the connection
	dialed   []time.Duration
	states   []string
}

// An outcome is what a server does with a connection.
type outcome func(p *testPeer)

// refused answers with a status and perhaps a field.
func refused(status int, fields ...string) outcome {
	return func(p *testPeer) {
		readHTTPHead(p)
		lines := append([]string{fmt.Sprintf("HTTP/1.1 %d No", status), "Content-Length: 0"}, fields...)
		p.writeBytes([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
	}
}

// opened accepts the handshake and then does more.
func opened(then outcome) outcome {
	return func(p *testPeer) {
		head := readHTTPHead(p)
		r, err := ParseRequest([]byte(head))
		if err != nil {
			p.t.Error(err)
			return
		}
		p.writeBytes(AppendAnswer(nil, r.Header[fieldKey][0], &Answer{}))
		then(p)
	}
}

// lostAfter drops the connection.
func lostAfter(d time.Duration) outcome {
	return func(p *testPeer) {
		<-time.After(d)
		p.conn.Close()
	}
}

// silent reads and never answers.
func silent(p *testPeer) {
	p.conn.SetReadDeadline(time.Time{})
	io.Copy(io.Discard, p.conn)
}

func closesWith(code CloseCode) outcome {
	return func(p *testPeer) {
		p.writeClose(code, "")
		p.readFrame("the answer to the server's Close")
	}
}

func (s *redialServer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.dialed = append(s.dialed, time.Since(s.start))
	var next outcome
	if len(s.outcomes) > 0 {
		next, s.outcomes = s.outcomes[0], s.outcomes[1:]
	}
	if next == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	client, server := newPipe()
	p := &testPeer{t: s.t, role: RoleServer, conn: server, sim: server, maskKey: testMaskKeys('P'), keys: map[[4]byte]bool{}}
	go func() {
		defer server.Close()
		next(p)
	}()
	return client, nil
}

// noProxy keeps the environment out of a test.
func noProxy(*url.URL) (*url.URL, error) { return nil, nil }

// dialer returns a Dialer for the server and a Backoff whose waits are half of
// what they may be.
func (s *redialServer) dialer() (*Dialer, Backoff) {
	d := &Dialer{NetDial: s.dial, Proxy: noProxy}
	return d, Backoff{Random: func() float64 { return 0.5 }, OnState: func(state RedialState) {
		s.states = append(s.states, fmt.Sprintf("%v after %d", state, state.Failures))
	}}
}

// run redials until it ends, reading from each connection until that is over.
func (s *redialServer) run(d *Dialer, b Backoff) error {
	s.start = time.Now()
	for c, err := range d.Redial(background, "ws://test.example/", b) {
		if err != nil {
			return err
		}
		for err == nil {
			_, _, err = c.Read(background)
		}
	}
	return nil
}

func (s *redialServer) wantDialed(want ...time.Duration) {
	s.t.Helper()
	if !slices.Equal(s.dialed, want) {
		s.t.Errorf("connected after %v, want %v", s.dialed, want)
	}
}

func inBubble(t *testing.T, outcomes []outcome, f func(s *redialServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(&redialServer{t: t, outcomes: outcomes}) })
}
