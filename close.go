// This file holds the close codes (§7.4 and the IANA registry) and the body of
// Close frames (§5.5.1).

package websocket

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// A CloseCode says why a connection is closed (§7.4).
type CloseCode uint16

// The close codes of §7.4.1 and of the IANA registry. CloseNoStatus,
// CloseAbnormal and CloseTLSHandshake never stand in a frame: they report what
// happened to the application.
const (
	CloseNormal             CloseCode = 1000 // the purpose is fulfilled
	CloseGoingAway          CloseCode = 1001 // the server shuts down, the page is left
	CloseProtocolError      CloseCode = 1002
	CloseUnsupportedData    CloseCode = 1003 // a type of message that is not accepted
	CloseNoStatus           CloseCode = 1005 // the Close frame had no code
	CloseAbnormal           CloseCode = 1006 // there was no Close frame
	CloseInvalidPayload     CloseCode = 1007 // text that is not UTF-8
	ClosePolicyViolation    CloseCode = 1008
	CloseTooBig             CloseCode = 1009 // a message larger than is accepted
	CloseMandatoryExtension CloseCode = 1010 // the client needs an extension that it did not get
	CloseInternalError      CloseCode = 1011
	CloseServiceRestart     CloseCode = 1012
	CloseTryAgainLater      CloseCode = 1013 // overload
	CloseBadGateway         CloseCode = 1014
	CloseTLSHandshake       CloseCode = 1015
	CloseUnauthorized       CloseCode = 3000
	CloseForbidden          CloseCode = 3003
	CloseTimeout            CloseCode = 3008
)

var closeNames = map[CloseCode]string{
	CloseNormal:             "normal",
	CloseGoingAway:          "going away",
	CloseProtocolError:      "protocol error",
	CloseUnsupportedData:    "unsupported data",
	CloseNoStatus:           "no status",
	CloseAbnormal:           "abnormal",
	CloseInvalidPayload:     "invalid payload",
	ClosePolicyViolation:    "policy violation",
	CloseTooBig:             "message too big",
	CloseMandatoryExtension: "mandatory extension",
	CloseInternalError:      "internal error",
	CloseServiceRestart:     "service restart",
	CloseTryAgainLater:      "try again later",
	CloseBadGateway:         "bad gateway",
	CloseTLSHandshake:       "TLS handshake",
	CloseUnauthorized:       "unauthorized",
	CloseForbidden:          "forbidden",
	CloseTimeout:            "timeout",
}

// Name returns a name in words, such as "normal" for 1000, or "" for a code that
// has none.
func (c CloseCode) Name() string { return closeNames[c] }

// String returns the number, and the name when the code has one: "1000 normal".
func (c CloseCode) String() string {
	s := strconv.Itoa(int(c))
	if name := c.Name(); name != "" {
		return s + " " + name
	}
	return s
}

// Valid reports whether the code may stand in a Close frame.
//
// Choice (§7.4.2): codes of 1000–2999 that nobody has registered, and codes
// from 5000 on, are refused like the reserved ones. The registry has 1012–1014
// besides the codes of the RFC.
func (c CloseCode) Valid() bool {
	switch {
	case c < 1000:
		return false
	case c < 3000:
		return c <= 1003 || 1007 <= c && c <= 1014
	}
	return c <= 4999
}

// MaxCloseReason is how many bytes a close reason may have: a control frame's
// 125, less the code.
const MaxCloseReason = MaxControlPayload - 2

// AppendCloseBody appends the body of a Close frame to dst: nothing for
// CloseNoStatus, else the code in network byte order and the reason. Like the
// frame codec it judges neither.
func AppendCloseBody(dst []byte, code CloseCode, reason string) []byte {
	if code == CloseNoStatus {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// ParseCloseBody decodes and checks the body of a Close frame. An empty body
// gives CloseNoStatus. The reason is a part of b.
func ParseCloseBody(b []byte) (code CloseCode, reason []byte, broken Rule) {
	switch len(b) {
	case 0: // §7.1.5: no code is reported as 1005.
		return CloseNoStatus, nil, 0
	case 1: // §5.5.1: a body begins with a code of two bytes.
		return 0, nil, RuleCloseLength
	}
	code, reason = CloseCode(binary.BigEndian.Uint16(b)), b[2:]
	if !code.Valid() {
		return code, reason, RuleCloseCode
	}
	// §5.5.1: the reason is UTF-8. A control frame is never fragmented, so it
	// is judged whole.
	if !utf8.Valid(reason) {
		return code, reason, RuleCloseReason
	}
	return code, reason, 0
}

// truncateReason cuts s to what fits into a Close frame, at the start of a
// code point.
func truncateReason(s string) string {
	if len(s) <= MaxCloseReason {
		return s
	}
	n := MaxCloseReason
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
