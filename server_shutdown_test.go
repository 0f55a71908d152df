// This file tests how a Server ends.

package websocket

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A shutdownRun is a Server that is about to be shut down.
type shutdownRun struct {
	*Server
	l      *simListener
	served chan error
}

// runServer runs a test of Shutdown in a bubble. Serve must have returned when
// it ends, and every goroutine with it.
func runServer(t *testing.T, f connFunc, test func(t *testing.T, s shutdownRun)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := shutdownRun{&Server{Handler: withoutRequest(f)}, newSimListener(), make(chan error, 1)}
		s.Upgrader.Logger, _ = newTestLog()
		go func() { s.served <- s.Serve(s.l) }()
		test(t, s)
		if err := <-s.served; err != ErrServerClosed {
			t.Errorf("Serve = %v, want ErrServerClosed", err)
		}
	})
}

// shutdown starts Shutdown and returns where its result will be.
func (s shutdownRun) shutdown(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	return done
}

//
func TestServerShutdownSaysGoodbyeToAll(t *testing.T) {
	var handlers atomic.Int32
	running := func(ctx context.Context, c *Conn) error {
		handlers.Add(1)
		defer handlers.Add(-1)
		return serveEcho(ctx, c)
	}
	runServer(t, running, func(t *testing.T, s shutdownRun) {
		var peers []*testPeer
		for range 5 {
			p := openServer(t, s.l)
			wantEcho(p, "hello")
			peers = append(peers, p)
		}
		start := time.Now()
		done := s.shutdown(t.Context())
		for _, p := range peers {
			p.wantClose("the server shuts down", CloseGoingAway, "server is shutting down")
			p.writeClose(CloseGoingAway, "")
			p.wantEOF("the server closes first")
			p.conn.Close()
		}
		if err := <-done; err != nil || handlers.Load() != 0 {
			t.Errorf("Shutdown = %v with %d handlers running", err, handlers.Load())
		}
		simWantElapsed(t, start, 0)
	})
}

func TestServerShutdownWaitsForHandlers(t *testing.T) {
	var finish chan struct{} // made in the bubble
	stubborn := func(ctx context.Context, c *Conn) error {
		c.CloseRead()
		<-ctx.Done()
		<-finish
		return nil
	}
	runServer(t, stubborn, func(t *testing.T, s shutdownRun) {
		finish = make(chan struct{})
		p := openServer(t, s.l)
		synctest.Wait() // until the handler runs: its peer may have the 101 before
		done := s.shutdown(t.Context())
		p.wantClose("the server shuts down", CloseGoingAway, "server is shutting down")
		p.conn.Close()
		start := time.Now()
		time.AfterFunc(time.Hour, func() { close(finish) })
		if err := <-done; err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		simWantElapsed(t, start, time.Hour)
	})
}

// A peer that does not answer the Close is cut off by Options.CloseTimeout.
func TestServerShutdownIsBoundedWithoutContext(t *testing.T) {
	runServer(t, serveEcho, func(t *testing.T, s shutdownRun) {
		p := openServer(t, s.l)
		start := time.Now()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		simWantElapsed(t, start, defaultCloseTimeout)
		p.wantClose("the server shuts down", CloseGoingAway, "server is shutting down")
		p.wantEOF("it did not wait any longer")
	})
}

func TestServerShutdownCutsWhenTheContextEnds(t *testing.T) {
	for name, wait := range map[string]time.Duration{"later": time.Second, "at-once": 0} {
		t.Run(name, func(t *testing.T) {
			var ended atomic.Int32
			runServer(t, func(ctx context.Context, c *Conn) error {
				defer ended.Add(1)
				return serveEcho(ctx, c)
			}, func(t *testing.T, s shutdownRun) {
				peers := []*testPeer{openServer(t, s.l), openServer(t, s.l), openServer(t, s.l)}
				for _, p := range peers {
					wantEcho(p, "the handler runs")
				}
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				defer cancel()
				start := time.Now()
				if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
					t.Errorf("Shutdown = %v", err)
				}
				for _, p := range peers {
					for p.fill() == nil { // a Close may have gone out
					}
				}
				simWantElapsed(t, start, wait)
				<-s.emptied()
				if n := ended.Load(); n != 3 {
					t.Errorf("%d handlers have ended", n)
				}
			})
		})
	}
}

// H-112, the half of it that is about Shutdown. A limit on connections, with its
// 503, is not there yet.
func TestServerShutdownRefusesHandshakes(t *testing.T) {
	runServer(t, neverCalled(t), func(t *testing.T, s shutdownRun) {
		silent, half, refused := dialServer(t, s.l), dialServer(t, s.l), dialServer(t, s.l)
		simMustWrite(t, half, rawRequest()[:50])
		simMustWrite(t, refused, rawRequest("-Host"))
		synctest.Wait()
		start := time.Now()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		for _, c := range []*simConn{silent, half, refused} {
			for p := newClientPeer(t, c); p.fill() == nil; {
			}
		}
		simWantElapsed(t, start, 0)
		if _, err := s.l.Dial(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Dial after Shutdown: %v", err)
		}
	})
}

