// This file is the connection: its two halves, and how it ends.
// What happens on the wire is judged by Receiver and Sender; here are sockets,
// locks and time.

package websocket

import (
	"cmp"
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A Conn is a WebSocket connection behind its opening handshake. Every method
// may be called from any goroutine, at any time. Somebody has to read: pings are
// answered, and the peer's Close is seen, only in calls that read (see CloseRead
// for connections on which nothing is expected).
type Conn struct {
	transport   transport
	role        Role
	subprotocol string
	opts        Options

	// The receiving half belongs to who has readTurn.
	readTurn  turn
	receiver  Receiver
	in        inbox
	readWatch watch
	partial   []byte         // of a message whose reading was interrupted
	piece     []byte         // of the message that reader hands out, not yet read
	reader    *messageReader // whose message is not finished
	tail      bool           // the rest of the message in progress is to be dropped
	winding   bool           // nothing is read any more but by wind

	// The sending half belongs to who has frameTurn; owedMu guards sender.owed
	// besides. writeTurn is for a whole message.
	writeTurn  turn
	frameTurn  turn
	sender     Sender
	out        outbox
	writeWatch watch

	warm warmth

	owedMu sync.Mutex
	owing  atomic.Bool // something was owed since it was last paid

	pings    pings
	pulse    pulse
	idleness idleness
	tally    tally

	closing atomic.Bool   // this side has begun to close
	done    chan struct{} // closed when the connection is over
	mu      sync.Mutex    // guards the rest
	err     error         // why it ended, or is about to
	over    bool          // done is closed
	kill    *time.Timer   // ends what CloseTimeout bounds
	onOver  func()        // called once done is closed
	told    bool          // it has been, so what comes later is called at once
}

// newConn returns the connection on t. early is what has arrived of it with
// the handshake. o.Compression is what was agreed on.
func newConn(t transport, role Role, o Options, early []byte) *Conn {
	c := &Conn{transport: t, role: role, opts: o.normal(), done: make(chan struct{})}
	c.receiver.init(role, Limits{o.MaxMessageSize, o.MaxFrames})
	c.sender.init(role, freshMaskKey)
	c.setCompression(o.Compression)
	c.in.init(t, c.opts.ReadBuffer, early)
	c.out.init(t, c.in.raw, c.opts.WriteBuffer, c.opts.WriteTimeout)
	c.readWatch.setDeadline = t.SetReadDeadline
	c.writeWatch.setDeadline = t.SetWriteDeadline
	c.tally.bytesReceived.Add(int64(len(early)))
	c.startPulse()
	c.startIdleness()
	return c
}

// Subprotocol returns the agreed subprotocol, or "" (§1.9).
func (c *Conn) Subprotocol() string { return c.subprotocol }

// RemoteAddr returns the peer's address, or nil when the transport has none.
func (c *Conn) RemoteAddr() net.Addr {
	if t, ok := c.transport.(interface{ RemoteAddr() net.Addr }); ok {
		return t.RemoteAddr()
	}
	return nil
}

// LocalAddr returns this side's address, or nil when the transport has none.
func (c *Conn) LocalAddr() net.Addr {
	if t, ok := c.transport.(interface{ LocalAddr() net.Addr }); ok {
		return t.LocalAddr()
	}
	return nil
}

// Done returns a channel that is closed when the connection is over and its
// transport closed.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns nil until Done is closed, and then why the connection ended: a
// *CloseError, a *ProtocolError, or ErrClosed after CloseNow. CloseStatus
// translates it into code, reason and who closed.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.reason()
	default:
		return nil
	}
}

// reason returns why the connection ended or is about to, or nil.
func (c *Conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// end records why the connection ends; the first reason stands.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// finish ends the connection at once. Whoever is blocked in the transport wakes
// up.
func (c *Conn) finish(err error) error {
	c.end(err)
	// First what crypto/tls writes to, lest it waits for the peer to take its
	// close_notify.
	if t, ok := c.transport.(interface{ NetConn() net.Conn }); ok {
		t.NetConn().Close()
	}
	return c.finishCleanly()
}

// finishCleanly closes the transport when there is nothing more to send or to
// receive, and a reason is known.
func (c *Conn) finishCleanly() error {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return nil
	}
	c.over = true
	for _, timer := range []*time.Timer{c.kill, c.pulse.timer, c.idleness.timer, c.warm.timer} {
		if timer != nil {
			timer.Stop()
		}
	}
	c.mu.Unlock()

	closed := c.transport.Close()
	close(c.done)
	if c.frameTurn.tryLock() { // somebody may go on to hold the Conn
		c.sender.Rest()
		c.frameTurn.unlock()
	}
	c.readWatch.release()
	c.writeWatch.release()
	c.mu.Lock()
	onOver := c.onOver
	c.onOver, c.told = nil, true
	c.mu.Unlock()
	if onOver != nil {
		onOver()
	}
	return closed
}

// whenOver has f called when the connection is over, after those that it was
// called with before.
func (c *Conn) whenOver(f func()) {
	c.mu.Lock()
	told, first := c.told, c.onOver
	switch {
	case told:
	case first == nil:
		c.onOver = f
	default:
		c.onOver = func() {
			defer f() // first may be the application's, and panic
			first()
		}
	}
	c.mu.Unlock()
	if told {
		f()
	}
}

// later has f called after d, by the timer at t, which is made when there is none.
// It does nothing once the connection is over.
func (c *Conn) later(t **time.Timer, d time.Duration, f func(*Conn)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
	case *t == nil:
		*t = time.AfterFunc(d, func() { f(c) })
	default:
		(*t).Reset(d)
	}
}

// hurry gives the connection CloseTimeout to end.
func (c *Conn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kill == nil && !c.over {
		c.kill = time.AfterFunc(c.opts.CloseTimeout, c.overdue)
	}
}

// overdue ends the connection when its time is up.
func (c *Conn) overdue() {
	cause := os.ErrDeadlineExceeded
	if c.frameTurn.tryLock() {
		cause = cmp.Or(c.out.err, cause) // a write that failed says more
		c.yield()
	}
	c.finish(&CloseError{Code: CloseAbnormal, cause: cause})
}

// expired says in the words of the caller's context that it has ended, which
// is the connection's error when that is over.
func (c *Conn) expired(ctx context.Context) error {
	if err := c.Err(); err != nil {
		return err
	}
	return &contextError{ctx.Err()}
}
