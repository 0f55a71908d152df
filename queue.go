// This file keeps a slow receiver from slowing its senders down, and from
// costing them memory without bound. A queue writes by itself only while something
// is waiting in it.

package websocket

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// A burst can fill a queue before its goroutine has run once, so a full queue alone
// does not prove that the peer is slow. When it has filled within fullGrace, senders
// wait for place while bytes go out at least once in moveGrace, but no longer than
// for fullGrace before everything has.
const (
	moveGrace = 100 * time.Millisecond
	fullGrace = time.Second
)

// A Queue sends messages on a connection without having the sender wait for the
// peer. NewQueue makes one. On a server's TCP or Unix socket the caller's own
// goroutine sends what the kernel takes at once; the rest, and elsewhere all of it,
// waits in the queue, and a goroutine sends it: all that is waiting with one write
// for each 64 KiB if the transport is a server's socket. Control frames do not go
// through the queue, so pings, pongs and a Close come before what waits in it. Its
// methods may be called from any goroutine.
//
// A burst can fill a queue though the peer is fast. So when it has filled within 1 s,
// senders wait for place before the Policy is applied: for up to 100 ms while nothing
// moves, and for up to 1 s before all is sent.
//
// Several queues on one connection, and writes beside the queue, are allowed; what
// comes first is then left to chance. A message that NextWriter has begun holds the
// queue up until it is closed, as a slow peer would. What waits when the connection
// is lost is lost with it, and not counted as dropped.
type Queue struct {
	conn *Conn
	opts QueueOptions

	mu       sync.Mutex
	waiting  []*Prepared
	bytes    int   // of the payloads in waiting
	draining bool  // drain is running
	taken    int64 // messages so far for which the sender did not do all; each has its number
	flying   int64 // number of the first that drain is writing; 0 when it writes none
	dropped  int64 // messages
	err      error // nothing is sent any more
	changed  news  // there is more place, or no more hope

	filled time.Time // since when something waits
	full   time.Time // since when senders do; zero when all was sent since
	sent   int64     // bytes that the connection had sent when last seen to send any
	moved  time.Time // when that was
}

// NewQueue returns a Queue for the connection.
func NewQueue(c *Conn, o QueueOptions) *Queue { return &Queue{conn: c, opts: o.normal()} }

// Send sends a message or has it wait. It returns nil when that was done, the
// connection's error when nothing can be sent any more, and ErrSlowConsumer when the
// message was thrown away. ctx bounds how long Send itself waits for place.
func (q *Queue) Send(ctx context.Context, m Message) error { return q.SendPrepared(ctx, Prepare(m)) }

// SendPrepared is Send for a message that goes to several connections.
func (q *Queue) SendPrepared(ctx context.Context, p *Prepared) error {
	_, err := q.send(ctx, p)
	return err
}

// send is SendPrepared, and returns how many messages were thrown away for this one.
func (q *Queue) send(ctx context.Context, p *Prepared) (dropped int, err error) {
	for {
		w, dropped, err := q.offer(p)
		if w.place == nil {
			return dropped, err
		}
		if !w.wait(ctx) {
			return 0, q.conn.expired(ctx)
		}
	}
}

// A queueWait is what a sender has to wait for.
type queueWait struct {
	place    <-chan struct{} // closed when there may be place; nil when there is nothing to wait for
	patience time.Duration   // 0 for as long as it takes
}

// wait returns false when ctx ends.
func (w *queueWait) wait(ctx context.Context) bool {
	var late <-chan time.Time
	if w.patience > 0 {
		timer := time.NewTimer(w.patience)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-w.place:
	case <-late:
	case <-ctx.Done():
		return false
	}
	return true
}

// Len returns how many messages wait, and how many bytes of payload they have.
func (q *Queue) Len() (messages, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), q.bytes
}

// Dropped returns how many messages the queue has thrown away.
func (q *Queue) Dropped() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Flush waits until everything has been written that was sent before, as one
// does before Close. It returns the connection's error when that cannot be done.
func (q *Queue) Flush(ctx context.Context) error {
	for last := int64(-1); ; {
		q.mu.Lock()
		if last < 0 {
			last = q.taken
		}
		err, done, change := q.err, q.done(), q.changed.next()
		q.mu.Unlock()
		if err != nil || done >= last {
			return err
		}
		if !waitFor(ctx, change) {
			return q.conn.expired(ctx)
		}
	}
}

