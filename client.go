// This file is the client's side of the opening handshake (§4.1) on real
// connections: it connects, directly or through a proxy, speaks TLS if need be,
// sends the request and judges the answer. The rules are in ask.go, URLs in
// location.go, proxies in proxy.go, redirects in redirect.go.

package websocket

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Dialer connects to servers. The zero value is ready for use. It may be used
// by many goroutines, and must not be changed meanwhile.
type Dialer struct {
	Options

	// Header is added to the request: Origin, Authorization, Cookie, anything
	// but the fields of the handshake itself. By default there is no Origin.
	Header http.Header

	// Host is sent as Host instead of the URL's.
	Host string

	// Jar gives the request's cookies and keeps the answer's, those of a
	// refusal too. ws stands for http, wss for https. By default there is none.
	Jar http.CookieJar

	// TLSConfig is for wss, and for proxies that are spoken to with TLS. By
	// default the URL's host is verified against the system's authorities.
	// ServerName, when set, replaces the URL's host as the name that is sent
	// and verified. NextProtos is always "http/1.1" (§4.1).
	TLSConfig *tls.Config

	// Proxy returns the proxy for a ws or wss URL, or nil for none: an http,
	// https, socks5 or socks5h URL, perhaps with user and password. By default
	// HTTP_PROXY, HTTPS_PROXY and NO_PROXY decide, as in
	// http.ProxyFromEnvironment: HTTP_PROXY for ws, HTTPS_PROXY for wss, and
	// none for localhost. With a NetDial of your own there is none by default.
	Proxy func(u *url.URL) (*url.URL, error)

	// NetDial connects to the server, or to the proxy; addr is "host:port".
	// It must return when ctx ends, and the deadlines of what it returns must
	// work. By default it is that of a net.Dialer. It can as well connect to a
	// Unix socket.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// WrapConn is given what the handshake and all frames will pass through,
	// inside of TLS, and returns what to use instead: a net.Conn that writes
	// down what passes, for example (see Tracer). Deadlines must work through it.
	WrapConn func(net.Conn) net.Conn

	// MaxRedirects is how many redirects are followed. By default none is: the
	// Dial fails with the answer's HandshakeError. None is ever followed from
	// wss to ws; RuleRedirect tells of those. To another scheme, host or port,
	// the fields Authorization, Cookie and Proxy-Authorization of Header, the
	// URL's user and Host are not taken along; TLSConfig is.
	MaxRedirects int

	// HandshakeTimeout bounds a whole Dial, redirects included. Default 10 s.
	HandshakeTimeout time.Duration

	// Turnstile makes Dials to one address wait for each other.
	//
	// Choice (§4.1): by default they do not, since a client that is one user's
	// has few connections to open, and one that is many users' is slowed down.
	Turnstile *Turnstile
}

// Dial opens a connection to a ws or wss URL (§3, §4.1). A user name in the URL
// becomes Basic authorization. ctx and HandshakeTimeout bound Dial at every stage
// of the network, but not the connection.
//
// The server's answer is returned whenever there was one that could be parsed. Its
// Body need not be closed; it is empty, or for a refusal the first KiB.
//
// The error is a *HandshakeError when a server, or a proxy, has answered with
// something else than a proper acceptance. It wraps ErrURL for what is no
// WebSocket URL, and ErrHandshakeValue when an option must not be sent; without
// redirects nothing is connected then. All other errors wrap that of the network,
// of TLS or of the context.
func (d *Dialer) Dial(ctx context.Context, rawURL string) (*Conn, *http.Response, error) {
	to, err := parseLocation(rawURL)
	if err != nil {
		return nil, nil, err
	}
	timeout := normalHandshakeTimeout(d.HandshakeTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, &handshakeTimeout{timeout})
	defer cancel()
	a := attempt{dialer: d, to: to, host: d.Host, header: make(http.Header)}
	for name, values := range d.Header {
		name = canonicalName(name) // by which redirect finds those that are secret
		a.header[name] = append(a.header[name], values...)
	}
	for left := d.MaxRedirects; ; left-- {
		c, resp, err := a.run(ctx)
		if err == nil || d.MaxRedirects <= 0 || !isRedirect(resp) {
			return c, resp, err
		}
		if err := a.redirect(resp, err, left); err != nil {
			return nil, resp, err
		}
	}
}

