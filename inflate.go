// This file inflates the messages of one sender (7692 §7.2.2, RFC 1951): bytes
// in, bytes out, and it can stop and resume at every byte. At rest it holds the
// history that the next message may refer to, and nothing else. It knows nothing
// of frames, limits and text: who calls it counts what comes out.

package websocket

// inflateChunk is how many bytes one call gives out, but for the end of the
// match that crosses this line.
const inflateChunk = 4096

// An inflater must be given everything that one sender compresses, in order.
// init must be called first.
type inflater struct {
	// scratch and done say where the scratch comes from and goes to; whatever was
	// in it does not matter. nil stands for allocating and for letting go.
	scratch func() *inflateScratch
	done    func(*inflateScratch)

	takeover bool // between messages, the history stays
	bad      bool // latch: the data was not valid
	history  inflateHistory
	s        *inflateScratch // of the message in progress; nil between messages
	spare    *inflateScratch // of the message before; nil at rest
}

// inflateScratch is what an inflater needs only until it rests.
type inflateScratch struct {
	src   []byte // rest of the caller's bytes, during a call only
	hold  uint64 // bits that were taken from src and not used, the next one lowest
	nbits uint   // how many; those above are 0
	pos   int    // bytes of out that this call has made

	step   inflateStep
	final  bool // BFINAL of the block in progress
	length int  // of a stored block: bytes to come

	nlit, ndist, ncode, have int // of a dynamic header: sizes, and lengths read so far

	tables   *inflateTables // of the block in progress: own, or the fixed ones
	own      inflateTables
	sub      [inflateSubSize]inflateEntry // second level of own
	subUsed  int
	codeLens [codeLenSymbols]uint8
	lens     [fixedLitLens + fixedDists]uint8
	sorted   [fixedLitLens]uint16

	out     [inflateChunk + inflateOverrun]byte
	history []byte // between messages: memory for the history of one without takeover
}

// init makes f ready for a sender with a window of 2^windowBits bytes, 8 to 15
// (7692 §7.1.2). Without takeover each message begins with an empty window
// (7692 §7.1.1).
func (f *inflater) init(windowBits int, takeover bool) {
	f.drop()
	f.takeover, f.bad = takeover, false
	f.history = inflateHistory{limit: 1 << windowBits}
}

// next consumes src[:n] and returns what that yields, which the caller may
// overwrite and which is valid until the next call of any method. More may come of
// the bytes so far only when out is longer than inflateChunk: otherwise n is
// len(src), or a fault comes next. When ok is false, the message is not valid
// DEFLATE data, and what follows will not be either. All that came before the
// fault has been returned by then.
func (f *inflater) next(src []byte) (out []byte, n int, ok bool) {
	if f.bad || f.s == nil && len(src) == 0 {
		return nil, 0, !f.bad
	}
	s := f.s
	if s == nil {
		s = f.begin()
	}
	s.src, s.pos = src, 0
	v := inflateOn
	for v == inflateOn && s.pos <= inflateChunk {
		v = f.advance(s)
	}
	n = len(src) - len(s.src)
	s.src = nil
	if v == inflateBad && s.pos == 0 {
		f.fail()
		return nil, n, false
	}
	out = s.out[:s.pos]
	f.history.add(out)
	return out, n, true
}

// end says that next has been given the last byte of the message's payload. It
// returns what there still is to return; call it until more is false. Then ok
// reports whether the message was complete; if so, what the call before has
// returned is still valid.
//
// The receiver is to append 00 00 FF FF to the payload (7692 §7.2.2). The
// sender has cut these bytes from the end of an empty stored block, so they
// must be the LEN and NLEN of one, and then they yield nothing. What matters is
// that these are what comes next. Anywhere else the payload was cut: the bytes
// would be taken for codes, or for the middle of something.
//
// So what has kept the four bytes, or has no block behind one with BFINAL (7692
// §7.2.1, §7.2.3.5), is refused, although zlib would overlook it.
//
// Choice (7692 §7.2.2): a payload of no bytes is an empty message, although no
// block is there for the four bytes to end.
func (f *inflater) end() (out []byte, more, ok bool) {
	out, _, ok = f.next(nil)
	if len(out) > 0 || f.s == nil {
		return out, len(out) > 0, ok
	}
	if f.s.step != inflateAtLength || f.s.nbits != 0 {
		f.fail()
		return nil, false, false
	}
	f.finish()
	return nil, false, true
}

// rest gives back the scratch between messages, and with it what the last call
// returned. In the middle of a message it does nothing. With a pool behind it, it
// may be called after each message.
func (f *inflater) rest() {
	if f.spare != nil && f.done != nil {
		f.done(f.spare)
	}
	f.spare = nil
}

// drop gives back everything. Only init makes f useful again.
func (f *inflater) drop() {
	if f.s != nil {
		f.finish()
	}
	f.rest()
	f.history = inflateHistory{limit: f.history.limit}
}

func (f *inflater) fail() {
	f.drop()
	f.bad = true
}

func (f *inflater) begin() *inflateScratch {
	s := f.spare
	switch {
	case s != nil:
	case f.scratch != nil:
		s = f.scratch()
	default:
		s = new(inflateScratch)
	}
	f.s, f.spare = s, nil
	s.hold, s.nbits, s.step = 0, 0, inflateAtHeader
	if !f.takeover {
		f.history.b, s.history = s.history[:0], nil
	}
	return s
}

// finish leaves the message in progress. Its last piece lies in the scratch until
// the next call, so that must not be given away yet.
func (f *inflater) finish() {
	f.s, f.spare = nil, f.s
	if !f.takeover {
		f.spare.history = f.history.b
		f.history = inflateHistory{limit: f.history.limit}
	}
}

// inflateHistory holds the last bytes that were inflated: all of them until
// there are limit, from then on it is a ring. Its memory grows as they
// come, up to limit.
type inflateHistory struct {
	b     []byte
	next  int // where the next byte belongs; the oldest is there when b is full
	limit int
}

func (h *inflateHistory) add(p []byte) {
	p = p[max(0, len(p)-h.limit):]
	if room := h.limit - len(h.b); room > 0 && len(p) > 0 {
		head := p[:min(room, len(p))]
		h.grow(len(h.b) + len(head))
		h.b = append(h.b, head...)
		h.advance(len(head))
		p = p[len(head):]
	}
	if n := copy(h.b[h.next:], p); n < len(p) {
		copy(h.b, p[n:])
	}
	h.advance(len(p))
}

func (h *inflateHistory) advance(n int) {
	if h.next += n; h.next >= h.limit {
		h.next -= h.limit
	}
}

func (h *inflateHistory) grow(size int) {
	if size > cap(h.b) {
		h.b = append(make([]byte, 0, min(h.limit, max(size, 2*cap(h.b)))), h.b...)
	}
}
