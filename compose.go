// This file writes the heads of HTTP/1.1 messages, and the whole answer to a
// request that is refused. Before a value of the application goes out, the
// checks here see to it that it cannot end its line, or say what only the
// handshake may say.

package websocket

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrHandshakeValue is returned when a handshake is to be sent with a value
// that does not belong there: a line feed in a field, a subprotocol that is not
// a token, a field that the handshake itself sends.
var ErrHandshakeValue = errors.New("websocket: value must not be sent in a handshake")

// The fields of the handshake (§11.3), as header maps spell them.
const (
	fieldHost       = "Host"
	fieldUpgrade    = "Upgrade"
	fieldConnection = "Connection"
	fieldOrigin     = "Origin"
	fieldLength     = "Content-Length"
	fieldEncoding   = "Transfer-Encoding"

	prefixWebSocket  = "Sec-Websocket-"
	fieldKey         = prefixWebSocket + "Key"
	fieldAccept      = prefixWebSocket + "Accept"
	fieldVersion     = prefixWebSocket + "Version"
	fieldSubprotocol = prefixWebSocket + "Protocol"
	fieldExtensions  = prefixWebSocket + "Extensions"
)

// leadingFields go out first, in this order. All others follow by name.
var leadingFields = [...]string{
	fieldHost, fieldUpgrade, fieldConnection, fieldKey, fieldAccept, fieldVersion, fieldSubprotocol, fieldExtensions,
}

// AppendRequest appends the head of r to dst. It checks nothing. It is the
// inverse of ParseRequest for what ParseRequest can return.
func AppendRequest(dst []byte, r *Request) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, r.Target...)
	dst = append(dst, " HTTP/"...)
	dst = strconv.AppendInt(dst, int64(r.Major), 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, int64(r.Minor), 10)
	dst = append(dst, "\r\n"...)
	if r.Host != "" {
		dst = appendField(dst, fieldHost, r.Host)
	}
	return appendFields(dst, r.Header)
}

// AppendResponse appends the head of an HTTP/1.1 response to dst. It checks
// nothing.
func AppendResponse(dst []byte, status int, header map[string][]string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reasons[status]...)
	dst = append(dst, "\r\n"...)
	return appendFields(dst, header)
}

// reasons are the phrases (RFC 9110 §15) of the statuses that rules name, and
// of those with which applications tend to refuse. A phrase may be empty.
var reasons = map[int]string{
	101: "Switching Protocols",
	301: "Moved Permanently",
	302: "Found",
	303: "See Other",
	307: "Temporary Redirect",
	308: "Permanent Redirect",
	400: "Bad Request",
	401: "Unauthorized",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	408: "Request Timeout",
	409: "Conflict",
	410: "Gone",
	417: "Expectation Failed",
	421: "Misdirected Request",
	426: "Upgrade Required",
	429: "Too Many Requests",
	431: "Request Header Fields Too Large",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Gateway Timeout",
	505: "HTTP Version Not Supported",
}

// appendFields appends all fields and the blank line that ends a head.
func appendFields(dst []byte, header map[string][]string) []byte {
	for _, name := range leadingFields {
		dst = appendField(dst, name, header[name]...)
	}
	for _, name := range otherFields(header) {
		dst = appendField(dst, name, header[name]...)
	}
	return append(dst, "\r\n"...)
}

// otherFields returns the names that are not among leadingFields, sorted.
func otherFields(header map[string][]string) []string {
	names := make([]string, 0, len(header))
	for name := range header {
		if contains(leadingFields[:], name) {
			continue
		}
		i := len(names)
		names = append(names, name)
		for ; i > 0 && names[i-1] > name; i-- {
			names[i] = names[i-1]
		}
		names[i] = name
	}
	return names
}

