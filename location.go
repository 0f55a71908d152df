// This file takes ws and wss URLs apart (§3). It connects to nothing.

package websocket

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// ErrURL is returned when nothing can be connected to by a URL: it is not one of
// a WebSocket server (§3), or Dialer.Proxy has returned one that is not a proxy's.
var ErrURL = errors.New("websocket: URL cannot be used")

// A location is what a URL says about where to connect.
type location struct {
	url    *url.URL // scheme, host, path and query; no user and no fragment
	user   *url.Userinfo
	secure bool // the scheme is wss
	name   string
	port   string
}

// parseLocation parses a URL. An error wraps ErrURL, and does not repeat what
// may hold a password.
func parseLocation(raw string) (*location, error) {
	// §3: a fragment means nothing here, so it is an error; also an empty one,
	// which url.Parse would not tell about.
	if strings.Contains(raw, "#") {
		return nil, badURL("it has a fragment; a number sign in path or query is written %23")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, badURL("it is malformed") // the error says more, perhaps of a password
	}
	return newLocation(u)
}

func newLocation(u *url.URL) (*location, error) {
	to := &location{user: u.User, secure: u.Scheme == "wss", name: u.Hostname(), port: u.Port()}
	u = &url.URL{
		Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath,
		RawQuery: escapeNonASCII(u.RawQuery), ForceQuery: u.ForceQuery,
	}
	to.url = u
	if u.Scheme != "ws" && !to.secure {
		return nil, badURL("its scheme is not ws or wss")
	}
	if to.port == "" {
		to.port = to.defaultPort()
	}
	if err := to.check(); err != nil {
		return nil, err
	}
	to.port = strings.TrimLeft(to.port, "0")
	return to, nil
}

// check judges the parts (§4.1).
func (to *location) check() error {
	switch port, err := strconv.ParseUint(to.port, 10, 16); {
	case to.name == "":
		return badURL("it has no host")
	case err != nil || port == 0:
		return badURL("its port is not between 1 and 65535")
	}
	for i := range len(to.name) {
		if to.name[i] >= 0x80 {
			// §11.1 wants IDNA here, for which the standard library has nothing.
			return badURL("its host is not ASCII; give the name in its xn-- form")
		}
	}
	if strings.Contains(to.user.Username(), ":") { // RFC 7617 §2
		return badURL("its user's name has a colon")
	}
	_, zone, zoned := strings.Cut(to.name, "%")
	if _, _, ok := splitHost(to.host()); !ok || zoned && !isToken(zone) {
		return badURL("its host is malformed")
	}
	return nil
}

func badURL(why string) error { return fmt.Errorf("%w: %s", ErrURL, why) }

// §11.1: what is not ASCII is sent as UTF-8 with percent signs. url.URL does
// so for the path.
func escapeNonASCII(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || c <= ' ' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// defaultPort returns the port that need not be named (§3).
func (to *location) defaultPort() string {
	if to.secure {
		return "443"
	}
	return "80"
}

// address returns where to connect, as net.Dial wants it.
func (to *location) address() string { return net.JoinHostPort(to.name, to.port) }

// withoutZone cuts the zone of an IPv6 address off, which means something on this
// machine only (RFC 6874 §4).
func withoutZone(name string) string {
	name, _, _ = strings.Cut(name, "%")
	return name
}

// publicName returns the name for others.
func (to *location) publicName() string { return withoutZone(to.name) }

// publicAddress is address for others: for a proxy.
func (to *location) publicAddress() string { return net.JoinHostPort(to.publicName(), to.port) }

// host returns the value of Host: with the port, unless it is the default one
// (§4.1).
func (to *location) host() string {
	name := to.publicName()
	switch {
	case to.port != to.defaultPort():
		return to.publicAddress()
	case strings.Contains(name, ":"):
		return "[" + name + "]"
	}
	return name
}

// resource returns the resource name: path and query (§3).
func (to *location) resource() string { return to.url.RequestURI() }

// http returns the URL with the scheme of the opening handshake, for what knows
// nothing of WebSocket: cookies, proxies.
func (to *location) http() *url.URL {
	u := *to.url
	u.Scheme = "http"
	if to.secure {
		u.Scheme = "https"
	}
	return &u
}

// sameOrigin reports whether two locations are the same server as far as
// secrets go: scheme, host and port.
func (to *location) sameOrigin(other *location) bool {
	return to.secure == other.secure && to.port == other.port && strings.EqualFold(to.name, other.name)
}