// An attempt is one request of a Dial: there is another for each redirect.
type attempt struct {
	dialer *Dialer
	to     *location
	host   string      // to be sent instead of the location's
	header http.Header // to be sent besides the handshake's own

	ask Ask
}

// run makes the request and returns what came of it.
func (a *attempt) run(ctx context.Context) (*Conn, *http.Response, error) {
	if err := a.prepare(); err != nil {
		return nil, nil, err
	}
	r, err := a.route()
	if err != nil {
		return nil, nil, err
	}
	p := passage{stile: a.dialer.Turnstile}
	defer p.leave()
	nc, err := p.dial(ctx, a.dialer, r)
	if by, ok := ctx.Deadline(); err != nil && ok && !time.Now().Before(by) {
		<-ctx.Done() // the socket's deadline was a little faster than the timer
	}
	if oe := (*net.OpError)(nil); errors.As(err, &oe) && oe.Addr != nil && ctx.Err() == nil {
		return nil, nil, stageError(ctx, "connecting", err) // it tells the address
	}
	if err != nil {
		return nil, nil, stageError(ctx, "connecting to "+r.first(), err)
	}
	// Closing it ends every call that is blocked, in TLS or in a proxy's
	// handshake too.
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	c, resp, err := a.open(ctx, nc, r)
	if !stop() && err == nil {
		c.CloseNow()
		err = stageError(ctx, "opening the connection", ctx.Err())
	}
	if err != nil {
		nc.Close()
		return nil, resp, err
	}
	return c, resp, nil
}

// prepare makes the request, which must not need a connection to turn out to be
// impossible.
func (a *attempt) prepare() error {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	a.ask = Ask{
		Target: a.to.resource(), Host: a.to.host(), Key: EncodeKey(nonce),
		Subprotocols: a.dialer.Subprotocols, Header: a.header.Clone(),
	}
	if a.host != "" {
		a.ask.Host = a.host
	}
	if offer := a.dialer.Compression; offer != nil {
		if err := offer.Check(); err != nil {
			return err
		}
		a.ask.Extensions = []Extension{offer.Offer()}
	}
	h := http.Header(a.ask.Header)
	if u := a.to.user; u.String() != "" && h.Get("Authorization") == "" {
		h.Set("Authorization", basicAuth(u))
	}
	if pairs := h["Cookie"]; len(pairs) > 1 { // RFC 6265 §5.4: there is only one
		pairs = slices.DeleteFunc(pairs, func(s string) bool { return s == "" })
		h.Set("Cookie", strings.Join(pairs, "; "))
	}
	if a.dialer.Jar != nil {
		r := http.Request{Header: h}
		for _, c := range a.dialer.Jar.Cookies(a.to.http()) {
			r.AddCookie(c)
		}
	}
	return a.ask.Check()
}

// basicAuth returns the credentials in a URL (RFC 7617 §2).
func basicAuth(u *url.Userinfo) string {
	password, _ := u.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password))
}

var errNoConn = errors.New("neither a connection nor an error")

func (d *Dialer) netDial(ctx context.Context, addr string) (net.Conn, error) {
	if d.NetDial == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	nc, err := d.NetDial(ctx, "tcp", addr)
	if nc == nil && err == nil {
		err = errNoConn
	}
	return nc, err
}

// wrap is WrapConn. A transport without deadlines is refused here: on a Conn it
// would fail with the first write, or hang.
func (d *Dialer) wrap(nc net.Conn) (net.Conn, error) {
	if d.WrapConn != nil {
		inner := nc
		if nc = d.WrapConn(inner); nc == nil {
			return inner, errNoConn
		}
	}
	return nc, nc.SetDeadline(time.Time{})
}

