// This file puts frames on a transport with as few writes and as little copying
// as can be.

package websocket

import (
	"io"
	"net"
	"time"
)

// An outbox collects frames in a pooled buffer, which it holds only between
// open and close, and writes them to a transport. Its first error is final: part
// of a frame may be on its way.
type outbox struct {
	transport transport
	size      int           // of the buffer
	timeout   time.Duration // for the transport to take a write; negative for none
	vectored  bool          // the transport has a writev
	talkative bool          // the transport writes also when it is not asked to, as TLS does
	watch     *watch        // of the transport's writes

	b   []byte  // collected and not yet written
	buf *[]byte // where b began
	err error

	by      time.Time // the transport's write deadline
	vectors [2][]byte // the memory of buffers
	buffers net.Buffers
}

func (o *outbox) init(t transport, size int, timeout time.Duration) {
	o.transport, o.size, o.timeout = t, size, timeout
	switch t.(type) {
	case *net.TCPConn, *net.UnixConn:
		o.vectored = true
	}
	o.talkative = isTalkative(t)
}

// isTalkative reports whether t is TLS, which writes by itself, too.
func isTalkative(t transport) bool {
	_, ok := t.(interface{ NetConn() net.Conn }) // *tls.Conn
	return ok
}

func (o *outbox) open(w *watch) {
	o.watch = w
	o.buf = getBuffer(o.size)
	o.b = (*o.buf)[:0]
}

// close writes what is left and gives the buffer back.
func (o *outbox) close() error {
	o.flush()
	// crypto/tls also writes by itself, to answer the peer. A deadline that has
	// passed by then would break it.
	if o.talkative && !o.by.IsZero() && o.err == nil {
		o.by = time.Time{}
		o.err = o.watch.move(o.by)
	}
	putBuffer(o.buf)
	o.b, o.buf = nil, nil
	return o.err
}

// frame adds a frame. The payload is not changed, and not needed any more when
// frame returns.
func (o *outbox) frame(h Header, payload []byte) {
	if len(o.b)+h.Size()+len(payload) > cap(o.b) {
		o.flush()
	}
	o.b = AppendHeader(o.b, h)
	switch {
	case len(payload) <= cap(o.b)-len(o.b):
		o.copy(h, payload, 0)
	case h.Masked:
		o.masked(h, payload)
	case o.vectored:
		n := min(len(payload), maxWrite)
		o.writev(payload[:n])
		o.writeAll(payload[n:])
	default:
		o.b = append(o.b, payload[:cap(o.b)-len(o.b)]...)
		rest := payload[len(o.b)-h.Size():]
		o.flush()
		o.writeAll(rest)
	}
}

// copy adds a piece of the payload, which begins at pos, masked as h says.
func (o *outbox) copy(h Header, piece []byte, pos int) {
	n := len(o.b)
	o.b = append(o.b, piece...)
	if h.Masked {
		Mask(o.b[n:], h.MaskKey, pos&3)
	}
}

// masked writes a payload that is larger than the buffer through it, because
// the caller's bytes must not be changed (§5.3).
func (o *outbox) masked(h Header, payload []byte) {
	for pos := 0; pos < len(payload) && o.err == nil; {
		n := min(cap(o.b)-len(o.b), len(payload)-pos)
		o.copy(h, payload[pos:pos+n], pos)
		pos += n
		if pos < len(payload) {
			o.flush()
		}
	}
}

// flush writes what was collected.
func (o *outbox) flush() {
	if len(o.b) > 0 {
		o.write(o.b)
		o.b = o.b[:0]
	}
}

// maxWrite is how many bytes the transport is given at once. Each write has the
// timeout for itself, so that a large message may take long as long as it moves.
const maxWrite = 64 << 10

func (o *outbox) writeAll(p []byte) {
	for len(p) > 0 {
		n := min(len(p), maxWrite)
		o.write(p[:n])
		p = p[n:]
	}
}

func (o *outbox) write(p []byte) {
	if !o.arm() {
		return
	}
	n, err := o.transport.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	o.err = err
}

// writev writes what was collected and p with one system call.
func (o *outbox) writev(p []byte) {
	if !o.arm() {
		return
	}
	o.vectors = [2][]byte{o.b, p}
	o.buffers = o.vectors[:]
	_, o.err = o.buffers.WriteTo(o.transport)
	o.vectors, o.buffers = [2][]byte{}, nil
	o.b = o.b[:0]
}

// arm moves the write deadline when less than the timeout is left of it. It is
// set a quarter further than need be, so that it is not moved for every write. It
// returns false when nothing can be written.
func (o *outbox) arm() bool {
	if o.err != nil || o.timeout < 0 {
		return o.err == nil
	}
	if now := time.Now(); o.by.Sub(now) < o.timeout {
		o.by = now.Add(o.timeout + o.timeout/4)
		o.err = o.watch.move(o.by)
	}
	return o.err == nil
}
