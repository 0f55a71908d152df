// This file tests what becomes of connections when the application around them
// misbehaves: handlers that panic, timeouts that are meant for HTTP, a process
// without descriptors. It is not about how connections are closed in order.

package websocket

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// whoever wants a panic to go its way upgrades by hand. Nothing of ours is
// in between then, and nothing is logged.
func TestEnduredPanicsAreOnlyThoseOfHandlers(t *testing.T) {
	logger, out := newTestLog()
	u := Upgrader{Options: Options{Logger: logger}}
	for name, start := range map[string]func(t *testing.T, caught chan<- any) *simListener{
		"net-http": func(t *testing.T, caught chan<- any) *simListener {
			return startHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := u.Upgrade(w, r)
				panicsWith(c, err, caught)
			})})
		},
		"raw": func(t *testing.T, caught chan<- any) *simListener {
			l := newSimListener()
			go func() {
				nc, _ := l.Accept()
				c, _, err := u.UpgradeConn(nc)
				panicsWith(c, err, caught)
			}()
			return l
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				caught := make(chan any, 1)
				p := openServer(t, start(t, caught))
				if v := <-caught; v != "a panic of the application" {
					t.Errorf("caught %v", v)
				}
				p.wantEOF("who has caught it closes")
				if s := out.String(); s != "" {
					t.Errorf("the log says %q", s)
				}
			})
		})
	}
}

// panicsWith is an application with a recover of its own.
func panicsWith(c *Conn, err error, caught chan<- any) {
	defer func() {
		v := recover()
		c.CloseNow()
		caught <- v
	}()
	if err != nil {
		panic(err)
	}
	panic("a panic of the application")
}

// a handler can end without a result in another way, which a test's FailNow
// uses.
func TestEnduredExitOfAHandlersGoroutine(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		l := serve(t, Upgrader{}, func(ctx context.Context, c *Conn) error {
			if _, text, _ := c.Read(ctx); string(text) == "exit" {
				runtime.Goexit()
			}
			return serveEcho(ctx, c)
		})
		other := openServer(t, l).saying("begin")
		p := openServer(t, l).saying("exit")
		p.wantClose("the handler has not returned", CloseInternalError, "")
		p.writeClose(CloseInternalError, "")
		p.wantEOF("both have closed")
		wantEcho(other, "unharmed")
		finishPeer(other)
	})
}

// whoever has set deadlines for HTTP, and however, has not set them for the
// connection. upgrade_test.go has a plain server and wrapped ResponseWriters.
func TestEnduredTimeoutsOfHTTP(t *testing.T) {
	u := &Upgrader{Options: Options{KeepAlive: -1}}
	echo := Handler(serveEcho, u)
	for name, handler := range map[string]http.HandlerFunc{
		"server": echo.ServeHTTP,
		"deadlines-of-a-middleware": func(w http.ResponseWriter, r *http.Request) {
			soon := time.Now().Add(time.Second)
			http.NewResponseController(w).SetReadDeadline(soon)
			http.NewResponseController(w).SetWriteDeadline(soon)
			echo.ServeHTTP(unwrapping{w}, r)
		},
		"context-of-a-middleware": func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			echo.ServeHTTP(w, r.WithContext(ctx))
		},
		"handler-that-stays": func(w http.ResponseWriter, r *http.Request) {
			if c, err := u.Upgrade(w, r); err == nil {
				serveEcho(context.Background(), c)
				<-c.Done()
			}
		},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(name+map[bool]string{true: "/tls", false: "/plain"}[secure], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					outliveTimeouts(t, &http.Server{Handler: handler, ReadTimeout: time.Second, WriteTimeout: time.Second, IdleTimeout: time.Second}, secure)
				})
			})
		}
	}
}

// outliveTimeouts uses a connection for longer than the timeouts of s. Each echo
// is a read and a write of the server.
func outliveTimeouts(t *testing.T, s *http.Server, secure bool) {
	l := newSimListener()
	var listener net.Listener = l
	cert, pool := newTestCertificate(t)
	if secure {
		listener = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	s.ErrorLog = log.New(io.Discard, "", 0)
	served := started(func() error { return s.Serve(listener) })
	var conn net.Conn = dialServer(t, l)
	if secure {
		conn = tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	}
	p := openPeer(t, conn)
	for range 3 {
		<-time.After(30 * time.Second)
		wantEcho(p, "still there")
	}
	finishPeer(p)
	conn.Close()
	s.Close()
	if err := <-served; err != http.ErrServerClosed {
		t.Errorf("net/http's Serve = %v", err)
	}
}

// the errors of a real system, as the net package returns them. When they
// are repeated is in server_test.go.
func TestEnduredErrorsOfAcceptAreThoseOfTheSystem(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE} {
		t.Run(errno.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logger, out := newTestLog()
				l := newSimListener()
				l.failAccept(&net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)})
				startServer(t, &Server{Upgrader: Upgrader{Options: Options{Logger: logger}}, Handler: withoutRequest(serveEcho)}, l)
				finishPeer(openServer(t, l))
				if s := out.String(); strings.Count(s, "accept failed") != 1 {
					t.Errorf("the log says %q", s)
				}
			})
		})
	}
}
