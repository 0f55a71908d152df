// This file is what a Conn knows of the thing that carries its bytes, and how
// it reads from it without holding a buffer while it waits.

package websocket

import (
	"net"
	"syscall"
	"time"
)

// A transport carries bytes, reliably and in order. Every net.Conn is one.
// A deadline in the past must end a call that is blocked.
type transport interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	Close() error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// A halfCloser is a transport that can end one direction: TCP, Unix sockets,
// TLS.
type halfCloser interface{ CloseWrite() error }

// An inbox reads from a transport into a pooled buffer, which it holds only
// while that has bytes in it.
type inbox struct {
	transport transport
	size      int // of the buffer

	data []byte  // received and not yet consumed
	buf  *[]byte // where data is, unless it came with the handshake

	// A socket is asked whether it has bytes before a buffer is taken for
	// them. ready does that; direct, n and err are its argument and results.
	raw    syscall.RawConn
	ready  func(fd uintptr) (done bool)
	direct []byte // to be read into instead of a pooled buffer
	n      int
	err    error

	first [16]byte // what other transports read into while they wait
}

// init makes the inbox ready; early is what the transport has already given.
func (in *inbox) init(t transport, size int, early []byte) {
	in.transport, in.size, in.data = t, size, early
	// Not every syscall.Conn: a wrapper may have a Read of its own.
	switch t.(type) {
	case *net.TCPConn, *net.UnixConn:
		if raw, err := t.(syscall.Conn).SyscallConn(); err == nil && rawSockets {
			in.raw, in.ready = raw, in.readRaw
		}
	}
}

// fill waits for bytes and puts them into in.data, which must be empty. idle
// says that no message is under way, so the wait may be long.
func (in *inbox) fill(idle bool) error {
	var err error
	switch {
	case in.raw != nil:
		_, err = in.readSocket(nil)
	case idle:
		in.release()
		in.n, err = in.transport.Read(in.first[:])
		in.data = in.first[:in.n]
	default:
		in.take()
		in.n, err = in.transport.Read(*in.buf)
		in.data = (*in.buf)[:in.n]
	}
	if in.n > 0 {
		return nil // an error will be found again
	}
	return err
}

// read waits for bytes and puts them straight into p.
func (in *inbox) read(p []byte) (int, error) {
	if in.raw != nil {
		return in.readSocket(p)
	}
	return in.transport.Read(p)
}

// readSocket reads into p, or into in.data when p is empty.
func (in *inbox) readSocket(p []byte) (int, error) {
	in.direct, in.n, in.err = p, 0, nil
	err := in.raw.Read(in.ready)
	if err == nil {
		err = in.err
	}
	in.direct = nil
	return in.n, err
}

// readRaw is called when the socket may have bytes.
func (in *inbox) readRaw(fd uintptr) (done bool) {
	p := in.direct
	if len(p) == 0 {
		in.take()
		p = *in.buf
	}
	n, again, err := readSocket(fd, p)
	if again {
		in.release()
		return false
	}
	in.n, in.err = n, err
	if len(in.direct) == 0 {
		in.data = p[:n]
	}
	return true
}

// take gets a buffer, unless there is one.
func (in *inbox) take() {
	if in.buf == nil {
		in.buf = getBuffer(in.size)
	}
}

// release gives the buffer back, and what came with the handshake. There must
// be nothing left in it.
func (in *inbox) release() {
	if in.buf != nil {
		putBuffer(in.buf)
		in.buf = nil
	}
	in.data = nil
}
