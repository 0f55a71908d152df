// This file is the writing half of a Conn: whole messages, batches, fragments,
// and the payment of what is owed to the peer.

package websocket

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// Write sends a message in one frame, or compressed in one for each 64 KiB. It
// returns when the transport has taken it; p is free to be used again then, and is
// never changed. Text must be UTF-8. Concurrent writes take turns, and so do pongs:
// a peer that pings during a large frame has to wait for its end, so send large
// messages with NextWriter. WriteBatch can leave a message uncompressed.
//
// A context that ends while Write waits for its turn leaves the connection as it
// was. One that ends while the frame is being written fails the connection,
// because part of it may be on its way, and so does Options.WriteTimeout.
//
// Once the closing has begun Write returns ErrClosed, or the connection's error.
func (c *Conn) Write(ctx context.Context, t MessageType, p []byte) error {
	return c.WriteBatch(ctx, Message{Type: t, Data: p})
}

// WriteBatch sends messages in order, with as few writes to the transport as
// can be. It stops at the first that is refused; those in front of it are sent.
// Otherwise it is like Write.
func (c *Conn) WriteBatch(ctx context.Context, messages ...Message) error {
	if !c.writeTurn.lock(ctx.Done(), c.done) {
		return c.expired(ctx)
	}
	defer c.writeTurn.unlock()
	if err := c.beginWrite(ctx); err != nil {
		return err
	}
	var err error
	for i := 0; i < len(messages) && err == nil; i++ {
		m := &messages[i]
		if !m.Type.valid() {
			err = ErrMessageType
		} else {
			c.sender.NoCompression = m.NoCompression
			err = c.send(Opcode(m.Type), true, m.Data)
		}
	}
	return c.endWrite(ctx, err)
}

// beginWrite takes the frame turn and pays what is owed. Unless it returns an
// error, endWrite must follow.
func (c *Conn) beginWrite(ctx context.Context) error {
	if !c.frameTurn.lock(ctx.Done(), nil) {
		c.settle() // the turn may have passed through this call's hands
		return c.expired(ctx)
	}
	err := c.writable()
	if err == nil && c.writeWatch.begin(ctx) != nil {
		err = c.expired(ctx)
	}
	if err != nil {
		c.yield()
		return err
	}
	c.out.open(&c.writeWatch)
	c.takeOwed()
	return nil
}

// writable returns the error of a connection to which nothing can be written.
func (c *Conn) writable() error {
	if err := c.Err(); err != nil {
		return err
	}
	if c.out.err != nil {
		return cmp.Or(c.reason(), error(&CloseError{Code: CloseAbnormal, cause: c.out.err}))
	}
	return nil
}

// send adds a frame to the outbox if it is legal.
func (c *Conn) send(op Opcode, fin bool, p []byte) error {
	h, err := c.sender.begin(op, fin, p)
	if err != nil {
		return err
	}
	if !op.IsControl() {
		c.sends(fin)
	}
	switch {
	case c.sender.compresses(op):
		c.sendCompressed(h, p)
	default:
		c.out.frame(h, p)
	}
	return nil
}

// endWrite writes what is in the outbox and gives the frame turn up. refused is
// why a frame did not get there, or nil.
func (c *Conn) endWrite(ctx context.Context, refused error) error {
	err := c.out.close()
	if c.writeWatch.end(ctx) {
		c.out.by = time.Time{} // the deadline was cleared
		if err != nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		err = c.cut(err)
	} else if err = refused; err == ErrClosed {
		err = c.closedError()
	}
	c.sent()
	c.yield()
	return err
}

// cut is called when a write has failed, perhaps in the middle of a frame.
func (c *Conn) cut(err error) error {
	lost := &CloseError{Code: CloseAbnormal, cause: err}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		c.finish(lost)
		return c.reason()
	}
	if err := c.reason(); err != nil {
		return err // it is being closed under the write
	}
	// The transport is gone, but what the peer had sent before, its Close
	// perhaps, can still be read.
	c.hurry()
	return lost
}

