// These are the tests of Dial: the request that it sends, what it does with an
// answer, and the language they are written in, which the tests of redirects,
// locations and hostile answers share. Dial runs in a goroutine, and the test
// itself is the server.

package websocket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A dialing is a Dial in progress.
type dialing struct {
	t      *testing.T
	start  time.Time
	cancel context.CancelFunc
	peers  chan *testPeer // the server's end of each connection
	addrs  chan string    // where it was to
	ended  <-chan dialed
}

// A dialed is what Dial has returned.
type dialed struct {
	c    *Conn
	resp *http.Response
	err  error
}

// startDial calls d.Dial. Each connection is a new pipe.
func startDial(t *testing.T, d Dialer, url string, opts ...func(*simKnobs)) *dialing {
	t.Helper()
	return startDialOn(t, d, url, func() (ours, theirs net.Conn) { return newPipe(opts...) })
}

// startDialOn calls d.Dial. connect returns the ends of a new connection.
func startDialOn(t *testing.T, d Dialer, url string, connect func() (ours, theirs net.Conn)) *dialing {
	t.Helper()
	s := &dialing{t: t, start: time.Now(), peers: make(chan *testPeer, 32), addrs: make(chan string, 32)}
	d.NetDial = func(_ context.Context, _, addr string) (net.Conn, error) {
		ours, theirs := connect()
		s.addrs <- addr
		s.peers <- newServerPeer(t, theirs)
		return ours, nil
	}
	if d.Proxy == nil {
		d.Proxy = noProxy
	}
	if d.KeepAlive == 0 {
		d.KeepAlive = -1
	}
	d.Logger = slog.New(slog.DiscardHandler)
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(background)
	t.Cleanup(s.cancel)
	s.ended = started(func() dialed {
		c, resp, err := d.Dial(ctx, url)
		return dialed{c, resp, err}
	})
	return s
}

// newServerPeer returns a server that has not read a request.
func newServerPeer(t *testing.T, conn net.Conn) *testPeer {
	p := newClientPeer(t, conn)
	p.role = RoleServer
	t.Cleanup(func() { conn.Close() })
	return p
}

// connection returns the server's end of the next connection, and where it was to.
func (s *dialing) connection() (p *testPeer, addr string) {
	s.t.Helper()
	select {
	case addr = <-s.addrs:
		return <-s.peers, addr
	case r := <-s.ended:
		s.t.Fatalf("Dial ended without connecting: %v", r.err)
	}
	return nil, ""
}

// accept returns the server's end of the next connection, and the request that
// has come on it. Behind the request nothing has come.
func (s *dialing) accept() (p *testPeer, head string) {
	s.t.Helper()
	p, _ = s.connection()
	head = readHTTPHead(p)
	if head == "" || len(p.got) > 0 {
		s.t.Fatalf("the request is %q, and behind it came %q", head, p.got)
	}
	return p, head
}

// fieldOf returns the value of a field that a request has exactly once.
func fieldOf(t *testing.T, head, name string) string {
	t.Helper()
	_, value, ok := strings.Cut(head, "\r\n"+name+": ")
	value, more, _ := strings.Cut(value, "\r\n")
	if !ok || strings.Contains(strings.ToLower(more), "\r\n"+strings.ToLower(name)+":") {
		t.Fatalf("there is not exactly one %s in %q", name, head)
	}
	return value
}

func keyOf(t *testing.T, head string) string { return fieldOf(t, head, "Sec-WebSocket-Key") }

// answer accepts the next request with the base answer and edits.
func (s *dialing) answer(edits ...string) (p *testPeer, head string) {
	s.t.Helper()
	p, head = s.accept()
	p.writeBytes([]byte(hostileResponse{text: rawAnswer(edits...)}.raw(keyOf(s.t, head))))
	return p, head
}

// open accepts the next request, and wants Dial to return the connection.
func (s *dialing) open(edits ...string) (p *testPeer, r dialed) {
	s.t.Helper()
	p, _ = s.answer(edits...)
	return p, s.opened()
}

// opened wants Dial to return a connection.
func (s *dialing) opened() dialed {
	s.t.Helper()
	r := <-s.ended
	if r.err != nil || r.c == nil || r.resp == nil || r.resp.StatusCode != 101 {
		s.t.Fatalf("Dial = %v, %v, %v", r.c, r.resp, r.err)
	}
	s.t.Cleanup(func() { r.c.CloseNow() })
	return r
}

// refuse answers the next request with these lines and a body.
func (s *dialing) refuse(body string, lines ...string) (p *testPeer, head string) {
	s.t.Helper()
	p, head = s.accept()
	p.writeBytes([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body))
	return p, head
}

