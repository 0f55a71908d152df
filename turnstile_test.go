// These are the tests of Turnstile (§4.1).

package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowServer counts the connections that are waiting for an answer, which comes
// after a second.
type slowServer struct {
	mu           sync.Mutex
	waiting, max int
}

func (s *slowServer) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting += n
	s.max = max(s.max, s.waiting)
}

// dial is a Dialer.NetDial.
func (s *slowServer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.count(1)
	client, server := newPipe()
	go func() {
		<-time.After(time.Second)
		s.count(-1)
		server.Close()
	}()
	return client, nil
}

// dialMany dials n times at once and waits.
func dialMany(d *Dialer, n int, target func(i int) string) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { d.Dial(background, target(i)) })
	}
	all.Wait()
}

func TestTurnstileLetsOneAttemptThroughAtATime(t *testing.T) {
	one := func(int) string { return "ws://one.example/" }
	each := func(i int) string { return fmt.Sprintf("ws://host-%d.example/", i) }
	proxy := func(*url.URL) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "proxy.example"}, nil }
	for name, c := range map[string]struct {
		stile  *Turnstile
		proxy  func(*url.URL) (*url.URL, error)
		target func(int) string
		max    int
		took   time.Duration
	}{
		"off":                 {nil, noProxy, one, 5, time.Second},
		"one-address":         {&Turnstile{}, noProxy, one, 1, 5 * time.Second},
		"different-addresses": {&Turnstile{}, noProxy, each, 5, time.Second},
		"behind-one-proxy":    {&Turnstile{}, proxy, each, 5, time.Second}, // each name counts as a remote host
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowServer{}
				start := time.Now()
				dialMany(&Dialer{NetDial: s.dial, Proxy: c.proxy, Turnstile: c.stile}, 5, c.target)
				if took := time.Since(start); s.max != c.max || took != c.took {
					t.Errorf("%d at once and %v in all; want %d and %v", s.max, took, c.max, c.took)
				}
				if c.stile != nil && len(c.stile.gates) != 0 {
					t.Errorf("%d gates are left", len(c.stile.gates))
				}
			})
		})
	}
}

func TestTurnstileIsLeftWhenAContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowServer{}
		d := &Dialer{NetDial: s.dial, Proxy: noProxy, Turnstile: &Turnstile{}}
		first := started(func() error { _, _, err := d.Dial(background, "ws://one.example/"); return err })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(background, time.Millisecond)
		defer cancel()
		if _, _, err := d.Dial(ctx, "ws://one.example/"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second ended with %v", err)
		}
		<-first
		if len(d.Turnstile.gates) != 0 || s.max != 1 {
			t.Errorf("%d gates are left, %d attempts at once", len(d.Turnstile.gates), s.max)
		}
	})
}

// net.Dialer tries a second address while the first is slow, and may come to the
// turnstile when nobody waits for it any more.
func TestTurnstileIsClosedToWhoComesTooLate(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		p := passage{stile: &Turnstile{}}
		wantNil(t, "the first address", p.enter(background, "tcp4", "192.0.2.1:80"))
		p.leave()
		other := passage{stile: p.stile}
		wantNil(t, "somebody else", other.enter(background, "tcp4", "192.0.2.1:80"))
		if err := p.enter(background, network, "second.example:80"); err == nil {
			t.Errorf("%s: it was let in", network)
		}
		if g := p.stile.gates["192.0.2.1:80"]; g == nil || g.turn.tryLock() {
			t.Errorf("%s: it gave up a turn that was not its own", network)
		}
		other.leave()
		if n := len(p.stile.gates); n != 0 {
			t.Errorf("%s: %d gates are left", network, n)
		}
	}
}

// Two Dials try two addresses in opposite order, each in vain. Neither keeps what
// the other waits for.
func TestTurnstileIsNoPlaceToDieIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stile := &Turnstile{}
		dial := func(addrs ...string) error {
			p := passage{stile: stile}
			defer p.leave()
			for _, addr := range addrs {
				if err := p.enter(t.Context(), "tcp4", addr); err != nil {
					return err
				}
				<-time.After(time.Second) // and then it refuses
			}
			return nil
		}
		first := started(func() error { return dial("192.0.2.1:80", "192.0.2.2:80") })
		wantNil(t, "the second", dial("192.0.2.2:80", "192.0.2.1:80"))
		wantNil(t, "the first", <-first)
	})
}

// Two names of one address are one address, where we are who resolves them.
func TestTurnstileKnowsTheAddressBehindAName(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	d := &Dialer{Proxy: noProxy, Turnstile: &Turnstile{}}
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	var dials sync.WaitGroup
	for _, host := range []string{"127.0.0.1", "localhost"} {
		dials.Go(func() { d.Dial(ctx, "ws://"+net.JoinHostPort(host, port)) })
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	// The other one has come to the gate, and waits.
	for users := 0; users < 2; {
		d.Turnstile.mu.Lock()
		if g := d.Turnstile.gates[l.Addr().String()]; g != nil {
			users = g.users
		}
		d.Turnstile.mu.Unlock()
		runtime.Gosched()
	}
	first.Close()
	second, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	dials.Wait()
}
