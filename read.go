// This file is the reading half of a Conn: it feeds the Receiver from the
// transport, hands messages to callers, and answers control frames on the way.
// It never waits for a write.

package websocket

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
)

// A Message is a whole message.
type Message struct {
	Type MessageType
	Data []byte

	// NoCompression has a message that is sent, by WriteBatch or Prepare, go
	// uncompressed although compression was agreed on, and keeps it out of the
	// window: because of a secret in it (7692 §8), or because it is compressed
	// already. It says nothing about received messages.
	NoCompression bool
}

// Read waits for a message and returns it in memory of its own.
//
// A context that ends the wait leaves the connection as it was: the next read
// goes on where this one stopped, in the middle of a frame too. All other errors
// are final: a *CloseError when the connection was closed or lost, a
// *ProtocolError when the peer broke a rule, ErrClosed after CloseNow.
// Concurrent reads take turns on whole messages.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	return c.AppendRead(ctx, nil)
}

// AppendRead is Read into the caller's memory: it appends the message to dst
// and returns the longer slice, and dst itself when there is an error. With
// enough room in dst it allocates nothing. Otherwise memory grows with the bytes
// that have arrived, never with the length that a header announces.
func (c *Conn) AppendRead(ctx context.Context, dst []byte) (MessageType, []byte, error) {
	if !c.readTurn.lock(ctx.Done(), nil) {
		return 0, dst, c.expired(ctx)
	}
	defer c.readTurn.unlock()
	if err := c.skip(ctx); err != nil {
		return 0, dst, err
	}
	msg := c.partial
	if dst != nil {
		msg = append(dst, c.partial...)
	}
	for {
		if want := c.receiver.Want(); want >= int64(c.opts.ReadBuffer) && len(c.in.data) == 0 {
			msg = room(msg, want)
		}
		ev, err := c.data(ctx, msg[len(msg):cap(msg)])
		if err != nil {
			c.keep(msg, dst, err)
			return 0, dst, err
		}
		msg = appendPiece(msg, ev.Data)
		if ev.Final {
			c.partial = nil
			return MessageType(ev.Op), msg, nil
		}
	}
}

// keep keeps what has arrived of a message whose reading a context has
// interrupted: what msg has more than dst, whose memory is the caller's. After
// all other errors nobody will ask for it.
func (c *Conn) keep(msg, dst []byte, err error) {
	_, resumes := err.(*contextError)
	switch {
	case !resumes:
		c.partial = nil
	case dst == nil:
		c.partial = msg
	default:
		c.partial = append(c.partial[:0], msg[len(dst):]...)
	}
}

// room returns b with room for more of a payload of which want bytes are to
// come: it doubles at most, once it is larger than two of minRoom.
func room(b []byte, want int64) []byte {
	if free := int64(cap(b) - len(b)); free >= minRoom || free >= want {
		return b
	}
	more := int(min(want, int64(max(2*minRoom, len(b)))))
	grown := make([]byte, len(b), len(b)+more) // append would round up by a quarter
	copy(grown, b)
	return grown
}

// minRoom is how many bytes are worth a read of their own.
const minRoom = 4 << 10

// appendPiece is append, but for a piece that was read to its place.
func appendPiece(b, piece []byte) []byte {
	if len(piece) > 0 && cap(b) > len(b) && &b[:len(b)+1][len(b)] == &piece[0] {
		return b[:len(b)+len(piece)]
	}
	return append(b, piece...)
}

// Messages returns an iterator over the messages that arrive. It ends silently
// when the connection is closed with CloseNormal or CloseGoingAway, and with the
// error otherwise, also when that is the context's.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			t, data, err := c.Read(ctx)
			if err == nil {
				if yield(Message{Type: t, Data: data}, nil) {
					continue
				}
				return
			}
			if ce := (*CloseError)(nil); !errors.As(err, &ce) || ce.Code != CloseNormal && ce.Code != CloseGoingAway {
				yield(Message{}, err)
			}
			return
		}
	}
}

// NextReader waits for a message and returns a reader of its payload, which
// returns io.EOF at its end. ctx bounds the reader too. What is left of the
// message is dropped when the next read begins. Text is validated piece by piece
// as it arrives, so what was read of it may turn out to be the beginning of an
// invalid message.
func (c *Conn) NextReader(ctx context.Context) (MessageType, io.Reader, error) {
	if !c.readTurn.lock(ctx.Done(), nil) {
		return 0, nil, c.expired(ctx)
	}
	defer c.readTurn.unlock()
	if err := c.skip(ctx); err != nil {
		return 0, nil, err
	}
	if len(c.partial) > 0 {
		c.piece, c.partial = c.partial, nil
		c.reader = &messageReader{c: c, ctx: ctx}
		return MessageType(c.receiver.message.op), c.reader, nil
	}
	ev, err := c.data(ctx, nil)
	if err != nil {
		return 0, nil, err
	}
	c.piece = ev.Data
	c.reader = &messageReader{c: c, ctx: ctx, final: ev.Final}
	return MessageType(ev.Op), c.reader, nil
}

// errStaleReader is returned by the reader of a message when a later one is
// being read.
var errStaleReader = errors.New("websocket: a later message is being read")

