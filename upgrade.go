// This file is the server's side of the opening handshake (§4.2) behind
// net/http, and the policies of all servers. The rules are in handshake.go and
// origin.go; upgrade_conn.go does without net/http.

package websocket

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// An Upgrader turns HTTP requests into connections. The zero value is ready
// for use: it accepts clients that are no browsers, and pages of the same origin.
// It may be used by many goroutines, and must not be changed meanwhile.
type Upgrader struct {
	Options

	// Origins are the origins of other sites whose pages may connect (§10.2),
	// such as "https://example.com", or "https://*.example.com" for all names
	// below it. The origin of the request's own scheme, host and port is
	// always allowed, and so are requests without Origin, which come from no
	// browser.
	Origins []string

	// CheckOrigin replaces the check of Origin when it is not nil.
	CheckOrigin func(r *Request) bool

	// InsecureSkipOriginCheck lets the pages of all sites connect, with the
	// cookies that the browser has for this one.
	InsecureSkipOriginCheck bool

	// Hosts are the names, with or without port, that a request's Host may
	// have: "example.com", "*.example.com", "localhost:8080". An empty list
	// allows all. It protects servers on a loopback address against DNS
	// rebinding.
	Hosts []string

	// Authorize is called with a request that has passed all checks. An error
	// refuses it: a *HandshakeError with its Status and Header (neither has
	// to be set, nor has Rule), all others with 403. It may be called by many
	// goroutines.
	Authorize func(r *Request) error

	// SelectSubprotocol replaces the choice by Options.Subprotocols when it is
	// not nil. It returns one of the offered subprotocols, or "" for none.
	SelectSubprotocol func(offered []string) string

	// Header is added to the answer. Behind net/http so is what was set on the
	// ResponseWriter, such as a cookie of this one client.
	Header http.Header

	// Group holds the connections that are accepted, and bounds their number.
	// By default they are in none.
	Group *Group

	// HandshakeTimeout bounds the reading of a request by UpgradeConn, the
	// TLS handshake included, and the writing of the answer. Default 10 s.
	// Behind net/http, http.Server.ReadHeaderTimeout bounds the reading.
	HandshakeTimeout time.Duration
}

const defaultHandshakeTimeout = 10 * time.Second

func (u *Upgrader) handshakeTimeout() time.Duration {
	return normalHandshakeTimeout(u.HandshakeTimeout)
}

// normalHandshakeTimeout replaces zero by the default, for servers and clients.
func normalHandshakeTimeout(d time.Duration) time.Duration {
	if d <= 0 {
		return defaultHandshakeTimeout
	}
	return min(d, maxTimeout)
}

// Validate returns an error when the settings cannot work: a malformed pattern in
// Hosts or Origins, a subprotocol that is not a token, window bits that do not
// exist, a field of Header that must not be sent. With such settings requests are
// refused with status 500.
func (u *Upgrader) Validate() error {
	return errors.Join(checkHostPatterns(u.Hosts), checkOriginPatterns(u.Origins),
		checkSubprotocols(u.Subprotocols), u.Compression.Check(), checkFields(u.Header))
}

// An acceptance is how a request is accepted.
type acceptance struct {
	Answer
	key         string       // of the request
	compression *Compression // what was agreed on, or nil
}

// judge decides about a request. An error is always a *HandshakeError.
func (u *Upgrader) judge(r *Request) (a acceptance, err error) {
	offer, err := r.Check()
	if err != nil {
		return a, err
	}
	if err := u.admit(r); err != nil {
		return a, err
	}
	a.key, a.Header = offer.Key, u.Header
	if u.SelectSubprotocol != nil {
		a.Subprotocol = u.SelectSubprotocol(offer.Subprotocols)
	} else {
		a.Subprotocol = SelectSubprotocol(offer.Subprotocols, u.Subprotocols)
	}
	var accepted Extension
	if accepted, a.compression = u.Compression.Accept(offer.Extensions); a.compression != nil {
		a.Extensions = []Extension{accepted}
	}
	if err := a.Check(&offer); err != nil {
		return a, u.misconfigured(err)
	}
	return a, nil
}

// admit applies the policies to a valid request.
func (u *Upgrader) admit(r *Request) error {
	if err := u.Validate(); err != nil {
		return u.misconfigured(err)
	}
	if err := r.CheckHost(u.Hosts); err != nil {
		return err
	}
	if err := u.admitOrigin(r); err != nil || u.Authorize == nil {
		return err
	}
	return forbidden(u.Authorize(r))
}