// A 101 that is under way when Shutdown begins is followed by a Close, unless the
// context ends before. No handler is called.
func TestServerShutdownDuringAnAnswer(t *testing.T) {
	for name, wait := range map[string]time.Duration{"in-time": 2 * time.Second, "too-late": time.Second / 2} {
		t.Run(name, func(t *testing.T) {
			runServer(t, neverCalled(t), func(t *testing.T, s shutdownRun) {
				stall := func(on bool) func(*simKnobs) { return func(k *simKnobs) { k.stallWrites = on } }
				p := newClientPeer(t, dialServer(t, s.l))
				p.sim.peer.tune(stall(true))
				p.writeBytes([]byte(rawRequest()))
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				defer cancel()
				done := s.shutdown(ctx)
				<-time.After(time.Second)
				p.sim.peer.tune(stall(false))
				head := readHTTPHead(p)
				if in := wait > time.Second; strings.HasPrefix(head, "HTTP/1.1 101 ") != in {
					t.Fatalf("answered with %q", head)
				}
				if head != "" {
					p.wantClose("the server shuts down", CloseGoingAway, "server is shutting down")
					p.conn.Close()
				}
				if err := <-done; (err == nil) != (head != "") {
					t.Errorf("Shutdown = %v", err)
				}
				<-s.emptied()
			})
		})
	}
}

// A handshake about which nothing is decided when Shutdown begins is dropped.
func TestServerShutdownDuringAHandshake(t *testing.T) {
	runServer(t, neverCalled(t), func(t *testing.T, s shutdownRun) {
		entered, leave := make(chan struct{}), make(chan struct{})
		s.Upgrader.Authorize = func(*Request) error {
			close(entered)
			<-leave
			return nil
		}
		p := sendRequest(t, s.l)
		<-entered
		start := time.Now()
		done := s.shutdown(t.Context())
		if head := readHTTPHead(p); head != "" {
			t.Errorf("answered with %q", head)
		}
		simWantElapsed(t, start, 0)
		synctest.Wait()
		select {
		case err := <-done:
			t.Errorf("Shutdown = %v before the handshake has ended", err)
		default:
		}
		close(leave)
		if err := <-done; err != nil {
			t.Errorf("Shutdown = %v", err)
		}
	})
}

// A lateListener delivers a connection that was accepted as Shutdown began.
type lateListener struct {
	*simListener
	release chan struct{}
}

func (l *lateListener) Accept() (net.Conn, error) {
	c, err := l.simListener.Accept()
	<-l.release
	return c, err
}

func TestServerShutdownDropsWhatIsAcceptedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Handler: withoutRequest(neverCalled(t))}
		l := &lateListener{newSimListener(), make(chan struct{})}
		startServer(t, s, l)
		p := sendRequest(t, l.simListener)
		synctest.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		close(l.release)
		start := time.Now()
		if head := readHTTPHead(p); head != "" {
			t.Errorf("answered with %q", head)
		}
		simWantElapsed(t, start, 0)
	})
}

func TestServerShutdownTwice(t *testing.T) {
	runServer(t, serveEcho, func(t *testing.T, s shutdownRun) {
		p := openServer(t, s.l)
		first, second := s.shutdown(t.Context()), s.shutdown(t.Context())
		p.wantClose("the server shuts down", CloseGoingAway, "server is shutting down")
		p.writeClose(CloseGoingAway, "")
		p.wantEOF("there is one Close only")
		p.conn.Close()
		for _, done := range []<-chan error{first, second, s.shutdown(t.Context())} {
			if err := <-done; err != nil {
				t.Errorf("Shutdown = %v", err)
			}
		}
	})
}

func TestServerShutdownBeforeServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Addr: "127.0.0.1:0", Handler: withoutRequest(neverCalled(t))}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		l := newSimListener()
		if err := s.Serve(l); err != ErrServerClosed {
			t.Errorf("Serve = %v", err)
		}
		if _, err := l.Dial(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("the listener is open: %v", err)
		}
	})
}

// Shutdown ends Serve also while that waits for descriptors.
func TestServerShutdownWhileAcceptFails(t *testing.T) {
	runServer(t, serveEcho, func(t *testing.T, s shutdownRun) {
		s.l.failAccept(simEMFILE{})
		synctest.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
	})
}

func TestServerShutdownClosesAllListeners(t *testing.T) {
	runServer(t, serveEcho, func(t *testing.T, s shutdownRun) {
		second := newSimListener()
		startServer(t, s.Server, second)
		finishPeer(openServer(t, s.l))
		p := openServer(t, second)
		done := s.shutdown(t.Context())
		p.wantClose("the server shuts down", CloseGoingAway, "server is shutting down")
		p.conn.Close()
		if err := <-done; err != nil {
			t.Errorf("Shutdown = %v", err)
		}
	})
}
