// These are the tests of proxies that work: each kind carries ws and wss to a
// server of ours. proxy_hostile_test.go has those that do not.

package websocket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A stubSecret stands in the URLs of proxies. No error may have it.
const stubSecret = "pa55word"

func stubURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// through returns a Dialer.Proxy.
func through(u *url.URL) func(*url.URL) (*url.URL, error) {
	return func(*url.URL) (*url.URL, error) { return u, nil }
}

// wantNoSecret wants an error, without a password in it.
func wantNoSecret(t *testing.T, err error) {
	t.Helper()
	if err == nil || strings.Contains(err.Error(), stubSecret) {
		t.Errorf("error is %v", err)
	}
}

// startTarget starts an echo server on loopback, for ws or for wss.
func startTarget(t *testing.T, scheme string, hosts ...string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	if scheme == "wss" {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificateFor(hosts...)}})
	}
	startServer(t, &Server{Handler: withoutRequest(serveEcho)}, l)
	return address
}

// echoOnce sends a message, wants it back, and closes.
func echoOnce(t *testing.T, c *Conn) {
	t.Helper()
	defer c.CloseNow()
	if err := c.Write(t.Context(), Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	reads(t, c).want("the server echoes", Text, "hello")
	if err := c.Close(CloseNormal, ""); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// proxyKinds are proxies that work, what they are asked for proxied.example:8080,
// and what their URL begins with.
var proxyKinds = map[string]struct {
	prefix string
	open   tunneler
	asked  string
}{
	"http": {"http://", openCONNECT, "CONNECT proxied.example:8080 HTTP/1.1\r\nHost: proxied.example:8080\r\n\r\n"},
	"http-user": {"http://us%40r:" + stubSecret + "@", openCONNECT,
		"CONNECT proxied.example:8080 HTTP/1.1\r\nHost: proxied.example:8080\r\nProxy-Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte("us@r:"+stubSecret)) + "\r\n\r\n"},
	"https":       {"https://", openCONNECT, "CONNECT proxied.example:8080 HTTP/1.1\r\nHost: proxied.example:8080\r\n\r\n"},
	"socks5":      {"socks5://", openSOCKS(0), "\x05\x01\x00" + socksAsk},
	"socks5h":     {"socks5h://", openSOCKS(0), "\x05\x01\x00" + socksAsk},
	"socks5-user": {"socks5://us%40r:" + stubSecret + "@", openSOCKS(2), "\x05\x02\x00\x02\x01\x04us@r\x08" + stubSecret + socksAsk},
	"socks5-free": {"socks5://us%40r:" + stubSecret + "@", openSOCKS(0), "\x05\x02\x00\x02" + socksAsk},
}

// socksAsk asks for proxied.example:8080.
const socksAsk = "\x05\x01\x00\x03\x0fproxied.example\x1f\x90"

func TestProxyCarriesConnections(t *testing.T) {
	for name, kind := range proxyKinds {
		for _, scheme := range []string{"ws", "wss"} {
			t.Run(name+"/"+scheme, func(t *testing.T) {
				var config *tls.Config
				if strings.HasPrefix(kind.prefix, "https:") {
					config = &tls.Config{Certificates: []tls.Certificate{certificateFor("127.0.0.1")}}
				}
				p := startProxy(t, kind.open, config)
				p.knows("proxied.example:8080", startTarget(t, scheme, "proxied.example"))
				var asked, dialed []string
				d := &Dialer{
					TLSConfig: &tls.Config{RootCAs: theAuthority().pool},
					Proxy: func(u *url.URL) (*url.URL, error) {
						asked = append(asked, u.String())
						return url.Parse(kind.prefix + p.address)
					},
					NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
						dialed = append(dialed, network+" "+addr)
						return new(net.Dialer).DialContext(ctx, network, addr)
					},
				}
				address := scheme + "://proxied.example:8080/chat?x=1"
				c, _, err := d.Dial(t.Context(), address)
				if err != nil {
					t.Fatal(err)
				}
				echoOnce(t, c)
				p.wantAsked(kind.asked)
				if !slices.Equal(asked, []string{address}) || !slices.Equal(dialed, []string{"tcp " + p.address}) {
					t.Errorf("Proxy was asked for %q, NetDial for %q", asked, dialed)
				}
				checkCarried(t, scheme, p.carried.String())
			})
		}
	}
}

// checkCarried judges what a client has sent through its tunnel.
func checkCarried(t *testing.T, scheme, sent string) {
	t.Helper()
	switch begins := strings.HasPrefix(sent, "GET /chat?x=1 HTTP/1.1\r\nHost: proxied.example:8080\r\n"); {
	case scheme == "ws" && !begins:
		t.Errorf("the tunnel carried %q", sent)
	case scheme == "wss" && (!strings.HasPrefix(sent, "\x16\x03") || strings.Contains(sent, "GET ")):
		t.Errorf("the tunnel carried %q, which is not TLS", sent)
	case strings.Contains(sent, "Proxy-Authorization"):
		t.Error("the server was told the proxy's password")
	}
}

// Literal addresses go in their own types, and a default port is named.
func TestProxyIsAskedForAddresses(t *testing.T) {
	for _, test := range []struct{ url, target, http, socks string }{
		{"ws://192.0.2.7/chat?x=1", "192.0.2.7:80", "192.0.2.7:80", "\x01\xc0\x00\x02\x07\x00\x50"},
		{"ws://[2001:db8::7]:81/chat?x=1", "[2001:db8::7]:81", "[2001:db8::7]:81",
			"\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\x00\x51"},
		{"ws://PROXIED.example/", "PROXIED.example:80", "PROXIED.example:80", "\x03\x0fPROXIED.example\x00\x50"},
	} {
		for _, scheme := range []string{"http", "socks5"} {
			open, want := openCONNECT, "CONNECT "+test.http+" HTTP/1.1\r\nHost: "+test.http+"\r\n\r\n"
			if scheme == "socks5" {
				open, want = openSOCKS(0), "\x05\x01\x00\x05\x01\x00"+test.socks
			}
			p := startProxy(t, open, nil)
			p.knows(test.target, startTarget(t, "ws"))
			d := &Dialer{Proxy: through(stubURL(t, scheme+"://"+p.address))}
			c, _, err := d.Dial(t.Context(), test.url)
			if err != nil {
				t.Errorf("%s to %s: %v", scheme, test.url, err)
				continue
			}
			echoOnce(t, c)
			p.wantAsked(want)
		}
	}
}

// RFC 6874 §4: the zone of an address means something on this machine only.
func TestProxyIsNotToldZones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newStub(t, func(c *simConn) { takeHead(c) })
		d.Proxy = through(stubURL(t, "http://proxy.example"))
		_, _, err := d.Dial(t.Context(), "ws://[fe80::1%25eth0]:81/")
		if got := string(s.clients[0].sent()); got != "CONNECT [fe80::1]:81 HTTP/1.1\r\nHost: [fe80::1]:81\r\n\r\n" {
			t.Errorf("the proxy was sent %q; error is %v", got, err)
		}
	})
}

