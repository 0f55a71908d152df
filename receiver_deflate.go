// This file receives the payloads of compressed messages (7692 §6.2, §7.2.2):
// unmasked, through the inflater, and judged as they come out. Limits hold for
// every single piece, so that a small message cannot grow large in memory
// (§10.4).

package websocket

// SetCompression says what was agreed on for permessage-deflate: Accept or
// Confirm has returned it. It comes before the first byte; nil stands for no
// compression.
func (r *Receiver) SetCompression(agreed *Compression) {
	r.inflater = nil
	if agreed == nil {
		return
	}
	c := agreed.normal()
	r.inflater = &inflater{}
	r.inflater.init(c.sentBy(1 - r.role)) // the other one
}

// maxInflateInput is how much compressed data the inflater is given at once. It
// may leave some of it, which is masked again then.
const maxInflateInput = 1024

// takeCompressed consumes compressed payload until something comes out that may
// be looked at.
func (r *Receiver) takeCompressed(b []byte) (out []byte, n int, broken Rule) {
	out, n, ok := r.inflate(b)
	if !ok {
		return nil, n, RuleDeflate
	}
	r.inFrame = r.left > 0 || len(out) > inflateChunk // then more may come out
	return out, n, r.admit(out)
}

// endCompressed reports whether the payload of a frame, which may be that of the
// whole message, has ended without a fault (7692 §7.2.2). What has come out last
// stays where it is.
func (r *Receiver) endCompressed(final bool) (ok bool) {
	if final {
		_, _, ok = r.inflater.end()
	} else {
		_, _, ok = r.inflater.next(nil)
	}
	return ok
}

// inflate gives payload to the inflater until something comes out or all is
// consumed.
func (r *Receiver) inflate(b []byte) (out []byte, n int, ok bool) {
	for {
		p := b[n:]
		p = p[:min(uint64(len(p)), r.left, maxInflateInput)]
		r.unmask(p)
		var m int
		out, m, ok = r.inflater.next(p)
		r.left -= uint64(m)
		r.unmask(p[m:]) // masks what comes again
		n += m
		if len(out) > 0 || !ok || r.left == 0 || n == len(b) {
			return out, n, ok
		}
	}
}

// admit holds the limit against what has come out. The bytes up to the limit
// are judged first, so that it does not matter how the input was cut.
func (r *Receiver) admit(out []byte) Rule {
	fits := int(min(r.limits.MaxMessageSize-r.message.inflated, int64(len(out))))
	r.message.inflated += int64(fits)
	switch {
	case fits == len(out):
		return 0
	case r.message.op == OpText && !r.text.Write(out[:fits]): // §8.1
		return RuleUTF8
	}
	return RuleTooBig
}

// Rest lets go the memory that only a compressed message in progress needs, 15
// KiB, unless there is one. What the last event had in it is gone then. Call it
// when the next bytes may be long in coming.
func (r *Receiver) Rest() {
	if r.inflater != nil {
		r.inflater.rest()
	}
}
