// This file tests groups and hooks with applications and transports that do what
// they should not: panic, block, close late.

package websocket

import (
	"bufio"
	"context"
	"math"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Nobody has to be waited for.
func TestGroupShutsDownNothingWithoutTime(t *testing.T) {
	ended, cancel := context.WithCancel(background)
	cancel()
	results := map[error]int{}
	for range 1000 {
		results[new(Group).Shutdown(ended)]++
	}
	if len(results) > 1 {
		t.Errorf("Shutdown = %v", results)
	}
}

// The application may take its time.
func TestGroupKeyDoesNotBlockTheServer(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := &Server{Handler: withoutRequest(serveEcho)}
	s.Upgrader.Group = &Group{MaxConnsPerAddr: 1, Key: func(*Request) string {
		close(entered)
		<-leave
		return "a"
	}}
	l := newSimListener()
	startServer(t, s, l)
	sendRequest(t, l)
	<-entered
	ended, cancel := context.WithCancel(background)
	cancel()
	done := started(func() error { return s.Shutdown(ended) })
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Error("Shutdown does not return although its context has ended")
	}
	close(leave)
}

func TestGroupRetryAfterMayBeForEver(t *testing.T) {
	g := &Group{RetryAfter: math.MaxInt64}
	he := g.full("").(*HandshakeError)
	if v := http.Header(he.Header).Get("Retry-After"); v[0] == '-' {
		t.Errorf("Retry-After: %s", v)
	}
}

// A heldClose takes its time to close.
type heldClose struct {
	*simConn
	closing, release chan struct{}
	once             sync.Once
}

func (h *heldClose) Close() error {
	h.once.Do(func() { close(h.closing); <-h.release })
	return h.simConn.Close()
}

func TestHooksClosedComesBehindDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe()
		defer b.Close()
		h := &heldClose{simConn: a, closing: make(chan struct{}), release: make(chan struct{})}
		c := newConn(h, RoleServer, Options{KeepAlive: -1, Hooks: &Hooks{
			Open: func(c *Conn) { go c.CloseNow(); <-h.closing },
			Closed: func(c *Conn, err error) {
				if c.Err() == nil || c.Err() != err {
					t.Errorf("Closed is called with %v, Err = %v", err, c.Err())
				}
			}}}, nil)
		time.AfterFunc(time.Second, func() { close(h.release) })
		c.opened()
		<-c.Done()
		synctest.Wait()
	})
}

// A Hijacker that panics, or returns no buffer, costs no place.
type nilHijacker struct{ http.ResponseWriter }

func (n nilHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, _, err := http.NewResponseController(n.ResponseWriter).Hijack()
	return nc, nil, err
}

func TestGroupKeepsNoSeatBehindAPanickingHijack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{}
		u := &Upgrader{Group: g}
		l := startHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u.Upgrade(nilHijacker{w}, r)
		})})
		sendRequest(t, l)
		synctest.Wait()
		if n := g.Len(); n != 0 {
			t.Errorf("%d places are taken", n)
		}
	})
}

func TestHooksOpenThatPanicsEndsTheConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := make(chan *Conn, 1)
		u := Upgrader{Options: Options{KeepAlive: -1, Hooks: &Hooks{Open: func(c *Conn) { opened <- c; panic("boom") }}}}
		l := serveRaw(t, u, serveEcho)
		sendRequest(t, l)
		c := <-opened
		<-time.After(time.Hour)
		if c.Err() == nil {
			t.Error("the connection is not over")
		}
		c.CloseNow()
	})
}

// An askingConn asks the group in its Close.
type askingConn struct {
	net.Conn
	g *Group
}

func (c askingConn) Close() error {
	c.g.Len()
	return c.Conn.Close()
}

func TestGroupClosesTransportsWithoutItsLock(t *testing.T) {
	a, b := newPipe()
	defer b.Close()
	g := &Group{}
	s, _ := g.admit(&Request{})
	s.carry(askingConn{a, g})
	done := started(func() int { g.sever(); return 1 })
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("deadlock")
	}
}

// Middleware may have taken the port away.
func TestGroupKnowsAddressesWithoutPort(t *testing.T) {
	if a, b := addressKey("2001:db8::1"), addressKey("2001:db8::2"); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestGroupKeepsNoSeatBehindAPanickingHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{}
		u := &Upgrader{Group: g, Options: Options{KeepAlive: -1, Hooks: &Hooks{Closed: func(*Conn, error) { panic("boom") }}}}
		l := startHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := u.Upgrade(w, r); err == nil {
				c.CloseNow()
			}
		})})
		sendRequest(t, l)
		synctest.Wait()
		if n := g.Len(); n != 0 {
			t.Errorf("%d places are taken", n)
		}
	})
}

// On a Unix socket most clients have none, and are not one client.
func TestGroupDoesNotCountWhoHasNoAddress(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	wantNil(t, "Listen", err)
	defer l.Close()
	a, err := net.Dial("unix", l.Addr().String())
	wantNil(t, "Dial", err)
	defer a.Close()
	b, _ := l.Accept()
	defer b.Close()
	if key := addressKey(b.RemoteAddr().String()); key != "" {
		t.Errorf("a client without an address counts as %q", key)
	}
}