// A handshakeTimeout is the error of a Dial that HandshakeTimeout has ended.
type handshakeTimeout struct{ d time.Duration }

func (e *handshakeTimeout) Error() string {
	return "the handshake has not ended within " + e.d.String()
}
func (e *handshakeTimeout) Unwrap() error { return context.DeadlineExceeded }
func (e *handshakeTimeout) Timeout() bool { return true }

// stageError says what was being done when an error came.
func stageError(ctx context.Context, doing string, err error) error {
	var ours *handshakeTimeout
	switch {
	case errors.As(context.Cause(ctx), &ours):
		err = ours
	case ctx.Err() != nil:
		err = ctx.Err() // and not that the connection was closed under the call
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("websocket: %s: %w", doing, err)
}

// open turns a connection to the first hop into a WebSocket connection.
func (a *attempt) open(ctx context.Context, nc net.Conn, r route) (c *Conn, resp *http.Response, err error) {
	raw := nc
	if nc, err = r.tunnel(ctx, nc); err != nil {
		return nil, nil, err
	}
	var state *tls.ConnectionState
	if a.to.secure {
		secured, err := startTLS(ctx, nc, a.dialer.TLSConfig.Clone(), a.to.publicName())
		if err != nil {
			return nil, nil, stageError(ctx, "TLS with "+a.to.name, err)
		}
		reached := secured.ConnectionState()
		nc, state = secured, &reached
	}
	talkative := isTalkative(nc)
	nc, err = a.dialer.wrap(nc)
	defer func() {
		if c == nil && a.dialer.WrapConn != nil {
			raw.Close() // first, or TLS would want to say goodbye
			nc.Close()
		}
	}()
	if err != nil {
		return nil, nil, stageError(ctx, "preparing the transport", err)
	}
	answer, early, err := exchange(nc, AppendAsk(nil, &a.ask))
	if he := (*HandshakeError)(nil); errors.As(err, &he) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, stageError(ctx, "waiting for the answer of "+a.to.address(), err)
	}
	resp = a.response(answer)
	resp.TLS = state
	o := a.dialer.Options
	agreed, err := answer.Check(&a.ask)
	if err == nil {
		o.Compression, err = o.Compression.Confirm(agreed.Extensions)
	}
	if he := (*HandshakeError)(nil); errors.As(err, &he) {
		he.Status, he.Header, he.Body = answer.Status, answer.Header, readBody(nc, answer, early)
		resp.Body = io.NopCloser(bytes.NewReader(he.Body))
		return nil, resp, err
	}
	c = newConn(nc, RoleClient, o, early)
	c.frameTurn.lock(nil, nil)                     // keepalive may be at work already
	c.out.talkative = talkative || c.out.talkative // WrapConn may hide it
	c.frameTurn.unlock()
	c.subprotocol = agreed.Subprotocol
	c.opened()
	return c, resp, nil
}

// startTLS speaks TLS with the host of this name (§4.1). The config may be nil,
// and is changed.
func startTLS(ctx context.Context, nc net.Conn, config *tls.Config, name string) (*tls.Conn, error) {
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = name
	}
	config.NextProtos = []string{"http/1.1"}
	c := tls.Client(nc, config)
	return c, c.HandshakeContext(ctx)
}

// response returns the answer in the form of net/http, with no body yet.
func (a *attempt) response(r *Response) *http.Response {
	resp := &http.Response{
		Status: strings.TrimRight(r.status(), " "), StatusCode: r.Status,
		Proto: "HTTP/" + strconv.Itoa(r.Major) + "." + strconv.Itoa(r.Minor), ProtoMajor: r.Major, ProtoMinor: r.Minor,
		Header: r.Header, Body: http.NoBody,
		Request: &http.Request{Method: http.MethodGet, URL: a.to.url, Host: a.ask.Host, Header: a.ask.Header},
	}
	if a.dialer.Jar != nil {
		if cookies := resp.Cookies(); len(cookies) > 0 {
			a.dialer.Jar.SetCookies(a.to.http(), cookies)
		}
	}
	return resp
}
