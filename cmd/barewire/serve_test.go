package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"barewire.example/websocket"
)

func TestServeSaysWhereItIs(t *testing.T) {
	p := start(t)
	if _, port, _ := net.SplitHostPort(p.addr); port == "0" || port == "" {
		t.Errorf("address is %q", p.addr)
	}
	want := fmt.Sprintf("barewire: listening on http://%[1]s/ (ws://%[1]s/echo, ws://%[1]s/broadcast, ws://%[1]s/chat)\n", p.addr)
	if got := p.stdout.String(); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	for addr, want := range map[string]string{
		":8080":            "localhost:8080",
		"0.0.0.0:8080":     "localhost:8080",
		"[::]:8080":        "localhost:8080",
		"[::1]:8080":       "[::1]:8080",
		"chat.example:443": "chat.example:443",
	} {
		_, port, _ := net.SplitHostPort(addr)
		s := &server{flags: &serveFlags{addr: addr}, listener: listenerAt("0.0.0.0:" + port)}
		if got := s.visibleAddr(); got != want {
			t.Errorf("visible address of %s is %q, want %q", addr, got, want)
		}
	}
}

// listenerAt is a listener that knows its address and nothing else.
type listenerAt string

func (l listenerAt) Addr() net.Addr            { return l }
func (l listenerAt) Network() string           { return "tcp" }
func (l listenerAt) String() string            { return string(l) }
func (l listenerAt) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (l listenerAt) Close() error              { return nil }

func TestServeClosesAllWithGoingAway(t *testing.T) {
	p := start(t)
	var clients []*client
	paths := []string{"/echo", "/broadcast", "/chat"}
	for i := range 21 {
		clients = append(clients, p.dial(paths[i%len(paths)]))
	}
	p.interrupt()
	for _, c := range clients {
		c.wantClose(websocket.CloseGoingAway)
	}
	if status := p.stop(); status != exitOK {
		t.Errorf("exit status %d", status)
	}
	log := p.stderr.String()
	if n := strings.Count(log, `code=1001 name="going away" reason="" who=us`); n != len(clients) {
		t.Errorf("%d of %d closings in the log:\n%s", n, len(clients), log)
	}
	if _, err := net.DialTimeout("tcp", p.addr, testTimeout); err == nil {
		t.Error("the server accepts connections after its end")
	}
}

func TestServeEndsAlthoughNobodyAnswers(t *testing.T) {
	p := start(t, "-close-timeout", "10ms")
	silent := p.dial("/echo")
	silent.send(websocket.Text, "still here")
	silent.want(websocket.Text, "still here")
	if status := p.stop(); status != exitOK {
		t.Errorf("exit status %d", status)
	}
}

func TestServeDropsRequestsThatDoNotEnd(t *testing.T) {
	t.Parallel() // it takes requestGrace
	p := start(t)
	mute, half := p.dialTCP(), p.dialTCP()
	fmt.Fprint(half, "GET / HTTP/1.1\r\n")
	p.dial("/echo").close(websocket.CloseNormal, "") // so the server has accepted those before it
	if status := p.stop(); status != exitOK {
		t.Errorf("exit status %d", status)
	}
	for _, nc := range []net.Conn{mute, half} {
		nc.SetReadDeadline(time.Now().Add(headTimeout / 5)) // later http.Server would close it anyway
		if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a connection is open after the end of the server")
		}
	}
}

func TestServeRefusesHandshakesWhileItEnds(t *testing.T) {
	p := start(t, "-close-timeout", "1m")
	late := p.dialTCP()
	fmt.Fprint(late, "GET /echo HTTP/1.1\r\n") // so that the server does not take it for idle
	first := p.dial("/echo")
	p.interrupt()
	_, end, ok := first.next()
	if ok || end.Code != websocket.CloseGoingAway {
		t.Fatalf("got %v, want going away", end.Code)
	}
	// The server waits for the answer of the first client, which never comes.
	r := lateHandshake(late)
	if !strings.HasPrefix(r, "HTTP/1.1 503 ") || !strings.Contains(r, "Connection: close\r\n") || !strings.Contains(r, "Retry-After: 5\r\n") {
		t.Errorf("the answer while the server ends is %q", r)
	}
	p.stderr.waitLine(t, "msg=refused", "status=503", "rule=unavailable")
}

