// This file lets connections share the memory that compression needs only while
// it works: what is a connection's own is the windows, and a deflater's table
// for as long as the connection is busy.

package websocket

import (
	"math/bits"
	"sync"
	"time"
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
// defaults filled in, or nil when messages are not compressed; Effort and Threshold
// are this side's own. Who cannot go on without closes the connection: a client
// with CloseMandatoryExtension (§7.4.1).
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
	c.heat()
	frames := max((len(p)+maxDeflateFrame-1)/maxDeflateFrame, 1)
	size := (len(p) + frames - 1) / frames // all of about the same size: none is tiny
	buf := getBuffer(size + 64)
	defer putBuffer(buf)
	fin := h.Fin
	for left := frames; left > 0 && c.out.err == nil; left-- {
		if left < frames {
			h = c.sender.header(OpContinuation, fin, 0)
		}
		n := min(size, len(p))
		h.Fin = fin && left == 1
		data := c.sender.deflater.append((*buf)[:0], p[:n], h.Fin)
		h.Length = uint64(len(data))
		c.out.frame(h, data)
		p = p[n:]
	}
}

// calmAfter is for how long a connection must have compressed nothing, at least,
// before it gives up what its deflater needs only while it is busy. To make that
// anew takes some microseconds, so a shorter time would do as well.
const calmAfter = 30 * time.Second

// A warmth tells whether a connection is busy compressing.
type warmth struct {
	used  bool        // something was compressed since the timer was set; belongs to who has frameTurn
	timer *time.Timer // nil until something is compressed; guarded by Conn.mu
}

// heat is called before something is compressed. As long as the deflater has a
// table, the timer runs.
func (c *Conn) heat() {
	c.warm.used = true
	if c.sender.deflater.table == nil {
		c.watchWarmth(calmAfter)
	}
}

// watchWarmth has calm called after d.
func (c *Conn) watchWarmth(d time.Duration) { c.later(&c.warm.timer, d, (*Conn).calm) }

// calm is called when the connection may have compressed nothing for calmAfter.
func (c *Conn) calm() {
	if !c.frameTurn.tryLock() { // somebody writes
		c.watchWarmth(calmAfter / 8)
		return
	}
	if c.warm.used {
		c.warm.used = false
		c.watchWarmth(calmAfter)
	} else {
		c.sender.Rest()
	}
	c.yield()
}
