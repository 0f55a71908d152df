// This file turns received bytes into events and judges every frame (§5, §6.2,
// §8.1). It does no I/O, allocates nothing and buffers nothing but headers and
// control payloads: message payloads stay in the caller's buffer.

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

	// Data is the unmasked piece of a message, a part of the caller's buffer,
	// or the unmasked payload of a control frame, valid until the next call.
	Data []byte
}

// Limits bounds what a Receiver accepts (§10.4). The zero value stands for the
// defaults, negative values for no limit but that of an int.
type Limits struct {
	// MaxMessageSize is the most bytes that a message may carry, all its frames
	// together. It is held against the lengths that headers announce. Default
	// DefaultMaxMessageSize.
	MaxMessageSize int64

	// MaxFrames is the most frames that a message may consist of. Default
	// DefaultMaxFrames.
	MaxFrames int
}

// The limits that hold when none are set.
const (
	DefaultMaxMessageSize = 1 << 20 // 1 MiB
	DefaultMaxFrames      = 131072
)

const maxInt = int(^uint(0) >> 1)

// normal replaces zero and negative values by what they stand for.
func (l Limits) normal() Limits {
	switch {
	case l.MaxMessageSize == 0:
		l.MaxMessageSize = DefaultMaxMessageSize
	case l.MaxMessageSize < 0 || l.MaxMessageSize > int64(maxInt):
		l.MaxMessageSize = int64(maxInt) // a message is a []byte to the reader
	}
	switch {
	case l.MaxFrames == 0:
		l.MaxFrames = DefaultMaxFrames
	case l.MaxFrames < 0:
		l.MaxFrames = maxInt
	}
	return l
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

	message message
	text    UTF8 // of the message in progress, when it is text

	control    [MaxControlPayload]byte
	controlLen uint8

	offset int64 // bytes consumed so far
	start  int64 // offset of the first byte of the frame in progress

	closed bool // latch: a Close was received
	err    error
}

// message is what a receiver must remember of the message in progress.
type message struct {
	op     Opcode // of its first frame; OpContinuation when there is none
	size   uint64 // sum of the lengths announced so far
	frames int
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
// nothing is left of b: with EachFrame the end of an empty frame is an event of
// its own.
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
// many may be read straight to where they belong and given to Next from there.
func (r *Receiver) Want() int64 {
	if !r.inData() {
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
	if broken = check(&r.frame, r.role, &r.message, &r.limits); broken == 0 {
		r.begin()
	}
	return n, broken
}

// check is every rule on headers: what h says by itself, and what it says
// about the message in progress.
func check(h *Header, role Role, m *message, limits *Limits) Rule {
	switch {
	// §5.2: a reserved bit needs an extension that defines it. This is where
	// permessage-deflate will allow RSV1 on the first frame of a message
	// (7692 §6).
	case h.RSV1 || h.RSV2 || h.RSV3:
		return RuleReservedBit
	// §5.2: opcodes 3–7 and 0xB–0xF are reserved.
	case !h.Opcode.defined():
		return RuleOpcode
	// §5.1: a client masks every frame, a server none.
	case role == RoleServer && !h.Masked:
		return RuleMaskMissing
	case role == RoleClient && h.Masked:
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
	return checkData(h, m, limits)
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
	case h.Length > uint64(limits.MaxMessageSize)-m.size:
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
		r.message.op = h.Opcode
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
	if r.frame.Masked {
		Mask(p, r.frame.MaskKey, int((r.frame.Length-r.left)&3))
	}
	r.left -= uint64(len(p))
	r.inFrame = r.left > 0
	return p
}

func (r *Receiver) takeData(b []byte) (ev Event, n int, broken Rule) {
	p := r.take(b)
	ended := !r.inFrame
	if len(p) == 0 && !ended {
		return Event{}, 0, 0
	}
	ev = Event{Kind: DataReceived, Op: r.message.op, Final: ended && r.frame.Fin, Header: r.frame, Data: p}
	// §8.1: text fails at the first byte that cannot be UTF-8, and at its end
	// when that is inside a code point.
	if ev.Op == OpText && (!r.text.Write(p) || ev.Final && !r.text.Complete()) {
		return Event{}, len(p), RuleUTF8
	}
	if ev.Final {
		r.message, r.text = message{}, UTF8{}
	}
	return ev, len(p), 0
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
