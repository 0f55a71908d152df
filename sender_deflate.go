// This file compresses the messages that we send (7692 §6.1, §7.2.1).

package websocket

import "math/bits"

// A deflateSetting is all that the compressed form of a message depends on which
// refers to nothing before it.
type deflateSetting struct{ windowBits, effort int }

// SetCompression says what was agreed on for permessage-deflate: Accept or
// Confirm has returned it. It comes before the first message; nil stands for no
// compression.
func (s *Sender) SetCompression(agreed *Compression) {
	s.deflater = nil
	if agreed == nil {
		return
	}
	c := agreed.normal()
	s.deflater, s.threshold = &deflater{}, c.Threshold
	windowBits, takeover := c.sentBy(s.role)
	s.deflater.init(windowBits, takeover, c.Effort)
}

// Rest lets go the memory that only a busy Sender needs, up to 120 KiB when
// messages are compressed. The next compressed message takes up to 70 µs longer.
func (s *Sender) Rest() {
	if s.deflater != nil {
		s.deflater.rest()
	}
}

// canCompress reports whether a message with this beginning is worth it.
func (s *Sender) canCompress(payload []byte) bool {
	return s.deflater != nil && len(payload) >= s.threshold
}

// compresses reports whether the frame that has just begun carries compressed
// data.
func (s *Sender) compresses(op Opcode) bool { return s.compressed && !op.IsControl() }

// appendCompressed appends the frame with this header, compressed and masked.
func (s *Sender) appendCompressed(dst []byte, h Header, payload []byte) []byte {
	var header [MaxHeaderSize]byte // what it takes is known afterwards
	start := len(dst)
	dst = s.deflater.append(append(dst, header[:]...), payload, h.Fin)
	data := dst[start+MaxHeaderSize:]
	h.Length = uint64(len(data))
	return appendFrame(dst[:start], h, data)
}

// deflateSetting returns what a message is compressed with.
func (s *Sender) deflateSetting() deflateSetting {
	return deflateSetting{bits.Len(uint(s.deflater.history.size - 1)), int(s.deflater.effort)}
}

// adopt notes a message that is sent compressed by somebody else, who has
// referred to nothing before it. The peer has it in its window, too.
func (s *Sender) adopt(message []byte) {
	if s.deflater.takeover {
		s.deflater.history.add(message)
	}
}
