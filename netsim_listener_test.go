// This file is the listener of the in-memory transport, and its tests.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// simListener listens on the in-memory transport. Its backlog has no bound,
// so Dial never waits.
type simListener struct {
	addr simAddr
	opts []func(*simKnobs) // of every connection, both ends

	mu      sync.Mutex
	moved   *sync.Cond
	backlog []*simConn // server ends
	errs    []error    // of the next Accepts
	dialed  int
	closed  bool
}

var _ net.Listener = (*simListener)(nil)

func newSimListener(opts ...func(*simKnobs)) *simListener {
	l := &simListener{addr: "192.0.2.2:80", opts: opts}
	l.moved = sync.NewCond(&l.mu)
	return l
}

func (l *simListener) Addr() net.Addr { return l.addr }

// Dial connects to the listener, whatever the address. The net.Conn is a
// *simConn; its peer is the end that Accept returns.
func (l *simListener) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := ctx.Err()
	if l.closed {
		err = syscall.ECONNREFUSED
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "sim", Addr: l.addr, Err: err}
	}
	from := simAddr(fmt.Sprintf("192.0.2.1:%d", 49152+l.dialed))
	l.dialed++
	client, server := newPipeBetween(from, l.addr, l.opts)
	l.backlog = append(l.backlog, server)
	l.moved.Broadcast()
	return client, nil
}

// failAccept makes an Accept that waits or comes next fail, before any
// connection is accepted.
func (l *simListener) failAccept(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
	l.moved.Broadcast()
}

func (l *simListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.closed:
			return nil, &net.OpError{Op: "accept", Net: "sim", Addr: l.addr, Err: net.ErrClosed}
		case len(l.errs) > 0:
			err := l.errs[0]
			l.errs = l.errs[1:]
			return nil, err
		case len(l.backlog) > 0:
			c := l.backlog[0]
			l.backlog = l.backlog[1:]
			return c, nil
		}
		l.moved.Wait()
	}
}

// Close resets the connections that nobody accepted, as a kernel does.
func (l *simListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "sim", Addr: l.addr, Err: net.ErrClosed}
	}
	l.closed = true
	for _, c := range l.backlog {
		c.reset()
	}
	l.backlog = nil
	l.moved.Broadcast()
	return nil
}

func TestSimListenerConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newSimListener()
		conn, err := l.Dial(t.Context(), "tcp", "anywhere:80")
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if client := conn.(*simConn); err != nil || accepted != net.Conn(client.peer) {
			t.Fatalf("Accept = %v, %v", accepted, err)
		}
		waiting, _ := l.Dial(t.Context(), "tcp", "anywhere:80")
		if conn.LocalAddr() == waiting.LocalAddr() || conn.RemoteAddr() != l.Addr() {
			t.Fatalf("addresses: %v, %v → %v", conn.LocalAddr(), waiting.LocalAddr(), conn.RemoteAddr())
		}
		l.Close()
		simWantRead(t, waiting.(*simConn), "", syscall.ECONNRESET)
		if _, err := l.Dial(t.Context(), "tcp", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("Dial after Close: %v", err)
		}
	})
}

func TestSimListenerAcceptFails(t *testing.T) {
	boom := errors.New("boom")
	synctest.Test(t, func(t *testing.T) {
		l := newSimListener()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Dial(ctx, "tcp", ""); !errors.Is(err, context.Canceled) {
			t.Fatalf("Dial with a canceled context: %v", err)
		}
		time.AfterFunc(time.Second, func() { l.failAccept(boom) })
		if _, err := l.Accept(); err != boom {
			t.Fatalf("Accept: %v", err)
		}
		time.AfterFunc(time.Second, func() { l.Close() })
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Accept at Close: %v", err)
		}
	})
}

func TestSimListenerServesHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newSimListener(func(k *simKnobs) { k.latency = time.Second })
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, r.Body)
		})}
		go server.Serve(l)
		transport := &http.Transport{DialContext: l.Dial}
		client := http.Client{Transport: transport}
		start := time.Now()
		resp, err := client.Post("http://anywhere/", "text/plain", strings.NewReader("echo"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if string(body) != "echo" {
			t.Fatalf("body = %q", body)
		}
		simWantElapsed(t, start, 2*time.Second)
		transport.CloseIdleConnections()
		server.Close()
	})
}
