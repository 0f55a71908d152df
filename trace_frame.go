// This file renders frames (§5.2) for people, in logs, tests and tools. It
// judges nothing, so it also shows what Receiver refuses. What a peer has chosen
// is quoted or written in hex: no control character of it reaches a terminal.

package websocket

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// TraceLimit is how many bytes of a payload a rendering shows at most.
const TraceLimit = 40

// FormatFrame renders a frame in one line: what it is, the flags that are set,
// the form of an overlong length, the masking key, the unmasked payload.
//
//	TEXT "Hel"
//	CONTINUATION fin "lo"
//	PING fin mask=37fa213d "Hello"
//	CLOSE fin 1000 "bye"
//	OPCODE-3 fin rsv1 overlong=16 ""
//	BINARY fin 000102… 65536 bytes
//	TEXT fin rsv1 f248cdc9c90700
//
// frame is what was sent, from the first byte of the header on, and is not
// changed. It may end early, and it may have more behind the frame, which is
// ignored. An ellipsis stands for the part of the payload that is missing or
// behind TraceLimit; the number after it is the length of the whole payload.
//
// Text is quoted, unless RSV1 says that it is compressed. That and binary payloads
// are in hex. All other payloads, and so those of continuation frames, are quoted
// when they are printable text, and else in hex.
func FormatFrame(frame []byte) string {
	h, n := ParseHeader(frame)
	if n == 0 {
		return strings.TrimSpace("unfinished header " + FormatHex(frame))
	}
	words := []string{traceName(h.Opcode)}
	for _, flag := range []struct {
		set  bool
		name string
	}{{h.Fin, "fin"}, {h.RSV1, "rsv1"}, {h.RSV2, "rsv2"}, {h.RSV3, "rsv3"}} {
		if flag.set {
			words = append(words, flag.name)
		}
	}
	if h.Overlong != 0 {
		words = append(words, fmt.Sprintf("overlong=%d", h.Overlong))
	}
	if h.Masked {
		words = append(words, fmt.Sprintf("mask=%x", h.MaskKey))
	}
	return strings.Join(append(words, traceBody(h, traceUnmask(h, frame[n:]))), " ")
}

// FormatHex renders the bytes of a frame in hex, grouped as they belong
// together: the first byte, the second, the extended length if there is one, the
// masking key if there is one, and the payload as it was sent.
//
//	89 85 37fa213d 7f9f4d5158
//	82 7e 0100 00010203…
//
// frame may end early; what stands behind the frame is ignored. An ellipsis
// stands for the part of the payload that is missing or behind TraceLimit.
func FormatHex(frame []byte) string {
	h, n := ParseHeader(frame)
	if n == 0 {
		n = len(frame)
	}
	var groups []string
	for _, group := range traceGroups(frame[:n]) {
		groups = append(groups, fmt.Sprintf("%x", group))
	}
	if h.Length > 0 {
		groups = append(groups, traceHex(traceArrived(h, frame[n:]), TraceLimit, h.Length))
	}
	return strings.Join(groups, " ")
}

// traceGroups splits a header, which may end early.
func traceGroups(header []byte) [][]byte {
	sizes := [...]int{1, 1, 0, 4}
	if len(header) > 1 {
		sizes[2] = headerSize(header[1]&^bitMask) - 2
	}
	var groups [][]byte
	for _, size := range sizes {
		if size = min(size, len(header)); size > 0 {
			groups = append(groups, header[:size])
		}
		header = header[size:]
	}
	return groups
}

// traceName returns the opcode in capitals, with the number that the RFC gives
// it, in hex, when it is reserved.
func traceName(o Opcode) string {
	if o.defined() {
		return strings.ToUpper(o.String())
	}
	return fmt.Sprintf("OPCODE-%X", uint8(o))
}

// traceArrived returns what belongs to the payload.
func traceArrived(h Header, wire []byte) []byte {
	return wire[:min(uint64(len(wire)), h.Length)]
}

// traceUnmask returns an unmasked copy of as much of the payload as is shown.
func traceUnmask(h Header, wire []byte) []byte {
	p := traceArrived(h, wire)
	p = append([]byte(nil), p[:min(len(p), TraceLimit)]...)
	if h.Masked {
		Mask(p, h.MaskKey, 0)
	}
	return p
}

// traceBody renders the payload of which p is the unmasked beginning.
func traceBody(h Header, p []byte) string {
	left := h.Length - uint64(len(p))
	s := ""
	if h.Opcode == OpClose && len(p) >= 2 {
		s = strconv.Itoa(int(binary.BigEndian.Uint16(p))) + " "
		p = p[2:]
	}
	if left == 0 {
		return s + traceData(h, p)
	}
	if !traceOpaque(h) {
		p = traceWholeRunes(p)
	}
	if len(p) > 0 {
		s += traceData(h, p)
	}
	return fmt.Sprintf("%s… %d bytes", s, h.Length)
}

// traceData quotes p when it is text, or looks like it.
func traceData(h Header, p []byte) string {
	if len(p) == 0 || !traceOpaque(h) && (h.Opcode == OpText || tracePrintable(string(p))) {
		return strconv.Quote(string(p))
	}
	return fmt.Sprintf("%x", p)
}

// traceOpaque reports whether the payload is certainly no text: RSV1 on a text
// says that it is compressed (7692 §6).
func traceOpaque(h Header) bool { return h.Opcode == OpBinary || h.Opcode == OpText && h.RSV1 }

// traceWholeRunes cuts a code point that is unfinished off the end of p.
func traceWholeRunes(p []byte) []byte {
	if n := unfinished(p); !utf8.FullRune(p[len(p)-n:]) {
		return p[:len(p)-n]
	}
	return p
}

// tracePrintable reports whether s can be shown as it is, without quotes.
func tracePrintable(s string) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// traceHex shows at most limit bytes of p in hex, and an ellipsis when those
// are fewer than length.
func traceHex(p []byte, limit int, length uint64) string {
	p = p[:min(len(p), limit)]
	s := fmt.Sprintf("%x", p)
	if uint64(len(p)) < length {
		s += "…"
	}
	return s
}
