// This file turns received bytes into events and judges every frame (§5, §6.2,
// §8.1). It does no I/O, allocates nothing and buffers nothing but headers and
// control payloads: message payloads stay in the caller's buffer. Only those that
// are compressed have to come out somewhere else: see receiver_deflate.go.

package websocket

// An EventKind says what a Receiver has found.
type EventKind uint8

// The kinds of events.
const (
	NeedMore      EventKind = iota // all bytes are consumed; an event needs more
	FrameStart                     // a header; only when Receiver.EachFrame is set
	DataReceived                   // a piece of a message, perhaps the last
	PingReceived                   // a whole ping
	PongReceived                   // a whole pong
	CloseReceived                  // a whole Close, with a valid body
)

// An Event is what a Receiver found in the bytes that it was given.
type Event struct {
	Kind   EventKind
	Op     Opcode // of the message, also on continuation frames; of the frame for control frames
	Final  bool   // last piece of the message
	Header Header // of the frame

	// Data is the unmasked piece of a message, a part of the caller's buffer.
	// For a compressed message it is inflated, and like the unmasked payload of
	// a control frame valid until the next call.
	Data []byte
}

// A Receiver decodes what one peer sends. It can stop and resume at every
// byte. It is not safe for concurrent use.
type Receiver struct {
	// EachFrame makes Next return a FrameStart event behind every header.
	EachFrame bool

	role   Role // ours: a server receives masked frames
	limits Limits

	partial    [MaxHeaderSize]byte // header that has not arrived whole
	partialLen uint8

	inFrame bool   // a header was accepted and its frame is not finished
	frame   Header // of that frame, or the one before it
	left    uint64 // bytes of its payload that are still to come

	message  message
	text     UTF8      // of the message in progress, when it is text
	inflater *inflater // nil when compression was not agreed on

	control    [MaxControlPayload]byte
	controlLen uint8

	offset int64 // bytes consumed so far
	start  int64 // offset of the first byte of the frame in progress

	closed bool // latch: a Close was received
	err    error
}

// message is what a receiver must remember of the message in progress.
type message struct {
	op         Opcode // of its first frame; OpContinuation when there is none
	size       uint64 // sum of the lengths announced so far
	inflated   int64  // bytes that have come out of it, when it is compressed
	frames     int
	compressed bool // its first frame had RSV1 (7692 §6)
}

// NewReceiver returns a Receiver for the side that takes the role.
func NewReceiver(role Role, limits Limits) *Receiver {
	r := &Receiver{}
	r.init(role, limits)
	return r
}

func (r *Receiver) init(role Role, limits Limits) {
	r.role, r.limits = role, limits.normal()
}

// Next consumes b[:n] and returns the first event in it. It unmasks in place.
// When the event is NeedMore, all of b is consumed. Call it until then, also when
// nothing is left of b: more may come out of a compressed message than its bytes
// seem to hold, and with EachFrame the end of an empty frame is an event of its
// own.
//
// The first broken rule is returned as a *ProtocolError, then and ever after,
// and nothing behind it is looked at (§7.1.7). What comes behind a Close is
// consumed and ignored (§1.4).
func (r *Receiver) Next(b []byte) (ev Event, n int, err error) {
	if r.err != nil {
		return Event{}, 0, r.err
	}
	if r.closed {
		r.offset += int64(len(b))
		return Event{}, len(b), nil
	}
	var broken Rule
	if !r.inFrame {
		if n, broken = r.takeHeader(b); !r.inFrame || r.EachFrame {
			r.offset += int64(n)
			return r.started(), n, r.fail(broken)
		}
	}
	var m int
	if r.frame.Opcode.IsControl() {
		ev, m, broken = r.takeControl(b[n:])
	} else {
		ev, m, broken = r.takeData(b[n:])
	}
	n += m
	r.offset += int64(n)
	return ev, n, r.fail(broken)
}

// Want returns how many bytes of the payload of a data frame come next. So
// many may be read straight to where they belong and given to Next from there. It
// is 0 for compressed messages, which are somewhere else when they come out.
func (r *Receiver) Want() int64 {
	if !r.inData() || r.message.compressed {
		return 0
	}
	return int64(min(r.left, uint64(maxInt)))
}

// idle reports whether the last byte that was consumed ended a message or a
// control frame outside of messages.
func (r *Receiver) idle() bool {
	return !r.inFrame && r.partialLen == 0 && r.message.op == OpContinuation
}

// inData reports whether a data frame has begun and not ended.
func (r *Receiver) inData() bool { return r.inFrame && !r.frame.Opcode.IsControl() }

// Closed reports whether a Close frame was received.
func (r *Receiver) Closed() bool { return r.closed }

// Err returns the broken rule as a *ProtocolError, or nil.
func (r *Receiver) Err() error { return r.err }

// fail makes the broken rule the Receiver's last word.
func (r *Receiver) fail(broken Rule) error {
	if broken == 0 {
		return nil
	}
	r.err = &ProtocolError{Rule: broken, Offset: r.start}
	return r.err
}

// takeHeader consumes a header, or what there is of it, and begins its frame
// when it breaks no rule.
func (r *Receiver) takeHeader(b []byte) (n int, broken Rule) {
	size := 0
	if r.partialLen == 0 {
		size = r.frame.parse(b)
		n = size
	}
	for ; size == 0; r.partialLen++ {
		if n == len(b) {
			return n, 0
		}
		r.partial[r.partialLen] = b[n]
		n++
		size = r.frame.parse(r.partial[:r.partialLen+1])
	}
	r.partialLen = 0
	r.start = r.offset + int64(n-size)
	if broken = r.check(&r.frame); broken == 0 {
		r.begin()
	}
	return n, broken
}

