// This file serves connections: as a handler for net/http, and without it on a
// listener of our own, which costs less memory.

package websocket

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// Handler returns an http.Handler that upgrades requests with u (nil stands for
// an Upgrader with all defaults) and calls f with each connection. When f
// returns, the connection is closed: with CloseNormal for nil, with its own code
// and reason for a *CloseError, with CloseInternalError for other errors, and for
// a panic, which is logged.
//
// f runs in a goroutine of its own, after the http.Handler has returned: until
// then net/http holds its buffers and the request, more than the connection
// itself needs. The context has the values of the request's, and ends when the
// connection is over.
func Handler(f func(ctx context.Context, c *Conn) error, u *Upgrader) http.Handler {
	if u == nil {
		u = &Upgrader{}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, seat, err := u.upgrade(w, r)
		if err != nil {
			return // answered already
		}
		ctx := context.WithoutCancel(r.Context()) // it ends with the http.Handler
		go seat.host(c, func() {
			c.serve(ctx, u.Options.logger(), func(ctx context.Context) error { return f(ctx, c) })
		})
	})
}

// serve runs f and closes the connection as its result asks for.
func (c *Conn) serve(ctx context.Context, log *slog.Logger, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.whenOver(cancel)
	code, reason := CloseInternalError, "" // for a panic
	defer func() {
		if v := recover(); v != nil {
			logPanic(log, c.RemoteAddr(), v)
		}
		if !utf8.ValidString(reason) {
			reason = ""
		}
		if c.Close(code, reason) == ErrCloseCode {
			c.Close(CloseInternalError, "")
		}
	}()
	var ce *CloseError
	switch err := f(ctx); {
	case err == nil:
		code = CloseNormal
	case errors.As(err, &ce):
		code, reason = ce.Code, ce.Reason
	}
}

func logPanic(log *slog.Logger, peer net.Addr, v any) {
	log.Error("websocket: panic", "peer", peer, "value", v, "stack", string(debug.Stack()))
}

// ErrServerClosed is returned by a Server's Serve after Shutdown.
var ErrServerClosed = errors.New("websocket: server is shut down")

// A Server accepts connections without net/http. All that it reads is bounded:
// see MaxHead, MaxStartLine and MaxFields. Its fields must not be changed once
// it serves.
type Server struct {
	// Addr is the TCP address to listen on, "host:port". Default ":http", with
	// TLS ":https".
	Addr string

	// Handler is called for each connection in a goroutine of its own; the
	// connection is closed when it returns, as Handler's is. A panic is logged
	// and closes with CloseInternalError. The context ends when the connection
	// is over.
	Handler func(ctx context.Context, c *Conn, r *Request) error

	// Upgrader decides which requests become connections. Its Group, if there
	// is one, is shut down with the server.
	Upgrader Upgrader

	// TLSConfig is used by ListenAndServeTLS, which adds certificates to a
	// copy of it.
	TLSConfig *tls.Config

	mu        sync.Mutex
	closed    bool
	listeners map[*net.Listener]struct{} // pointers: the types need not be comparable
	pending   map[*net.Conn]struct{}     // in their handshake, and not in the group
	active    int                        // connections, from accepting to the end of the handler
	idle      news                       // there are none left
	own       Group                      // if Upgrader.Group is nil
}

// group returns where the connections are.
func (s *Server) group() *Group { return cmp.Or(s.Upgrader.Group, &s.own) }

// ListenAndServe listens on Addr and calls Serve.
func (s *Server) ListenAndServe() error {
	l, err := net.Listen("tcp", cmp.Or(s.Addr, ":http"))
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// ListenAndServeTLS is ListenAndServe for wss. The files hold a certificate and
// its key in PEM; both names may be empty when TLSConfig has certificates.
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	config := s.TLSConfig.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if certFile != "" || keyFile != "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return err
		}
		config.Certificates = append(slices.Clip(config.Certificates), cert)
	}
	// §4.1 knows only HTTP/1.1.
	config.NextProtos = []string{"http/1.1"}
	l, err := tls.Listen("tcp", cmp.Or(s.Addr, ":https"), config)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// Serve accepts connections from l until Shutdown, and then returns
// ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.track(func() { put(&s.listeners, &l) }) {
		return ErrServerClosed
	}
	defer s.untrack(func() { delete(s.listeners, &l) })
	for pause := time.Duration(0); ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if !s.start(nc) {
				nc.Close()
			}
		case s.isClosed():
			return ErrServerClosed
		case !isTemporary(err):
			return err
		default:
			// Out of descriptors, most likely: others have to end first.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.Upgrader.Options.logger().Warn("websocket: accept failed, will try again", "err", err, "after", pause)
			time.Sleep(pause)
		}
	}
}

// isTemporary reports whether an accept may succeed later.
func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// start serves nc, unless the server is shut down.
func (s *Server) start(nc net.Conn) bool {
	return s.track(func() {
		put(&s.pending, &nc)
		s.active++
		go s.serveConn(&nc) // one for each connection: it blocks in its reads
	})
}

func (s *Server) serveConn(nc *net.Conn) {
	defer s.untrack(func() {
		if s.active--; s.active == 0 {
			s.idle.tell()
		}
	})
	defer func() {
		if v := recover(); v != nil {
			logPanic(s.Upgrader.Options.logger(), (*nc).RemoteAddr(), v) // of one of the Upgrader's functions
		}
	}()
	c, r, seat, err := s.upgrade(nc)
	if err != nil {
		return
	}
	seat.host(c, func() {
		c.serve(context.Background(), s.Upgrader.Options.logger(), func(ctx context.Context) error { return s.Handler(ctx, c, r) })
	})
}

// upgrade makes a connection out of a pending one. At every moment it is pending
// or in the group, so that Shutdown can end it.
func (s *Server) upgrade(nc *net.Conn) (*Conn, *Request, *seat, error) {
	defer s.untrack(func() { delete(s.pending, nc) })
	return s.Upgrader.upgradeConn(*nc, func(r *Request) (seat *seat, err error) {
		key := s.group().keyOf(r) // the application's: without the lock
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return nil, s.group().full("it is shutting down")
		}
		if seat, err = s.group().admitFrom(key); err == nil {
			seat.carry(*nc)
			delete(s.pending, nc)
		}
		return seat, err
	})
}

// track calls f, which adds to what the server keeps track of, unless the
// server is shut down.
func (s *Server) track(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		f()
	}
	return !s.closed
}

func (s *Server) untrack(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// put adds k to the set m, which may be nil.
func put[K comparable](m *map[K]struct{}, k K) {
	if *m == nil {
		*m = make(map[K]struct{})
	}
	(*m)[k] = struct{}{}
}

// Shutdown stops accepting, drops handshakes under way, closes every connection
// with CloseGoingAway and waits until all handlers have returned. When ctx ends
// before that, it cuts the rest off and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		(*l).Close()
	}
	for nc := range s.pending {
		(*nc).Close()
	}
	s.mu.Unlock()
	err := s.group().Shutdown(ctx)
	if !waitFor(ctx, s.emptied()) {
		err = ctx.Err()
	}
	return err
}

// emptied returns a channel that is closed when no connection is left.
func (s *Server) emptied() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle.nextUnless(s.active == 0)
}
