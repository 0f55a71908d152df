// This file reads the heads of HTTP/1.1 messages (RFC 9112 §2 to §5): a start
// line, field lines and a blank line. It is stricter than HTTP servers have to
// be: lines end in CRLF, nothing is folded, nothing is repaired. It judges the
// syntax only; what a handshake must contain is judged in handshake.go and
// ask.go. The inverse is in compose.go.

package websocket

import (
	"bytes"
	"strconv"
	"strings"
)

// Limits on a head (§10.4). Beyond them it breaks RuleHeadSize.
const (
	MaxStartLine = 8 << 10  // bytes of the start line with its CRLF
	MaxHead      = 64 << 10 // bytes of all lines with the blank one
	MaxFields    = 100      // field lines
)

// A HeadScanner finds the end of a head that arrives in pieces. It looks at
// each byte once, however small the pieces are. The zero value is ready; it is
// good for one head.
type HeadScanner struct {
	pos    int // bytes that were looked at
	line   int // where the line in progress begins
	lines  int // that are complete, with the start line
	length int // of the head, once known
	err    error
}

// Scan takes the whole buffer so far, which must begin with what the last call
// was given. It returns the length of the head with its blank line, or 0 when
// more is needed. An error is a *HandshakeError and stays.
func (s *HeadScanner) Scan(b []byte) (n int, err error) {
	for s.err == nil && s.length == 0 && s.pos < len(b) && s.next(b) {
	}
	return s.length, s.err
}

// next takes one line. It returns false when there is none to take.
func (s *HeadScanner) next(b []byte) bool {
	// A request begins with a method, a response with "HTTP": both with a byte
	// of a token. What does not (a TLS ClientHello, say) is refused at once.
	if s.pos == 0 && !isTokenByte(b[0]) {
		s.err = malformed(RuleStartLine, "it begins with "+excerpt(string(b[:1])))
		return false
	}
	limit := MaxHead
	if s.lines == 0 {
		limit = MaxStartLine
	}
	end := min(len(b), limit)
	if i := bytes.IndexByte(b[s.pos:end], '\n'); i >= 0 {
		s.endLine(b, s.pos+i)
		return true
	}
	if s.pos = end; end == limit {
		s.err = malformed(RuleHeadSize, "more than "+strconv.Itoa(limit)+" bytes")
	}
	return false
}

// endLine takes the line feed at b[i], the end of the line in progress.
func (s *HeadScanner) endLine(b []byte, i int) {
	switch text := i - 1 - s.line; {
	case text < 0 || b[i-1] != '\r':
		s.err = malformed(s.rule(), "line ends without CR")
	case text == 0:
		s.length = i + 1
	case s.lines > MaxFields:
		s.err = malformed(RuleHeadSize, "more than "+strconv.Itoa(MaxFields)+" fields")
	}
	s.pos, s.line, s.lines = i+1, i+1, s.lines+1
}

// rule returns the one that a malformed line in progress breaks.
func (s *HeadScanner) rule() Rule {
	if s.lines == 0 {
		return RuleStartLine
	}
	return RuleHeader
}

// A Request is the head of a client's opening handshake (§4.2.1).
type Request struct {
	Method string // in the case that was sent
	Target string // as sent: "/chat?room=1", or "http://example.com/chat?room=1"

	// Major and Minor are the version of HTTP.
	Major, Minor int

	// Host is the server's name as the client knows it, with a port when it
	// gave one: from the target when that is an absolute URI, else from the Host
	// field. It is empty when there was not exactly one Host field.
	Host string

	// Header has the fields in the form of net/http: canonical names, and no
	// Host, unless there was more than one.
	Header map[string][]string

	// HasBody says that a body follows although Header does not tell: net/http
	// takes Transfer-Encoding out of its headers.
	HasBody bool

	TLS        bool   // the connection is encrypted, so the scheme is https
	RemoteAddr string // of the client, for logs
}

// A Response is the head of a server's answer (§4.2.2).
type Response struct {
	Major, Minor int // version of HTTP
	Status       int
	Reason       string
	Header       map[string][]string // canonical names, as in net/http
}

// status returns the status as the start line has it.
func (r *Response) status() string { return strconv.Itoa(r.Status) + " " + r.Reason }

// Interim reports whether another answer to the same request follows: the
// status is 1xx, but not 101 (RFC 9110 §15.2).
func (r *Response) Interim() bool { return r.Status/100 == 1 && r.Status != 101 }

