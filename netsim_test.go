// This file is the in-memory transport that the tests of Conn run on: two ends
// that behave like a TCP socket each, with its buffers, deadlines, half-close
// and RST. Every wait is on a sync.Cond, every delay a timer: in a synctest
// bubble, blocked ends are durably blocked and the clock is the fake one.
//
// netsim_faults_test.go has the knobs that make an end misbehave and the record
// of what it did, netsim_listener_test.go the listener.

package websocket

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// simWire is what the two ends share. One lock and one condition serve both:
// whatever changes wakes everybody, who look again.
type simWire struct {
	mu    sync.Mutex
	moved *sync.Cond
	calls []simCall // of both ends, in the order they came
}

func (w *simWire) wake() {
	w.mu.Lock() // or it is lost on those who looked but do not wait yet
	defer w.mu.Unlock()
	w.moved.Broadcast()
}

// simConn is one end of an in-memory connection. Any goroutine may call its
// methods. wire.mu guards the fields from knobs on.
type simConn struct {
	name          string // "client" or "server"
	local, remote simAddr
	wire          *simWire
	peer          *simConn

	knobs   simKnobs
	faults  []simFault
	cutAt   int   // the offset in written where the wire is cut; -1: nowhere
	cutErr  error // what the peer reads there: io.EOF or ECONNRESET
	written []byte

	in              simInbox
	readBy, writeBy simDeadline
	writing         bool // a Write has its turn
	shut            bool // by CloseWrite
	closed          bool
}

var _ net.Conn = (*simConn)(nil)

// simAddr is a host and a port, so that net.SplitHostPort takes it.
type simAddr string

func (simAddr) Network() string  { return "sim" }
func (a simAddr) String() string { return string(a) }

// newPipe returns two connected ends. The options set the knobs of both.
func newPipe(opts ...func(*simKnobs)) (client, server *simConn) {
	return newPipeBetween("192.0.2.1:49152", "192.0.2.2:80", opts)
}

func newPipeBetween(from, to simAddr, opts []func(*simKnobs)) (client, server *simConn) {
	w := &simWire{}
	w.moved = sync.NewCond(&w.mu)
	client = &simConn{name: "client", local: from, remote: to, wire: w, cutAt: -1}
	server = &simConn{name: "server", local: to, remote: from, wire: w, cutAt: -1}
	client.peer, server.peer = server, client
	for _, c := range []*simConn{client, server} {
		c.knobs.capacity = 64 << 10
		for _, opt := range opts {
			opt(&c.knobs)
		}
	}
	return client, server
}

func (c *simConn) LocalAddr() net.Addr  { return c.local }
func (c *simConn) RemoteAddr() net.Addr { return c.remote }

// locked is for defer c.locked()().
func (c *simConn) locked() (unlock func()) {
	c.wire.mu.Lock()
	return c.wire.mu.Unlock
}

// Read fails at once after Close or a deadline that has passed, even when
// there is something to read: net's sockets do the same.
func (c *simConn) Read(p []byte) (int, error) {
	defer c.locked()()
	limit, fault := c.nextFault(simRead, len(p))
	for {
		switch {
		case c.closed:
			return 0, c.opError(simRead, net.ErrClosed)
		case c.readBy.passed:
			return 0, c.opError(simRead, os.ErrDeadlineExceeded)
		case limit == 0:
			return 0, fault
		}
		n, err := c.in.read(p[:limit], c.knobs)
		if n > 0 || err != nil {
			c.wire.moved.Broadcast()
		}
		if err != nil {
			return n, c.opError(simRead, err)
		}
		if n > 0 {
			return n, fault
		}
		c.wire.moved.Wait()
	}
}

// Write returns when all of p is on its way. Concurrent Writes take turns.
func (c *simConn) Write(p []byte) (n int, err error) {
	defer c.locked()()
	c.record(simWrite, len(p))
	limit, fault := c.nextFault(simWrite, len(p))
	for c.writing {
		c.wire.moved.Wait()
	}
	c.writing = true
	defer func() {
		c.writing = false
		c.wire.moved.Broadcast()
	}()
	for {
		if err := c.checkWrite(); err != nil {
			return n, c.opError(simWrite, err)
		}
		took := c.take(p[n:limit])
		n += took
		if n == limit {
			return n, fault
		}
		if took == 0 {
			c.wire.moved.Wait()
		}
	}
}

