// This file validates UTF-8 that arrives in pieces (§8.1, RFC 3629). It keeps
// no bytes, only what the next one may be, so it fails at the first byte that
// no continuation could make valid.

package websocket

import "unicode/utf8"

// UTF8 validates a text that is given to it in pieces. The zero value is at
// the start of a text.
type UTF8 struct {
	need   uint8 // bytes that the code point in progress still lacks
	lo, hi uint8 // bounds of its next byte
	bad    bool
}

// Write takes the next piece and reports whether all that was given so far can
// be the start of a valid text. Once false, it stays false.
func (u *UTF8) Write(p []byte) bool {
	for u.need > 0 && len(p) > 0 {
		if !u.next(p[0]) {
			return false
		}
		p = p[1:]
	}
	whole := len(p) - unfinished(p)
	if u.bad || !utf8.Valid(p[:whole]) {
		u.bad = true
		return false
	}
	for _, c := range p[whole:] {
		if !u.next(c) {
			return false
		}
	}
	return true
}

// Complete reports whether the text may end here: it is valid, and not in the
// middle of a code point.
func (u *UTF8) Complete() bool { return !u.bad && u.need == 0 }

// unfinished returns how many bytes at the end of p, at most three, belong to
// a code point that may go on after p.
func unfinished(p []byte) int {
	for n := 1; n <= 3 && n <= len(p); n++ {
		switch c := p[len(p)-n]; {
		case c < 0x80:
			return 0
		case c >= 0xC0: // first byte of a sequence
			return n
		}
	}
	return 0
}

// next takes one byte by the grammar of RFC 3629 §4. The bounds on second
// bytes exclude overlong forms, surrogates and values above U+10FFFF.
func (u *UTF8) next(c byte) bool {
	if u.need > 0 {
		u.bad = u.bad || c < u.lo || c > u.hi
		u.need--
		u.lo, u.hi = 0x80, 0xBF
		return !u.bad
	}
	u.lo, u.hi = 0x80, 0xBF
	switch {
	case c < 0x80:
	case c < 0xC2: // a continuation byte, or an overlong form of ASCII
		u.bad = true
	case c < 0xE0:
		u.need = 1
	case c < 0xF0:
		u.need = 2
		if c == 0xE0 {
			u.lo = 0xA0
		} else if c == 0xED {
			u.hi = 0x9F
		}
	case c < 0xF5:
		u.need = 3
		if c == 0xF0 {
			u.lo = 0x90
		} else if c == 0xF4 {
			u.hi = 0x8F
		}
	default:
		u.bad = true
	}
	return !u.bad
}
