// These are the tests of SOCKS5 (RFC 1928, RFC 1929) with proxies that refuse,
// lie or break off, byte by byte. proxy_test.go has those that work.

package websocket

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const (
	socksHello = "\x05\x02\x00\x02" // of a client with a password
	socksLogin = "\x01\x04user\x08" + stubSecret
	socksOpen  = "\x05\x01\x00\x03\x0ctest.example\x00\x50"
)

// socksScript answers a client that wants a tunnel to test.example:80.
func socksScript(method, login, reply string) []string {
	if method == "\x05\x02" {
		return []string{socksHello, method, socksLogin, login, socksOpen, reply}
	}
	return []string{socksHello, method, socksOpen, reply}
}

func TestSOCKSProxyRefuses(t *testing.T) {
	tests := map[string][]string{ // what is said in Detail, and the script
		"SOCKS5: no acceptable way to authenticate": {socksHello, "\x05\xff"},
		"SOCKS5: name or password is wrong":         socksScript("\x05\x02", "\x01\x01", ""),
		"its answer is not SOCKS5":                  {socksHello, "\x04\x00"},
		"SOCKS5: unknown type of address":           socksScript("\x05\x00", "", "\x05\x00\x00\x02"),
		"SOCKS5: reply 9":                           socksScript("\x05\x00", "", "\x05\x09\x00\x01"),
		"SOCKS5: reply 99":                          socksScript("\x05\x00", "", "\x05\x63\x00\x01"),
		"SOCKS5: reply 255":                         socksScript("\x05\x00", "", "\x05\xff\x00\x01"),
	}
	for i, reason := range []string{ // RFC 1928 §6
		"general failure", "connection not allowed", "network unreachable", "host unreachable",
		"connection refused", "TTL expired", "command not supported", "address type not supported",
	} {
		tests["SOCKS5: "+reason] = socksScript("\x05\x02", "\x01\x00", fmt.Sprintf("\x05%c\x00\x01\x00\x00\x00\x00\x00\x00", i+1))
	}
	for detail, script := range tests {
		testSOCKSRefusal(t, detail, script)
	}
	for name, script := range map[string][]string{
		"gssapi":            {socksHello, "\x05\x01"},
		"iana-method":       {socksHello, "\x05\x03"},
		"login-status-255":  socksScript("\x05\x02", "\x01\xff", ""),
		"http":              {socksHello, "HTTP/1.1 400 Bad Request\r\n\r\n"},
		"version-0":         {socksHello, "\x00\x00"},
		"reply-version-4":   socksScript("\x05\x00", "", "\x04\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
		"address-type-0":    socksScript("\x05\x00", "", "\x05\x00\x00\x00"),
		"address-type-0xff": socksScript("\x05\x00", "", "\x05\x00\x00\xff"),
	} {
		details := map[string]string{"gssapi": "no acceptable", "iana-method": "no acceptable", "login-status-255": "is wrong",
			"address-type-0": "unknown type", "address-type-0xff": "unknown type"}
		detail := details[name]
		if detail == "" {
			detail = "is not SOCKS5"
		}
		testSOCKSRefusal(t, detail, script)
	}
}

// testSOCKSRefusal wants RuleProxy with this in its Detail, at once.
func testSOCKSRefusal(t *testing.T, detail string, script []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := dialThrough(t, "socks5", turns(t, script...))
		simWantElapsed(t, start, 0)
		var he *HandshakeError
		if !errors.As(err, &he) || he.Rule != RuleProxy || !strings.Contains(he.Detail, detail) || he.Status != 0 {
			t.Errorf("after %q: error is %v, want RuleProxy with %q", script, err, detail)
		}
	})
}

// A client that has not offered a password is not asked for one.
func TestSOCKSPasswordWasNotOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newStub(t, turns(t, "\x05\x01\x00", "\x05\x02"))
		d.Proxy = through(stubURL(t, "socks5://proxy.example"))
		_, _, err := d.Dial(t.Context(), "ws://test.example/")
		wantProxyError(t, err, "SOCKS5: no acceptable way to authenticate")
		s.wantClosed(1)
	})
}

