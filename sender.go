// This file makes the frames that we send (§5, §6.1) and refuses those that
// would break the protocol. It does no I/O: frames are appended to the caller's
// buffer. It also keeps what is owed to the peer: Pongs and a Close.

package websocket

import "unicode/utf8"

// A Sender encodes what one side sends. It is not safe for concurrent use,
// except that what is owed may be guarded apart from the rest: owePong and
// oweClose touch nothing else, and only AppendOwed touches both.
type Sender struct {
	// NoCompression makes messages that begin while it is set go uncompressed.
	NoCompression bool

	role    Role
	maskKey func() [4]byte // for a client: a fresh, unpredictable key (§5.3, §10.3)

	deflater  *deflater // nil when compression was not agreed on
	threshold int       // in bytes: shorter messages are not compressed

	fragmented Opcode // of the message in progress; OpContinuation when there is none
	text       UTF8   // of that message, when it is text
	compressed bool   // that message, or the one before
	validated  bool   // text that begins is known to be UTF-8
	closed     bool   // latch: a Close was sent

	owed owed
}

// NewSender returns a Sender for the side that takes the role. A client's
// needs a source of masking keys, which must be unpredictable to the peer's
// network (§10.3), and fresh on every call; a server passes nil. A client without
// one can send nothing.
func NewSender(role Role, maskKey func() [4]byte) *Sender {
	s := &Sender{}
	s.init(role, maskKey)
	return s
}

func (s *Sender) init(role Role, maskKey func() [4]byte) {
	s.role, s.maskKey = role, maskKey
}

// Closed reports whether a Close frame was sent.
func (s *Sender) Closed() bool { return s.closed }

// AppendMessage appends a whole message in a single frame to dst.
func (s *Sender) AppendMessage(dst []byte, t MessageType, payload []byte) ([]byte, error) {
	if !t.valid() {
		return dst, ErrMessageType
	}
	return s.AppendFrame(dst, Opcode(t), true, payload)
}

// AppendFrame appends one frame to dst: a fragment of a message when fin is
// false or op is OpContinuation (§5.4), a whole message, or a control frame. It
// masks the copy in dst when we are the client; payload is not changed. When
// compression was agreed on, the frames of a message are compressed whose first
// payload is not shorter than Compression.Threshold. Then all of them must be sent,
// and what dst has behind its length, up to its capacity, may be overwritten.
//
// An error means that the frame would have been illegal; then dst is returned as it
// was and nothing has changed.
func (s *Sender) AppendFrame(dst []byte, op Opcode, fin bool, payload []byte) ([]byte, error) {
	if op == OpClose {
		code, reason, broken := ParseCloseBody(payload)
		switch {
		case !fin: // §5.5
			return dst, ErrFragment
		case broken == RuleCloseLength || broken == RuleCloseCode:
			return dst, ErrCloseCode
		}
		return s.AppendClose(dst, code, string(reason))
	}
	h, err := s.begin(op, fin, payload)
	switch {
	case err != nil:
		return dst, err
	case s.compresses(op):
		return s.appendCompressed(dst, h, payload), nil
	}
	return appendFrame(dst, h, payload), nil
}

// AppendPing appends a ping with at most 125 bytes of payload (§5.5.2).
func (s *Sender) AppendPing(dst, payload []byte) ([]byte, error) {
	return s.AppendFrame(dst, OpPing, true, payload)
}

// AppendClose appends a Close frame (§5.5.1); the code CloseNoStatus makes an
// empty one. Nothing but pongs can be sent behind it.
func (s *Sender) AppendClose(dst []byte, code CloseCode, reason string) ([]byte, error) {
	switch {
	case s.closed:
		return dst, ErrClosed
	case !s.canMask():
		return dst, ErrMaskKey
	}
	if err := checkSentClose(code, reason); err != nil {
		return dst, err
	}
	s.closed = true
	var body [MaxControlPayload]byte
	return s.appendControl(dst, OpClose, AppendCloseBody(body[:0], code, reason)), nil
}

// checkSentClose judges what is to be sent in a Close frame (§5.5.1, §7.4).
func checkSentClose(code CloseCode, reason string) error {
	switch {
	case !code.Valid() && (code != CloseNoStatus || reason != ""):
		return ErrCloseCode
	case !utf8.ValidString(reason):
		return ErrInvalidUTF8
	case len(reason) > MaxCloseReason:
		return ErrControlLength
	}
	return nil
}

// begin judges the frame and returns its header.
func (s *Sender) begin(op Opcode, fin bool, payload []byte) (h Header, err error) {
	switch {
	case s.closed: // §5.5.1: no more data frames behind a Close.
		return h, ErrClosed
	case !s.canMask():
		return h, ErrMaskKey
	case op.IsControl():
		err = checkSentControl(op, fin, payload)
	default:
		err = s.fragment(op, fin, payload)
	}
	if err != nil {
		return h, err
	}
	return s.header(op, fin, len(payload)), nil
}

