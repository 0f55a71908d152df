// This file puts frames on a transport with as few writes and as little copying
// as can be.

package websocket

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// An outbox collects frames in a pooled buffer, which it holds only between
// open and close, and writes them to a transport. Its first error is final: part
// of a frame may be on its way.
type outbox struct {
	transport transport
	raw       syscall.RawConn // nil unless it is a socket that can be written to without waiting
	size      int             // of the buffer
	timeout   time.Duration   // for the transport to take a write; negative for none
	vectored  bool            // the transport has a writev
	talkative bool            // the transport writes also when it is not asked to, as TLS does
	watch     *watch          // of the transport's writes

	b    []byte  // collected and not yet written
	buf  *[]byte // where b began
	err  error
	sent atomic.Int64 // bytes that the transport has taken

	by      time.Time   // the transport's write deadline
	lent    [][]byte    // to be written behind b; lent[0] is a place for b
	lending int         // bytes in lent
	vectors [3][]byte   // the memory of lent, unless there is much of it
	buffers net.Buffers // what a writev has yet to write

	probe *probe // nil until probeSocket is called
}

func (o *outbox) init(t transport, raw syscall.RawConn, size int, timeout time.Duration) {
	o.transport, o.raw, o.size, o.timeout = t, raw, size, timeout
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
	o.lent = o.vectors[:1]
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
	o.b, o.buf, o.lent = nil, nil, nil
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
		o.lend(payload)
		o.flush()
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

// shared adds a whole frame that stays as it is until it is written, so that
// it need not be copied.
func (o *outbox) shared(frame []byte) {
	if o.vectored {
		o.lend(frame)
		return
	}
	if len(o.b)+len(frame) > cap(o.b) {
		o.flush()
	}
	if len(frame) > cap(o.b) {
		o.writeAll(frame)
		return
	}
	o.b = append(o.b, frame...)
}

// lend adds bytes that stay as they are until they are written. Nothing must be
// added to o.b before that.
func (o *outbox) lend(p []byte) {
	n := min(len(p), maxWrite)
	if o.lending+n > maxWrite {
		o.flush()
	}
	o.lent, o.lending = append(o.lent, p[:n]), o.lending+n
	if n < len(p) {
		o.flush()
		o.writeAll(p[n:])
	}
}

// flush writes what was collected and lent.
func (o *outbox) flush() {
	switch {
	case len(o.lent) == 1 && len(o.b) > 0:
		o.write(o.b)
	case len(o.lent) == 2 && len(o.b) == 0:
		o.write(o.lent[1])
	case len(o.lent) > 1:
		o.writev()
	}
	clear(o.vectors[:])
	o.b, o.lent, o.lending = o.b[:0], o.vectors[:1], 0
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
	n = max(n, 0)
	o.sent.Add(int64(n))
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	o.err = err
	o.insist(p[n:])
}

// writev writes what was collected and lent with one system call.
func (o *outbox) writev() {
	if !o.arm() {
		return
	}
	o.buffers = o.lent[1:]
	if len(o.b) > 0 {
		o.lent[0] = o.b
		o.buffers = o.lent
	}
	n, err := o.buffers.WriteTo(o.transport)
	o.sent.Add(n)
	o.err = err
	o.insist(o.buffers...)
	o.buffers = nil
}

// insist is called after a write, with what is left of it. When time is up it
// tries once more, without waiting: Linux calls a full socket writable only when a
// third of its buffer is free again, which may be more than a slow peer has to take
// in that time.
func (o *outbox) insist(rest ...[]byte) {
	if o.raw == nil || !errors.Is(o.err, os.ErrDeadlineExceeded) {
		return
	}
	late := o.err
	o.err, o.by = nil, time.Time{}
	for _, p := range rest {
		if o.probeSocket(p) < len(p) {
			o.err = cmp.Or(o.err, late)
			return
		}
	}
}

// A probe writes to a socket without waiting.
type probe struct {
	raw   syscall.RawConn
	write func(fd uintptr) (done bool) // writes p; made once
	p     []byte
	n     int
	err   error
}

func newProbe(raw syscall.RawConn) *probe {
	r := &probe{raw: raw}
	r.write = func(fd uintptr) bool {
		r.n, r.err = writeSocket(fd, r.p)
		return true
	}
	return r
}

// try writes what the socket takes of p at once, and returns how much that
// was. The outbox must be closed; w is the watch of the transport's writes.
func (o *outbox) try(w *watch, p []byte) (n int) {
	o.watch = w
	return o.probeSocket(p)
}

func (o *outbox) probeSocket(p []byte) (n int) {
	if !o.arm() {
		return 0
	}
	if o.probe == nil {
		o.probe = newProbe(o.raw)
	}
	r := o.probe
	r.p, r.n, r.err = p, 0, nil
	o.err = r.raw.Write(r.write)
	if o.err == nil {
		o.err = r.err
	}
	r.p = nil
	o.sent.Add(int64(r.n))
	return r.n
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