// closedError is why nothing can be written any more on a connection whose
// closing has begun.
func (c *Conn) closedError() error {
	if err := c.reason(); err != nil {
		return err
	}
	return ErrClosed
}

// unwritable returns the error of a connection on which the closing has begun, or
// nil.
func (c *Conn) unwritable() error {
	if c.closing.Load() {
		return c.closedError()
	}
	return c.reason()
}

// takeOwed moves what is owed to the peer into the outbox.
func (c *Conn) takeOwed() {
	if c.owing.Load() {
		c.owing.Store(false)
		c.owedMu.Lock()
		c.out.b = c.sender.AppendOwed(c.out.b)
		c.owedMu.Unlock()
	}
}

// yield gives the frame turn up. Whoever was told to leave the payment of
// something owed to its holder was told so before that.
func (c *Conn) yield() {
	c.frameTurn.unlock()
	c.settle()
}

// settle has what is owed paid, unless somebody else has the frame turn.
func (c *Conn) settle() {
	if c.owing.Load() && c.frameTurn.tryLock() {
		go c.pay() // the caller's context has no power over it
	}
}

// payOwed sends what is owed. The caller has the frame turn.
func (c *Conn) payOwed() {
	if c.writable() != nil {
		c.owing.Store(false)
		return
	}
	c.out.open(&c.writeWatch)
	c.takeOwed()
	if err := c.out.close(); err != nil {
		c.cut(err)
	}
}

// pay is payOwed for a goroutine of its own, which is given the frame turn.
func (c *Conn) pay() {
	c.payOwed()
	c.yield()
}

// NextWriter begins a message of which the length need not be known: it leaves
// in frames of up to Options.WriteBuffer bytes (§5.4). Other messages wait until
// its Close; pings, pongs and a Close go between the fragments. ctx is for all of
// the message.
func (c *Conn) NextWriter(ctx context.Context, t MessageType) (*MessageWriter, error) {
	if !t.valid() {
		return nil, ErrMessageType
	}
	if !c.writeTurn.lock(ctx.Done(), c.done) {
		return nil, c.expired(ctx)
	}
	return &MessageWriter{c: c, ctx: ctx, op: Opcode(t), buf: getBuffer(c.opts.WriteBuffer)}, nil
}

// A MessageWriter writes one message. It must be closed.
type MessageWriter struct {
	c   *Conn
	ctx context.Context

	mu    sync.Mutex
	plain bool    // not to be compressed
	op    Opcode  // of the next frame
	buf   *[]byte // nil when the writer is closed
	n     int     // bytes in it
	err   error
}

// NoCompression has the message go uncompressed; see Message.NoCompression. It
// must be called before the first Write.
func (w *MessageWriter) NoCompression() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plain = true
}

// Write adds p to the message. After an error the message cannot be finished.
func (w *MessageWriter) Write(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf == nil {
		return 0, ErrClosed
	}
	for n < len(p) && w.err == nil {
		room := (*w.buf)[w.n : len(*w.buf)-MaxHeaderSize] // so that a frame is one write
		if len(room) == 0 {
			w.flush(false)
			continue
		}
		m := copy(room, p[n:])
		w.n += m
		n += m
	}
	if w.err != nil {
		return 0, w.err
	}
	return n, nil
}

// Close sends the last fragment and lets other messages go ahead. When the
// message could not be written whole, it fails the connection, since the peer
// would take what it has got for all of it.
func (w *MessageWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf == nil {
		return ErrClosed
	}
	w.flush(true)
	putBuffer(w.buf)
	w.buf = nil
	if w.err != nil && w.op == OpContinuation {
		w.c.abandon("a message could not be finished")
	}
	w.c.writeTurn.unlock()
	return w.err
}

// flush sends a fragment.
func (w *MessageWriter) flush(fin bool) {
	c := w.c
	if w.err == nil {
		w.err = c.beginWrite(w.ctx)
	}
	if w.err != nil {
		return
	}
	c.sender.NoCompression = w.plain
	if w.err = c.endWrite(w.ctx, c.send(w.op, fin, (*w.buf)[:w.n])); w.err == nil {
		w.op, w.n = OpContinuation, 0
	}
}