// failed wants Dial to return no connection.
func (s *dialing) failed() dialed {
	s.t.Helper()
	r := <-s.ended
	if r.err == nil || r.c != nil {
		s.t.Fatalf("Dial = %v, %v, %v; want an error", r.c, r.resp, r.err)
	}
	return r
}

// wantRule wants Dial to fail with a HandshakeError because of this rule.
func (s *dialing) wantRule(rule Rule) (*HandshakeError, *http.Response) {
	s.t.Helper()
	r := s.failed()
	he := (*HandshakeError)(nil)
	if !errors.As(r.err, &he) || he.Rule != rule || !errors.Is(r.err, rule) {
		s.t.Fatalf("Dial = %v; want a HandshakeError: %v", r.err, rule)
	}
	return he, r.resp
}

// wantNoConnection wants Dial to have failed without connecting, because of want.
func (s *dialing) wantNoConnection(want error) {
	s.t.Helper()
	if r := s.failed(); !errors.Is(r.err, want) || r.resp != nil {
		s.t.Errorf("Dial = %v, %v; want %v", r.resp, r.err, want)
	}
	if len(s.peers) > 0 {
		s.t.Errorf("there was a connection to %s", <-s.addrs)
	}
}

// wantGone wants the client to have closed the connection, with nothing sent.
// Where it has not read everything, that is an RST.
func (p *testPeer) wantGone(why string) {
	p.t.Helper()
	err := p.fill()
	if len(p.got) > 0 || err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		p.t.Fatalf("%s: got %q, %v; want the end", why, p.got, err)
	}
}

// wantWorking wants messages to pass in both directions.
func wantWorking(c *Conn, p *testPeer) {
	p.t.Helper()
	wantNil(p.t, "Write", c.Write(background, Text, []byte("from the client")))
	p.wantFrame("a message of the client", OpText, "from the client")
	p.write(OpBinary, true, "from the server")
	reads(p.t, c).want("a message of the server", Binary, "from the server")
}

// dialBubble runs a test of Dial in a bubble.
func dialBubble(t *testing.T, d Dialer, url string, f func(s *dialing)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(startDial(t, d, url)) })
}

const testURL = "ws://test.example/"

func TestClientConnects(t *testing.T) {
	dialBubble(t, Dialer{}, testURL, func(s *dialing) {
		p, r := s.open()
		wantWorking(r.c, p)
		if r.c.Subprotocol() != "" || r.resp.Body != http.NoBody {
			s.t.Errorf("subprotocol %q, body %v", r.c.Subprotocol(), r.resp.Body)
		}
		closed := startClose(r.c, CloseNormal, "bye")
		p.wantClose("the client closes", CloseNormal, "bye")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("the client leaves it to the server")
		wantNil(s.t, "Close", <-closed)
	})
}

// The context and the timeout are for Dial, not for the connection.
func TestClientConnectionOutlivesItsDial(t *testing.T) {
	dialBubble(t, Dialer{HandshakeTimeout: time.Second}, testURL, func(s *dialing) {
		p, r := s.open()
		<-time.After(time.Minute)
		wantWorking(r.c, p)
		s.cancel()
		synctest.Wait()
		wantWorking(r.c, p)
	})
}

// §4.1: nothing is sent until the server has answered, also not by what wants
// to ping.
func TestClientWaitsForTheAnswer(t *testing.T) {
	d := Dialer{Options: Options{KeepAlive: time.Second}}
	dialBubble(t, d, testURL, func(s *dialing) {
		p, head := s.accept()
		<-time.After(9 * time.Second)
		p.wantIdle("the server has not answered")
		p.writeBytes([]byte(hostileResponse{text: rawAnswer()}.raw(keyOf(s.t, head))))
		s.opened()
	})
}

