// This file counts what a connection carries, and tells the application what
// happens on it. It decides nothing.

package websocket

import (
	"sync/atomic"
	"time"
)

// Hooks are called with what happens on connections, for metrics and logs. Any
// of them may be nil. They are called by many goroutines, between two steps of the
// connection's work: they must return soon, and must neither wait for a connection,
// as Close does, nor publish.
type Hooks struct {
	// Open is called when an opening handshake is complete, before anybody
	// else has the connection.
	Open func(c *Conn)

	// Closed is called once for each of these connections, when it is over.
	// err is what Conn.Err returns: see CloseStatus.
	Closed func(c *Conn, err error)

	// Pong is called with the round trip of each ping that was answered, those
	// of KeepAlive among them.
	Pong func(c *Conn, rtt time.Duration)

	// Dropped is called when a Queue has thrown messages away.
	Dropped func(c *Conn, messages int)
}

// Stats say what a connection has carried so far.
type Stats struct {
	// MessagesSent counts what was given to the transport, whether it took it
	// or failed.
	MessagesReceived, MessagesSent int64

	// BytesReceived and BytesSent are what went over the transport, or into
	// TLS: frames with their headers, compressed if that was agreed on. The
	// opening handshake does not count, nor does what is dropped behind a Close.
	BytesReceived, BytesSent int64

	// RTT is the round trip of the last ping that was answered, 0 before.
	RTT time.Duration
}

// A tally holds the counters that do not stand elsewhere.
type tally struct {
	messagesReceived, messagesSent atomic.Int64
	bytesReceived                  atomic.Int64
	rtt                            atomic.Int64 // in nanoseconds
}

// Stats returns the counters of the connection, also when it is over.
func (c *Conn) Stats() Stats {
	return Stats{
		MessagesReceived: c.tally.messagesReceived.Load(),
		MessagesSent:     c.tally.messagesSent.Load(),
		BytesReceived:    c.tally.bytesReceived.Load(),
		BytesSent:        c.out.sent.Load(),
		RTT:              time.Duration(c.tally.rtt.Load()),
	}
}

// opened says that the connection can be given to the application.
func (c *Conn) opened() {
	h := c.opts.Hooks
	if h == nil {
		return
	}
	if h.Open != nil {
		h.Open(c)
	}
	if h.Closed != nil {
		c.whenOver(func() { h.Closed(c, c.reason()) })
	}
}

// received counts a piece of a message.
func (c *Conn) received(ev Event) {
	c.touch()
	if ev.Final {
		c.tally.messagesReceived.Add(1)
	}
}

// sends counts a data frame that is about to be sent; sent must follow. The caller
// has the frame turn.
func (c *Conn) sends(fin bool) {
	if c.opts.IdleTimeout > 0 {
		c.idleness.sending.Store(true)
	}
	if fin {
		c.tally.messagesSent.Add(1)
	}
}

// sent notes that there is nothing more to be written for now.
func (c *Conn) sent() {
	if c.opts.IdleTimeout > 0 && c.idleness.sending.CompareAndSwap(true, false) {
		c.touch()
	}
}

// ponged notes the round trip of a ping.
func (c *Conn) ponged(rtt time.Duration) {
	c.tally.rtt.Store(int64(rtt))
	if h := c.opts.Hooks; h != nil && h.Pong != nil {
		h.Pong(c, rtt)
	}
}

// dropped tells of messages that a Queue has thrown away.
func (c *Conn) dropped(messages int) {
	if h := c.opts.Hooks; h != nil && h.Dropped != nil && messages > 0 {
		h.Dropped(c, messages)
	}
}