func TestProxyHasADefaultPort(t *testing.T) {
	for raw, want := range map[string]string{
		"http://proxy.example":        "tcp proxy.example:80",
		"https://proxy.example":       "tcp proxy.example:443",
		"socks5://proxy.example":      "tcp proxy.example:1080",
		"socks5h://[2001:db8::1]":     "tcp [2001:db8::1]:1080",
		"http://proxy.example:8888/x": "tcp proxy.example:8888",
	} {
		synctest.Test(t, func(t *testing.T) {
			s, d := newStub(t, func(*simConn) {}) // closes at once
			d.Proxy = through(stubURL(t, raw))
			if _, _, err := d.Dial(t.Context(), "ws://test.example/"); err == nil {
				t.Error("there is a connection")
			}
			s.wantClosed(1)
			if s.addrs[0] != want {
				t.Errorf("for %s NetDial was asked for %q, want %q", raw, s.addrs[0], want)
			}
		})
	}
}

// Nothing is dialed then.
func TestProxyChoiceFails(t *testing.T) {
	boom := errors.New("boom")
	for name, proxy := range map[string]func(*url.URL) (*url.URL, error){
		"error":    func(*url.URL) (*url.URL, error) { return nil, boom },
		"scheme":   through(stubURL(t, "ftp://user:"+stubSecret+"@proxy.example")),
		"socks4":   through(stubURL(t, "socks4://user:"+stubSecret+"@proxy.example")),
		"relative": through(stubURL(t, "proxy.example:8080")),
		"empty":    through(&url.URL{}),
		"no-host":  through(stubURL(t, "http://user:"+stubSecret+"@:8080")),
	} {
		t.Run(name, func(t *testing.T) {
			d := &Dialer{Proxy: proxy, NetDial: func(context.Context, string, string) (net.Conn, error) {
				t.Error("NetDial was called")
				return nil, boom
			}}
			_, _, err := d.Dial(t.Context(), "ws://test.example/")
			wantNoSecret(t, err)
			if want := map[bool]error{true: boom, false: ErrURL}[name == "error"]; !errors.Is(err, want) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// The proxy's certificate is for the proxy: whatever ServerName says.
func TestProxyIsVerified(t *testing.T) {
	for name, test := range map[string]struct {
		cert       tls.Certificate
		serverName string
		fails      any
	}{
		"right":       {certificateFor("proxy.example"), "", nil},
		"server-name": {certificateFor("proxy.example"), "inner.example", nil},
		"of-server":   {certificateFor("inner.example"), "inner.example", new(x509.HostnameError)},
		"wrong-host":  {certificateFor("test.example"), "", new(x509.HostnameError)},
		"self-signed": {new(stubAuthority).issue(forHosts("proxy.example")), "", new(x509.UnknownAuthorityError)},
		"expired": {theAuthority().issue(forHosts("proxy.example"), func(c *x509.Certificate) { c.NotAfter = time.Unix(1, 0) }),
			"", new(x509.CertificateInvalidError)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testProxyTLS(t, test.cert, test.serverName, test.fails) })
		})
	}
}

func testProxyTLS(t *testing.T, cert tls.Certificate, serverName string, fails any) {
	var sni []string
	var asked string
	s, d := newStub(t, func(c *simConn) {
		outer := tls.Server(c, serverTLS(&sni, cert))
		if asked = takeHead(outer); asked == "" {
			return
		}
		io.WriteString(outer, "HTTP/1.1 200 OK\r\n\r\n")
		serveOne(tls.Server(outer, serverTLS(&sni, certificateFor("test.example", "inner.example"))))
	})
	config := &tls.Config{RootCAs: theAuthority().pool, ServerName: serverName}
	d.TLSConfig, d.Proxy = config, through(stubURL(t, "https://user:"+stubSecret+"@proxy.example"))
	c, _, err := d.Dial(t.Context(), "wss://test.example/")
	if config.ServerName != serverName || config.NextProtos != nil {
		t.Error("the application's TLSConfig was changed")
	}
	if fails != nil {
		wantNoSecret(t, err)
		s.wantClosed(1)
		if !errors.As(err, fails) || asked != "" {
			t.Errorf("error is %v; the proxy was asked %q", err, asked)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	echoOnce(t, c)
	if inner := map[bool]string{true: "test.example", false: serverName}[serverName == ""]; fmt.Sprint(sni) != "[proxy.example[http/1.1] "+inner+"[http/1.1]]" {
		t.Errorf("names sent: %v", sni)
	}
}