// appendField appends a line for each value. Names are spelt as in the RFC:
// some peers look for "Sec-WebSocket" in just this case.
func appendField(dst []byte, name string, values ...string) []byte {
	for _, value := range values {
		if rest, ok := strings.CutPrefix(name, prefixWebSocket); ok {
			dst = append(dst, "Sec-WebSocket-"...)
			dst = append(dst, rest...)
		} else {
			dst = append(dst, name...)
		}
		dst = append(dst, ": "...)
		dst = append(dst, value...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// isReserved reports whether only the handshake itself may send the field. The
// name must be canonical. A body is never announced: what follows are frames.
func isReserved(name string) bool {
	switch name {
	case fieldHost, fieldUpgrade, fieldConnection, fieldLength, fieldEncoding:
		return true
	}
	return strings.HasPrefix(name, prefixWebSocket)
}

// checkField judges a field that the application wants to send.
func checkField(name string, values []string) error {
	switch {
	case !isToken(name):
		return unsendable("field name is not a token", name)
	case isReserved(canonicalName(name)):
		return unsendable("field belongs to the handshake", name)
	}
	for _, v := range values {
		if !isFieldValue(v) {
			return unsendable("value with a control character in the field", name) // it may be a secret
		}
	}
	return nil
}

// checkFields judges all fields that the application wants to send.
func checkFields(header map[string][]string) error {
	for name, values := range header {
		if err := checkField(name, values); err != nil {
			return err
		}
	}
	return nil
}

// checkExtensions judges a list of extensions that is to be sent.
func checkExtensions(list []Extension) error {
	for _, e := range list {
		if !isToken(e.Name) {
			return unsendable("extension is not a token", e.Name)
		}
		for _, p := range e.Params {
			if !isToken(p.Name) || p.HasValue && !isToken(p.Value) {
				return unsendable("extension parameter is not made of tokens", p.Name+"="+p.Value)
			}
		}
	}
	return nil
}

func unsendable(why, value string) error {
	return fmt.Errorf("%w: %s: %s", ErrHandshakeValue, why, excerpt(value))
}

// AppendRefusal appends the whole answer to a request that is refused with e:
// head and body. After it the connection must be closed.
func AppendRefusal(dst []byte, e *HandshakeError) []byte {
	dst = AppendResponse(dst, refusalStatus(e), refusalHeader(e))
	return append(dst, refusalBody(e)...)
}

// refusalStatus returns the status that refuses a request with e: no 1xx or
// 2xx, from which a client might take it that it was accepted.
func refusalStatus(e *HandshakeError) int {
	status := e.Status
	if status == 0 {
		status = e.Rule.Status()
	}
	if status < 300 || status > 599 {
		return 500
	}
	return status
}

// refusalBody returns the rule in one line. It repeats nothing of the request.
func refusalBody(e *HandshakeError) string { return e.Rule.Error() + "\n" }

// refusalHeader returns the fields of the answer that refuses a request with e,
// among them those of e.Header.
//
// Choice: a field of the application that must not be sent is left out, because
// there is no better moment to complain, and the refusal has to go out.
func refusalHeader(e *HandshakeError) map[string][]string {
	h := make(map[string][]string)
	for name, values := range e.Header {
		if checkField(name, values) == nil {
			h[canonicalName(name)] = values
		}
	}
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h[fieldLength] = []string{strconv.Itoa(len(refusalBody(e)))}
	h[fieldConnection] = []string{"close"}
	switch refusalStatus(e) {
	case 405: // RFC 9110 §15.5.6: it must be told what is allowed.
		h["Allow"] = []string{"GET"}
	case 426:
		// RFC 9110 §15.5.22: it must be told what to upgrade to; by §7.8 the
		// field is then listed in Connection. It is a line of its own, since
		// net/http looks for a plain "close" in the first.
		h[fieldUpgrade] = []string{"websocket"}
		h[fieldConnection] = []string{"close", "Upgrade"}
		// §4.2.2: all versions that the server understands.
		h[fieldVersion] = []string{"13"}
	}
	return h
}
