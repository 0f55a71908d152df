// This file tests how connections are served: what the end of a handler means
// for its connection, panics, and that nothing is left behind.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestServerClosesAsTheHandlerReturns(t *testing.T) {
	long := strings.Repeat("ä", 100)
	for _, test := range []struct {
		name   string
		err    error
		code   CloseCode
		reason string
	}{
		{"nil", nil, CloseNormal, ""},
		{"close-error", &CloseError{Code: 4001, Reason: "bye"}, 4001, "bye"},
		{"wrapped", fmt.Errorf("wrapped: %w", &CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true}), CloseGoingAway, "bye"},
		{"no-status", &CloseError{Code: CloseNoStatus}, CloseNoStatus, ""},
		{"long-reason", &CloseError{Code: 4001, Reason: long}, 4001, long[:122]},
		{"reason-is-not-utf8", &CloseError{Code: 4001, Reason: "\xFF"}, 4001, ""},
		{"no-status-with-reason", &CloseError{Code: CloseNoStatus, Reason: "bye"}, CloseInternalError, ""},
		{"abnormal", &CloseError{Code: CloseAbnormal}, CloseInternalError, ""},
		{"not-for-servers", &CloseError{Code: CloseMandatoryExtension}, CloseInternalError, ""},
		{"no-code", &CloseError{Code: 5000, Reason: "bye"}, CloseInternalError, ""},
		{"no-code-and-not-utf8", &CloseError{Code: 0, Reason: "\xFF"}, CloseInternalError, ""},
		{"other", errTest, CloseInternalError, ""},
		{"protocol-error", &ProtocolError{Rule: RuleUTF8}, CloseInternalError, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) {
				p := openServer(t, serve(t, Upgrader{}, func(context.Context, *Conn) error { return test.err }))
				p.wantClose("the handler has returned", test.code, test.reason)
				p.writeClose(test.code, "")
				p.wantEOF("both have closed")
			})
		})
	}
}

func TestServerSendsNothingWhenAllIsOver(t *testing.T) {
	for name, f := range map[string]connFunc{
		"closed-now": func(_ context.Context, c *Conn) error {
			c.CloseNow()
			return errTest
		},
		"panics": func(_ context.Context, c *Conn) error {
			c.CloseNow()
			panic("a panic of the application")
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) {
				openServer(t, serve(t, Upgrader{}, f)).wantEOF("the connection is over")
			})
		})
	}
}

func TestServerReturnsThePeersClose(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		p := openServer(t, serve(t, Upgrader{}, func(ctx context.Context, c *Conn) error {
			_, _, err := c.Read(ctx)
			wantCloseError(t, "the peer has closed", err, CloseError{Code: 4002, Reason: "so long", Remote: true})
			return err
		}))
		p.writeClose(4002, "so long")
		p.wantClose("the code is echoed, once", 4002, "")
		p.wantEOF("the server closes first")
	})
}

func TestServerContextEndsWithTheConnection(t *testing.T) {
	endings := map[string]func(p *testPeer){
		"closed": finishPeer,
		"lost":   func(p *testPeer) { p.conn.Close() },
		"reset":  func(p *testPeer) { p.sim.reset() },
		"failed": func(p *testPeer) {
			p.writeBytes([]byte("\x00\x00"))
			p.wantClose("the frame is not masked", CloseProtocolError, RuleMaskMissing.Text())
			p.conn.Close()
		},
	}
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) {
				ended := make(chan error, 1)
				p := openServer(t, serve(t, Upgrader{}, func(ctx context.Context, c *Conn) error {
					c.CloseRead()
					<-ctx.Done()
					ended <- c.Err()
					return ctx.Err()
				}))
				end(p)
				if err := <-ended; err == nil {
					t.Error("the context ended before the connection was over")
				}
			})
		})
	}
}

//
func TestServerSurvivesPanics(t *testing.T) {
	logger, out := newTestLog()
	for name, serve := range map[string]serveFunc{
		"raw": serveRaw,
		"net-http": func(t *testing.T, u Upgrader, f connFunc) *simListener {
			return startHTTP(t, &http.Server{Handler: Handler(f, &u), ErrorLog: log.New(out, "", 0)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serve(t, Upgrader{Options: Options{Logger: logger}}, func(ctx context.Context, c *Conn) error {
					if _, text, _ := c.Read(ctx); string(text) == "panic" {
						panic("a panic of the application")
					}
					return serveEcho(ctx, c)
				})
				other, p := openServer(t, l), openServer(t, l)
				other.write(OpText, true, "begin")
				p.write(OpText, true, "panic")
				p.wantClose("the handler has panicked", CloseInternalError, "")
				p.writeClose(CloseInternalError, "")
				p.wantEOF("the connection has failed")
				p.conn.Close()
				synctest.Wait()
				if s := out.String(); strings.Count(s, "a panic of the application") != 1 || !strings.Contains(s, "192.0.2.1:49153") {
					t.Errorf("the log says %q", s)
				}
				*out = lockedBuffer{}
				wantEcho(other, "unharmed")
				finishPeer(openServer(t, l).saying("begin"))
			})
		})
	}
}

