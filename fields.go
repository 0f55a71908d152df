// This file holds the grammar of HTTP field values that the opening handshake
// needs: tokens and lists (RFC 9110 §5.6) and the list of extensions (§9.1).
// It looks at each byte once, from left to right. It does not know which
// fields there are: head.go reads them, handshake.go and ask.go judge them.

package websocket

import (
	"strconv"
	"strings"
)

// maxElements is how many elements a list in a handshake field may have; each
// parameter of an extension counts as one.
//
// Choice (§10.4): real lists have a handful. Without a limit a list of one-letter
// names takes forty times the memory of its text.
const maxElements = 100

// blanks are the bytes of optional white space (RFC 9110 §5.6.3).
const blanks = " \t"

// isTokenByte reports whether a token may contain c (RFC 9110 §5.6.2).
func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		return true
	}
	return strings.IndexByte("!#$%&'*+.^_`|~", c) >= 0
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool { return s != "" && tokenEnd(s) == len(s) }

// tokenEnd returns how many bytes at the start of s can be those of a token.
func tokenEnd(s string) int {
	i := 0
	for i < len(s) && isTokenByte(s[i]) {
		i++
	}
	return i
}

// isFieldValue reports whether s may be the value of a field (RFC 9110 §5.5):
// no control characters but HTAB. So there is no CR, LF or NUL in it.
func isFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}

