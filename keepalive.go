// This file finds out that a peer is gone without a word: its machine has lost
// power, or something between here and there forgets idle connections (§5.5.2).

package websocket

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrPeerDead is why a connection ended, as a CloseError with CloseAbnormal,
// when the peer had been silent for Options.KeepAlive and then did not answer a
// ping for Options.PongTimeout.
var ErrPeerDead = errors.New("websocket: peer does not answer pings")

// A pulse tells when a connection last had bytes from the peer. There is one
// timer for each connection, which is not touched by reads, and a goroutine only
// while a ping is under way.
type pulse struct {
	born  time.Time
	heard atomic.Int64 // when bytes came, in nanoseconds since born
	timer *time.Timer  // nil without keepalive; guarded by Conn.mu
}

func (p *pulse) hear() { p.heard.Store(int64(time.Since(p.born))) }

// quiet returns for how long nothing has come.
func (p *pulse) quiet() time.Duration {
	return time.Since(p.born) - time.Duration(p.heard.Load())
}

// startPulse begins to watch over the connection.
func (c *Conn) startPulse() {
	c.pulse.born = time.Now()
	if c.opts.KeepAlive > 0 {
		c.later(&c.pulse.timer, c.opts.KeepAlive, (*Conn).feel)
	}
}

// feel is called when the peer may have been silent for KeepAlive.
func (c *Conn) feel() {
	rest := c.opts.KeepAlive - c.pulse.quiet()
	if rest <= 0 {
		if !c.unread() && !c.answers() {
			c.finish(&CloseError{Code: CloseAbnormal, cause: ErrPeerDead})
			return
		}
		rest = c.opts.KeepAlive
	}
	c.later(&c.pulse.timer, rest, (*Conn).feel)
}

// unread reports whether something has arrived that nobody has read. What the
// peer says about itself may be behind it, so its silence means nothing.
func (c *Conn) unread() bool {
	if !c.readTurn.tryLock() {
		return false
	}
	defer c.readTurn.unlock()
	// Once it is winding, what arrives belongs to drain.
	return c.winding || !c.skim() || len(c.piece) > 0 || c.receiver.inData()
}

// skim takes control frames that have arrived and that nobody has read. It returns
// whether that was all. The caller has the read turn.
func (c *Conn) skim() bool {
	c.receiver.EachFrame = true
	defer func() { c.receiver.EachFrame = false }()
	for len(c.in.data) > 0 && len(c.piece) == 0 && !c.receiver.inData() {
		if _, err := c.step(context.Background(), c.in.data); err != nil {
			return false
		}
	}
	return len(c.in.data) == 0
}

// answers sends a ping, and reports whether anything has come from the peer
// within PongTimeout. When nobody reads it does so itself, as Ping does.
func (c *Conn) answers() bool {
	p := c.pings.add()
	defer c.pings.remove(p)
	heard := c.pulse.heard.Load()
	// A peer that does not even take the ping is for WriteTimeout to judge.
	if c.sendPing(context.Background(), p) != nil {
		return true
	}
	// In halves: a process that was stopped for a while in the first has the
	// second to see an answer that has come meanwhile.
	for range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), c.opts.PongTimeout/2)
		_, err := c.awaitPong(ctx, p)
		cancel()
		if err == nil {
			return true
		}
	}
	return c.pulse.heard.Load() != heard || c.writing()
}

// writing reports whether a frame is being written. A peer that takes what it is
// sent slowly has not come to the ping yet; WriteTimeout judges it.
func (c *Conn) writing() bool {
	if !c.frameTurn.tryLock() {
		return true
	}
	c.yield()
	return false
}
