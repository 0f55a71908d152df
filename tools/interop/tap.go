package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"barewire.example/websocket"
)

// A frame is what was seen of one on the wire.
type frame struct {
	from    side
	op      websocket.Opcode
	fin     bool
	rsv1    bool
	masked  bool
	length  uint64
	payload []byte // unmasked; of control frames only
}

func (f frame) String() string { return fmt.Sprintf("%s: %v, %d bytes", f.from, f.op, f.length) }

// A tap is a connection that writes down the frames which pass, in both directions. It hides what else the connection
// can do besides half-closing, so that nothing passes by it.
type tap struct {
	net.Conn
	mu      sync.Mutex
	seen    []frame
	in, out stream
	once    sync.Once
	closed  chan struct{}
}

func newTap(nc net.Conn, ours side) *tap {
	return &tap{Conn: nc, in: stream{from: ours.other()}, out: stream{from: ours}, closed: make(chan struct{})}
}

// Read implements net.Conn.
func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.note(&t.in, b[:n])
	return n, err
}

// Write implements net.Conn. It takes note before it writes, so that no answer can come first.
func (t *tap) Write(b []byte) (int, error) {
	t.note(&t.out, b)
	return t.Conn.Write(b)
}

// CloseWrite half-closes, as servers do after the closing handshake.
func (t *tap) CloseWrite() error {
	h, ok := t.Conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("half-closing a %T: %w", t.Conn, errors.ErrUnsupported)
	}
	return h.CloseWrite()
}

// Close implements net.Conn.
func (t *tap) Close() error {
	t.once.Do(func() { close(t.closed) })
	return t.Conn.Close()
}

func (t *tap) note(s *stream, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = append(t.seen, s.feed(b)...)
}

// frames returns what has passed when the connection is closed.
func (t *tap) frames(ctx context.Context) ([]frame, error) {
	select {
	case <-t.closed:
	case <-ctx.Done():
		return nil, fmt.Errorf("our side does not close its socket: %w", context.Cause(ctx))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen, nil
}

// head returns the head of the side's handshake.
func (t *tap) head(from side) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.in.from == from {
		return t.in.head
	}
	return t.out.head
}

// A stream is one direction: the head of the handshake, and then frames.
type stream struct {
	from    side
	head    string // empty until it is over
	pending []byte
	skip    uint64 // bytes of a data frame's payload that are still to come
}

var blankLine = []byte("\r\n\r\n")

// feed returns the frames that are complete with b. A data frame is complete with its header.
func (s *stream) feed(b []byte) (found []frame) {
	s.pending = append(s.pending, b...)
	if s.head == "" {
		end := bytes.Index(s.pending, blankLine)
		if end < 0 {
			return nil
		}
		s.head, s.pending = string(s.pending[:end]), s.pending[end+len(blankLine):]
	}
	for {
		n := min(s.skip, uint64(len(s.pending)))
		s.skip, s.pending = s.skip-n, s.pending[n:]
		f, ok := s.next()
		if !ok {
			return found
		}
		found = append(found, f)
	}
}

func (s *stream) next() (f frame, ok bool) {
	if s.skip > 0 {
		return f, false
	}
	h, n := websocket.ParseHeader(s.pending)
	if n == 0 {
		return f, false
	}
	f = frame{from: s.from, op: h.Opcode, fin: h.Fin, rsv1: h.RSV1, masked: h.Masked, length: h.Length}
	if !f.op.IsControl() {
		s.skip, s.pending = h.Length, s.pending[n:]
		return f, true
	}
	if uint64(len(s.pending)-n) < h.Length {
		return f, false
	}
	f.payload = bytes.Clone(s.pending[n : n+int(h.Length)])
	for i := range f.payload {
		f.payload[i] ^= h.MaskKey[i%4] // not by what is under test
	}
	s.pending = s.pending[n+int(h.Length):]
	return f, true
}
