// This file tests ListenAndServe and ListenAndServeTLS on loopback, and TLS
// handshakes that stall or break off.

package websocket

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// newTestCertificate returns a certificate for 127.0.0.1 that signs itself, and
// a pool with it.
func newTestCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// writeCertificate writes the files that ListenAndServeTLS reads.
func writeCertificate(t *testing.T, cert tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", cert.Certificate[0]), write("key.pem", "PRIVATE KEY", key)
}

// listenAddress waits until the server listens.
func listenAddress(t *testing.T, s *Server) string {
	t.Helper()
	for start := time.Now(); time.Since(start) < testPatience; runtime.Gosched() {
		s.mu.Lock()
		for l := range s.listeners {
			defer s.mu.Unlock()
			return (*l).Addr().String()
		}
		s.mu.Unlock()
	}
	t.Fatal("the server does not listen")
	return ""
}

// testListening runs a server on a loopback port, has use connect to it, and
// shuts it down.
func testListening(t *testing.T, s *Server, listen func() error, use func(address string) *testPeer) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- listen() }()
	p := use(listenAddress(t, s))
	wantEcho(p, "hello")
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	p.wantClose("the server shuts down", CloseGoingAway, "server is shutting down")
	p.writeClose(CloseGoingAway, "")
	p.wantEOF("the server closes first")
	p.conn.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if err := <-served; err != ErrServerClosed {
		t.Errorf("ListenAndServe = %v, want ErrServerClosed", err)
	}
}

func TestServerListensAndServes(t *testing.T) {
	s := &Server{Addr: "127.0.0.1:0", Handler: withoutRequest(serveEcho)}
	testListening(t, s, s.ListenAndServe, func(address string) *testPeer {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return openPeer(t, conn)
	})
}

func TestServerListensAndServesTLS(t *testing.T) {
	cert, pool := newTestCertificate(t)
	certFile, keyFile := writeCertificate(t, cert)
	var secure atomic.Bool
	u := Upgrader{Authorize: func(r *Request) error {
		secure.Store(r.TLS)
		return nil
	}}
	for name, test := range map[string]struct {
		config            *tls.Config
		certFile, keyFile string
	}{
		"from-files":  {nil, certFile, keyFile},
		"from-config": {&tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Server{Addr: "127.0.0.1:0", Handler: withoutRequest(serveEcho), Upgrader: u, TLSConfig: test.config}
			listen := func() error { return s.ListenAndServeTLS(test.certFile, test.keyFile) }
			testListening(t, s, listen, func(address string) *testPeer {
				conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, NextProtos: []string{"h2", "http/1.1"}})
				if err != nil {
					t.Fatal(err)
				}
				if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
					t.Errorf("ALPN has chosen %q", got)
				}
				// The origin's scheme has to be that of the connection.
				return openPeer(t, conn, "+Origin: https://127.0.0.1")
			})
			if !secure.Load() {
				t.Error("Request.TLS is not set")
			}
		})
	}
}

