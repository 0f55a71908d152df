// This file is the server's half of the opening handshake (§4.2): it judges the
// client's request and writes the answer that accepts it. The client's half is
// in ask.go, who may connect is in origin.go, and what goes out to those who may
// not is in compose.go.

package websocket

import (
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"strings"
)

// keyGUID is what the server appends to the key (§1.3).
const keyGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// keySize is how many bytes a Sec-WebSocket-Key encodes (§4.1).
const keySize = 16

// AcceptKey returns the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key
// (§4.2.2). The key goes in as it was sent, not decoded.
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + keyGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// isKey reports whether s is 16 bytes in base64.
//
// Choice (§4.2.1): the bits that the last character has to spare may be set.
// The key in the RFC's own example, which erratum 3150 corrects, has them.
func isKey(s string) bool {
	var b [keySize + 2]byte
	if len(s) != base64.StdEncoding.EncodedLen(keySize) {
		return false
	}
	n, err := base64.StdEncoding.Decode(b[:], []byte(s))
	return err == nil && n == keySize
}

// An Offer is what a client asks for in its handshake.
type Offer struct {
	Key          string      // as sent, for AcceptKey
	Subprotocols []string    // the client's most preferred one first
	Extensions   []Extension // likewise
}

// Check judges a request by all of §4.2.1, and returns what the client offers.
// Whether the client's origin is welcome is not decided here. An error is a
// *HandshakeError, whose Status is never 0.
func (r *Request) Check() (Offer, error) {
	var o Offer
	for _, judge := range requestRules {
		if err := judge(r, &o); err != nil {
			return Offer{}, err
		}
	}
	return o, nil
}

// requestRules are the rules on a request. When several are broken, the first
// is reported.
var requestRules = [...]func(*Request, *Offer) *HandshakeError{
	(*Request).judgeHTTPVersion,
	(*Request).judgeMethod,
	(*Request).judgeTarget,
	(*Request).judgeHost,
	(*Request).judgeBody,
	(*Request).judgeUpgrade,
	(*Request).judgeConnection,
	(*Request).judgeVersion,
	(*Request).judgeKey,
	(*Request).judgeSubprotocols,
	(*Request).judgeExtensions,
}

// §4.2.1: HTTP/1.1 or higher. Upgrade exists in HTTP/1 only: in HTTP/2 a request
// with it is malformed (RFC 9113 §8.2.2), which 505 would not tell.
func (r *Request) judgeHTTPVersion(*Offer) *HandshakeError {
	if r.Major == 1 && r.Minor >= 1 {
		return nil
	}
	e := refuse(RuleHTTPVersion, "HTTP/"+strconv.Itoa(r.Major)+"."+strconv.Itoa(r.Minor))
	if r.Major > 1 {
		e.Status = 400
	}
	return e
}

// §4.2.1: a GET. Methods are case-sensitive (RFC 9110 §9.1).
func (r *Request) judgeMethod(*Offer) *HandshakeError {
	if r.Method != "GET" {
		return refuse(RuleMethod, excerpt(r.Method))
	}
	return nil
}

// §4.2.1: the target is a resource name, or an absolute http or https URI with
// one. Its authority has become Request.Host.
func (r *Request) judgeTarget(*Offer) *HandshakeError {
	if _, _, absolute := cutAbsolute(r.Target); !absolute && !isPath(r.Target) || !isTargetText(r.Target) {
		return refuse(RuleTarget, excerpt(r.Target))
	}
	return nil
}

// isPath reports whether s begins like a path.
func isPath(s string) bool { return s != "" && s[0] == '/' }

// isTargetText reports whether s has only characters that a target may have:
// visible ASCII, and no "#", since no fragment is ever sent (§3).
//
// Choice: characters that RFC 3986 wants percent-encoded but that browsers send
// as they are ("|" and "{" in a query, say) are let through.
func isTargetText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '#' {
			return false
		}
	}
	return true
}

// §4.2.1: a Host field; RFC 9112 §3.2: only one, and a valid one.
func (r *Request) judgeHost(*Offer) *HandshakeError {
	if more := r.Header[fieldHost]; len(more) > 0 {
		return refuse(RuleHost, found(more))
	}
	if _, _, ok := splitHost(r.Host); !ok {
		return refuse(RuleHost, excerpt(r.Host))
	}
	return nil
}

// A body would have to be told from the frames behind the head.
//
// Choice (§4.2.1): a Content-Length of 0 announces no body and is accepted.
func (r *Request) judgeBody(*Offer) *HandshakeError {
	if r.HasBody || len(r.Header[fieldEncoding]) > 0 {
		return refuse(RuleBody, "")
	}
	for _, v := range r.Header[fieldLength] {
		if strings.Trim(v, blanks) != "0" {
			return refuse(RuleBody, "Content-Length "+excerpt(v))
		}
	}
	return nil
}

// §4.2.1: "websocket" in any case. Upgrade is a list (RFC 9110 §7.8).
func (r *Request) judgeUpgrade(*Offer) *HandshakeError {
	if v := r.Header[fieldUpgrade]; !hasToken(v, "websocket") {
		return refuse(RuleUpgrade, found(v))
	}
	return nil
}