func TestClientExposesTheAnswer(t *testing.T) {
	d := Dialer{Options: Options{Subprotocols: []string{"chat", "superchat"}}, Host: "other.example:8080"}
	dialBubble(t, d, "ws://user:secret@test.example/p?q=1", func(s *dialing) {
		p, r := s.open("+Sec-WebSocket-Protocol: superchat", "+Set-Cookie: a=b; Path=/", "+Set-Cookie: c=d", "+x-oWN: 1")
		if got := r.c.Subprotocol(); got != "superchat" {
			s.t.Errorf("Subprotocol = %q", got)
		}
		resp := r.resp
		if resp.Status != "101 Switching Protocols" || resp.Proto != "HTTP/1.1" || !resp.ProtoAtLeast(1, 1) || resp.ProtoAtLeast(1, 2) {
			s.t.Errorf("the answer is %+v", resp)
		}
		if got := resp.Header.Values("Set-Cookie"); len(got) != 2 || resp.Header.Get("X-Own") != "1" {
			s.t.Errorf("the fields are %v", resp.Header)
		}
		if cookies := resp.Cookies(); len(cookies) != 2 || cookies[0].Name != "a" || cookies[1].Value != "d" {
			s.t.Errorf("the cookies are %v", cookies)
		}
		if q := resp.Request; q.URL.String() != "ws://test.example/p?q=1" || q.Host != "other.example:8080" || q.Method != "GET" {
			s.t.Errorf("the request was %s %s with %s", q.Method, q.URL, q.Host)
		}
		wantWorking(r.c, p)
	})
}

func TestClientExposesTheRequestsFields(t *testing.T) {
	dialBubble(t, Dialer{Header: http.Header{"x-own": {"1"}}}, testURL, func(s *dialing) {
		_, r := s.open()
		if got := r.resp.Request.Header.Get("X-Own"); got != "1" {
			t.Errorf("the request's fields are %v", r.resp.Request.Header)
		}
	})
}

// §4.1: a status that is not 101 is for the application to handle.
func TestClientExposesARefusal(t *testing.T) {
	for _, status := range []string{"200 OK", "204 No Content", "301 Moved", "401 Unauthorized", "404 Not Found", "426 Upgrade Required", "503 x", "599"} {
		t.Run(status[:3], func(t *testing.T) {
			jar, _ := cookiejar.New(nil)
			dialBubble(t, Dialer{Jar: jar}, testURL, func(s *dialing) {
				p, _ := s.refuse("no\n", "HTTP/1.1 "+status, "Content-Length: 3", "X-Own: 1", "Set-Cookie: a=b")
				he, resp := s.wantRule(RuleStatus)
				body, err := io.ReadAll(resp.Body)
				if want := map[bool]string{true: "", false: "no\n"}[status[:3] == "204"]; string(he.Body) != want || string(body) != want || err != nil {
					t.Errorf("bodies are %q and %q, %v", he.Body, body, err)
				}
				if resp.Status != status || resp.StatusCode != he.Status || he.Header["X-Own"][0] != "1" || resp.Header.Get("X-Own") != "1" {
					t.Errorf("the answer is %+v, the error %+v", resp, he)
				}
				if !strings.Contains(he.Error(), status) {
					t.Errorf("the error does not tell the status: %v", he)
				}
				if cookies := jar.Cookies(mustURL(t, "http://test.example/")); len(cookies) != 1 {
					t.Errorf("the jar has %v", cookies)
				}
				simWantElapsed(t, s.start, 0)
				p.wantGone("the server has refused")
			})
		})
	}
}

// Who has given no deadline must not wonder whose it was.
func TestClientNamesItsOwnTimeout(t *testing.T) {
	dialBubble(t, Dialer{HandshakeTimeout: 3 * time.Second}, testURL, func(s *dialing) {
		s.accept()
		r := s.failed()
		var timeout net.Error
		if !strings.Contains(r.err.Error(), "within 3s") || !errors.Is(r.err, context.DeadlineExceeded) || !errors.As(r.err, &timeout) || !timeout.Timeout() {
			s.t.Errorf("Dial = %v", r.err)
		}
		simWantElapsed(s.t, s.start, 3*time.Second)
	})
}

// §4.1: an attempt whose connection fails has failed.
func TestClientReportsAFailedConnection(t *testing.T) {
	d := Dialer{Proxy: noProxy, NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }}
	c, resp, err := d.Dial(background, testURL)
	if c != nil || resp != nil || !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "test.example:80") {
		t.Errorf("Dial = %v, %v, %v", c, resp, err)
	}
}

// TestClientDialsByItself has no NetDial, and an environment that names no proxy.
func TestClientDialsByItself(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	wantNil(t, "Listen", err)
	startServer(t, &Server{Handler: withoutRequest(serveEcho)}, l)
	c, _, err := new(Dialer).Dial(background, "ws://"+l.Addr().String())
	wantNil(t, "Dial", err)
	wantNil(t, "Write", c.Write(background, Text, []byte("hello")))
	reads(t, c).want("the echo", Text, "hello")
	wantNil(t, "Close", c.Close(CloseNormal, ""))
	if _, _, err := new(Dialer).Dial(background, "ws://"+l.Addr().String()+"/%zz"); !errors.Is(err, ErrURL) {
		t.Errorf("Dial of a bad URL = %v", err)
	}
}
