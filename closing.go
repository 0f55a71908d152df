// This file ends connections (§7): the closing handshake begun by either side,
// failing after a broken rule, and the loss of the transport. Everything in it is
// bounded by Options.CloseTimeout.

package websocket

import (
	"context"
	"errors"
	"io"
	"time"
)

// Close sends a Close frame and waits for the peer's, which takes
// Options.CloseTimeout at most. Messages that come before that are dropped, unless
// another goroutine's read gets hold of them; CloseWrite leaves all of them to be
// read. The reason is cut at 123 bytes; CloseNoStatus and no reason send an empty
// frame.
//
// The error is nil when both sides have sent a Close, whoever was first, and
// otherwise says how the connection ended. A code or reason that must not be sent
// gives ErrCloseCode or ErrInvalidUTF8, and nothing happens.
func (c *Conn) Close(code CloseCode, reason string) error {
	if err := c.checkClose(code, reason); err != nil {
		return err
	}
	c.beginClose(code, reason)
	c.await()
	if ce := (*CloseError)(nil); errors.As(c.reason(), &ce) && ce.cause == nil {
		return nil
	}
	return c.reason()
}

// CloseWrite sends a Close frame like Close, and returns when the transport has
// taken it (§7.1.2). Nothing can be sent any more, but reads go on: they return
// what the peer sends until its own Close, which may be the answers to what it was
// sent, and end with that. Somebody has to read. Options.CloseTimeout bounds all
// of it from the call on, the end of a write that is under way included.
//
// The error is that of a code or reason that must not be sent, or of a connection
// whose closing had begun.
func (c *Conn) CloseWrite(code CloseCode, reason string) error {
	if err := c.checkClose(code, reason); err != nil {
		return err
	}
	return c.beginClose(code, reason)
}

func (c *Conn) checkClose(code CloseCode, reason string) error {
	// Choice (§7.4.1): a server does not begin with 1010, since it could have
	// refused the handshake; but it echoes it.
	if code == CloseMandatoryExtension && c.role == RoleServer {
		return ErrCloseCode
	}
	if err := checkSentClose(code, reason); err != ErrControlLength {
		return err
	}
	return nil // it will be cut
}

// beginClose sends a Close, and has the connection end within CloseTimeout.
func (c *Conn) beginClose(code CloseCode, reason string) error {
	c.closing.Store(true)
	c.hurry()
	return c.sendClose(code, truncateReason(reason))
}

// CloseNow closes the transport without a word.
func (c *Conn) CloseNow() error { return c.finish(ErrClosed) }

// CloseRead says that no message is expected any more. Pings are answered and
// the peer's Close is seen from now on without a read; a message closes the
// connection with ClosePolicyViolation.
func (c *Conn) CloseRead() {
	// A goroutine, since without one nobody would read on a connection that
	// is only written to. It ends with the connection.
	go func() {
		if !c.readTurn.lock(c.done, nil) {
			return
		}
		ctx := context.Background()
		c.dropReader()
		err := c.skip(ctx)
		if err == nil {
			var ev Event
			ev, err = c.data(ctx, nil)
			c.tail = !ev.Final
		}
		c.readTurn.unlock()
		if err == nil {
			c.Close(ClosePolicyViolation, "no message was expected")
		}
	}()
}

// sendClose sends a Close unless one has been sent.
func (c *Conn) sendClose(code CloseCode, reason string) error {
	ctx := context.Background() // hurry bounds it
	if err := c.beginWrite(ctx); err != nil {
		return err
	}
	var err error
	c.out.b, err = c.sender.AppendClose(c.out.b, code, reason)
	return c.endWrite(ctx, err)
}

// await waits for the end of the connection, and reads if nobody else does.
func (c *Conn) await() {
	if c.readTurn.lock(c.done, nil) {
		c.dropReader()
		for err := error(nil); err == nil; {
			_, err = c.event(context.Background(), nil)
		}
		c.readTurn.unlock()
	}
	<-c.done
}

