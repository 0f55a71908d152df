// This file explains frames field by field, with the section of the RFC that
// defines each field, for those who study the protocol. It judges nothing, but
// points out what the RFC forbids in any frame.

package websocket

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// traceColumn is how many bytes stand in front of a line of AnnotateFrame.
const traceColumn = 8

// AnnotateFrame explains a frame in several lines: that of FormatFrame, and
// then for each field its bytes in hex, the bits that it consists of, what it
// means, and the section that defines it. The payload is shown as it was sent
// and unmasked. frame is what FormatFrame takes. The last line has no line break
// behind it.
func AnnotateFrame(frame []byte) string {
	h, n := ParseHeader(frame)
	if n == 0 {
		return FormatFrame(frame)
	}
	notes := traceNotes{FormatFrame(frame)}
	notes.first(frame[0], h)
	notes.length(frame[:n], h)
	if h.Masked {
		notes.add(h.MaskKey[:], "", "masking key (§5.3)")
	}
	notes.payload(h, frame[n:])
	return strings.Join(notes, "\n")
}

// traceNotes are the lines of an annotation.
type traceNotes []string

func (t *traceNotes) add(b []byte, bits, note string) {
	bytes := traceHex(b, traceColumn, uint64(len(b)))
	*t = append(*t, fmt.Sprintf("%-*s  %-9s  %s", 2*traceColumn+1, bytes, bits, note))
}

// traceBits shows the bits of b that are in field, and dots for the others.
func traceBits(b, field byte) string {
	s := make([]byte, 0, 9)
	for bit := byte(0x80); bit > 0; bit >>= 1 {
		switch {
		case field&bit == 0:
			s = append(s, '.')
		case b&bit == 0:
			s = append(s, '0')
		default:
			s = append(s, '1')
		}
		if bit == 0x10 {
			s = append(s, ' ')
		}
	}
	return string(s)
}

func (t *traceNotes) first(b byte, h Header) {
	fin := "FIN: the message goes on in another frame (§5.4)"
	switch {
	case h.Fin && h.Opcode.IsControl():
		fin = "FIN: control frames are never fragmented (§5.5)"
	case h.Fin:
		fin = "FIN: the last frame of its message (§5.4)"
	case h.Opcode.IsControl():
		fin = "FIN: 0 is forbidden in a control frame (§5.5)"
	}
	t.add([]byte{b}, traceBits(b, bitFin), fin)
	t.add(nil, traceBits(b, traceReserved), traceExtension(b&traceReserved, h.Opcode))
	t.add(nil, traceBits(b, 0xF), traceOpcode(h.Opcode))
}

const traceReserved = bitRSV1 | bitRSV2 | bitRSV3

// traceExtension explains reserved bits. 7692 §6 defines RSV1 for whole messages
// and sets it on their first frames, so that a continuation alone does not tell.
// What was agreed on is not known: each note holds with compression and without.
func traceExtension(reserved byte, o Opcode) string {
	switch {
	case reserved == 0 && o == OpContinuation:
		return "RSV1-3: 0, also if the first frame says that its message is compressed (7692 §6)"
	case reserved == 0:
		return "RSV1-3: no extension marks this frame (§5.2)"
	case reserved == bitRSV1 && o.startsMessage():
		return "RSV1: the message is compressed, if that was agreed on (7692 §6)"
	case reserved == bitRSV1 && o == OpContinuation:
		return "RSV1: an extension must have defined it (§5.2); compression sets it on first frames only (7692 §6.1)"
	case reserved == bitRSV1 && o.IsControl():
		return "RSV1: an extension must have defined it (§5.2); control frames are never compressed (7692 §6.1)"
	}
	return "RSV1-3: not 0, which an extension must have defined (§5.2)"
}

var traceSections = [16]string{
	OpContinuation: "5.4", OpText: "5.6", OpBinary: "5.6", OpClose: "5.5.1", OpPing: "5.5.2", OpPong: "5.5.3",
}

func traceOpcode(o Opcode) string {
	if !o.defined() {
		return fmt.Sprintf("opcode %X: reserved (§5.2)", uint8(o))
	}
	return fmt.Sprintf("opcode %X: %s (§%s)", uint8(o), o, traceSections[o])
}

func (t *traceNotes) length(header []byte, h Header) {
	b := header[1]
	mask := "MASK: 0, as in every frame of a server (§5.1)"
	if h.Masked {
		mask = "MASK: 1, as in every frame of a client (§5.1)"
	}
	t.add(header[1:2], traceBits(b, bitMask), mask)
	bits := traceBits(b, 0x7F)
	switch b & 0x7F {
	case len16:
		t.add(nil, bits, "length: 126 stands for the 16 bits that follow (§5.2)")
		t.add(header[2:4], "", traceLength(h))
	case len64:
		t.add(nil, bits, "length: 127 stands for the 64 bits that follow (§5.2)")
		t.add(header[2:10], "", traceLength(h))
	default:
		t.add(nil, bits, traceLength(h))
	}
}

func traceLength(h Header) string {
	s := fmt.Sprintf("length of the payload: %d (§5.2)", h.Length)
	switch {
	case h.Length>>63 != 0:
		s += ", but its first bit must be 0"
	case h.Opcode.IsControl() && h.Length > MaxControlPayload:
		s += ", but a control frame has at most 125 (§5.5)"
	case h.Overlong != 0:
		s += ", but that must be written in its shortest form"
	}
	return s
}

func (t *traceNotes) payload(h Header, wire []byte) {
	sent, p, label := traceArrived(h, wire), traceUnmask(h, wire), "payload"
	if h.Masked && len(sent) > 0 {
		t.add(sent, "", "payload as sent")
		label = "payload unmasked (§5.3)"
	}
	if h.Opcode == OpClose && len(p) >= 2 {
		code := CloseCode(binary.BigEndian.Uint16(p))
		note := fmt.Sprintf("close code %s (§7.4)", code)
		if !code.Valid() {
			note += ", which must not be sent"
		}
		t.add(p[:2], "", note)
		t.add(p[2:], "", fmt.Sprintf("reason %s (§5.5.1)", traceReason(h, p)))
		return
	}
	t.add(p, "", label+traceContent(h, p))
}

// traceContent says what the payload is of which p is the unmasked beginning. The
// first line and the column of bytes have that in hex already, which says nothing
// about compressed data. Text and binary frames alone tell that they have some.
func traceContent(h Header, p []byte) string {
	switch {
	case h.Length == 0 || !h.RSV1 || h.RSV2 || h.RSV3 || !h.Opcode.startsMessage():
		return " " + traceBody(h, p)
	case h.Fin:
		return ", if compressed: DEFLATE data without its last 00 00 ff ff (7692 §7.2.1)"
	}
	return ", if compressed: the beginning of DEFLATE data (7692 §7.2.1)"
}

// traceReason renders the reason in the body of a Close that begins with p.
func traceReason(h Header, p []byte) string {
	h.Opcode, h.RSV1 = OpText, false
	h.Length -= 2
	return traceBody(h, p[2:])
}