// S-56: a reply that is cut at any byte is an error of the network, whatever the
// kind of address in it. The whole reply is a tunnel.
func TestSOCKSReplyIsCut(t *testing.T) {
	for _, address := range []string{
		"\x01\xc0\x00\x02\x01\x00\x50",
		"\x04" + strings.Repeat("\xfe", 16) + "\x00\x50",
		"\x03\x00\x00\x50",
		"\x03\x04stub\x00\x50",
		"\x03\xff" + strings.Repeat("n", 255) + "\x00\x50",
	} {
		script := socksScript("\x05\x02", "\x01\x00", "\x05\x00\x00"+address)
		whole := len("\x05\x02\x01\x00\x05\x00\x00" + address)
		for at := range whole {
			for _, cut := range []error{io.EOF, syscall.ECONNRESET} {
				testSOCKSCut(t, script, at, cut)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			_, d := newStub(t, func(c *simConn) {
				playTurns(t, c, script)
				serveOne(c)
			})
			d.Proxy = through(stubURL(t, "socks5://user:"+stubSecret+"@proxy.example"))
			c, _, err := d.Dial(t.Context(), "ws://test.example/")
			if err != nil {
				t.Fatalf("after %q: %v", script, err)
			}
			echoOnce(t, c)
		})
	}
}

func testSOCKSCut(t *testing.T, script []string, at int, cut error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := dialThrough(t, "socks5", func(c *simConn) {
			c.cut(at, cut)
			turns(t, script...)(c)
		})
		he, wants := (*HandshakeError)(nil), cut
		if cut == io.EOF && !errors.Is(err, io.EOF) {
			wants = io.ErrUnexpectedEOF
		}
		if !errors.Is(err, wants) || errors.As(err, &he) {
			t.Errorf("%v at byte %d of %q: %v", cut, at, script, err)
		}
		if strings.Contains(string(s.clients[0].sent()), "GET") {
			t.Error("the request was sent without a tunnel")
		}
	})
}

// RFC 1929 §2 has room for 255 bytes each, RFC 1928 §5 for a name of as many.
func TestSOCKSLengths(t *testing.T) {
	name := strings.Repeat("n.", 127) + "n" // 255 bytes
	for _, test := range []struct {
		user, password, host string
		fails                error
	}{
		{strings.Repeat("u", 255), strings.Repeat("p", 255), name, nil},
		{"u", "", "test.example", nil},
		{strings.Repeat("u", 256), "p", "test.example", ErrURL},
		{"u", strings.Repeat("p", 256), "test.example", ErrURL},
		{"", "p", "test.example", ErrURL},
		{"u", "p", name + "n", ErrURL},
	} {
		synctest.Test(t, func(t *testing.T) {
			var target string
			s, d := newStub(t, func(c *simConn) {
				if target, _ = openSOCKS(2)(c); target != "" {
					serveOne(c)
				}
			})
			d.Proxy = through(&url.URL{Scheme: "socks5", Host: "proxy.example", User: url.UserPassword(test.user, test.password)})
			c, _, err := d.Dial(t.Context(), "ws://"+test.host+"/")
			if !errors.Is(err, test.fails) {
				t.Fatalf("error is %v, want %v", err, test.fails)
			}
			if err != nil {
				if len(s.clients) != 0 {
					t.Error("it was connected to")
				}
				return
			}
			echoOnce(t, c)
			login := fmt.Sprintf("\x01%s%s%s%s", string([]byte{byte(len(test.user))}), test.user, string([]byte{byte(len(test.password))}), test.password)
			if !strings.Contains(string(s.clients[0].sent()), login) || target != test.host+":80" {
				t.Errorf("the proxy was asked for %q by %.600q", target, s.clients[0].sent())
			}
		})
	}
}

// RFC 6874 §4: the zone of an address means something on this machine only.
func TestSOCKSZoneIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := newStubDial(t, "socks5://proxy.example", "ws://[fe80::1%25eth0]/")
		want := "\x05\x01\x00" + "\x05\x01\x00\x04\xfe\x80" + strings.Repeat("\x00", 13) + "\x01\x00\x50"
		if got := string(s.clients[0].sent()); got != want {
			t.Errorf("the proxy was sent %q, want %q; error is %v", got, want, err)
		}
	})
}

// newStubDial dials through a SOCKS proxy that refuses in the end.
func newStubDial(t *testing.T, proxy, to string) (*stubConns, error) {
	t.Helper()
	s, d := newStub(t, func(c *simConn) {
		take(c, 3)
		c.Write([]byte("\x05\x00"))
		take(c, 22)
		c.Write([]byte("\x05\x01\x00\x01"))
	})
	d.Proxy = through(stubURL(t, proxy))
	_, _, err := d.Dial(t.Context(), to)
	return s, err
}
