// This file compresses messages for permessage-deflate (RFC 7692): it keeps
// what one connection knows between messages and cuts messages into blocks. It
// knows nothing of frames.
//
// A deflater must never refer to anything older than its window or than its
// history, never set BFINAL, and never change or keep the caller's bytes.

package websocket

// maxDeflateBlock is how many bytes of a message go into one block at most: as
// many as a stored block may have (1951 §3.2.4).
const maxDeflateBlock = 65535

// A deflater compresses what one side of a connection sends. init must be called
// first.
type deflater struct {
	deflateHooks
	history  deflateHistory
	table    *deflateTable   // nil at rest
	own      *deflateScratch // nil at rest, and when there is a hook
	bits     uint64          // what is not yet a whole byte, lowest bit first
	nbits    uint            // how many bits those are, < 8
	takeover bool
	effort   uint8
}

// deflateHooks says where a deflater's larger memory comes from and goes to.
// Whatever was in it does not matter. A nil function stands for allocating and
// for letting go.
type deflateHooks struct {
	scratch   func() *deflateScratch // for the time of one call of append
	done      func(*deflateScratch)
	getTable  func(words int) *deflateTable // from then on until rest
	doneTable func(*deflateTable)
}

// init makes d ready for a window of 2^windowBits bytes, 8 to 15 (7692
// §7.1.2). Without takeover each message begins with an empty window.
func (d *deflater) init(windowBits int, takeover bool, effort int) {
	*d = deflater{
		deflateHooks: d.deflateHooks,
		history:      deflateHistory{size: 1 << windowBits},
		takeover:     takeover,
		effort:       uint8(min(max(effort, effortFast), effortBest)),
	}
	d.history.forget()
}

// append compresses p, the next piece of a message, and appends the result to
// dst. The final piece ends the message as 7692 §7.2.1 wants it. What is between
// the length of dst and its capacity may be overwritten, behind the result too:
// with deflateSlack bytes more room than that takes, and once d is warm, nothing
// is allocated.
func (d *deflater) append(dst, p []byte, final bool) []byte {
	if len(p) > 0 {
		dst = d.compress(dst, p, final)
	}
	if !final {
		return dst
	}
	// An empty stored block fills the byte up; its 00 00 ff ff is left out.
	dst = append(dst, byte(d.bits))
	if d.nbits+blockHeader > 8 {
		dst = append(dst, 0)
	}
	d.bits, d.nbits = 0, 0
	if !d.takeover {
		d.history.forget()
	}
	return dst
}

// compress writes p as blocks. Up to 7 bits stay in d.
func (d *deflater) compress(dst, p []byte, final bool) []byte {
	s := d.takeScratch()
	d.takeTable()
	m := lzMatcher{p: p, old: &d.history, table: d.table, good: lzGood(d.effort)}
	w := newBitWriter(dst, d.bits, d.nbits)
	for from := 0; from < len(p); {
		to := from + nextBlockLength(len(p)-from)
		b := deflateBlock{deflateScratch: s, p: p[from:to]}
		b.tokens = m.parse(s.tokens[:0], from, to)
		b.write(&w)
		from = to
	}
	d.bits, d.nbits = w.bits, w.n
	if d.takeover || !final {
		d.history.add(p)
	}
	if d.done != nil {
		d.done(s) // nothing of the result is in it
	}
	return w.bytes()
}

// nextBlockLength returns the length of the next block when n bytes are
// left. The last two blocks share what there is, so that none is tiny.
func nextBlockLength(n int) int {
	switch {
	case n <= maxDeflateBlock:
		return n
	case n < 2*maxDeflateBlock:
		return (n + 1) / 2
	}
	return maxDeflateBlock
}

// rest gives up all that d can make again: everything but the history. It may be
// called between any two calls of append. The next one enters the whole history
// into a new table, which takes longer than a small message.
func (d *deflater) rest() {
	if d.table != nil && d.doneTable != nil {
		d.doneTable(d.table)
	}
	d.table, d.own = nil, nil
	if d.history.n == 0 { // as it always is without takeover, between messages
		d.history.ring = nil
	}
}

func (d *deflater) takeScratch() *deflateScratch {
	if d.scratch != nil {
		return d.scratch()
	}
	if d.own == nil {
		d.own = new(deflateScratch)
	}
	return d.own
}

// takeTable sees to it that there is a table, with the history in it.
func (d *deflater) takeTable() {
	if d.table != nil {
		return
	}
	words := tableWords(d.history.size)
	if d.getTable != nil {
		d.table = d.getTable(words)
	} else {
		d.table = newDeflateTable(words)
	}
	d.table.begin(&d.history, d.effort == effortBest)
}