func TestServerListenFails(t *testing.T) {
	cert, _ := newTestCertificate(t)
	_, keyFile := writeCertificate(t, cert)
	s := &Server{Addr: "127.0.0.1:no-port", Handler: withoutRequest(neverCalled(t))}
	for name, listen := range map[string]func() error{
		"plain": s.ListenAndServe,
		"tls": func() error {
			s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
			return s.ListenAndServeTLS("", "")
		},
		"no-certificate":  func() error { return (&Server{Addr: "127.0.0.1:0"}).ListenAndServeTLS("", "") },
		"no-such-file":    func() error { return (&Server{Addr: "127.0.0.1:0"}).ListenAndServeTLS(keyFile+"x", keyFile) },
		"not-certificate": func() error { return (&Server{Addr: "127.0.0.1:0"}).ListenAndServeTLS(keyFile, keyFile) },
	} {
		if err := listen(); err == nil || err == ErrServerClosed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without Addr the port is that of http or https, which the system may refuse.
func TestServerListensOnTheUsualPort(t *testing.T) {
	cert, _ := newTestCertificate(t)
	for port, listen := range map[string]func(s *Server) error{
		"80":  (*Server).ListenAndServe,
		"443": func(s *Server) error { return s.ListenAndServeTLS("", "") },
	} {
		s := &Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, Handler: withoutRequest(neverCalled(t))}
		ended := started(func() error { return listen(s) })
		var at string
		waitUntil(t, "it listens or fails", func() bool {
			select {
			case err := <-ended:
				at = strings.Split(err.Error(), ": ")[0]
			default:
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for l := range s.listeners {
				at = (*l).Addr().String()
			}
			return at != ""
		})
		wantNil(t, "Shutdown", s.Shutdown(background))
		if !strings.HasSuffix(at, ":"+port) {
			t.Errorf("it listens on %s, want port %s", at, port)
		}
	}
}

func TestServerDoesNotTouchTheTLSConfig(t *testing.T) {
	cert, _ := newTestCertificate(t)
	certFile, keyFile := writeCertificate(t, cert)
	spare := make([]tls.Certificate, 1, 2)
	spare[0] = cert
	s := &Server{Addr: "127.0.0.1:0", TLSConfig: &tls.Config{Certificates: spare}}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.ListenAndServeTLS(certFile, keyFile); err != ErrServerClosed {
		t.Errorf("ListenAndServeTLS = %v", err)
	}
	if len(s.TLSConfig.NextProtos) > 0 || spare[:2][1].Certificate != nil {
		t.Error("the application's TLSConfig was changed")
	}
}

// A fadingConn loses what is written after some writes, or after some bytes.
type fadingConn struct {
	net.Conn
	writes int
}

func (c *fadingConn) Write(p []byte) (int, error) {
	if c.writes--; c.writes < 0 {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// the client goes silent after each of its flights.
func TestServerBoundsTLSHandshakes(t *testing.T) {
	cert, pool := newTestCertificate(t)
	for flights := range 3 {
		t.Run(fmt.Sprint("after-flight-", flights), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serveTLS(t, cert, Upgrader{HandshakeTimeout: 7 * time.Second}, neverCalled(t))
				conn := dialServer(t, l)
				start := time.Now()
				client := tls.Client(&fadingConn{conn, flights}, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
				// A client takes its last flight for the end of the handshake.
				err := client.Handshake()
				if err == nil {
					_, err = client.Read(make([]byte, 1))
				}
				if err == nil {
					t.Error("the connection goes on")
				}
				simWantElapsed(t, start, 7*time.Second)
			})
		})
	}
}

// serveTLS is serveRaw with TLS. It logs nothing.
func serveTLS(t *testing.T, cert tls.Certificate, u Upgrader, f connFunc) *simListener {
	t.Helper()
	l := newSimListener()
	u.Logger = slog.New(slog.DiscardHandler)
	s := &Server{Upgrader: u, Handler: withoutRequest(f)}
	startServer(t, s, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
	return l
}

// S-56
func TestServerSurvivesBrokenTLSHandshakes(t *testing.T) {
	cert, pool := newTestCertificate(t)
	config := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	synctest.Test(t, func(t *testing.T) {
		l := serveTLS(t, cert, Upgrader{}, serveEcho)
		whole := dialServer(t, l)
		finishPeer(openPeer(t, tls.Client(whole, config)))
		for at := 0; at < len(whole.sent()); at += 29 {
			for _, cut := range []func(*simConn, int){(*simConn).resetAt, (*simConn).eofAt} {
				conn := dialServer(t, l)
				cut(conn, at)
				client := tls.Client(conn, config)
				client.Write([]byte(rawRequest()))
				conn.Close()
			}
		}
		synctest.Wait()
		finishPeer(openPeer(t, tls.Client(dialServer(t, l), config)))
	})
}
