// This file is what the tests of servers share: the two ways to serve, each on
// the in-memory transport inside a bubble, and a client that writes raw requests
// and reads raw answers.

package websocket

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type connFunc func(ctx context.Context, c *Conn) error

// A serveFunc serves f behind u until the end of the test.
type serveFunc func(t *testing.T, u Upgrader, f connFunc) *simListener

// eachServer runs a test against Server and against Handler in net/http.
func eachServer(t *testing.T, f func(t *testing.T, serve serveFunc)) {
	t.Helper()
	for name, serve := range map[string]serveFunc{"raw": serveRaw, "net-http": serveHTTP} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, serve) })
		})
	}
}

func serveRaw(t *testing.T, u Upgrader, f connFunc) *simListener {
	t.Helper()
	l := newSimListener()
	startServer(t, &Server{Upgrader: u, Handler: withoutRequest(f)}, l)
	return l
}

func withoutRequest(f connFunc) func(context.Context, *Conn, *Request) error {
	return func(ctx context.Context, c *Conn, _ *Request) error { return f(ctx, c) }
}

// startServer has s serve on l. At the end of the test s must have been shut
// down, or is cut off, and Serve must have returned.
func startServer(t *testing.T, s *Server, l net.Listener) {
	t.Helper()
	if s.Upgrader.Logger == nil {
		s.Upgrader.Logger = slog.New(slog.DiscardHandler)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ended)
		if err := <-served; err != ErrServerClosed {
			t.Errorf("Serve = %v, want ErrServerClosed", err)
		}
		patient, cancel := context.WithTimeout(context.Background(), testPatience)
		defer cancel()
		wantNil(t, "Shutdown, which waits for what was cut off", s.Shutdown(patient))
		if n := len(s.listeners) + len(s.pending) + s.group().Len(); n != 0 {
			t.Errorf("the server keeps track of %d things that are over", n)
		}
	})
}

func serveHTTP(t *testing.T, u Upgrader, f connFunc) *simListener {
	t.Helper()
	if u.Logger == nil {
		u.Logger = slog.New(slog.DiscardHandler)
	}
	return startHTTP(t, &http.Server{Handler: Handler(f, &u)})
}

// startHTTP has s serve on a new listener until the end of the test.
func startHTTP(t *testing.T, s *http.Server) *simListener {
	t.Helper()
	l := newSimListener()
	if s.ErrorLog == nil {
		s.ErrorLog = log.New(io.Discard, "", 0)
	}
	if s.ReadHeaderTimeout == 0 {
		s.ReadHeaderTimeout = defaultHandshakeTimeout
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("net/http's Serve = %v", err)
		}
		<-time.After(time.Second) // net/http lingers for half of it
	})
	return l
}

// serveEcho sends every message back.
func serveEcho(ctx context.Context, c *Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// dialServer connects to l. The connection is closed at the end of the test.
func dialServer(t *testing.T, l *simListener) *simConn {
	t.Helper()
	c, err := l.Dial(context.Background(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*simConn)
}

// newClientPeer returns a client that has not sent its handshake.
func newClientPeer(t *testing.T, conn net.Conn) *testPeer {
	p := &testPeer{t: t, role: RoleClient, conn: conn, maskKey: testMaskKeys('P'), keys: map[[4]byte]bool{}}
	p.sim, _ = conn.(*simConn)
	return p
}

// openPeer sends the base request with edits on conn and wants the 101.
func openPeer(t *testing.T, conn net.Conn, edits ...string) *testPeer {
	t.Helper()
	p := newClientPeer(t, conn)
	p.writeBytes([]byte(rawRequest(edits...)))
	if head := readHTTPHead(p); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("the handshake was answered with %q", head)
	}
	return p
}

// openServer connects to l and opens.
func openServer(t *testing.T, l *simListener, edits ...string) *testPeer {
	t.Helper()
	return openPeer(t, dialServer(t, l), edits...)
}

// readHTTPHead reads the head of an answer up to its blank line. It is empty when
// the connection ends without one.
func readHTTPHead(p *testPeer) (head string) {
	p.t.Helper()
	for {
		if i := bytes.Index(p.got, []byte("\r\n\r\n")); i >= 0 {
			head = string(p.got[:i+4])
			p.got = p.got[i+4:]
			return head
		}
		if err := p.fill(); err != nil {
			return ""
		}
	}
}

// wantEcho sends a message and wants it back.
func wantEcho(p *testPeer, text string) {
	p.t.Helper()
	p.write(OpText, true, text)
	p.wantFrame("the server echoes", OpText, text)
}

// finishPeer closes as a client should.
func finishPeer(p *testPeer) {
	p.t.Helper()
	p.writeClose(CloseNormal, "")
	p.wantClose("the server answers the Close", CloseNormal, "")
	p.wantEOF("the server closes first")
}

// readWireRefusal reads one whole HTTP answer, after which the connection must end.
func readWireRefusal(p *testPeer, method string) (resp *http.Response, body string) {
	t := p.t
	t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(testPatience))
	all, err := io.ReadAll(io.MultiReader(bytes.NewReader(p.got), p.conn))
	if err != nil {
		t.Fatalf("after %q: %v, want EOF", all, err)
	}
	br := bufio.NewReader(bytes.NewReader(all))
	resp, err = http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer in %q: %v", all, err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("the body of %q: %v", all, err)
	}
	if rest, _ := io.ReadAll(br); len(rest) > 0 {
		t.Errorf("behind the answer came %q", rest)
	}
	if !resp.Close && !strings.Contains(strings.Join(resp.Header["Connection"], ","), "close") {
		t.Errorf("no Connection: close in %q", all)
	}
	return resp, string(text)
}

// wantRefusal wants an answer with this status and rule, and then the end.
func wantRefusal(p *testPeer, status int, rule Rule) *http.Response {
	p.t.Helper()
	resp, body := readWireRefusal(p, "GET")
	if resp.StatusCode != status || body != rule.Error()+"\n" {
		p.t.Errorf("got %s with %q; want %d with %q", resp.Status, body, status, rule.Error())
	}
	return resp
}

// wantClosedAt wants the server to end the connection exactly d after start.
func wantClosedAt(t *testing.T, conn net.Conn, start time.Time, d time.Duration) (sent string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * testPatience))
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("after %q: %v, want EOF", all, err)
	}
	simWantElapsed(t, start, d)
	return string(all)
}

// A lockedBuffer is what a logger may write to while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newTestLog returns a logger of all levels and what it has written.
func newTestLog() (*slog.Logger, *lockedBuffer) {
	b := new(lockedBuffer)
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug - 100})), b
}

var errTest = errors.New("an error of the application")