// saying sends a message.
func (p *testPeer) saying(text string) *testPeer {
	p.t.Helper()
	p.write(OpText, true, text)
	return p
}

func TestServerSurvivesPanicsOfHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, out := newTestLog()
		attempts := 0
		u := Upgrader{Options: Options{Logger: logger}, Authorize: func(*Request) error {
			switch attempts++; attempts {
			case 1:
				panic("a panic of the application")
			case 2:
				runtime.Goexit()
			}
			return nil
		}}
		l := serveRaw(t, u, serveEcho)
		sendRequest(t, l).wantEOF("there is no answer to give")
		sendRequest(t, l).wantEOF("nor when the goroutine ends")
		synctest.Wait()
		if s := out.String(); strings.Count(s, "a panic of the application") != 1 {
			t.Errorf("the log says %q", s)
		}
		finishPeer(openServer(t, l))
	})
}

// simEMFILE is what a listener returns when there are no descriptors left.
type simEMFILE struct{}

func (simEMFILE) Error() string   { return "too many open files" }
func (simEMFILE) Temporary() bool { return true }

// An acceptClock tells when Accept is called.
type acceptClock struct {
	*simListener
	called chan time.Time
}

func (l *acceptClock) Accept() (net.Conn, error) {
	l.called <- time.Now()
	return l.simListener.Accept()
}

//
func TestServerBacksOffWhenAcceptFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, out := newTestLog()
		l := &acceptClock{newSimListener(), make(chan time.Time, 100)}
		const failures = 10
		for range failures {
			l.failAccept(&net.OpError{Op: "accept", Err: simEMFILE{}})
		}
		start := time.Now()
		startServer(t, &Server{Upgrader: Upgrader{Options: Options{Logger: logger}}, Handler: withoutRequest(serveEcho)}, l)
		finishPeer(openServer(t, l.simListener))
		want := []time.Duration{0, 5, 15, 35, 75, 155, 315, 635, 1275, 2275, 3275} // ms: doubled up to a second
		for i, ms := range want {
			if got := (<-l.called).Sub(start); got != ms*time.Millisecond {
				t.Errorf("call %d of Accept came after %v, want %v", i, got, ms*time.Millisecond)
			}
		}
		if n := strings.Count(out.String(), "accept failed"); n != failures {
			t.Errorf("%d failures were logged, want %d", n, failures)
		}
		start = time.Now()
		l.failAccept(simEMFILE{})
		openServer(t, l.simListener)
		if got := time.Since(start); got != 5*time.Millisecond {
			t.Errorf("after a success the pause was %v", got)
		}
	})
}

func TestServerReturnsOtherErrorsOfAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newSimListener()
		s := &Server{Handler: withoutRequest(serveEcho)}
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		p := openServer(t, l)
		l.failAccept(errTest)
		if err := <-served; err != errTest {
			t.Errorf("Serve = %v", err)
		}
		if _, err := l.Dial(t.Context(), "", ""); err == nil {
			t.Error("the listener is still open")
		}
		wantEcho(p, "connections go on")
		finishPeer(p)
	})
}

// A wrappedConn cannot be compared, and so cannot be the key of a map.
type wrappedConn struct {
	net.Conn
	_ func()
}

type wrappingListener struct {
	net.Listener
	_ func()
}

func (l wrappingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return wrappedConn{Conn: c}, err
}

func TestServerTakesListenersThatCannotBeCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newSimListener()
		startServer(t, &Server{Handler: withoutRequest(serveEcho)}, wrappingListener{Listener: l})
		p := openServer(t, l)
		wantEcho(p, "hello")
		finishPeer(p)
	})
}

// countDescriptors returns how many files the process has open, where the
// system tells, and else 0.
func countDescriptors(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestServerLeavesNothingBehind(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Handler: withoutRequest(serveEcho)}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	cycle := func() {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		p := openPeer(t, conn)
		wantEcho(p, "hello")
		finishPeer(p)
	}
	cycle() // whatever is made once is made now
	descriptors := countDescriptors(t)
	for range 1000 {
		cycle()
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if err := <-served; !errors.Is(err, ErrServerClosed) {
		t.Errorf("Serve = %v", err)
	}
	// The listener is closed, all else is as after the first cycle.
	if n := countDescriptors(t); n > descriptors {
		t.Errorf("%d descriptors are open, %d were", n, descriptors)
	}
	if leaked := strings.Join(waitForGoroutines(), "\n\n"); strings.Contains(leaked, "serveConn") {
		t.Errorf("goroutines were left behind:\n%s", leaked)
	}
}
