// These are the tests of wss (§4.1): who is verified and by which name, what is
// sent before that, and what is inside of TLS.

package websocket

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// serverTLS returns a server's config that writes down the names it is sent.
func serverTLS(names *[]string, cert tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			*names = append(*names, fmt.Sprint(hello.ServerName, hello.SupportedProtos))
			return nil, nil
		},
	}
}

// A tlsStub is a wss server on pipes, perhaps behind a proxy.
type tlsStub struct {
	config *tls.Config
	names  []string // that clients sent, with their protocols
	got    lockedBuffer
}

// play serves one connection, and keeps what comes out of TLS.
func (s *tlsStub) play(nc net.Conn) {
	c := tls.Server(nc, s.config)
	serveOne(&copyingConn{c, &s.got})
}

// tlsRoutes are the ways to a server: what the proxy is, and what it says first.
var tlsRoutes = map[string]struct {
	proxy string
	grant func(nc net.Conn)
}{
	"direct": {"", func(net.Conn) {}},
	"http":   {"http://proxy.example", func(nc net.Conn) { openCONNECT(nc) }},
	"socks5": {"socks5://proxy.example", func(nc net.Conn) { openSOCKS(0)(nc) }},
}

// dialTLS dials url with config, by one of tlsRoutes. It needs a bubble.
func (s *tlsStub) dialTLS(t *testing.T, route, url string, config *tls.Config) (*stubConns, *Conn, error) {
	t.Helper()
	conns, d := newStub(t, func(c *simConn) {
		tlsRoutes[route].grant(c)
		s.play(c)
	})
	d.TLSConfig = config
	if proxy := tlsRoutes[route].proxy; proxy != "" {
		d.Proxy = through(stubURL(t, proxy))
	}
	c, _, err := d.Dial(t.Context(), url)
	return conns, c, err
}

// S-50, 6455-4.1-8: the name is that of the URL, or ServerName, by whichever way
// the server is reached.
func TestClientVerifiesTheServer(t *testing.T) {
	ours := &tls.Config{RootCAs: theAuthority().pool}
	named := &tls.Config{RootCAs: theAuthority().pool, ServerName: "named.example"}
	past := func(c *x509.Certificate) { c.NotAfter = time.Unix(1, 0) }
	future := func(c *x509.Certificate) { c.NotBefore = time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		url    string
		config *tls.Config
		cert   tls.Certificate
		fails  any
	}{
		"right":           {"wss://test.example/", ours, certificateFor("test.example"), nil},
		"wildcard":        {"wss://test.example/", ours, certificateFor("*.example"), nil},
		"address":         {"wss://192.0.2.7/", ours, certificateFor("192.0.2.7"), nil},
		"address-6":       {"wss://[2001:db8::7]:8443/", ours, certificateFor("2001:db8::7"), nil},
		"server-name":     {"wss://test.example/", named, certificateFor("named.example"), nil},
		"unverified":      {"wss://test.example/", &tls.Config{InsecureSkipVerify: true}, certificateFor("wrong.example"), nil},
		"of-the-url":      {"wss://test.example/", named, certificateFor("test.example"), new(x509.HostnameError)},
		"wrong-host":      {"wss://test.example/", ours, certificateFor("wrong.example"), new(x509.HostnameError)},
		"of-the-proxy":    {"wss://test.example/", ours, certificateFor("proxy.example"), new(x509.HostnameError)},
		"of-the-socket":   {"wss://test.example/", ours, certificateFor("192.0.2.2"), new(x509.HostnameError)},
		"wrong-address":   {"wss://192.0.2.7/", ours, certificateFor("192.0.2.8"), new(x509.HostnameError)},
		"common-name":     {"wss://stub/", ours, certificateFor(), new(x509.HostnameError)},
		"self-signed":     {"wss://test.example/", ours, new(stubAuthority).issue(forHosts("test.example")), new(x509.UnknownAuthorityError)},
		"no-config":       {"wss://test.example/", nil, certificateFor("test.example"), new(x509.UnknownAuthorityError)},
		"expired":         {"wss://test.example/", ours, theAuthority().issue(forHosts("test.example"), past), new(x509.CertificateInvalidError)},
		"not-yet-valid":   {"wss://test.example/", ours, theAuthority().issue(forHosts("test.example"), future), new(x509.CertificateInvalidError)},
		"no-server-usage": {"wss://test.example/", ours, theAuthority().issue(forHosts("test.example"), forClients), new(x509.CertificateInvalidError)},
	} {
		for route := range tlsRoutes {
			t.Run(name+"/"+route, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &tlsStub{config: &tls.Config{Certificates: []tls.Certificate{test.cert}}}
					conns, c, err := s.dialTLS(t, route, test.url, test.config)
					checkVerified(t, c, err, test.fails)
					if test.fails != nil {
						conns.wantClosed(1)
					}
					if got := s.got.String(); (got == "") != (test.fails != nil) {
						t.Errorf("out of TLS came %q", got)
					}
					if sent := conns.clients[0].sent(); bytes.Contains(sent, []byte("GET ")) || bytes.Contains(sent, []byte("WebSocket")) {
						t.Errorf("outside of TLS was sent %q", sent)
					}
				})
			})
		}
	}
}

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

