// These are the tests of proxies that speak HTTP and refuse, lie or fall silent:
// each ends in the right error, with the connection closed.

package websocket

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// connectAsk is what proxies on pipes are asked by dialThrough.
var connectAsk = "CONNECT test.example:80 HTTP/1.1\r\nHost: test.example:80\r\nProxy-Authorization: Basic " +
	base64.StdEncoding.EncodeToString([]byte("user:"+stubSecret)) + "\r\n\r\n"

// dialThrough dials through a stub of a proxy, which must fail. It needs a bubble.
func dialThrough(t *testing.T, scheme string, play func(*simConn)) (*stubConns, error) {
	t.Helper()
	s, d := newStub(t, play)
	d.Proxy = through(stubURL(t, scheme+"://user:"+stubSecret+"@proxy.example:8080"))
	c, _, err := d.Dial(t.Context(), "ws://test.example/")
	if c != nil {
		t.Error("there is a connection")
		c.CloseNow()
	}
	wantNoSecret(t, err)
	s.wantClosed(1)
	return s, err
}

// wantProxyError wants a *HandshakeError with RuleProxy and returns it.
func wantProxyError(t *testing.T, err error, detail string) *HandshakeError {
	t.Helper()
	var he *HandshakeError
	if !errors.As(err, &he) || he.Rule != RuleProxy || !errors.Is(err, RuleProxy) || he.Detail != detail {
		t.Fatalf("error is %v, want RuleProxy with %q", err, detail)
	}
	return he
}

// 6455-4.1-7
func TestProxyRefuses(t *testing.T) {
	for _, test := range []struct {
		answer string
		status int
		detail string
		body   string
	}{
		{"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nno!\n", 407, `"407 Proxy Authentication Required"`, "no!\n"},
		{"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", 502, `"502 Bad Gateway"`, ""},
		{"HTTP/1.0 403 \r\nContent-Length: 2000\r\n\r\n" + strings.Repeat("x", 2000), 403, `"403 "`, strings.Repeat("x", 1<<10)},
		{"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 503, `"503 Busy"`, "abc"},
		{"HTTP/1.1 302 Found\r\nLocation: ws://test.example/\r\nContent-Length: 0\r\n\r\n", 302, `"302 Found"`, ""},
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101, `"101 Switching Protocols"`, ""},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", 504, `"504 Late"`, ""},
		{"HTTP/1.1 200 OK\r\n\r\n\x16\x03", 200, "bytes follow its answer", ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "bytes follow its answer", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := dialThrough(t, "http", turns(t, connectAsk, test.answer))
			simWantElapsed(t, start, 0)
			he := wantProxyError(t, err, test.detail)
			if he.Status != test.status || string(he.Body) != test.body || he.Header == nil {
				t.Errorf("%q: got status %d, header %v, body %q", test.answer, he.Status, he.Header, he.Body)
			}
		})
	}
}

// What is no answer at all is the proxy's fault too, and has no status.
func TestProxyTalksNonsense(t *testing.T) {
	for answer, detail := range map[string]string{
		"SSH-2.0-stub\r\n\r\n":                RuleStartLine.Text(),
		"\x05\x00\r\n\r\n":                    RuleStartLine.Text(),
		"HTTP/1.1 200 OK\r\nno field\r\n\r\n": RuleHeader.Text(),
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", MaxHead) + "\r\n\r\n":                                RuleHeadSize.Text(),
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", MaxFields+1):                                     RuleHeadSize.Text(),
		"HTTP/1.1 " + strings.Repeat("2", MaxStartLine):                                                     RuleHeadSize.Text(),
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", MaxHead/len("HTTP/1.1 102 Processing\r\n\r\n")+2): RuleHeadSize.Text(),
	} {
		synctest.Test(t, func(t *testing.T) {
			_, err := dialThrough(t, "http", turns(t, connectAsk, answer))
			if he := wantProxyError(t, err, detail); he.Status != 0 {
				t.Errorf("status is %d", he.Status)
			}
		})
	}
}

// A proxy that never ends is given up, and not remembered.
func TestProxyNeverEnds(t *testing.T) {
	for _, more := range []string{"x", "X: y\r\n", "\r\n\r\nHTTP/1.1 100 Continue"} {
		synctest.Test(t, func(t *testing.T) {
			s, err := dialThrough(t, "http", func(c *simConn) {
				takeHead(c)
				c.Write([]byte("HTTP/1.1 100 Continue"))
				for err := error(nil); err == nil; {
					_, err = c.Write(bytes.Repeat([]byte(more), 100))
				}
			})
			wantProxyError(t, err, RuleHeadSize.Text())
			if got := len(s.clients[0].peer.sent()); got > 4*MaxHead {
				t.Errorf("%d bytes were taken", got)
			}
		})
	}
}

// Behind these answers there is a tunnel.
func TestProxyGrants(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.0 200 OK\r\n\r\n",
		"HTTP/1.1 200\r\n\r\n",
		"HTTP/1.1 299 Whatever\r\nContent-Length: 100\r\n\r\n", // RFC 9110 §9.3.6: there is no body
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			_, d := newStub(t, func(c *simConn) {
				takeHead(c)
				c.Write([]byte(answer))
				serveOne(c)
			})
			d.Proxy = through(stubURL(t, "http://proxy.example"))
			c, _, err := d.Dial(t.Context(), "ws://test.example/")
			if err != nil {
				t.Fatalf("%q: %v", answer, err)
			}
			echoOnce(t, c)
		})
	}
}

// serveOne is a server for one connection.
func serveOne(nc net.Conn) {
	c, _, err := new(Upgrader).UpgradeConn(nc)
	if err != nil {
		return
	}
	defer c.CloseNow()
	serveEcho(background, c)
}

// S-56: what is cut at any byte is an error of the network.
func TestProxyAnswerIsCut(t *testing.T) {
	const answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: 1.1 stub\r\n\r\n"
	for at := range len(answer) {
		for cut, want := range map[error]error{io.EOF: io.ErrUnexpectedEOF, syscall.ECONNRESET: syscall.ECONNRESET} {
			synctest.Test(t, func(t *testing.T) {
				_, err := dialThrough(t, "http", func(c *simConn) {
					c.cut(at, cut)
					turns(t, connectAsk, answer)(c)
				})
				if he := (*HandshakeError)(nil); !errors.Is(err, want) || errors.Is(err, io.EOF) || errors.As(err, &he) {
					t.Errorf("%v at byte %d: %v", cut, at, err)
				}
			})
		}
	}
}