// ParseRequest parses a head that HeadScanner has found. It checks the syntax
// and the major version, which decides what the rest means; Request.Check does
// the rest. An error is a *HandshakeError.
func ParseRequest(head []byte) (*Request, error) {
	line, fields, err := splitHead(head)
	if err != nil {
		return nil, err
	}
	r := new(Request)
	if !r.parseLine(line) {
		return nil, malformed(RuleStartLine, excerpt(line))
	}
	if r.Major != 1 {
		return nil, malformed(RuleHTTPVersion, excerpt(line))
	}
	if r.Header, err = parseFields(fields); err != nil {
		return nil, err
	}
	if hosts := r.Header["Host"]; len(hosts) == 1 {
		r.Host = hosts[0]
		delete(r.Header, "Host")
		// RFC 9112 §3.2.2: the authority of an absolute URI replaces Host.
		if authority, _, ok := cutAbsolute(r.Target); ok {
			r.Host = authority
		}
	}
	return r, nil
}

// request-line = method SP request-target SP HTTP-version (RFC 9112 §3)
func (r *Request) parseLine(line string) (ok bool) {
	var version string
	r.Method, line, _ = strings.Cut(line, " ")
	r.Target, version, _ = strings.Cut(line, " ")
	r.Major, r.Minor, ok = parseVersion(version)
	return ok && isToken(r.Method) && r.Target != ""
}

// Path returns the path of the target without the query; it is "/" when the
// target has none (§3).
func (r *Request) Path() string {
	path, _, _ := strings.Cut(r.resource(), "?")
	return path
}

// Query returns what follows the first question mark of the target.
func (r *Request) Query() string {
	_, query, _ := strings.Cut(r.resource(), "?")
	return query
}

// resource returns the resource name (§3): the path and the query.
func (r *Request) resource() string {
	_, rest, ok := cutAbsolute(r.Target)
	switch {
	case !ok:
		return r.Target
	case rest == "" || rest[0] == '?':
		return "/" + rest
	}
	return rest
}

// cutAbsolute splits an absolute http or https URI into its authority and what
// follows it.
func cutAbsolute(target string) (authority, rest string, ok bool) {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !equalFold(scheme, "http") && !equalFold(scheme, "https") {
		return "", "", false
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return rest[:i], rest[i:], true
	}
	return rest, "", true
}

// ParseResponse parses a head that HeadScanner has found. It checks the syntax
// only; Response.Check does the rest. An error is a *HandshakeError.
func ParseResponse(head []byte) (*Response, error) {
	line, fields, err := splitHead(head)
	if err != nil {
		return nil, err
	}
	r := new(Response)
	if !r.parseLine(line) {
		return nil, malformed(RuleStartLine, excerpt(line))
	}
	if r.Header, err = parseFields(fields); err != nil {
		return nil, err
	}
	return r, nil
}

// status-line = HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 §4)
//
// Choice: the second space may be missing when there is no reason; servers do
// that, and it can mean nothing else.
func (r *Response) parseLine(line string) (ok bool) {
	version, line, _ := strings.Cut(line, " ")
	status, reason, _ := strings.Cut(line, " ")
	r.Major, r.Minor, ok = parseVersion(version)
	if !ok || len(status) != 3 || status[0] == '0' || !isDigits(status) || !isFieldValue(reason) {
		return false
	}
	r.Status, _ = strconv.Atoi(status)
	r.Reason = reason
	return true
}

// HTTP-version = "HTTP" "/" DIGIT "." DIGIT, in this case (RFC 9112 §2.3)
func parseVersion(s string) (major, minor int, ok bool) {
	if len(s) != len("HTTP/1.1") || s[:5] != "HTTP/" || s[6] != '.' || !isDigits(s[5:6]+s[7:]) {
		return 0, 0, false
	}
	return int(s[5] - '0'), int(s[7] - '0'), true
}

// isDigits reports whether s consists of digits only.
func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// splitHead returns the start line without its CRLF, and the field lines with
// theirs. It scans the head once more, so that the parsers are safe without a
// HeadScanner in front of them.
func splitHead(head []byte) (line, fields string, err error) {
	n, err := new(HeadScanner).Scan(head)
	if err != nil {
		return "", "", err
	}
	if n == 0 || n != len(head) {
		return "", "", malformed(RuleHeader, "head does not end with its only blank line")
	}
	line, fields, _ = strings.Cut(string(head[:n-len("\r\n")]), "\r\n")
	return line, fields, nil
}

// parseFields parses field lines that each end in CRLF.
func parseFields(lines string) (map[string][]string, error) {
	header := make(map[string][]string)
	for lines != "" {
		var line string
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, ok := parseField(line)
		if !ok {
			return nil, malformed(RuleHeader, excerpt(line))
		}
		header[name] = append(header[name], value)
	}
	return header, nil
}

// field-line = field-name ":" OWS field-value OWS (RFC 9112 §5)
//
// Names are tokens, so a folded line (§5.2) and a blank in front of the colon
// (§5.1) are refused like any other malformed name.
func parseField(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	if !ok || !isToken(name) || !isFieldValue(value) {
		return "", "", false
	}
	return canonicalName(name), strings.Trim(value, blanks), true
}
