// This file encodes and decodes the base framing of §5.2. It can express every
// header, also illegal ones, and judges none: that is Receiver's and Sender's.

package websocket

import (
	"encoding/binary"
	"strconv"
)

// A Role is the side that an endpoint takes. It decides who masks (§5.1).
type Role uint8

// The two roles.
const (
	RoleServer Role = iota
	RoleClient
)

func (r Role) String() string {
	if r == RoleClient {
		return "client"
	}
	return "server"
}

// A MessageType is what a message carries (§5.6).
type MessageType uint8

// The two types of messages. Their values are those of the opcodes.
const (
	Text   MessageType = 1 // UTF-8
	Binary MessageType = 2
)

func (t MessageType) String() string { return Opcode(t).String() }

func (t MessageType) valid() bool { return t == Text || t == Binary }

// An Opcode says how a frame's payload is to be understood (§5.2).
type Opcode uint8

// The opcodes of §11.8. All others are reserved.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

// IsControl reports whether the opcode is one of a control frame: those have
// the most significant bit of the four set (§5.5).
func (o Opcode) IsControl() bool { return o&0x8 != 0 }

// startsMessage reports whether the opcode is that of a message's first frame.
func (o Opcode) startsMessage() bool { return o == OpText || o == OpBinary }

// defined reports whether §11.8 assigns the opcode a meaning.
func (o Opcode) defined() bool { return o <= OpBinary || OpClose <= o && o <= OpPong }

var opcodeNames = [16]string{
	OpContinuation: "continuation", OpText: "text", OpBinary: "binary",
	OpClose: "close", OpPing: "ping", OpPong: "pong",
}

func (o Opcode) String() string {
	if int(o) < len(opcodeNames) && opcodeNames[o] != "" {
		return opcodeNames[o]
	}
	return "opcode " + strconv.Itoa(int(o))
}

const (
	// MaxHeaderSize is the length of the longest frame header in bytes: two,
	// eight of extended length, four of masking key.
	MaxHeaderSize = 14

	// MaxControlPayload is how many bytes a control frame may carry (§5.5).
	MaxControlPayload = 125
)

// A Header is the part of a frame in front of its payload (§5.2).
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-------+-+-------------+-------------------------------+
//	|F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//	|I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
//	|N|V|V|V|       |S|             |   (if payload len==126/127)   |
//	| |1|2|3|       |K|             |                               |
//	+-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
type Header struct {
	Fin              bool // last frame of its message
	RSV1, RSV2, RSV3 bool // reserved for extensions
	Opcode           Opcode
	Masked           bool
	MaskKey          [4]byte // meaningful when Masked

	// Overlong is 0 when Length is written in the shortest of the three forms,
	// as §5.2 demands, and else the number of bits of the longer form that was
	// used: 16 or 64.
	Overlong uint8

	Length uint64 // of the payload in bytes
}

const (
	bitFin  = 0x80
	bitRSV1 = 0x40
	bitRSV2 = 0x20
	bitRSV3 = 0x10
	bitMask = 0x80

	len16 = 126 // value of the 7-bit length that announces 16 bits of length
	len64 = 127 // … and 64 bits
)

// headerSize returns the length in bytes of a header whose second byte is b1.
func headerSize(b1 byte) int {
	n := 2
	switch b1 &^ bitMask {
	case len16:
		n += 2
	case len64:
		n += 8
	}
	if b1&bitMask != 0 {
		n += 4
	}
	return n
}

// ParseHeader decodes the header at the start of b and returns it with its
// length in bytes, which is 0 when b does not hold all of it.
func ParseHeader(b []byte) (h Header, n int) {
	n = h.parse(b)
	return h, n
}

// parse sets *h to the header at the start of b and returns its length, or 0,
// with *h unchanged, when b does not hold all of it.
func (h *Header) parse(b []byte) (n int) {
	if len(b) < 2 {
		return 0
	}
	n = headerSize(b[1])
	if len(b) < n {
		return 0
	}
	h.Fin = b[0]&bitFin != 0
	h.RSV1 = b[0]&bitRSV1 != 0
	h.RSV2 = b[0]&bitRSV2 != 0
	h.RSV3 = b[0]&bitRSV3 != 0
	h.Opcode = Opcode(b[0] & 0xF)
	h.Length, h.Overlong = parseLength(b[1:])
	h.Masked, h.MaskKey = b[1]&bitMask != 0, [4]byte{}
	if h.Masked {
		h.MaskKey = [4]byte(b[n-4:])
	}
	return n
}

// parseLength decodes the three forms of the payload length, in network byte
// order; b begins at the header's second byte.
func parseLength(b []byte) (length uint64, overlong uint8) {
	switch short := b[0] &^ bitMask; short {
	default:
		return uint64(short), 0
	case len16:
		length = uint64(binary.BigEndian.Uint16(b[1:]))
		if length < len16 {
			overlong = 16
		}
	case len64:
		length = binary.BigEndian.Uint64(b[1:])
		if length <= 0xFFFF {
			overlong = 64
		}
	}
	return length, overlong
}

// AppendHeader appends the encoded header to dst. It is the inverse of
// ParseHeader for every header that ParseHeader can return.
func AppendHeader(dst []byte, h Header) []byte {
	b0 := byte(h.Opcode) & 0xF
	if h.Fin {
		b0 |= bitFin
	}
	if h.RSV1 {
		b0 |= bitRSV1
	}
	if h.RSV2 {
		b0 |= bitRSV2
	}
	if h.RSV3 {
		b0 |= bitRSV3
	}
	var b1 byte
	if h.Masked {
		b1 = bitMask
	}
	switch {
	case h.Overlong == 64 || h.Length > 0xFFFF:
		dst = append(dst, b0, b1|len64)
		dst = binary.BigEndian.AppendUint64(dst, h.Length)
	case h.Overlong == 16 || h.Length >= len16:
		dst = append(dst, b0, b1|len16)
		dst = binary.BigEndian.AppendUint16(dst, uint16(h.Length))
	default:
		dst = append(dst, b0, b1|byte(h.Length))
	}
	if h.Masked {
		dst = append(dst, h.MaskKey[:]...)
	}
	return dst
}

// Size returns the length of the encoded header in bytes.
func (h Header) Size() int {
	var b1 byte
	switch {
	case h.Overlong == 64 || h.Length > 0xFFFF:
		b1 = len64
	case h.Overlong == 16 || h.Length >= len16:
		b1 = len16
	}
	if h.Masked {
		b1 |= bitMask
	}
	return headerSize(b1)
}