// lower returns the lower case of an ASCII letter, and any other byte unchanged.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// equalFold compares without regard to the case of ASCII letters, and only of
// those: strings.EqualFold takes U+017F for an s, and U+212A for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// canonicalName returns a field's name as the keys of a header map spell it:
// upper case at the start and after each hyphen, lower case elsewhere. Names
// that are not tokens are returned unchanged.
func canonicalName(name string) string {
	if !isToken(name) {
		return name
	}
	b := make([]byte, len(name))
	for i := range len(name) {
		b[i] = lower(name[i])
		if (i == 0 || name[i-1] == '-') && 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// elements yields the elements of the list that the lines of a field make up,
// without the blanks around them (RFC 9110 §5.6.1). Some may be empty.
func elements(values []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, value := range values {
			for element := range strings.SplitSeq(value, ",") {
				if !yield(strings.Trim(element, blanks)) {
					return
				}
			}
		}
	}
}

// hasToken reports whether want is an element of the list, in any case of ASCII
// letters.
func hasToken(values []string, want string) bool {
	for element := range elements(values) {
		if equalFold(element, want) {
			return true
		}
	}
	return false
}

// parseTokenList returns the elements of the list, and false when it is not one
// of 1 to maxElements tokens.
func parseTokenList(values []string) ([]string, bool) {
	var list []string
	for element := range elements(values) {
		switch {
		case element == "": // RFC 9110 §5.6.1.2: is to be ignored.
		case len(list) == maxElements || !isToken(element):
			return nil, false
		default:
			list = append(list, element)
		}
	}
	return list, len(list) > 0
}

// An Extension is an element of Sec-WebSocket-Extensions (§9.1): offered by a
// client, or accepted by a server.
type Extension struct {
	Name   string
	Params []Param
}

// A Param is a parameter of an Extension. HasValue tells "name" from
// "name=value"; Value is a token, never quoted.
type Param struct {
	Name, Value string
	HasValue    bool
}

// ParseExtensions parses the values of all Sec-WebSocket-Extensions fields of a
// message, which make up one list (§9.1). What does not conform to the grammar
// is a *HandshakeError of RuleExtensions. No values give no extensions.
func ParseExtensions(values []string) ([]Extension, error) {
	if len(values) == 0 {
		return nil, nil
	}
	p := extensionParser{}
	for _, v := range values {
		if !p.line(v) {
			return nil, malformed(RuleExtensions, excerpt(v))
		}
	}
	if len(p.list) == 0 { // the grammar is 1#extension
		return nil, malformed(RuleExtensions, "no extension in it")
	}
	return p.list, nil
}

// An extensionParser takes a list apart from left to right. §9.1 has the
// "implied *LWS rule": blanks may stand between any two parts.
type extensionParser struct {
	rest  string
	count int // of extensions and parameters so far
	list  []Extension
}

// line takes one field line: extensions with commas between them. Empty
// elements are to be ignored (RFC 9110 §5.6.1.2).
func (p *extensionParser) line(value string) bool {
	p.rest = strings.Trim(value, blanks)
	for p.rest != "" {
		if p.take(',') {
			continue
		}
		if !p.extension() || p.rest != "" && p.rest[0] != ',' {
			return false
		}
	}
	return true
}

// extension = extension-token *( ";" extension-param )
func (p *extensionParser) extension() bool {
	name, ok := p.token()
	e := Extension{Name: name}
	for ok && p.take(';') {
		var param Param
		param, ok = p.param()
		e.Params = append(e.Params, param)
	}
	p.list = append(p.list, e)
	return ok
}

// extension-param = token [ "=" (token | quoted-string) ]
func (p *extensionParser) param() (Param, bool) {
	name, ok := p.token()
	if !ok || !p.take('=') {
		return Param{Name: name}, ok
	}
	value, ok := p.value()
	return Param{Name: name, Value: value, HasValue: true}, ok
}

// take takes the separator c and the blanks after it, if it comes next.
func (p *extensionParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.advance(1)
	return true
}

// token takes the name of an extension or of a parameter, and counts it.
func (p *extensionParser) token() (string, bool) {
	p.count++
	s := p.rest[:tokenEnd(p.rest)]
	p.advance(len(s))
	return s, s != "" && p.count <= maxElements
}

// value takes a token or a quoted-string. §4.3: what is quoted must be a token
// too, so the first byte that is none ends the parsing, and each backslash is
// one that quotes.
func (p *extensionParser) value() (string, bool) {
	if p.rest == "" || p.rest[0] != '"' {
		s := p.rest[:tokenEnd(p.rest)]
		p.advance(len(s))
		return s, s != ""
	}
	i := 1
	for i < len(p.rest) && p.rest[i] != '"' {
		if p.rest[i] == '\\' {
			i++
		}
		if i == len(p.rest) || !isTokenByte(p.rest[i]) {
			return "", false
		}
		i++
	}
	if i == len(p.rest) {
		return "", false
	}
	s := strings.ReplaceAll(p.rest[1:i], `\`, "")
	p.advance(i + 1)
	return s, s != ""
}

// advance goes on behind the next n bytes and the blanks that follow them.
func (p *extensionParser) advance(n int) { p.rest = strings.TrimLeft(p.rest[n:], blanks) }

// AppendExtensions appends the list to dst as the value of one
// Sec-WebSocket-Extensions field. It is the inverse of ParseExtensions for every
// list that ParseExtensions can return.
func AppendExtensions(dst []byte, list []Extension) []byte {
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, e.Name...)
		for _, p := range e.Params {
			dst = appendParam(append(dst, "; "...), p)
		}
	}
	return dst
}

func appendParam(dst []byte, p Param) []byte {
	dst = append(dst, p.Name...)
	if p.HasValue {
		dst = append(dst, '=')
		dst = append(dst, p.Value...)
	}
	return dst
}

// maxExcerpt is how much of what the peer sent an error quotes, in bytes.
const maxExcerpt = 80

// excerpt quotes s for an error's detail, so that nothing in it can break a log
// line or move a terminal's cursor.
func excerpt(s string) string {
	if len(s) > maxExcerpt {
		return strconv.QuoteToASCII(s[:maxExcerpt]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// malformed returns an error whose HTTP status is that of its rule on a server.
// A client leaves Status 0 until it has received one.
func malformed(r Rule, detail string) *HandshakeError {
	return &HandshakeError{Rule: r, Detail: detail}
}
