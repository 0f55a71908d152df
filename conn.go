// This file is the connection: its options, its two halves, and how it ends.
// What happens on the wire is judged by Receiver and Sender; here are sockets,
// locks and time.

package websocket

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what servers and clients have in common. The zero value is
// ready for use and safe against hostile peers.
type Options struct {
	// Subprotocols are what this side speaks. A client offers them in order
	// of preference, a server agrees to the first that was offered (§1.9).
	Subprotocols []string

	// MaxMessageSize is the largest message to be accepted, in bytes. Default
	// DefaultMaxMessageSize; negative for no limit. A larger message fails the
	// connection with CloseTooBig: on its header alone, or if it is compressed
	// as soon as too much has come out (§10.4). See also Limits.MaxMessageSize.
	MaxMessageSize int64

	// MaxFrames is the most frames of which a message may consist. Default
	// DefaultMaxFrames; negative for no limit. More fail the connection with
	// ClosePolicyViolation.
	MaxFrames int

	// Compression offers permessage-deflate to servers and accepts it from
	// clients (RFC 7692). By default there is none: it takes time and memory,
	// and it must not be used for everything; see Compression. MaxMessageSize
	// holds for what comes out.
	Compression *Compression

	// WriteTimeout is how long the transport may take for a frame, and for
	// each 64 KiB of a large one; up to a quarter more may pass. Default 10 s;
	// negative for no limit. A peer that takes too long is given up. On Linux a
	// full socket says that it takes nothing until a third of its buffer, of up to
	// 4 MiB, is free again; over TLS a slow peer has to read that much in the time.
	WriteTimeout time.Duration

	// KeepAlive is how long the peer may be silent before it is sent a ping,
	// and PongTimeout how long it may then go on to be, before the connection
	// is given up with ErrPeerDead. Whatever arrives counts as an answer.
	// Defaults 30 s and 30 s; a negative KeepAlive turns this off. Nobody has
	// to read for it: it takes what comes before the next message, also a
	// Close, which it answers, so that nothing can be sent any more. But while
	// the next message waits to be read no death is noticed, and a peer that
	// does not take what is being sent is left to WriteTimeout.
	KeepAlive, PongTimeout time.Duration

	// IdleTimeout closes a connection with CloseGoingAway on which for so long
	// no message, nor a piece of one, was read or written. Pings and pongs do not
	// count. By default, and when it is negative, a connection may be idle for
	// ever.
	IdleTimeout time.Duration

	// CloseTimeout bounds everything that follows the first Close frame, or
	// the first error: sending ours, waiting for the peer's, and for the end
	// of its bytes. Default 5 s.
	CloseTimeout time.Duration

	// ReadBuffer and WriteBuffer are sizes of buffers in bytes, rounded up to
	// a power of two. Defaults 8 KiB and 8 KiB. The buffers are pooled: a
	// connection has one only while it is busy. A frame of up to WriteBuffer
	// bytes is copied and leaves in one write; NextWriter makes such frames.
	ReadBuffer, WriteBuffer int

	// Hooks are told what happens on connections, for metrics. Default none.
	Hooks *Hooks

	// Logger is told of connections that fail because the peer broke a rule
	// (§7.1.7), at level Info. By default they are not logged: the reads tell.
	// Panics of handlers, failing accepts and settings that cannot work are
	// logged in any case, with slog.Default() if need be.
	Logger *slog.Logger
}

const (
	defaultWriteTimeout = 10 * time.Second
	defaultKeepAlive    = 30 * time.Second
	defaultPongTimeout  = 30 * time.Second
	defaultCloseTimeout = 5 * time.Second
	defaultBuffer       = 8 << 10
	minBuffer           = 256
	maxBuffer           = 16 << 20
	maxTimeout          = 100 * 365 * 24 * time.Hour // what is longer is meant to be for ever
)

// normal replaces zero values by the defaults.
func (o Options) normal() Options {
	if o.WriteTimeout == 0 {
		o.WriteTimeout = defaultWriteTimeout
	}
	if o.WriteTimeout > maxTimeout {
		o.WriteTimeout = -1
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = defaultKeepAlive
	}
	if o.PongTimeout <= 0 {
		o.PongTimeout = defaultPongTimeout
	}
	if o.CloseTimeout <= 0 {
		o.CloseTimeout = defaultCloseTimeout
	}
	for _, size := range []*int{&o.ReadBuffer, &o.WriteBuffer} {
		if *size == 0 {
			*size = defaultBuffer
		}
		*size = min(max(*size, minBuffer), maxBuffer)
	}
	return o
}

// logger returns where to log what nobody else would tell.
func (o *Options) logger() *slog.Logger { return cmp.Or(o.Logger, slog.Default()) }

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