// done returns the number up to which all messages are written or thrown away.
func (q *Queue) done() int64 {
	if q.flying > 0 {
		return q.flying - 1
	}
	return q.taken - int64(len(q.waiting))
}

// offer sends a message or has it wait, or does with it what the policy says,
// unless the sender has to wait before it tries again. dropped is how many messages
// were thrown away.
func (q *Queue) offer(p *Prepared) (w queueWait, dropped int, err error) {
	defer func() { q.conn.dropped(dropped) }() // without the lock
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := cmp.Or(p.check(), q.err, q.conn.unwritable()); err != nil {
		return w, 0, err
	}
	if !q.draining {
		if rest, ok, err := q.conn.tryPrepared(p); ok {
			if err != nil {
				q.fail(err)
			} else if len(rest) > 0 {
				q.taken++
				q.flying = q.taken
				q.drainFrom(rest)
			}
			return w, 0, err
		}
	}
	if !q.hasPlace(p) {
		if patience := q.patience(); patience > 0 || q.opts.Policy == Block {
			return queueWait{q.changed.next(), patience}, 0, nil
		}
		if dropped, err = q.makePlace(p); err != nil {
			return w, dropped, err
		}
	}
	q.waiting = append(q.waiting, p)
	q.bytes += len(p.message.Data)
	q.taken++
	if !q.draining {
		q.drainFrom(nil)
	}
	return w, dropped, nil
}

// patience returns for how long a sender should wait for place, at most.
func (q *Queue) patience() time.Duration {
	if q.opts.Policy == Block {
		return 0 // for as long as it takes
	}
	now := time.Now()
	if q.full.IsZero() {
		q.full = now
	}
	if sent := q.conn.out.sent.Load(); sent != q.sent {
		q.sent, q.moved = sent, now
	}
	return min(moveGrace-now.Sub(q.moved), fullGrace-now.Sub(q.full), fullGrace-now.Sub(q.filled))
}

func (q *Queue) hasPlace(p *Prepared) bool {
	n := len(q.waiting)
	return n == 0 || n < q.opts.MaxMessages && q.bytes+len(p.message.Data) <= q.opts.MaxBytes
}

// makePlace does what the policy says about a full queue. After an error there
// is no place.
func (q *Queue) makePlace(p *Prepared) (dropped int, err error) {
	switch q.opts.Policy {
	case DropNewest:
		dropped, err = 1, ErrSlowConsumer
	case DropOldest:
		for !q.hasPlace(p) {
			q.pop()
			dropped++
		}
	default:
		dropped, err = len(q.waiting)+1, ErrSlowConsumer
		q.fail(err)
		go q.conn.dismiss() // it takes a moment, which the sender does not have
	}
	q.dropped += int64(dropped)
	return dropped, err
}

func (q *Queue) pop() *Prepared {
	p := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	q.bytes -= len(p.message.Data)
	return p
}

// fail empties the queue for good.
func (q *Queue) fail(err error) {
	q.err, q.waiting, q.bytes = err, nil, 0
	q.changed.tell()
}

// drainFrom starts the goroutine that writes rest, and then what waits. It ends
// when nothing does.
func (q *Queue) drainFrom(rest []byte) {
	q.draining = true
	q.filled = time.Now()
	q.sent, q.moved = q.conn.out.sent.Load(), q.filled
	go q.drain(rest) // the sender has other receivers
}

func (q *Queue) drain(rest []byte) {
	var err error
	if len(rest) > 0 {
		err = q.conn.finishPrepared(rest)
	}
	for batch := []*Prepared(nil); err == nil; {
		if batch = q.take(batch[:0]); len(batch) == 0 {
			return
		}
		err = q.conn.WritePrepared(context.Background(), batch...)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.draining = false
	q.fail(cmp.Or(q.err, err))
}

// take takes the next messages out of the queue, up to 64 KiB of them, or says
// that there are none and drain is going to end.
func (q *Queue) take(batch []*Prepared) []*Prepared {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.taken - int64(len(q.waiting)) + 1
	for size := 0; len(q.waiting) > 0; {
		size += len(q.waiting[0].imageFor(&q.conn.sender).b)
		if len(batch) > 0 && size > maxWrite {
			break
		}
		batch = append(batch, q.pop())
	}
	if len(q.waiting) == 0 {
		q.waiting = nil // an idle queue holds no memory
		q.filled = time.Now()
	}
	if q.draining = len(batch) > 0; !q.draining {
		first = 0
		q.full = time.Time{}
	}
	q.flying = first
	q.changed.tell()
	return batch
}