func checkSentControl(op Opcode, fin bool, payload []byte) error {
	switch {
	case !op.defined():
		return ErrMessageType
	case !fin: // §5.5
		return ErrFragment
	case len(payload) > MaxControlPayload: // §5.5
		return ErrControlLength
	}
	return nil
}

// fragment judges a data frame and, when it is legal, moves on in the message
// in progress: §5.4 forbids to mix two messages, §5.6 wants text to be UTF-8.
func (s *Sender) fragment(op Opcode, fin bool, payload []byte) error {
	open := s.fragmented
	switch {
	case op > OpBinary:
		return ErrMessageType
	case (op == OpContinuation) == (open == OpContinuation):
		return ErrFragment
	case op == OpContinuation:
		op = open
	}
	if op == OpText && !s.validated {
		text := s.text
		if !text.Write(payload) || fin && !text.Complete() {
			return ErrInvalidUTF8
		}
		s.text = text
	}
	if open == OpContinuation {
		s.compressed = s.canCompress(payload) && !s.NoCompression
	}
	s.fragmented = op
	if fin {
		s.fragmented, s.text = OpContinuation, UTF8{}
	}
	return nil
}

// canMask reports whether frames can be masked, if they must be.
func (s *Sender) canMask() bool { return s.role == RoleServer || s.maskKey != nil }

// header returns the header of a frame of n bytes; a client's gets a masking
// key (§5.1, §5.3).
func (s *Sender) header(op Opcode, fin bool, n int) Header {
	// 7692 §6.1: RSV1 is set on the first frame of a compressed message only.
	h := Header{Fin: fin, RSV1: s.compressed && op.startsMessage(), Opcode: op, Length: uint64(n)}
	if s.role == RoleClient {
		h.Masked, h.MaskKey = true, s.maskKey()
	}
	return h
}

func (s *Sender) appendControl(dst []byte, op Opcode, payload []byte) []byte {
	return appendFrame(dst, s.header(op, true, len(payload)), payload)
}

// appendFrame appends header and payload, masked as the header says.
func appendFrame(dst []byte, h Header, payload []byte) []byte {
	dst = append(AppendHeader(dst, h), payload...)
	if h.Masked {
		Mask(dst[len(dst)-len(payload):], h.MaskKey, 0)
	}
	return dst
}

// maxOwedPongs is how many pongs wait at most for a slow peer.
const maxOwedPongs = 16

// owed is what is to be sent in answer to received frames.
type owed struct {
	pongs []byte // payloads, each behind its length in one byte
	n     int    // how many there are
	last  int    // where the newest begins

	close  bool
	code   CloseCode
	reason string
}

// owePong notes that a ping is to be answered with its payload (§5.5.3). When
// too many are waiting it replaces the newest: §5.5.3 wants no more than the
// answer to the most recent ping.
func (s *Sender) owePong(payload []byte) {
	o := &s.owed
	if o.n == maxOwedPongs {
		o.pongs = o.pongs[:o.last]
		o.n--
	}
	o.last = len(o.pongs)
	o.n++
	o.pongs = append(o.pongs, byte(len(payload)))
	o.pongs = append(o.pongs, payload...)
}

// oweClose notes that a Close is to be sent. The first one stands.
func (s *Sender) oweClose(code CloseCode, reason string) {
	if !s.owed.close {
		s.owed.close, s.owed.code, s.owed.reason = true, code, reason
	}
}

// Owes reports whether AppendOwed would append anything.
func (s *Sender) Owes() bool { return s.owed.n > 0 || s.owed.close && !s.closed }

// AppendOwed appends what is owed to the peer to dst: pongs in the order of
// their pings, then the Close if one is due and none was sent. Nothing is owed
// then. Pongs are sent also behind our own Close: §5.5.2 excuses only who has
// received one.
func (s *Sender) AppendOwed(dst []byte) []byte {
	o := &s.owed
	for p := o.pongs; len(p) > 0 && s.canMask(); {
		n := 1 + int(p[0])
		dst = s.appendControl(dst, OpPong, p[1:n])
		p = p[n:]
	}
	o.pongs, o.n, o.last = nil, 0, 0
	if o.close && !s.closed {
		dst, _ = s.AppendClose(dst, o.code, o.reason) // both come from our tables or from a checked frame
	}
	return dst
}

// answer notes what an event, or a broken rule, obliges us to send.
func (s *Sender) answer(ev Event, err error) {
	if pe, ok := err.(*ProtocolError); ok {
		// §7.1.7: failing the connection sends a Close with a fitting code.
		s.oweClose(pe.Rule.Code(), pe.Rule.Text())
		return
	}
	switch ev.Kind {
	case PingReceived:
		s.owePong(ev.Data)
	case CloseReceived:
		// Choice (§5.5.1): the answer echoes the code and leaves out the reason.
		code, _, _ := ParseCloseBody(ev.Data)
		s.oweClose(code, "")
	}
}
