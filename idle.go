// This file ends connections that nobody uses although their peer is alive.

package websocket

import (
	"sync/atomic"
	"time"
)

// An idleness tells when a connection last had something to do. Without
// Options.IdleTimeout nothing is noted and there is no timer.
type idleness struct {
	used    atomic.Int64 // when a piece of a message came or went, in nanoseconds since pulse.born
	sending atomic.Bool  // a frame of a message is being written
	timer   *time.Timer  // guarded by Conn.mu
}

// startIdleness begins to watch over the connection.
func (c *Conn) startIdleness() {
	if c.opts.IdleTimeout > 0 {
		c.later(&c.idleness.timer, c.opts.IdleTimeout, (*Conn).doze)
	}
}

// touch notes that the connection is used. Pings and pongs are no use.
func (c *Conn) touch() {
	if c.opts.IdleTimeout > 0 {
		c.idleness.used.Store(int64(time.Since(c.pulse.born)))
	}
}

// doze is called when the connection may have been idle for IdleTimeout.
func (c *Conn) doze() {
	idle := time.Since(c.pulse.born) - time.Duration(c.idleness.used.Load())
	switch {
	case idle < c.opts.IdleTimeout:
	case c.idleness.sending.Load(): // WriteTimeout judges how long that may take
		idle = 0
	default:
		c.Close(CloseGoingAway, "idle")
		return
	}
	c.later(&c.idleness.timer, c.opts.IdleTimeout-idle, (*Conn).doze)
}
