// This file sends one message on many connections, with what they have in common
// done once.

package websocket

import (
	"context"
	"sync"
	"unicode/utf8"
)

// A Prepared is a message that is to be sent on many connections: it is checked
// once, and compressed once for each effort and window size that they have
// agreed on. It may be used by many goroutines.
type Prepared struct {
	message Message
	err     error // why it cannot be sent

	mu       sync.Mutex
	deflated map[deflateSetting][]byte
}

// Prepare returns a message that is sent with Conn.WritePrepared. m.Data must not
// be changed any more. It is compressed where that was agreed on, unless
// m.NoCompression is set or it is shorter than the connection's Threshold.
func Prepare(m Message) *Prepared {
	p := &Prepared{message: m}
	switch {
	case !m.Type.valid():
		p.err = ErrMessageType
	case m.Type == Text && !utf8.Valid(m.Data):
		p.err = ErrInvalidUTF8
	}
	return p
}

// data returns the message compressed with this setting.
func (p *Prepared) data(s deflateSetting) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	data, ok := p.deflated[s]
	if !ok {
		var d deflater
		poolDeflater(&d)
		d.init(s.windowBits, false, s.effort)
		data = d.append(nil, p.message.Data, true)
		d.rest()
		if p.deflated == nil {
			p.deflated = make(map[deflateSetting][]byte)
		}
		p.deflated[s] = data
	}
	return data
}

// WritePrepared sends a message like Write, but always in one frame. Compressed, it
// does not refer to what this connection has sent before, so it may be larger than
// with Write.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	if p.err != nil {
		return p.err
	}
	if !c.writeTurn.lock(ctx.Done(), c.done) {
		return c.expired(ctx)
	}
	defer c.writeTurn.unlock()
	if ctx.Err() != nil || c.Err() != nil {
		return c.expired(ctx)
	}
	m := &p.message
	data := m.Data
	if c.sender.canCompress(m.Data) && !m.NoCompression { // before the frame turn, for which a Pong may wait
		data = p.data(c.sender.deflateSetting())
	}
	if err := c.beginWrite(ctx); err != nil {
		return err
	}
	return c.endWrite(ctx, c.sendPrepared(m, data))
}

// sendPrepared adds a message to the outbox of which data is what the frame is to
// carry.
func (c *Conn) sendPrepared(m *Message, data []byte) error {
	c.sender.NoCompression, c.sender.validated = m.NoCompression, true
	h, err := c.sender.begin(Opcode(m.Type), true, m.Data)
	c.sender.validated = false
	if err != nil {
		return err
	}
	if h.RSV1 {
		h.Length = uint64(len(data))
		c.sender.adopt(m.Data)
	}
	c.out.frame(h, data)
	return nil
}
