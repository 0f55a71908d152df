// This file sends pings and measures how long their pongs take (§5.5.2).

package websocket

import (
	"context"
	"encoding/binary"
	"sync"
	"time"
)

// Ping sends a ping and returns the time until its pong. Several may be under
// way. It needs no reader: when nobody reads, it does so itself, but no further
// than to the next message, and goes on when somebody has read that.
func (c *Conn) Ping(ctx context.Context) (rtt time.Duration, err error) {
	p := c.pings.add()
	defer c.pings.remove(p)
	if err := c.sendPing(ctx, p); err != nil {
		return 0, err
	}
	return c.awaitPong(ctx, p)
}

func (c *Conn) sendPing(ctx context.Context, p *ping) error {
	if err := c.beginWrite(ctx); err != nil {
		return err
	}
	c.pings.start(p)
	return c.endWrite(ctx, c.send(OpPing, true, p.payload()))
}

// awaitPong waits for the pong of p, and reads when nobody else does.
func (c *Conn) awaitPong(ctx context.Context, p *ping) (rtt time.Duration, err error) {
	for {
		var read <-chan struct{} // closed when somebody has read
		if c.readTurn.lock(p.answered, ctx.Done()) {
			err = c.pump(ctx, p.answered)
			read = c.readTurn.leave()
			if err != nil {
				return 0, err
			}
		}
		select {
		case <-read: // perhaps the message that pump stopped at
			continue
		case <-p.answered:
		case <-ctx.Done():
		case <-c.done:
		}
		return c.pong(ctx, p)
	}
}

// pong returns what Ping does when there is nothing more to wait for.
func (c *Conn) pong(ctx context.Context, p *ping) (rtt time.Duration, err error) {
	// A pong that has come counts, whatever else has happened.
	select {
	case <-p.answered:
		return p.rtt, nil
	default:
		return 0, c.expired(ctx)
	}
}

// pump reads control frames until stop is closed or a message comes. The
// caller has the read turn.
func (c *Conn) pump(ctx context.Context, stop <-chan struct{}) error {
	c.receiver.EachFrame = true
	defer func() { c.receiver.EachFrame = false }()
	for len(c.piece) == 0 && !c.receiver.inData() {
		select {
		case <-stop:
			return nil
		default:
		}
		if _, err := c.event(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// pings are the pings that wait for a pong. They are told apart by payload.
type pings struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]*ping
}

type ping struct {
	id       uint64
	sent     time.Time
	rtt      time.Duration // valid when answered is closed
	answered chan struct{}
}

func (p *ping) payload() []byte { return binary.BigEndian.AppendUint64(nil, p.id) }

func (ps *pings) add() *ping {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.last++
	p := &ping{id: ps.last, answered: make(chan struct{})}
	if ps.waiting == nil {
		ps.waiting = make(map[uint64]*ping)
	}
	ps.waiting[p.id] = p
	return p
}

// start says that the ping is about to be sent.
func (ps *pings) start(p *ping) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.sent = time.Now()
}

func (ps *pings) remove(p *ping) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.waiting, p.id)
}

// answer takes the payload of a pong. §5.5.3: it may be one that nobody asked
// for, or one that has come before.
func (ps *pings) answer(payload []byte) (rtt time.Duration, ok bool) {
	if len(payload) != 8 {
		return 0, false
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.waiting[binary.BigEndian.Uint64(payload)]
	if p == nil {
		return 0, false
	}
	delete(ps.waiting, p.id)
	p.rtt = time.Since(p.sent)
	close(p.answered)
	return p.rtt, true
}
