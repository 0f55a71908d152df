// This file is the client's half of the opening handshake (§4.1): it writes the
// request and judges the server's answer. What the parameters of an extension
// mean is not decided here.

package websocket

import (
	"encoding/base64"
	"strings"
)

// EncodeKey returns the Sec-WebSocket-Key of a nonce, which must be random and
// fresh for each connection (§4.1).
func EncodeKey(nonce [16]byte) string { return base64.StdEncoding.EncodeToString(nonce[:]) }

// An Ask is what a client sends in its handshake (§4.1).
type Ask struct {
	Target       string // resource name: the path with the query (§3)
	Host         string // with the port, unless it is the scheme's default
	Key          string // from EncodeKey
	Subprotocols []string
	Extensions   []Extension
	Header       map[string][]string
}

// Check judges what is to be sent. Call it before AppendAsk with anything that
// a user had a hand in. An error wraps ErrHandshakeValue.
func (a *Ask) Check() error {
	if !isPath(a.Target) || !isTargetText(a.Target) {
		return unsendable("target is not a path", a.Target)
	}
	if _, _, ok := splitHost(a.Host); !ok {
		return unsendable("host is malformed", a.Host)
	}
	if !isKey(a.Key) {
		return unsendable("key is not 16 bytes in base64", a.Key)
	}
	if err := checkSubprotocols(a.Subprotocols); err != nil {
		return err
	}
	if err := checkExtensions(a.Extensions); err != nil {
		return err
	}
	return checkFields(a.Header)
}

// §4.1: subprotocols are tokens and all different.
func checkSubprotocols(list []string) error {
	for i, s := range list {
		if !isToken(s) || contains(list[:i], s) {
			return unsendable("subprotocol is not a token, or stands there twice", s)
		}
	}
	return nil
}

// AppendAsk appends the request to dst: a GET with all that §4.1 demands. It
// checks nothing.
func AppendAsk(dst []byte, a *Ask) []byte {
	h := copyHeader(a.Header)
	h[fieldUpgrade] = []string{"websocket"}
	h[fieldConnection] = []string{"Upgrade"}
	h[fieldKey] = []string{a.Key}
	h[fieldVersion] = []string{"13"}
	if len(a.Subprotocols) > 0 {
		h[fieldSubprotocol] = []string{strings.Join(a.Subprotocols, ", ")}
	}
	if len(a.Extensions) > 0 {
		h[fieldExtensions] = []string{string(AppendExtensions(nil, a.Extensions))}
	}
	return AppendRequest(dst, &Request{Method: "GET", Target: a.Target, Major: 1, Minor: 1, Host: a.Host, Header: h})
}

// Agreed is what client and server have agreed on.
type Agreed struct {
	Subprotocol string // empty for none
	Extensions  []Extension
}

// Check judges the answer to a by all of §4.1 and §4.2.2, and returns what was
// agreed on. Each extension is one that was offered; whether its parameters are
// acceptable is for the extension to say. An error is a *HandshakeError with the
// status and the header that were received.
func (r *Response) Check(a *Ask) (Agreed, error) {
	var agreed Agreed
	for _, judge := range responseRules {
		if e := judge(r, a, &agreed); e != nil {
			e.Status, e.Header = r.Status, r.Header
			return Agreed{}, e
		}
	}
	return agreed, nil
}

// Versions returns the versions of the protocol that a server speaks which has
// refused version 13 (§4.4): what its answer lists, in one line or several. This
// package speaks no other, so it does not try again.
func (e *HandshakeError) Versions() []string {
	list, _ := parseTokenList(e.Header[fieldVersion])
	return list
}

// responseRules are the rules on an answer. When several are broken, the first
// is reported.
var responseRules = [...]func(*Response, *Ask, *Agreed) *HandshakeError{
	(*Response).judgeStatus,
	(*Response).judgeHTTPVersion,
	(*Response).judgeUpgrade,
	(*Response).judgeConnection,
	(*Response).judgeAccept,
	(*Response).judgeExtensions,
	(*Response).judgeSubprotocol,
}

// §4.1: any other status is plain HTTP, and not for us to understand.
func (r *Response) judgeStatus(*Ask, *Agreed) *HandshakeError {
	if r.Status != 101 {
		return malformed(RuleStatus, excerpt(r.status()))
	}
	return nil
}

// §4.2.2 says 101 "as per RFC 2616", where it exists from HTTP/1.1 on.
func (r *Response) judgeHTTPVersion(*Ask, *Agreed) *HandshakeError {
	if r.Major != 1 || r.Minor < 1 {
		return malformed(RuleAnswerVersion, "")
	}
	return nil
}

// §4.1: the value is "websocket" in any case, and nothing besides.
func (r *Response) judgeUpgrade(*Ask, *Agreed) *HandshakeError {
	v := r.Header[fieldUpgrade]
	if len(v) != 1 || !equalFold(strings.Trim(v[0], blanks), "websocket") {
		return malformed(RuleAnswerUpgrade, found(v))
	}
	return nil
}

// §4.1: the token "Upgrade" in any case.
func (r *Response) judgeConnection(*Ask, *Agreed) *HandshakeError {
	if v := r.Header[fieldConnection]; !hasToken(v, "upgrade") {
		return malformed(RuleAnswerConnection, found(v))
	}
	return nil
}

// §4.1: made from our key; blanks around it do not count, all else does.
// §11.3.3: only one.
func (r *Response) judgeAccept(a *Ask, _ *Agreed) *HandshakeError {
	v := r.Header[fieldAccept]
	if len(v) != 1 || strings.Trim(v[0], blanks) != AcceptKey(a.Key) {
		return malformed(RuleAccept, found(v))
	}
	return nil
}

// §9.1: a well-formed list. §4.1: of nothing but what was offered. The field may
// stand there more than once (erratum 3433), but none of our extensions can be
// in use twice.
func (r *Response) judgeExtensions(a *Ask, agreed *Agreed) *HandshakeError {
	v := r.Header[fieldExtensions]
	list, err := ParseExtensions(v)
	if err != nil {
		return malformed(RuleExtensions, found(v))
	}
	for i, e := range list {
		if !hasExtension(a.Extensions, e.Name) || hasExtension(list[:i], e.Name) {
			return malformed(RuleAnswerExtensions, excerpt(e.Name))
		}
	}
	agreed.Extensions = list
	return nil
}

// §4.1: one of those offered, in the same case. §11.3.4: only one. None at all
// is for the application to judge.
func (r *Response) judgeSubprotocol(a *Ask, agreed *Agreed) *HandshakeError {
	v := r.Header[fieldSubprotocol]
	if len(v) == 0 {
		return nil
	}
	agreed.Subprotocol = SelectSubprotocol(v, a.Subprotocols)
	if len(v) > 1 || agreed.Subprotocol == "" {
		return malformed(RuleAnswerSubprotocol, found(v))
	}
	return nil
}