func (c *simConn) checkWrite() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.writeBy.passed:
		return os.ErrDeadlineExceeded
	case simArrived(c.in.rst):
		return syscall.ECONNRESET
	case c.shut:
		return syscall.EPIPE
	case c.peer.closed && simArrived(c.in.fin):
		c.peer.sendReset() // a kernel's answer to data for a closed socket
		return syscall.EPIPE
	}
	return nil
}

// take sends as much of p as there is room for.
func (c *simConn) take(p []byte) int {
	to := &c.peer.in
	n := min(len(p), max(0, c.knobs.capacity-to.size))
	if c.cutAt >= 0 {
		n = min(n, c.cutAt-len(c.written))
	}
	if n == 0 || c.knobs.stallWrites {
		return 0
	}
	c.written = append(c.written, p[:n]...)
	switch {
	case c.peer.closed:
		c.peer.sendReset()
	case to.fin.IsZero() && to.rst.IsZero():
		to.add(p[:n], c.arrival())
	}
	c.cutWhenDue()
	c.wire.moved.Broadcast()
	return n
}

// CloseWrite half-closes: the peer reads io.EOF after what was written.
func (c *simConn) CloseWrite() error {
	defer c.locked()()
	c.record(simCloseWrite, 0)
	if c.closed {
		return c.opError(simCloseWrite, net.ErrClosed)
	}
	if _, fault := c.nextFault(simCloseWrite, 0); fault != nil {
		return fault
	}
	c.shut = true
	c.sendEOF()
	return nil
}

// Close closes also when it was told to fail. With data unread it sends RST,
// as a kernel does (RFC 2525 §2.17); what is still on its way here counts.
func (c *simConn) Close() error {
	defer c.locked()()
	c.record(simClose, 0)
	if c.closed {
		return c.opError(simClose, net.ErrClosed)
	}
	_, fault := c.nextFault(simClose, 0)
	c.end(c.in.size > 0)
	return fault
}

// end closes with RST or, without, with EOF.
func (c *simConn) end(reset bool) {
	c.closed = true
	if reset {
		c.sendReset()
	}
	c.sendEOF()
	c.wire.moved.Broadcast()
}

func (c *simConn) sendEOF() {
	if c.peer.in.fin.IsZero() {
		c.peer.in.fin = c.arrival()
		c.wire.moved.Broadcast()
	}
}

// sendReset makes the peer lose what it has not read (RFC 9293 §3.10.7.4).
func (c *simConn) sendReset() {
	if c.peer.in.rst.IsZero() && !c.knobs.neverReset {
		c.peer.in.rst = c.arrival()
		c.wire.moved.Broadcast()
	}
}

// arrival returns when what is sent now reaches the peer, and sees to it that
// everybody looks then.
func (c *simConn) arrival() time.Time {
	at := time.Now().Add(c.knobs.latency)
	if c.knobs.latency > 0 {
		time.AfterFunc(c.knobs.latency, c.wire.wake)
	}
	return at
}

func simArrived(at time.Time) bool { return !at.IsZero() && !at.After(time.Now()) }

// simInbox is what is on its way to an end or waits there to be read.
type simInbox struct {
	chunks   []simChunk // oldest first; none overtakes another
	size     int        // bytes in chunks
	fin, rst time.Time  // their arrival; zero: not sent
	rstLast  bool       // rst takes nothing away: it is read after the chunks
}

type simChunk struct {
	at   time.Time
	data []byte
}

func (in *simInbox) add(p []byte, at time.Time) {
	in.chunks = append(in.chunks, simChunk{at, append([]byte(nil), p...)})
	in.size += len(p)
}

// read returns 0, nil when there is nothing yet.
func (in *simInbox) read(p []byte, k simKnobs) (n int, err error) {
	if simArrived(in.rst) && !in.rstLast {
		return 0, syscall.ECONNRESET
	}
	if k.readAtMost > 0 {
		p = p[:min(len(p), k.readAtMost)]
	}
	for n < len(p) && len(in.chunks) > 0 && simArrived(in.chunks[0].at) {
		c := &in.chunks[0]
		took := copy(p[n:], c.data)
		n += took
		if c.data = c.data[took:]; len(c.data) == 0 {
			in.chunks = in.chunks[1:]
		}
	}
	in.size -= n
	if len(in.chunks) > 0 || (n > 0 && !k.eofWithData) {
		return n, nil
	}
	switch {
	case simArrived(in.fin):
		return n, io.EOF
	case n == 0 && simArrived(in.rst):
		return 0, syscall.ECONNRESET
	}
	return n, nil
}
