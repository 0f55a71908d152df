// This file sends one message on many connections, with what they have in common
// done once.

package websocket

import (
	"context"
	"sync"
	"unicode/utf8"
)

// A Prepared is a message that is to be sent on many connections: it is checked
// and framed once, and compressed once for each effort and window size that they
// have agreed on. It may be used by many goroutines.
type Prepared struct {
	message Message
	plain   frameImage
	err     error // why it cannot be sent

	mu       sync.Mutex
	deflated map[deflateSetting]frameImage
}

// A frameImage is a whole unmasked frame.
type frameImage struct {
	b    []byte
	head int // bytes of the header
}

// newFrameImage returns the frame with this header; h.Length is filled in.
func newFrameImage(h Header, payload []byte) frameImage {
	h.Length = uint64(len(payload))
	b := make([]byte, 0, h.Size()+len(payload))
	return frameImage{appendFrame(b, h, payload), h.Size()}
}

func (f *frameImage) payload() []byte { return f.b[f.head:] }

// Prepare returns a message that is sent with Conn.WritePrepared, a Queue or a
// Hub. It has a copy of m.Data. It is compressed where that was agreed on, unless
// m.NoCompression is set or it is shorter than the connection's Threshold.
func Prepare(m Message) *Prepared {
	p := &Prepared{}
	switch {
	case !m.Type.valid():
		p.err = ErrMessageType
		return p
	case m.Type == Text && !utf8.Valid(m.Data):
		p.err = ErrInvalidUTF8
		return p
	}
	p.plain = newFrameImage(Header{Fin: true, Opcode: Opcode(m.Type)}, m.Data)
	m.Data = p.plain.payload()
	p.message = m
	return p
}

// check returns why the message cannot be sent, or nil.
func (p *Prepared) check() error {
	if p == nil || !p.message.Type.valid() && p.err == nil {
		return ErrMessageType // not one of Prepare's
	}
	return p.err
}

// compressed returns the message compressed with this setting.
func (p *Prepared) compressed(s deflateSetting) frameImage {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.deflated[s]
	if !ok {
		var d deflater
		poolDeflater(&d)
		d.init(s.windowBits, false, s.effort)
		data := d.append(nil, p.message.Data, true)
		d.rest()
		f = newFrameImage(Header{Fin: true, RSV1: true, Opcode: Opcode(p.message.Type)}, data)
		if p.deflated == nil {
			p.deflated = make(map[deflateSetting]frameImage)
		}
		p.deflated[s] = f
	}
	return f
}

// imageFor returns the frame that s sends, but for the mask. It compresses if
// need be, so it is called before the frame turn is taken, for which a Pong may
// wait.
func (p *Prepared) imageFor(s *Sender) frameImage {
	if s.canCompress(p.message.Data) && !p.message.NoCompression {
		return p.compressed(s.deflateSetting())
	}
	return p.plain
}

// WritePrepared sends messages like WriteBatch, but each always in one frame.
// Compressed, they do not refer to what this connection has sent before, so they
// may be larger than with Write.
func (c *Conn) WritePrepared(ctx context.Context, messages ...*Prepared) error {
	if !c.writeTurn.lock(ctx.Done(), c.done) {
		return c.expired(ctx)
	}
	defer c.writeTurn.unlock()
	if ctx.Err() != nil || c.Err() != nil {
		return c.expired(ctx)
	}
	for _, p := range messages {
		if p.check() == nil {
			p.imageFor(&c.sender)
		}
	}
	if err := c.beginWrite(ctx); err != nil {
		return err
	}
	var err error
	for i := 0; i < len(messages) && err == nil; i++ {
		err = c.sendPrepared(messages[i])
	}
	return c.endWrite(ctx, err)
}

// sendPrepared adds a message to the outbox.
func (c *Conn) sendPrepared(p *Prepared) error {
	f, h, err := c.beginPrepared(p)
	switch {
	case err != nil:
		return err
	case h.Masked:
		c.out.frame(h, f.payload())
	default:
		c.out.shared(f.b)
	}
	return nil
}

// beginPrepared has the Sender judge the message as its next one, and returns
// the frame to be sent, and its header. The caller has the frame turn.
func (c *Conn) beginPrepared(p *Prepared) (f frameImage, h Header, err error) {
	if err := p.check(); err != nil {
		return f, h, err
	}
	m := &p.message
	c.sender.NoCompression, c.sender.validated = m.NoCompression, true
	h, err = c.sender.begin(Opcode(m.Type), true, m.Data)
	c.sender.validated = false
	if err != nil {
		return f, h, err
	}
	c.sends(true)
	f = p.imageFor(&c.sender)
	h.Length = uint64(len(f.payload()))
	if h.RSV1 {
		c.sender.adopt(m.Data)
	}
	return f, h, nil
}

// tryPrepared sends a message on a server's socket as far as that can be done
// without waiting for anything. When it returns false nothing has happened. When
// rest is not empty, the message has begun, and the caller has to see to it that
// finishPrepared is called with it, by a goroutine that may wait: until then nobody
// else can send. An error is that of the transport.
func (c *Conn) tryPrepared(p *Prepared) (rest []byte, ok bool, err error) {
	if c.role != RoleServer || c.out.raw == nil {
		return nil, false, nil // a client would have to mask a copy, and TLS to encrypt one
	}
	p.imageFor(&c.sender)
	if !c.writeTurn.tryLock() {
		return nil, false, nil
	}
	if !c.frameTurn.tryLock() {
		c.writeTurn.unlock()
		return nil, false, nil
	}
	if c.writable() == nil && !c.owing.Load() {
		if f, _, err := c.beginPrepared(p); err == nil {
			rest, ok = f.b[c.out.try(&c.writeWatch, f.b):], true
		}
	}
	if c.out.err != nil && ok {
		c.hurry() // not cut, which may call the application
		rest, err = nil, c.writable()
	}
	if len(rest) == 0 {
		c.sent()
		c.yield()
		c.writeTurn.unlock()
	}
	return rest, ok, err
}

// finishPrepared sends what tryPrepared has left.
func (c *Conn) finishPrepared(rest []byte) error {
	c.out.open(&c.writeWatch)
	c.out.shared(rest)
	err := c.endWrite(context.Background(), nil)
	c.writeTurn.unlock()
	return err
}
