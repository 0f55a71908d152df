// This file decides who may connect, by the names in a request: its Origin
// (§10.2), which tells what web page is behind it, and its Host. All names are
// compared whole, in ASCII lower case and without a trailing dot; nothing is
// searched for in them.

package websocket

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrPattern is returned when a pattern of origins or of hosts is malformed.
var ErrPattern = errors.New("websocket: pattern is malformed")

// splitHost splits the value of Host into a normal form of the name and the
// port, which is empty when there is none (RFC 9110 §7.2, RFC 3986 §3.2). An
// IPv6 address keeps its brackets.
//
// Choice: of the names that RFC 3986 allows, those that cannot stand in the DNS
// are refused.
func splitHost(s string) (name, port string, ok bool) {
	end := strings.IndexByte(s, ':')
	if strings.HasPrefix(s, "[") {
		end = strings.IndexByte(s, ']') + 1
	} else if end < 0 {
		end = len(s)
	}
	name, port = s[:end], s[end:]
	if port != "" && !isPort(port) {
		return "", "", false
	}
	name = strings.TrimSuffix(name, ".")
	if !isName(name) && !isIPv6(name) {
		return "", "", false
	}
	return strings.ToLower(name), strings.TrimPrefix(port, ":"), true
}

// isPort reports whether s is a colon and a port. RFC 3986 lets the port be
// empty.
func isPort(s string) bool {
	if s == ":" {
		return true
	}
	n, err := strconv.Atoi(s[1:])
	return s[0] == ':' && isDigits(s[1:]) && err == nil && n <= 0xFFFF
}

// isName reports whether s is a host's name or IPv4 address: labels that are
// not empty, with dots between them.
func isName(s string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.' && last == '.':
			return false
		case 'a' <= lower(c) && lower(c) <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
		last = c
	}
	return last != '.'
}

// isIPv6 reports whether s looks like an IPv6 address in brackets. It is only
// ever compared, so a closer look is not worth it.
func isIPv6(s string) bool {
	if len(s) < len("[::]") || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	for _, c := range []byte(s[1 : len(s)-1]) {
		if strings.IndexByte("0123456789abcdef:.", lower(c)) < 0 {
			return false
		}
	}
	return strings.Contains(s, ":")
}

// An origin is where a web page comes from (RFC 6454 §4), in normal form.
type origin struct {
	scheme, host string
	port         string // empty only for schemes without a default
}

// newOrigin returns a normal origin; authority is a host with or without port.
func newOrigin(scheme, authority string) (o origin, ok bool) {
	if !isScheme(scheme) {
		return o, false
	}
	o.scheme = strings.ToLower(scheme)
	o.host, o.port, ok = splitHost(authority)
	switch {
	case o.port != "":
	case o.scheme == "http":
		o.port = "80"
	case o.scheme == "https":
		o.port = "443"
	}
	return o, ok
}

// parseOrigin parses the value of Origin (RFC 6454 §7). There is nothing in it
// but scheme, host and port, so "null" is refused, and a path or a user's name.
func parseOrigin(s string) (o origin, ok bool) {
	scheme, authority, ok := strings.Cut(s, "://")
	if !ok {
		return o, false
	}
	return newOrigin(scheme, authority)
}

// isScheme reports whether s is a URI's scheme (RFC 3986 §3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		c := lower(s[i])
		if letter := 'a' <= c && c <= 'z'; !letter && (i == 0 || strings.IndexByte("0123456789+-.", c) < 0) {
			return false
		}
	}
	return s != ""
}

// CheckOrigin judges the Origin of a request. It must be that of the request
// itself, or match one of the patterns:
//
//	https://example.com         one origin; the port is that of the scheme
//	http://example.com:8080     with another port
//	https://*.example.com       one or more labels in front of example.com
//	example.com                 the same as https://example.com
//
// A request without Origin comes from no browser, and is let through. A pattern
// that is malformed matches nothing. An error is a *HandshakeError.
func (r *Request) CheckOrigin(allowed []string) error {
	values := r.Header[fieldOrigin]
	if len(values) == 0 {
		return nil // §4.2.1: not a browser, so no page has sent it here.
	}
	if len(values) == 1 {
		o, ok := parseOrigin(strings.Trim(values[0], blanks))
		if ok && (o == r.origin() || o.matchesAny(allowed)) {
			return nil
		}
	}
	return refuse(RuleOrigin, found(values))
}

