// This file lets connections share the memory that compression needs only while
// it works: what is a connection's own is the windows, and a deflater's table
// for as long as the connection is busy.

package websocket

import (
	"math/bits"
	"sync"
)

var (
	deflatePool = sync.Pool{New: func() any { return new(deflateScratch) }}
	inflatePool = sync.Pool{New: func() any { return new(inflateScratch) }}
	tablePools  [maxWindowBits]sync.Pool // tablePools[i] holds tables of 1<<i words
)

func takeDeflateTable(words int) *deflateTable {
	if t, ok := tablePools[bits.Len(uint(words-1))].Get().(*deflateTable); ok {
		return t
	}
	return newDeflateTable(words)
}

func giveDeflateTable(t *deflateTable) { tablePools[bits.Len(uint(len(t.words)-1))].Put(t) }

// setCompression turns compression on as it was agreed on, with pooled memory.
func (c *Conn) setCompression(agreed *Compression) {
	c.receiver.SetCompression(agreed)
	c.sender.SetCompression(agreed)
	if agreed == nil {
		return
	}
	f := c.receiver.inflater
	f.scratch = func() *inflateScratch { return inflatePool.Get().(*inflateScratch) }
	f.done = func(s *inflateScratch) { inflatePool.Put(s) }
	poolDeflater(c.sender.deflater)
}

func poolDeflater(d *deflater) {
	d.scratch = func() *deflateScratch { return deflatePool.Get().(*deflateScratch) }
	d.done = func(s *deflateScratch) { deflatePool.Put(s) }
	d.getTable, d.doneTable = takeDeflateTable, giveDeflateTable
}

// Compression returns what was agreed on for permessage-deflate, with the
// defaults filled in, or nil when messages are not compressed. Who cannot go
// on without closes the connection: a client with CloseMandatoryExtension
// (§7.4.1).
func (c *Conn) Compression() *Compression {
	if c.opts.Compression == nil {
		return nil
	}
	agreed := c.opts.Compression.normal()
	return &agreed
}

// maxDeflateFrame is the most of a message that goes into one compressed frame,
// so that the result fits a buffer of 64 KiB even if it cannot be compressed. A
// longer message is fragmented (§5.4), and leaves as it is compressed.
const maxDeflateFrame = 64<<10 - 64

// sendCompressed compresses p, which begin has judged, and adds it to the
// outbox as one frame or several.
func (c *Conn) sendCompressed(h Header, p []byte) {
	c.compressing = true
	frames := max((len(p)+maxDeflateFrame-1)/maxDeflateFrame, 1)
	size := (len(p) + frames - 1) / frames // all of about the same size: none is tiny
	buf := getBuffer(size + 64)
	defer putBuffer(buf)
	for left := frames; left > 0 && c.out.err == nil; left-- {
		n := min(size, len(p))
		piece := h
		piece.Fin = h.Fin && left == 1
		data := c.sender.deflater.append((*buf)[:0], p[:n], piece.Fin)
		piece.Length = uint64(len(data))
		c.out.frame(piece, data)
		p = p[n:]
		h = c.sender.header(OpContinuation, h.Fin, 0)
	}
}

// calm gives up what a deflater needs only while the connection is busy, when
// it has compressed nothing since the last time.
func (c *Conn) calm() {
	if c.sender.deflater == nil || !c.frameTurn.tryLock() {
		return
	}
	if !c.compressing {
		c.sender.Rest()
	}
	c.compressing = false
	c.yield()
}