// forbidden turns an error of the application into the refusal that it asks for.
func forbidden(err error) error {
	var he *HandshakeError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &he):
		return refuse(RuleForbidden, excerpt(err.Error()))
	case he.Rule != 0:
		return he
	}
	refusal := *he // the application's own may serve many requests at once
	refusal.Rule = RuleForbidden
	return &refusal
}

func (u *Upgrader) admitOrigin(r *Request) error {
	switch {
	case u.InsecureSkipOriginCheck:
		return nil
	case u.CheckOrigin == nil:
		return r.CheckOrigin(u.Origins)
	case u.CheckOrigin(r):
		return nil
	}
	return refuse(RuleOrigin, "")
}

// misconfigured refuses a request with which nothing is wrong.
func (u *Upgrader) misconfigured(err error) error {
	u.Options.logger().Error("websocket: the Upgrader is misconfigured", "err", err)
	return &HandshakeError{Rule: RuleUnavailable, Status: http.StatusInternalServerError, Detail: err.Error()}
}

// Upgrade answers a handshake that net/http has read, and takes the
// connection over. When it returns an error, a *HandshakeError if the client is to
// blame, it has answered already. Wrapped ResponseWriters work if they have an
// Unwrap method, as http.ResponseController wants.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	c, seat, err := u.upgrade(w, r)
	if err == nil {
		seat.lend(c)
	}
	return c, err
}

// upgrade is Upgrade for who gives up the seat himself, unless there is an error.
func (u *Upgrader) upgrade(w http.ResponseWriter, r *http.Request) (c *Conn, s *seat, err error) {
	defer func() {
		if c == nil { // or there was a panic
			s.leave()
		}
	}()
	request := requestOf(r)
	a, err := u.judge(request)
	if err == nil {
		s, err = u.Group.admit(request)
	}
	if err != nil {
		writeRefusal(w, err)
		return nil, nil, err
	}
	a.Header = withHeader(a.Header, w.Header())
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		writeRefusal(w, refuse(RuleUnavailable, ""))
		return nil, s, err
	}
	c, err = u.open(nc, takeEarly(rw.Reader), &a, s)
	return c, s, err
}

// withHeader returns header with the fields that w's handlers have set so far,
// as far as they may be sent with a 101: a middleware's Set-Cookie, say.
func withHeader(header map[string][]string, set http.Header) map[string][]string {
	if len(set) == 0 {
		return header
	}
	merged := copyHeader(header)
	for name, values := range set {
		if checkField(name, values) == nil {
			merged[name] = append(merged[name][:len(merged[name]):len(merged[name])], values...)
		}
	}
	return merged
}

// takeEarly returns what has arrived behind the request. It takes the buffer
// away from net/http, which would hold it for as long as the handler runs.
func takeEarly(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered())
	early := append([]byte(nil), b...)
	*r = bufio.Reader{}
	return early
}

// requestOf returns the request as the rules want to see it.
func requestOf(r *http.Request) *Request {
	return &Request{
		Method: r.Method, Target: r.RequestURI, Major: r.ProtoMajor, Minor: r.ProtoMinor,
		Host: r.Host, Header: r.Header, HasBody: r.ContentLength != 0, TLS: r.TLS != nil, RemoteAddr: r.RemoteAddr,
	}
}

func writeRefusal(w http.ResponseWriter, err error) {
	var he *HandshakeError
	if !errors.As(err, &he) {
		he = refuse(RuleForbidden, "")
	}
	for name, values := range refusalHeader(he) {
		w.Header()[name] = values
	}
	w.WriteHeader(refusalStatus(he))
	io.WriteString(w, refusalBody(he))
}

// open sends the 101 and returns the connection.
func (u *Upgrader) open(nc net.Conn, early []byte, a *acceptance, s *seat) (_ *Conn, err error) {
	ending := func() error { return nc.Close() } // if it comes to nothing, or a hook panics
	defer func() {
		if ending != nil {
			ending()
		}
	}()
	if s.carry(nc) {
		return nil, &CloseError{Code: CloseAbnormal, cause: net.ErrClosed}
	}
	// net/http's deadlines must not outlive the handshake.
	nc.SetDeadline(time.Now().Add(u.handshakeTimeout()))
	_, err = nc.Write(AppendAnswer(nil, a.key, &a.Answer))
	if err == nil {
		err = nc.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, &CloseError{Code: CloseAbnormal, cause: err}
	}
	o := u.Options
	o.Compression = a.compression
	c := newConn(nc, RoleServer, o, early)
	c.subprotocol = strings.Clone(a.Subprotocol) // not to hold the head that it is part of
	ending = c.CloseNow
	c.opened()
	s.take(c)
	ending = nil
	return c, nil
}