// checkVerified wants an error like fails, or a connection that works.
func checkVerified(t *testing.T, c *Conn, err error, fails any) {
	t.Helper()
	var verification *tls.CertificateVerificationError
	switch {
	case fails == nil && err == nil:
		echoOnce(t, c)
	case fails == nil || c != nil || !errors.As(err, fails) || !errors.As(err, &verification):
		t.Errorf("error is %v, want %T", err, fails)
	case !strings.HasPrefix(err.Error(), "websocket: TLS with "):
		t.Errorf("error is %v, which does not say with whom", err)
	}
}

// 6455-4.1-9: the name is sent, but not an address. NextProtos is ours.
func TestClientSendsTheNameOfTheServer(t *testing.T) {
	for url, want := range map[string]string{
		"wss://test.example/":        "test.example[http/1.1]",
		"wss://TEST.example:8443/":   "TEST.example[http/1.1]",
		"wss://192.0.2.7/":           "[http/1.1]",
		"wss://[2001:db8::7]/":       "[http/1.1]",
		"wss://[fe80::7%25eth0]:81/": "[http/1.1]",
	} {
		for route := range tlsRoutes {
			synctest.Test(t, func(t *testing.T) {
				s := new(tlsStub)
				s.config = serverTLS(&s.names, certificateFor("test.example", "192.0.2.7", "2001:db8::7", "fe80::7"))
				config := &tls.Config{RootCAs: theAuthority().pool, NextProtos: []string{"h2"}}
				_, c, err := s.dialTLS(t, route, url, config)
				if err != nil {
					t.Fatalf("%s by %s: %v", url, route, err)
				}
				echoOnce(t, c)
				if !slices.Equal(s.names, []string{want}) {
					t.Errorf("%s by %s: was sent %q, want %q", url, route, s.names, want)
				}
				if config.ServerName != "" || !slices.Equal(config.NextProtos, []string{"h2"}) {
					t.Error("the application's TLSConfig was changed")
				}
			})
		}
	}
}

func TestClientShowsItsCertificate(t *testing.T) {
	for name, certs := range map[string][]tls.Certificate{
		"none": nil, "right": {theAuthority().issue(forClients)}, "self-signed": {new(stubAuthority).issue(forClients)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &tlsStub{config: &tls.Config{
					Certificates: []tls.Certificate{certificateFor("test.example")},
					ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: theAuthority().pool,
				}}
				conns, c, err := s.dialTLS(t, "direct", "wss://test.example/", &tls.Config{RootCAs: theAuthority().pool, Certificates: certs})
				if name == "right" {
					checkVerified(t, c, err, nil)
					return
				}
				var oe *net.OpError // an alert, or the reset that may overtake it
				if c != nil || !errors.As(err, &oe) || s.got.String() != "" {
					t.Errorf("error is %v; out of TLS came %q", err, s.got.String())
				}
				conns.wantClosed(1)
			})
		})
	}
}

// 6455-10.6-3
func TestClientWantsStrongTLS(t *testing.T) {
	for version, fails := range map[uint16]bool{tls.VersionTLS10: true, tls.VersionTLS11: true, tls.VersionTLS12: false, tls.VersionTLS13: false} {
		for route := range tlsRoutes {
			synctest.Test(t, func(t *testing.T) {
				s := &tlsStub{config: &tls.Config{
					Certificates: []tls.Certificate{certificateFor("test.example")}, MinVersion: version, MaxVersion: version,
				}}
				_, c, err := s.dialTLS(t, route, "wss://test.example/", &tls.Config{RootCAs: theAuthority().pool})
				if fails && (c != nil || err == nil || !strings.HasSuffix(err.Error(), "protocol version not supported")) {
					t.Errorf("with %s: error is %v", tls.VersionName(version), err)
				}
				if !fails {
					checkVerified(t, c, err, nil)
				}
			})
		}
	}
}

