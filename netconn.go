// This file makes a Conn look like a net.Conn, for protocols that want a
// stream of bytes.

package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Stream returns the connection as a stream: what is written leaves as
// messages of type t, one for each call, and the payloads of received messages
// are read one behind the other. A message of the other type fails the connection
// with CloseUnsupportedData.
//
// Read returns io.EOF when the peer has closed with CloseNormal or CloseGoingAway.
// A read that meets its deadline can be repeated. A write that meets it in the
// middle of a frame fails the connection. Close closes with CloseNormal.
func (c *Conn) Stream(t MessageType) net.Conn {
	s := &stream{c: c, t: t}
	s.readBy.init()
	s.writeBy.init()
	return s
}

type stream struct {
	c *Conn
	t MessageType

	readTurn turn
	r        io.Reader // of the message in progress, or nil; belongs to who has readTurn

	readBy, writeBy deadline
}

func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	ctx := s.readBy.context()
	if !s.readTurn.lock(ctx.Done(), nil) {
		return 0, os.ErrDeadlineExceeded
	}
	defer s.readTurn.unlock()
	for {
		// As on a socket, a deadline that has passed counts also when there is
		// something to read.
		if ctx.Err() != nil {
			return 0, os.ErrDeadlineExceeded
		}
		n, err := s.read(ctx, p)
		if n > 0 || err != nil {
			return n, timeout(ctx, err)
		}
	}
}

// read reads from the message in progress. It returns 0 and no error when that
// has ended.
func (s *stream) read(ctx context.Context, p []byte) (int, error) {
	if s.r == nil {
		t, r, err := s.c.NextReader(ctx)
		if err != nil {
			return 0, endOfStream(err)
		}
		if t != s.t {
			s.c.Close(CloseUnsupportedData, "expected only "+s.t.String()+" messages")
			return 0, ErrMessageType
		}
		s.r = r
	}
	// The reader was made for a context that may have ended since.
	s.r.(*messageReader).ctx = ctx
	n, err := s.r.Read(p)
	if err == io.EOF || err == errStaleReader { // somebody else has read a message
		s.r = nil
		return n, nil
	}
	return n, endOfStream(err)
}

// endOfStream turns an orderly closing into io.EOF.
func endOfStream(err error) error {
	if ce := (*CloseError)(nil); errors.As(err, &ce) && (ce.Code == CloseNormal || ce.Code == CloseGoingAway) {
		return io.EOF
	}
	return err
}

func (s *stream) Write(p []byte) (int, error) {
	ctx := s.writeBy.context()
	if err := s.c.Write(ctx, s.t, p); err != nil {
		return 0, timeout(ctx, err)
	}
	return len(p), nil
}

func (s *stream) Close() error         { return s.c.Close(CloseNormal, "") }
func (s *stream) LocalAddr() net.Addr  { return s.c.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr { return s.c.RemoteAddr() }

func (s *stream) SetReadDeadline(t time.Time) error  { s.readBy.set(t); return nil }
func (s *stream) SetWriteDeadline(t time.Time) error { s.writeBy.set(t); return nil }

func (s *stream) SetDeadline(t time.Time) error {
	s.readBy.set(t)
	s.writeBy.set(t)
	return nil
}

// A deadline is a context whose end can be moved until it has come.
type deadline struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
}

func (d *deadline) init() { d.ctx, d.cancel = context.WithCancel(context.Background()) }

func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx
}

// set moves the deadline to t; the zero time stands for never.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() || d.ctx.Err() != nil {
		d.init() // it has come, or is about to
	}
	d.timer = nil
	switch left := time.Until(t); {
	case t.IsZero():
	case left <= 0:
		d.cancel()
	default:
		d.timer = time.AfterFunc(left, d.cancel)
	}
}

// timeout returns what net.Conn wants instead of err when ctx is a deadline's
// and has ended the call.
func timeout(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return os.ErrDeadlineExceeded
	}
	return err
}