// messageReader reads the payload of one message. Its fields belong to who has
// the read turn.
type messageReader struct {
	c     *Conn
	ctx   context.Context
	final bool // the last piece has been taken from the Receiver
	ended bool
}

func (r *messageReader) Read(p []byte) (n int, err error) {
	c := r.c
	if !c.readTurn.lock(r.ctx.Done(), nil) {
		return 0, c.expired(r.ctx)
	}
	defer c.readTurn.unlock()
	switch {
	case r.ended:
		return 0, io.EOF
	case c.reader != r:
		return 0, cmp.Or(c.reason(), errStaleReader)
	case len(p) == 0:
		return 0, nil
	}
	for len(c.piece) == 0 && !r.final {
		ev, err := c.data(r.ctx, p)
		if err != nil {
			return 0, err
		}
		c.piece, r.final = ev.Data, ev.Final
		if len(ev.Data) > 0 && &ev.Data[0] == &p[0] {
			c.piece = nil
			return len(ev.Data), nil
		}
	}
	n = copy(p, c.piece)
	if c.piece = c.piece[n:]; len(c.piece) > 0 {
		return n, nil
	}
	c.piece = nil // not to hold the buffer that it is a part of
	if r.final {
		r.ended, c.reader = true, nil
		if n == 0 {
			return 0, io.EOF
		}
	}
	return n, nil
}

// skip drops what is left of a message that was handed out by NextReader.
func (c *Conn) skip(ctx context.Context) error {
	if c.Err() != nil || c.winding {
		c.partial = nil
		return c.reason() // what is left in the buffers is not handed out
	}
	if c.reader != nil {
		c.dropReader()
	}
	for c.tail {
		ev, err := c.data(ctx, nil)
		if err != nil {
			return err
		}
		c.tail = !ev.Final
	}
	return nil
}

// data returns the next piece of a message. It is in c.in, or at the start of
// into when the Receiver wanted so much that it was read straight there.
func (c *Conn) data(ctx context.Context, into []byte) (Event, error) {
	for {
		ev, err := c.event(ctx, into)
		if err != nil {
			return ev, err
		}
		if ev.Kind == DataReceived {
			c.received(ev)
			return ev, nil
		}
	}
}

// event returns the next event, after doing what it obliges us to. The caller
// has the read turn.
func (c *Conn) event(ctx context.Context, into []byte) (Event, error) {
	if c.winding {
		return Event{}, c.reason()
	}
	b := c.in.data
	for {
		ev, err := c.step(ctx, b)
		if err != nil || ev.Kind != NeedMore {
			return ev, err
		}
		if b, err = c.more(ctx, into); err != nil {
			return Event{}, err
		}
	}
}

// step does with bytes that have arrived what the Receiver says, as far as the next
// event. They are in c.in, unless more was given a place for them.
func (c *Conn) step(ctx context.Context, b []byte) (Event, error) {
	ev, n, err := c.receiver.Next(b)
	if len(c.in.data) > 0 {
		c.in.data = c.in.data[n:]
	}
	switch {
	case err != nil:
		return Event{}, c.violated(ctx, err)
	case ev.Kind != NeedMore:
		err = c.handle(ctx, ev)
	}
	return ev, err
}

// more waits for bytes: in into, if so many of a payload are to come, or else
// in c.in.
func (c *Conn) more(ctx context.Context, into []byte) (b []byte, err error) {
	if err := c.Err(); err != nil {
		return nil, err
	}
	if c.readWatch.begin(ctx) != nil {
		return nil, c.expired(ctx)
	}
	want := c.receiver.Want()
	if want >= int64(c.opts.ReadBuffer) && len(into) >= minRoom {
		var n int
		n, err = c.in.read(into[:min(int64(len(into)), want)])
		b = into[:n]
	} else {
		idle := c.receiver.idle()
		if idle {
			c.receiver.Rest()
		}
		err = c.in.fill(idle)
		b = c.in.data
	}
	interrupted := c.readWatch.end(ctx)
	switch {
	case len(b) > 0:
		c.pulse.hear()
		c.tally.bytesReceived.Add(int64(len(b)))
		return b, nil
	case err == nil: // io.Reader may do that
		return nil, nil
	case interrupted:
		return nil, c.expired(ctx)
	}
	return nil, c.lost(err)
}

// handle does what a control frame asks for.
func (c *Conn) handle(ctx context.Context, ev Event) error {
	switch ev.Kind {
	case PingReceived:
		c.owe(ev, nil)
	case PongReceived:
		if rtt, ok := c.pings.answer(ev.Data); ok {
			c.ponged(rtt)
		}
	case CloseReceived:
		return c.closed(ctx, ev)
	}
	return nil
}

// owe notes what ev or err obliges us to send. Whoever is writing will send
// it; if nobody is, a goroutine does, because it may block.
func (c *Conn) owe(ev Event, err error) {
	c.owedMu.Lock()
	c.sender.answer(ev, err)
	c.owedMu.Unlock()
	c.owing.Store(true)
	if ev.Kind == PingReceived && c.frameTurn.tryLock() {
		go c.pay() // a reader must not wait for a peer that does not read
	}
}
