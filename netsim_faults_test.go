// This file is what can be done to an end of the in-memory transport: knobs,
// faults, cuts and deadlines; and the record of what the end did.

package websocket

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"time"
)

// simKnobs change how an end behaves; simConn.tune turns them at any time,
// also under a Read or Write that is blocked.
type simKnobs struct {
	capacity    int           // bytes not yet read by the peer that make Write wait; 1 slices it into bytes
	readAtMost  int           // bytes a Read; 0: as many as there are
	stallWrites bool          // nothing is taken, as with a peer whose window is closed
	eofWithData bool          // the last bytes come with io.EOF, not before it
	neverReset  bool          // Close leaves the peer what it has not read
	latency     time.Duration // of what this end sends; EOF and RST too
}

func (c *simConn) tune(turn func(*simKnobs)) {
	defer c.locked()()
	turn(&c.knobs)
	c.wire.moved.Broadcast()
}

// simOp names a kind of call. simSetDeadline is all three of them.
type simOp string

const (
	simRead        simOp = "read"
	simWrite       simOp = "write"
	simSetDeadline simOp = "set-deadline"
	simCloseWrite  simOp = "close-write"
	simClose       simOp = "close"
)

type simFault struct {
	op   simOp
	nth  int // counts down; the call that makes it 0 fails
	take int // bytes moved before
	err  error
}

// fail makes the nth call of op from now on fail; 1 is the next.
func (c *simConn) fail(op simOp, nth int, err error) { c.failAfter(op, nth, 0, err) }

// failAfter is fail for a Read or Write that first moves up to take bytes and
// returns their number with err.
func (c *simConn) failAfter(op simOp, nth, take int, err error) {
	defer c.locked()()
	c.faults = append(c.faults, simFault{op, nth, take, err})
}

// nextFault counts a call of op on size bytes and returns how many of them it
// may move, and the error that it then has to return.
func (c *simConn) nextFault(op simOp, size int) (limit int, err error) {
	limit = size
	left := c.faults[:0]
	for _, f := range c.faults {
		if f.op == op {
			f.nth--
		}
		if f.nth > 0 {
			left = append(left, f)
			continue
		}
		limit, err = min(size, f.take), f.err
	}
	c.faults = left
	return limit, err
}

// resetAt breaks the connection once this end has written offset bytes. The
// peer can read those, then both ends get ECONNRESET.
func (c *simConn) resetAt(offset int) { c.cut(offset, syscall.ECONNRESET) }

// eofAt makes the peer read io.EOF once this end has written offset bytes.
// What this end writes then is taken and lost.
func (c *simConn) eofAt(offset int) { c.cut(offset, io.EOF) }

func (c *simConn) cut(offset int, err error) {
	defer c.locked()()
	c.cutAt, c.cutErr = offset, err
	c.cutWhenDue()
}

func (c *simConn) cutWhenDue() {
	if c.cutAt < 0 || len(c.written) < c.cutAt {
		return
	}
	c.cutAt = -1
	if c.cutErr == io.EOF {
		c.sendEOF()
		return
	}
	to := &c.peer.in
	to.rst, to.rstLast = c.arrival(), true
	c.in.rst = time.Now()
	c.wire.moved.Broadcast()
}

// reset closes this end at once, with RST.
func (c *simConn) reset() {
	defer c.locked()()
	c.end(true)
}

// simCall is a call of Write, CloseWrite or Close.
type simCall struct {
	from *simConn
	op   simOp
	size int
}

func (c *simConn) record(op simOp, size int) {
	c.wire.calls = append(c.wire.calls, simCall{c, op, size})
}

// sent returns every byte that this end's Writes have taken.
func (c *simConn) sent() []byte {
	defer c.locked()()
	return bytes.Clone(c.written)
}

// unread returns how many bytes this end has not read, also those on the way.
func (c *simConn) unread() int {
	defer c.locked()()
	return c.in.size
}

// writes returns the length of what each Write of this end was called with.
func (c *simConn) writes() (sizes []int) {
	defer c.locked()()
	for _, call := range c.wire.calls {
		if call.from == c && call.op == simWrite {
			sizes = append(sizes, call.size)
		}
	}
	return sizes
}

// closes returns the calls of CloseWrite and Close of both ends in order, as
// "server close-write".
func (c *simConn) closes() (calls []string) {
	defer c.locked()()
	for _, call := range c.wire.calls {
		if call.op != simWrite {
			calls = append(calls, call.from.name+" "+string(call.op))
		}
	}
	return calls
}

// opError wraps err as net's sockets do. io.EOF stays bare.
func (c *simConn) opError(op simOp, err error) error {
	if err == io.EOF {
		return err
	}
	return &net.OpError{Op: string(op), Net: "sim", Source: c.local, Addr: c.remote, Err: err}
}

// simDeadline is one half's deadline. simWire.mu guards it.
type simDeadline struct {
	passed bool
	timer  *time.Timer
	turn   int // of set: a timer that fires too late to be stopped sees that it is stale
}

func (d *simDeadline) set(t time.Time, w *simWire) {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.turn++
	d.timer = nil
	d.passed = !t.IsZero() && !t.After(time.Now())
	w.moved.Broadcast()
	if t.IsZero() || d.passed {
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(time.Until(t), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if d.turn == turn {
			d.passed = true
			w.moved.Broadcast()
		}
	})
}

func (c *simConn) SetDeadline(t time.Time) error      { return c.setDeadlines(t, &c.readBy, &c.writeBy) }
func (c *simConn) SetReadDeadline(t time.Time) error  { return c.setDeadlines(t, &c.readBy) }
func (c *simConn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeBy) }

func (c *simConn) setDeadlines(t time.Time, ds ...*simDeadline) error {
	defer c.locked()()
	if c.closed {
		return c.opError(simSetDeadline, net.ErrClosed)
	}
	if _, fault := c.nextFault(simSetDeadline, 0); fault != nil {
		return fault
	}
	for _, d := range ds {
		d.set(t, c.wire)
	}
	return nil
}