// check is every rule on headers: what h says by itself, and what it says
// about the message in progress. It changes nothing.
func (r *Receiver) check(h *Header) Rule {
	switch {
	// §5.2: a reserved bit needs an extension that defines it. 7692 §6:
	// permessage-deflate defines RSV1 on the first frame of a message.
	case h.RSV2 || h.RSV3 || h.RSV1 && (r.inflater == nil || !h.Opcode.startsMessage()):
		return RuleReservedBit
	// §5.2: opcodes 3–7 and 0xB–0xF are reserved.
	case !h.Opcode.defined():
		return RuleOpcode
	// §5.1: a client masks every frame, a server none.
	case r.role == RoleServer && !h.Masked:
		return RuleMaskMissing
	case r.role == RoleClient && h.Masked:
		return RuleMaskForbidden
	// §5.2: the most significant bit of a 64-bit length is 0.
	case h.Length>>63 != 0:
		return RuleLengthSign
	}
	if h.Opcode.IsControl() {
		return checkControl(h)
	}
	// §5.2: the length takes the fewest bytes that hold it.
	if h.Overlong != 0 {
		return RuleLengthForm
	}
	return checkData(h, &r.message, &r.limits)
}

func checkControl(h *Header) Rule {
	switch {
	// §5.5: control frames are never fragmented and at most 125 bytes long.
	case !h.Fin:
		return RuleControlFragmented
	case h.Length > MaxControlPayload:
		return RuleControlLength
	case h.Overlong != 0: // §5.2
		return RuleLengthForm
	}
	return 0
}

func checkData(h *Header, m *message, limits *Limits) Rule {
	switch {
	// §5.4: a continuation continues a message, and no message begins inside
	// another.
	case h.Opcode == OpContinuation && m.op == OpContinuation:
		return RuleContinuation
	case h.Opcode != OpContinuation && m.op != OpContinuation:
		return RuleInterleaved
	// §10.4: judged on the header, before any payload.
	case h.Length > limits.wire(m.compressed || h.RSV1, m.frames)-m.size:
		return RuleTooBig
	case m.frames >= limits.MaxFrames:
		return RuleTooManyFrames
	}
	return 0
}

// begin starts the frame whose header, in r.frame, broke no rule.
func (r *Receiver) begin() {
	h := &r.frame
	r.inFrame, r.left = true, h.Length
	if h.Opcode.IsControl() {
		r.controlLen = 0
		return
	}
	if h.Opcode != OpContinuation {
		r.message.op, r.message.compressed = h.Opcode, h.RSV1
	}
	r.message.size += h.Length
	r.message.frames++
}

// started returns the FrameStart event of the frame that has just begun, or
// NeedMore when none has.
func (r *Receiver) started() Event {
	if !r.inFrame {
		return Event{}
	}
	op := r.frame.Opcode
	if !op.IsControl() {
		op = r.message.op
	}
	return Event{Kind: FrameStart, Op: op, Header: r.frame}
}

// take consumes the payload of the frame in progress as far as b has it, and
// unmasks it (§5.3).
func (r *Receiver) take(b []byte) []byte {
	p := b[:min(uint64(len(b)), r.left)]
	r.unmask(p)
	r.left -= uint64(len(p))
	r.inFrame = r.left > 0
	return p
}

// unmask unmasks the next bytes of the payload.
func (r *Receiver) unmask(p []byte) {
	if r.frame.Masked {
		Mask(p, r.frame.MaskKey, int((r.frame.Length-r.left)&3))
	}
}

func (r *Receiver) takeData(b []byte) (ev Event, n int, broken Rule) {
	var p []byte
	if r.message.compressed {
		p, n, broken = r.takeCompressed(b)
	} else {
		p = r.take(b)
		n = len(p)
	}
	if broken != 0 || len(p) == 0 && r.inFrame {
		return Event{}, n, broken
	}
	ev, broken = r.piece(p)
	return ev, n, broken
}

// piece returns the event of a piece of the message, which is the last one when
// a final frame has ended.
func (r *Receiver) piece(p []byte) (ev Event, broken Rule) {
	ev = Event{Kind: DataReceived, Op: r.message.op, Final: !r.inFrame && r.frame.Fin, Header: r.frame, Data: p}
	text := ev.Op == OpText
	switch {
	// §8.1: text fails at the first byte that cannot be UTF-8, and at its end
	// when that is inside a code point.
	case text && !r.text.Write(p):
		return Event{}, RuleUTF8
	case r.message.compressed && !r.inFrame && !r.endCompressed(ev.Final):
		return Event{}, RuleDeflate
	case text && ev.Final && !r.text.Complete():
		return Event{}, RuleUTF8
	}
	if ev.Final {
		r.message, r.text = message{}, UTF8{}
	}
	return ev, 0
}

var controlEvents = [...]EventKind{OpClose: CloseReceived, OpPing: PingReceived, OpPong: PongReceived}

func (r *Receiver) takeControl(b []byte) (ev Event, n int, broken Rule) {
	p := r.take(b)
	n = len(p)
	r.controlLen += uint8(copy(r.control[r.controlLen:], p))
	if r.inFrame {
		return Event{}, n, 0
	}
	op := r.frame.Opcode
	ev = Event{Kind: controlEvents[op], Op: op, Final: true, Header: r.frame, Data: r.control[:r.controlLen]}
	if op != OpClose {
		return ev, n, 0
	}
	if _, _, broken = ParseCloseBody(ev.Data); broken != 0 {
		return Event{}, n, broken
	}
	r.closed = true
	return ev, n, 0
}
