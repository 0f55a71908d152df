// This file is what the tests of proxies, TLS and cancelling share: proxies on
// loopback that really open tunnels, stubs on the in-memory transport that play a
// script, and certificates. The stubs judge nothing: the tests do.

package websocket

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A stubProxy is a proxy on loopback. It alone knows where the targets are, and
// writes down what it is asked and what it carries.
type stubProxy struct {
	t       *testing.T
	address string
	open    tunneler

	mu      sync.Mutex
	targets map[string]string // "host:port" as it is asked for, and where that is
	conns   []net.Conn
	asked   []string     // by each client until its tunnel was open
	carried lockedBuffer // from all clients to the servers
	serving sync.WaitGroup
}

// A tunneler reads what a client asks a proxy for and grants it.
type tunneler func(c net.Conn) (target string, err error)

// startProxy has a proxy serve until the end of the test, with TLS if there is a
// config.
func startProxy(t *testing.T, open tunneler, config *tls.Config) *stubProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &stubProxy{t: t, address: l.Addr().String(), open: open, targets: map[string]string{}}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	p.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.serving.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close() // or a test that has failed would not end
		}
		p.mu.Unlock()
		p.serving.Wait()
	})
	return p
}

// knows tells the proxy where a target is.
func (p *stubProxy) knows(target, address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets[target] = address
}

func (p *stubProxy) track(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
}

func (p *stubProxy) serve(client net.Conn) {
	defer client.Close()
	p.track(client)
	var asked lockedBuffer
	target, err := p.open(&copyingConn{client, &asked})
	p.mu.Lock()
	p.asked = append(p.asked, asked.String())
	address := p.targets[target]
	p.mu.Unlock()
	if err != nil {
		return
	}
	server, err := net.Dial("tcp", address)
	if err != nil {
		p.t.Errorf("the proxy was asked for %q: %v", target, err)
		return
	}
	defer server.Close()
	p.track(server)
	var both sync.WaitGroup
	both.Go(func() { pass(&copyingConn{client, &p.carried}, server) })
	both.Go(func() { pass(server, client) })
	both.Wait()
}

// pass copies one direction, and its end.
func pass(from, to net.Conn) {
	io.Copy(to, from)
	to.(halfCloser).CloseWrite()
}

// A copyingConn writes down what is read from it.
type copyingConn struct {
	net.Conn
	to io.Writer
}

func (c *copyingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.to.Write(p[:n])
	return n, err
}

// wantAsked wants exactly these clients.
func (p *stubProxy) wantAsked(want ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.asked, want) {
		p.t.Errorf("the proxy was asked %q, want %q", p.asked, want)
	}
}

// openCONNECT is the tunneler of HTTP (RFC 9110 §9.3.6).
func openCONNECT(c net.Conn) (target string, err error) {
	_, rest, _ := strings.Cut(takeHead(c), "CONNECT ")
	target, _, ok := strings.Cut(rest, " HTTP/1.1\r\n")
	if !ok {
		return "", errors.New("no CONNECT")
	}
	_, err = io.WriteString(c, "HTTP/1.1 200 Connection established\r\nVia: 1.1 stub\r\n\r\n")
	return target, err
}

// takeHead reads no byte more than a head.
func takeHead(c io.Reader) (head string) {
	for !strings.HasSuffix(head, "\r\n\r\n") {
		b, err := take(c, 1)
		if err != nil {
			return ""
		}
		head += string(b)
	}
	return head
}

func take(c io.Reader, n int) (b []byte, err error) {
	b = make([]byte, n)
	_, err = io.ReadFull(c, b)
	return b, err
}