// §4.2.1: the token "Upgrade" in any case.
func (r *Request) judgeConnection(*Offer) *HandshakeError {
	if v := r.Header[fieldConnection]; !hasToken(v, "upgrade") {
		return refuse(RuleConnection, found(v))
	}
	return nil
}

// §4.2.1: version 13. §11.3.5: not more than one, so a list is an error of
// another kind than a version that we do not speak (§4.4).
func (r *Request) judgeVersion(*Offer) *HandshakeError {
	v := r.Header[fieldVersion]
	switch {
	case len(v) > 1 || len(v) == 1 && strings.Contains(v[0], ","):
		return refuse(RuleVersionRepeated, found(v))
	case len(v) == 0 || strings.Trim(v[0], blanks) != "13":
		return refuse(RuleVersion, found(v))
	}
	return nil
}

// §4.2.1: a key of 16 bytes in base64. §11.3.1: only one.
func (r *Request) judgeKey(o *Offer) *HandshakeError {
	v := r.Header[fieldKey]
	if len(v) != 1 || !isKey(strings.Trim(v[0], blanks)) {
		return refuse(RuleKey, found(v))
	}
	o.Key = strings.Trim(v[0], blanks)
	return nil
}

// §4.3: one token or more, if the field is there. §4.1: all different.
func (r *Request) judgeSubprotocols(o *Offer) *HandshakeError {
	v := r.Header[fieldSubprotocol]
	if len(v) == 0 {
		return nil
	}
	list, ok := parseTokenList(v)
	if !ok || hasDuplicate(list) {
		return refuse(RuleSubprotocols, found(v))
	}
	o.Subprotocols = list
	return nil
}

// §9.1: a well-formed list, if the field is there. Extensions and parameters
// that we do not know are no error; they are not accepted.
func (r *Request) judgeExtensions(o *Offer) *HandshakeError {
	list, err := ParseExtensions(r.Header[fieldExtensions])
	if err != nil {
		return refuse(RuleExtensions, found(r.Header[fieldExtensions]))
	}
	o.Extensions = list
	return nil
}

// found tells what the lines of a field hold, for an error's detail.
func found(values []string) string {
	if len(values) == 0 {
		return "there is none"
	}
	return excerpt(strings.Join(values, ", "))
}

// contains reports whether s is in the list, in this case.
func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// hasDuplicate reports whether two elements are equal. Lists are short: what a
// peer sends has at most maxElements.
func hasDuplicate(list []string) bool {
	for i, e := range list {
		if contains(list[:i], e) {
			return true
		}
	}
	return false
}

// SelectSubprotocol returns the subprotocol to answer with, or "" when nothing
// that was offered is supported. Subprotocols are case-sensitive (RFC 7936).
//
// Choice (§4.2.2): the client's order of preference decides, not the server's.
func SelectSubprotocol(offered, supported []string) string {
	for _, o := range offered {
		for _, s := range supported {
			if o == s && s != "" {
				return s // not o, which would keep the whole head in memory
			}
		}
	}
	return ""
}

// An Answer is what a server accepts an Offer with (§4.2.2).
type Answer struct {
	Subprotocol string      // one of those offered, or empty for none
	Extensions  []Extension // some of those offered
	Header      map[string][]string
}

// Check judges what is to be sent in answer to o. Call it before AppendAnswer
// with anything that a peer or a user had a hand in. An error wraps
// ErrHandshakeValue.
func (a *Answer) Check(o *Offer) error {
	// §4.2.2: only what was offered may be selected.
	if a.Subprotocol != "" && !contains(o.Subprotocols, a.Subprotocol) {
		return unsendable("subprotocol was not offered", a.Subprotocol)
	}
	for _, e := range a.Extensions {
		if !hasExtension(o.Extensions, e.Name) {
			return unsendable("extension was not offered", e.Name)
		}
	}
	if err := checkExtensions(a.Extensions); err != nil {
		return err
	}
	return checkFields(a.Header)
}

// hasExtension reports whether the list has an extension of this name.
func hasExtension(list []Extension, name string) bool {
	for _, e := range list {
		if e.Name == name {
			return true
		}
	}
	return false
}

// AppendAnswer appends the answer to a request with this key: a 101 with all
// that §4.2.2 demands. It checks nothing.
func AppendAnswer(dst []byte, key string, a *Answer) []byte {
	h := copyHeader(a.Header)
	h[fieldUpgrade] = []string{"websocket"}
	h[fieldConnection] = []string{"Upgrade"}
	h[fieldAccept] = []string{AcceptKey(key)}
	// §4.2.2: no agreement means no field; an empty one would be malformed.
	if a.Subprotocol != "" {
		h[fieldSubprotocol] = []string{a.Subprotocol}
	}
	if len(a.Extensions) > 0 {
		h[fieldExtensions] = []string{string(AppendExtensions(nil, a.Extensions))}
	}
	return AppendResponse(dst, 101, h)
}

// copyHeader copies the map but not the values, with room for a handshake.
func copyHeader(header map[string][]string) map[string][]string {
	h := make(map[string][]string, len(header)+len(leadingFields))
	for name, values := range header {
		h[name] = values
	}
	return h
}