// abandon closes a connection on which this side cannot go on, without waiting
// for the peer.
func (c *Conn) abandon(why string) {
	c.closing.Store(true)
	c.hurry()
	c.sendClose(CloseInternalError, why)
}

// slowGrace is how long a peer that takes too little may take for the Close
// frame that tells it so.
const slowGrace = 100 * time.Millisecond

// dismiss closes a connection whose peer takes messages too slowly. Most likely
// it does not take the Close either.
func (c *Conn) dismiss() {
	c.closing.Store(true)
	c.end(&CloseError{Code: CloseTryAgainLater, Reason: "too slow", cause: ErrSlowConsumer})
	c.hurry()
	grace := time.AfterFunc(slowGrace, func() { c.CloseNow() })
	if c.sendClose(CloseTryAgainLater, "too slow") == nil && grace.Stop() {
		c.await()
	}
}

// dropReader takes the message away that NextReader has handed out.
// What has not arrived of it yet will be dropped too.
func (c *Conn) dropReader() {
	if c.reader != nil && !c.reader.final || len(c.partial) > 0 {
		c.tail = true
	}
	c.reader, c.piece, c.partial = nil, nil, nil
}

// closed ends the connection after the peer's Close.
func (c *Conn) closed(ctx context.Context, ev Event) error {
	code, reason, _ := ParseCloseBody(ev.Data)
	c.end(&CloseError{Code: code, Reason: string(reason), Remote: !c.closing.Load()})
	c.owe(ev, nil)
	c.wind(ctx)
	return c.reason()
}

// violated fails the connection after a broken rule (§7.1.7).
func (c *Conn) violated(ctx context.Context, err error) error {
	if c.Err() == nil {
		c.end(err)
		if c.opts.Logger != nil {
			c.opts.Logger.Info("websocket: failing the connection", "peer", c.RemoteAddr(), "err", err)
		}
		c.owe(Event{}, err)
		c.wind(ctx)
	}
	return c.reason()
}

// lost ends the connection when there is nothing more to read.
func (c *Conn) lost(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	c.in.release() // somebody may go on to hold the Conn
	c.finish(&CloseError{Code: CloseAbnormal, cause: err})
	return c.reason()
}

// wind ends the connection in a way that lets the peer read our Close: if a
// transport is closed with bytes unread, the kernel sends a reset, which destroys
// what the peer has not read yet. The reader is told as soon as the Close that is
// owed has been sent.
func (c *Conn) wind(ctx context.Context) {
	c.hurry()
	c.winding = true
	sent := c.frameTurn.lock(ctx.Done(), nil)
	if sent {
		c.lastWord()
	}
	// In a goroutine, which hurry bounds: the peer may take its time, and the
	// reader has nothing more to wait for.
	go func() {
		if !sent {
			c.frameTurn.lock(nil, nil)
			c.lastWord()
		}
		c.linger()
		c.finishCleanly()
	}()
}

// lastWord sends the Close that is owed, and says that nothing comes behind it.
// The caller has the frame turn, and loses it.
func (c *Conn) lastWord() {
	c.payOwed()
	c.yield()
	// §7.1.1: the server closes first, and a client waits for it unless the
	// connection has failed.
	if h, ok := c.transport.(halfCloser); ok && (c.role == RoleServer || c.receiver.err != nil) {
		h.CloseWrite()
	}
}

// linger drops what the peer still sends. A server that cannot half-close must
// not wait for a client that waits for it.
func (c *Conn) linger() {
	if _, ok := c.transport.(halfCloser); ok || c.role == RoleClient || c.receiver.err != nil {
		c.drain()
	}
}

// drainLimit is how many bytes are read and dropped from a peer that goes on
// sending behind our Close.
const drainLimit = 64 << 20

// drain drops what the peer sends, up to the end of its bytes or of CloseTimeout.
func (c *Conn) drain() {
	buf := getBuffer(minBuffer)
	defer putBuffer(buf)
	for n, left := 1, drainLimit; n > 0 && left > 0; left -= n {
		n, _ = c.in.read(*buf)
	}
}