// openSOCKS is the tunneler of SOCKS5 with a method (RFC 1928): 0, or 2 for
// name and password (RFC 1929), which it does not check.
func openSOCKS(method byte) tunneler {
	return func(c net.Conn) (target string, err error) {
		b, _ := take(c, 2)
		take(c, int(b[1]))
		c.Write([]byte{5, method})
		if method == 2 {
			b, _ = take(c, 2)
			take(c, int(b[1]))
			b, _ = take(c, 1)
			take(c, int(b[0]))
			c.Write([]byte{1, 0})
		}
		b, err = take(c, 4)
		host := ""
		switch b[3] {
		case 1, 4:
			b, err = take(c, map[byte]int{1: 4, 4: 16}[b[3]])
			host = net.IP(b).String()
		case 3:
			b, _ = take(c, 1)
			b, err = take(c, int(b[0]))
			host = string(b)
		}
		if err != nil {
			return "", err
		}
		b, _ = take(c, 2)
		_, err = c.Write([]byte{5, 0, 0, 3, 4, 's', 't', 'u', 'b', 0, 80})
		return net.JoinHostPort(host, strconv.Itoa(int(b[0])<<8|int(b[1]))), err
	}
}

// stubConns are the connections of a Dialer whose NetDial is dial: on pipes, with
// a stub at the other end of each.
type stubConns struct {
	t       *testing.T
	play    func(server *simConn)
	opts    []func(*simKnobs)
	addrs   []string
	clients []*simConn
}

// newStub returns a Dialer that meets stubs. It needs a bubble.
func newStub(t *testing.T, play func(server *simConn)) (*stubConns, *Dialer) {
	s := &stubConns{t: t, play: play}
	return s, &Dialer{NetDial: s.dial, Proxy: noProxy}
}

func (s *stubConns) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	client, server := newPipe(s.opts...)
	s.addrs = append(s.addrs, network+" "+addr)
	s.clients = append(s.clients, client)
	go func() {
		defer server.Close()
		s.play(server)
	}()
	return client, nil
}

// wantClosed wants the Dialer to have closed each of its n connections.
func (s *stubConns) wantClosed(n int) {
	s.t.Helper()
	synctest.Wait()
	if len(s.clients) != n {
		s.t.Errorf("%d connections were made, want %d", len(s.clients), n)
	}
	for i, c := range s.clients {
		if !strings.Contains(strings.Join(c.closes(), ","), "client close") {
			s.t.Errorf("connection %d is not closed", i)
		}
	}
}

// turns is a stub that plays a script and then waits for the client to close.
func turns(t *testing.T, script ...string) func(c *simConn) {
	return func(c *simConn) {
		playTurns(t, c, script)
		awaitClose(c)
	}
}

// playTurns wants the client to send the first string, says the second, and so
// on.
func playTurns(t *testing.T, c net.Conn, script []string) {
	for i, text := range script {
		if i%2 == 1 {
			c.Write([]byte(text))
			continue
		}
		if got, err := take(c, len(text)); err == nil && string(got) != text {
			t.Errorf("turn %d: the client sent %q, want %q", i, got, text)
		}
	}
}

// awaitClose waits for the peer to close, whatever it still sends.
func awaitClose(c *simConn) {
	io.Copy(io.Discard, c)
	defer c.locked()()
	for !c.peer.closed { // so a reset is what it meets, and not the stub's Close
		c.wire.moved.Wait()
	}
}

// A stubAuthority signs certificates. It is valid in bubbles too.
type stubAuthority struct {
	pool *x509.CertPool
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var theAuthority = sync.OnceValue(func() *stubAuthority {
	a := &stubAuthority{pool: x509.NewCertPool()}
	cert := a.issue(func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	a.cert, a.key = cert.Leaf, cert.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
})

// certificateFor is for names and addresses.
func certificateFor(hosts ...string) tls.Certificate { return theAuthority().issue(forHosts(hosts...)) }

func forHosts(hosts ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, h := range hosts {
			if ip := net.ParseIP(h); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, h)
			}
		}
	}
}

// issue signs a certificate, that of a new authority by itself.
func (a *stubAuthority) issue(edits ...func(*x509.Certificate)) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stub"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, edit := range edits {
		edit(template)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err2 := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	leaf, err3 := x509.ParseCertificate(der)
	if err := errors.Join(err, err2, err3); err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