// lateHandshake completes a request of which the first line is sent, and
// returns all of the answer.
func lateHandshake(nc net.Conn) string {
	fmt.Fprintf(nc, "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", testKey)
	var all []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := nc.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			return string(all)
		}
	}
}

func TestHostSurvivesAPanic(t *testing.T) {
	p := &pipeServer{t: t, server: &server{flags: &serveFlags{}}}
	p.server.log = p.server.flags.newLogger(&p.log)
	c, _ := p.connect(func(*visit) error { panic("on\npurpose") })
	c.wantClose(websocket.CloseInternalError)
	p.log.waitLine(t, "level=ERROR", `value="on\npurpose"`)
	p.log.waitLine(t, "msg=closed", "code=1011", "who=us")
	if !p.server.dismiss(testTimeout) {
		t.Error("the connection is still listed")
	}
}

// net/http keeps its memory of a connection until the handler returns.
func TestConnectReturnsWhileTheConnectionIsOpen(t *testing.T) {
	s := &server{flags: &serveFlags{}, log: slog.New(slog.DiscardHandler), upgrader: &websocket.Upgrader{}}
	returned := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.connect(s.echo)(w, r)
		close(returned)
	}))
	defer web.Close()
	p := program{t: t, addr: web.Listener.Addr().String()}
	c := p.dial("/")
	select {
	case <-returned:
	case <-time.After(testTimeout):
		t.Fatal("the handler does not return")
	}
	c.send(websocket.Text, "Hello")
	c.want(websocket.Text, "Hello")
	c.close(websocket.CloseNormal, "")
}

func TestServeMakesACertificate(t *testing.T) {
	p := start(t, "-tls-self-signed")
	if line := p.stdout.waitLine(t, "listening"); !strings.Contains(line, "https://"+p.addr+"/ (wss://"+p.addr+"/echo, wss://"+p.addr+"/broadcast, wss://"+p.addr+"/chat)") {
		t.Errorf("printed %q", line)
	}
	line := p.stdout.waitLine(t, "SHA-256 is ")
	_, printed, _ := strings.Cut(line, "SHA-256 is ")
	state := trySecureEcho(t, p, func(state tls.ConnectionState) error { return nil })
	cert := state.PeerCertificates[0]
	sum := sha256.Sum256(cert.Raw)
	if got := strings.ToLower(strings.ReplaceAll(printed, ":", "")); got != fmt.Sprintf("%x", sum) {
		t.Errorf("printed %s, want %x", printed, sum)
	}
	if state.NegotiatedProtocol == "h2" {
		t.Error("h2 was negotiated, in which there is no Upgrade")
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
}

// trySecureEcho echoes a message over TLS, with a client that offers h2 too.
func trySecureEcho(t *testing.T, p *program, verify func(tls.ConnectionState) error) tls.ConnectionState {
	t.Helper()
	secure := tls.Client(p.dialTCP(), &tls.Config{
		InsecureSkipVerify: true, // verify does it
		VerifyConnection:   verify,
		NextProtos:         []string{"h2", "http/1.1"},
	})
	c := open(t, secure, "/echo", "Origin: https://"+p.addr)
	c.send(websocket.Text, "secret")
	c.want(websocket.Text, "secret")
	state := secure.ConnectionState()
	c.close(websocket.CloseNormal, "")
	return state
}

func TestServeTakesACertificateFromFiles(t *testing.T) {
	made, err := selfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", made.Certificate[0])
	writePEM(t, keyFile, "PRIVATE KEY", key)
	p := start(t, "-tls-cert", certFile, "-tls-key", keyFile)
	trySecureEcho(t, p, func(state tls.ConnectionState) error {
		if string(state.PeerCertificates[0].Raw) != string(made.Certificate[0]) {
			return fmt.Errorf("another certificate")
		}
		return nil
	})
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