// A server that does not speak TLS gets nothing to read.
func TestClientMeetsAPlainServerForTLS(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "SSH-2.0-stub\r\n", "\x00\x00\x00\x00\x00"} {
		synctest.Test(t, func(t *testing.T) {
			conns, d := newStub(t, func(c *simConn) {
				take(c, 1)
				c.Write([]byte(answer))
				awaitClose(c)
			})
			_, _, err := d.Dial(t.Context(), "wss://test.example/")
			var header tls.RecordHeaderError
			if !errors.As(err, &header) {
				t.Errorf("error is %v", err)
			}
			conns.wantClosed(1)
			if sent := conns.clients[0].sent(); sent[0] != 0x16 || bytes.Contains(sent, []byte("GET ")) {
				t.Errorf("outside of TLS was sent %q", sent)
			}
		})
	}
}

func TestClientMeetsATLSServerForWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tlsStub{config: &tls.Config{Certificates: []tls.Certificate{certificateFor("test.example")}}}
		conns, c, err := s.dialTLS(t, "direct", "ws://test.example/", nil)
		if c != nil || err == nil || errors.Is(err, io.EOF) || s.got.String() != "" {
			t.Errorf("error is %v; the server read %q", err, s.got.String())
		}
		conns.wantClosed(1)
	})
}

// What WrapConn is given is inside of TLS.
func TestClientWrapsInsideOfTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tlsStub{config: &tls.Config{Certificates: []tls.Certificate{certificateFor("test.example")}}}
		_, d := newStub(t, func(c *simConn) { s.play(c) })
		d.TLSConfig = &tls.Config{RootCAs: theAuthority().pool}
		var read lockedBuffer
		d.WrapConn = func(nc net.Conn) net.Conn { return &copyingConn{nc, &read} }
		c, resp, err := d.Dial(t.Context(), "wss://test.example/")
		if err != nil {
			t.Fatal(err)
		}
		echoOnce(t, c)
		if got := read.String(); !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.Contains(got, "hello") {
			t.Errorf("what was wrapped has read %q", got)
		}
		if resp.TLS == nil || resp.TLS.NegotiatedProtocol != "" || resp.TLS.Version != tls.VersionTLS13 {
			t.Errorf("TLS state is %+v", resp.TLS)
		}
	})
}

// S-56: the server's bytes end anywhere in the TLS handshake or in the 101.
func TestClientSurvivesBrokenHandshakes(t *testing.T) {
	for _, version := range []uint16{0, tls.VersionTLS12, tls.VersionTLS13} { // 0: no TLS
		whole := 1 << 20
		for at := 0; at < whole; at++ {
			if version != 0 {
				at += 4 // in handshakes of TLS not every byte is worth its time
			}
			for _, cut := range []error{io.EOF, syscall.ECONNRESET} {
				synctest.Test(t, func(t *testing.T) { whole = testBrokenHandshake(t, version, at, cut) })
			}
		}
	}
}

// testBrokenHandshake cuts what the server sends, and returns how much it would
// be.
func testBrokenHandshake(t *testing.T, version uint16, at int, cut error) (whole int) {
	cert := certificateFor("test.example")
	accepted := 0
	conns, d := newStub(t, func(c *simConn) {
		c.cut(at, cut)
		var nc net.Conn = c
		if version != 0 {
			nc = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version})
		}
		if head := takeHead(nc); head != "" {
			r, _ := ParseRequest([]byte(head))
			nc.Write(AppendAnswer(nil, r.Header[fieldKey][0], &Answer{}))
		}
		accepted = len(c.sent())
		awaitClose(c)
	})
	d.TLSConfig = &tls.Config{RootCAs: theAuthority().pool}
	c, _, err := d.Dial(t.Context(), map[bool]string{true: "ws", false: "wss"}[version == 0]+"://test.example/")
	if err == nil {
		c.CloseNow()
		synctest.Wait()
		return min(at, accepted)
	}
	conns.wantClosed(1)
	if he := (*HandshakeError)(nil); errors.As(err, &he) || strings.Contains(err.Error(), "closed network") {
		t.Errorf("%v at byte %d: %v", cut, at, err)
	}
	return 1 << 20
}
