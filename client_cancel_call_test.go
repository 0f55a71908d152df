// These are the tests of a Dial whose context ends at one of its calls, or just
// when it succeeds: it fails with nothing left open, or its connection works.

package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A cancelingConn cancels at a call: before it when it is a Write, behind it when
// it is a Read.
type cancelingConn struct {
	net.Conn
	left   atomic.Int32 // calls up to that one
	cancel func()
}

func cancelAt(nth int32, nc net.Conn, cancel func()) *cancelingConn {
	c := &cancelingConn{Conn: nc, cancel: cancel}
	c.left.Store(nth)
	return c
}

func (c *cancelingConn) count() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

func (c *cancelingConn) Write(p []byte) (int, error) {
	c.count()
	return c.Conn.Write(p)
}

func (c *cancelingConn) Read(p []byte) (int, error) {
	defer c.count()
	return c.Conn.Read(p)
}

// A closeCounter counts how often it is closed.
type closeCounter struct {
	net.Conn
	closed atomic.Int32
}

func (c *closeCounter) Close() error {
	c.closed.Add(1)
	return c.Conn.Close()
}

// Wherever a Dial is canceled, also when all has come that it waited for, it
// fails with nothing left open.
func TestClientIsCanceledAtEveryCall(t *testing.T) {
	outer, inner := certificateFor("proxy.example"), certificateFor("test.example")
	serve := func(c net.Conn) { serveOne(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{inner}})) }
	grants := map[string]func(c *simConn) net.Conn{
		"": func(c *simConn) net.Conn { return c },
		"http://proxy.example": func(c *simConn) net.Conn {
			openCONNECT(c)
			return c
		},
		"https://proxy.example": func(c *simConn) net.Conn {
			nc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{outer}})
			openCONNECT(nc)
			return nc
		},
		"socks5://u:p@proxy.example": func(c *simConn) net.Conn {
			openSOCKS(2)(c)
			return c
		},
	}
	for proxy, grant := range grants {
		play := func(c *simConn) { serve(grant(c)) }
		calls := int32(0)
		for open := false; !open; {
			calls++
			synctest.Test(t, func(t *testing.T) { open = canceledAt(t, proxy, play, calls) })
		}
		if calls < 6 {
			t.Errorf("%s: only %d calls", proxy, calls)
		}
	}
}

// canceledAt dials and cancels at the nth call of Read or Write. It reports
// whether the Dial was over by then.
func canceledAt(t *testing.T, proxy string, play func(*simConn), n int32) (open bool) {
	conns, d := newStub(t, play)
	d.TLSConfig = &tls.Config{RootCAs: theAuthority().pool}
	if proxy != "" {
		d.Proxy = through(stubURL(t, proxy))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wrapped closeCounter
	d.WrapConn = func(nc net.Conn) net.Conn {
		wrapped.Conn = nc
		return &wrapped
	}
	var conn *cancelingConn
	d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := conns.dial(ctx, network, addr)
		conn = cancelAt(n, nc, cancel)
		return conn, err
	}
	c, resp, err := d.Dial(ctx, "wss://test.example/")
	conn.left.Store(0) // never
	if err == nil && ctx.Err() == nil {
		echoOnce(t, c)
		return true
	}
	if c != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled at call %d by %q: Dial = %v, %v, %v", n, proxy, c, resp, err)
	}
	conns.wantClosed(1)
	if wrapped.Conn != nil && wrapped.closed.Load() == 0 {
		t.Errorf("canceled at call %d by %q: what WrapConn returned is not closed", n, proxy)
	}
	return false
}

// A cancel races with success. Whoever gets a connection has one that works,
// also when its context ends, and long after HandshakeTimeout.
func TestClientIsCanceledWhileItSucceeds(t *testing.T) {
	for i := range 400 {
		synctest.Test(t, func(t *testing.T) {
			conns, d := newStub(t, func(c *simConn) { serveOne(c) })
			ctx, cancel := context.WithCancel(t.Context())
			var answered atomic.Bool
			d.WrapConn = func(nc net.Conn) net.Conn {
				return cancelAt(2, nc, func() { answered.Store(true) })
			}
			go func() {
				defer cancel()
				for !answered.Load() {
					runtime.Gosched()
				}
				for range i % 50 { // a while that is different each time
					runtime.Gosched()
				}
			}()
			c, _, err := d.Dial(ctx, "ws://test.example/")
			if err != nil {
				if c != nil || !errors.Is(err, context.Canceled) {
					t.Errorf("Dial = %v, %v", c, err)
				}
				conns.wantClosed(1)
				return
			}
			<-ctx.Done()
			<-time.After(2 * defaultHandshakeTimeout)
			echoOnce(t, c)
		})
	}
}

func TestClientContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := (&Dialer{Proxy: noProxy}).Dial(ctx, "ws://127.0.0.1:9/")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
