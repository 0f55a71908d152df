package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"barewire.example/websocket"
)

// pipes is a listener without a network, so that a bubble's clock moves on while everybody waits.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// Close implements net.Listener.
func (p *pipes) Close() error {
	close(p.ended)
	return nil
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

// startPiped is start in a bubble. The suite is stopped by what it returns.
func startPiped(h http.Handler) (s suite, stop func()) {
	p := &pipes{conns: make(chan net.Conn), ended: make(chan struct{})}
	server := &http.Server{Handler: h}
	go server.Serve(p)
	dialer.NetDial = p.dial
	return suite{url: "ws://suite", agent: "a", limit: caseLimit}, func() {
		server.Close()
		dialer.NetDial = nil
	}
}

// silent answers pings, and says nothing else until the connection ends.
func silent(ctx context.Context, c *websocket.Conn) { c.Read(ctx) }

// mute upgrades every request, and is then silent.
func mute(w http.ResponseWriter, r *http.Request) {
	if c, err := (&websocket.Upgrader{}).Upgrade(w, r); err == nil {
		silent(r.Context(), c)
		c.CloseNow()
	}
}

func TestTesteeDoesNotWaitForASilentSuite(t *testing.T) {
	pass := func(_ context.Context, c *websocket.Conn) { closeNormal(c) }
	deaf := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	tests := []struct {
		name, n, want string
		suite         http.Handler
	}{
		{"count", "", "/getCaseCount: not over after 10m0s", http.HandlerFunc(mute)},
		{"case", "3", "case 2 of 3: not over after 10m0s", &fake{cases: []func(context.Context, *websocket.Conn){pass, silent}}},
		{"handshake", "1", "case 1 of 1: websocket: ", http.HandlerFunc(deaf)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, stop := startPiped(test.suite)
				defer stop()
				begin := time.Now()
				err := s.run(t.Context(), test.n)
				if err == nil || !strings.HasPrefix(err.Error(), test.want) {
					t.Errorf("error %v, want one that begins with %q", err, test.want)
				}
				if took := time.Since(begin); took > caseLimit {
					t.Errorf("that took %v", took)
				}
			})
		})
	}
}