// origin returns the one that the request is for; it is zero, which no parsed
// origin is, when Host is malformed.
func (r *Request) origin() origin {
	scheme := "http"
	if r.TLS {
		scheme = "https"
	}
	o, ok := newOrigin(scheme, r.Host)
	if !ok {
		return origin{}
	}
	return o
}

func (o origin) matchesAny(patterns []string) bool {
	for _, p := range patterns {
		want, wild, ok := parsePattern(p)
		if ok && o.scheme == want.scheme && o.port == want.port && matchName(o.host, want.host, wild) {
			return true
		}
	}
	return false
}

// parsePattern parses a pattern of CheckOrigin; wild says that it had a "*.",
// which is not in the origin.
func parsePattern(pattern string) (o origin, wild, ok bool) {
	scheme, authority, ok := strings.Cut(pattern, "://")
	if !ok {
		scheme, authority = "https", pattern
	}
	authority, wild = strings.CutPrefix(authority, "*.")
	o, ok = newOrigin(scheme, authority)
	return o, wild, ok
}

// matchName reports whether name is want or, when wild is set, ends in a dot and
// want. Both are in normal form, so what is before the dot are whole labels.
func matchName(name, want string, wild bool) bool {
	if wild {
		return strings.HasSuffix(name, "."+want)
	}
	return name == want
}

// checkOriginPatterns returns an error when one of the patterns is malformed.
// So is "*": to let everybody in is not a matter of patterns.
func checkOriginPatterns(allowed []string) error {
	for _, p := range allowed {
		if _, _, ok := parsePattern(p); !ok {
			return fmt.Errorf("%w: %s", ErrPattern, excerpt(p))
		}
	}
	return nil
}

// CheckHost judges the Host of a request by a list of patterns like
// "example.com", "*.example.com" and "example.com:8080"; without a port any will
// do. An empty list allows every host. The list keeps a page that has bound its
// own name to our address (DNS rebinding) from being of the same origin. An
// error is a *HandshakeError.
func (r *Request) CheckHost(allowed []string) error {
	if len(allowed) == 0 {
		return nil
	}
	name, port, ok := splitHost(r.Host)
	for _, p := range allowed {
		rest, wild := strings.CutPrefix(p, "*.")
		wantName, wantPort, valid := splitHost(rest)
		if ok && valid && (wantPort == "" || wantPort == port) && matchName(name, wantName, wild) {
			return nil
		}
	}
	return refuse(RuleHostForbidden, excerpt(r.Host))
}

// checkHostPatterns returns an error when one of the patterns is malformed.
func checkHostPatterns(allowed []string) error {
	for _, p := range allowed {
		if _, _, ok := splitHost(strings.TrimPrefix(p, "*.")); !ok {
			return fmt.Errorf("%w: %s", ErrPattern, excerpt(p))
		}
	}
	return nil
}

// IsLoopbackHost reports whether host, with or without a port, names the machine
// itself whatever a name server says: localhost and names below it (RFC 6761
// §6.3), 127.0.0.0/8 and ::1.
func IsLoopbackHost(host string) bool {
	if host == "::1" {
		return true
	}
	name, _, ok := splitHost(host)
	if !ok {
		return false
	}
	return name == "[::1]" || name == "localhost" || strings.HasSuffix(name, ".localhost") || isLoopbackIPv4(name)
}

// isLoopbackIPv4 reports whether s is 127 and three more numbers up to 255.
func isLoopbackIPv4(s string) bool {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if n, err := strconv.ParseUint(p, 10, 8); err != nil || strconv.FormatUint(n, 10) != p {
			return false
		}
	}
	return len(parts) == 4 && parts[0] == "127"
}
