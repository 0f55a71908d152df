package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"barewire.example/websocket"
)

// A caller is barewire dial, running.
type caller struct {
	t              *testing.T
	stdin          *io.PipeWriter
	stdout, stderr transcript
	interrupt      context.CancelFunc
	status         chan int
}

// call runs dial with a stdin that the test writes to.
func call(t *testing.T, on terminals, args ...string) *caller {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &caller{t: t, interrupt: cancel, status: make(chan int, 1)}
	stdin, w := io.Pipe()
	c.stdin = w
	t.Cleanup(func() { cancel(); w.Close() })
	go func() {
		c.status <- run(ctx, append([]string{"dial"}, args...), streams{stdin, &c.stdout, &c.stderr, on})
	}()
	return c
}

func (c *caller) typed(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.stdin, text); err != nil {
		c.t.Fatal(err)
	}
}

// exit waits for the end of the run.
func (c *caller) exit() int {
	c.t.Helper()
	select {
	case status := <-c.status:
		return status
	case <-time.After(testTimeout):
		c.t.Fatalf("dial does not end; stdout %q, stderr %q", c.stdout.String(), c.stderr.String())
		return -1
	}
}

// piped runs dial with this stdin to its end.
func piped(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	c := call(t, terminals{}, args...)
	go func() {
		io.WriteString(c.stdin, stdin)
		c.stdin.Close()
	}()
	status = c.exit()
	return status, c.stdout.String(), c.stderr.String()
}

// listen returns a loopback listener that is closed with the test.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serveOn runs a server until the test ends.
func serveOn(t *testing.T, l net.Listener, s *websocket.Server) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		s.Shutdown(ctx)
		<-ended
	})
}

// peer runs a server whose connections are f's, and returns its URL.
func peer(t *testing.T, f func(ctx context.Context, c *websocket.Conn, r *websocket.Request) error) string {
	t.Helper()
	l := listen(t)
	serveOn(t, l, &websocket.Server{Handler: f})
	return "ws://" + l.Addr().String() + "/"
}

// echoes is the handler of a server that sends each message back.
func echoes(ctx context.Context, c *websocket.Conn, _ *websocket.Request) error {
	for m, err := range c.Messages(ctx) {
		if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
			return err
		}
	}
	return nil
}

// saying returns a handler that sends messages and returns err.
func saying(err error, messages ...websocket.Message) func(context.Context, *websocket.Conn, *websocket.Request) error {
	return func(ctx context.Context, c *websocket.Conn, _ *websocket.Request) error {
		for _, m := range messages {
			c.Write(ctx, m.Type, m.Data)
		}
		return err
	}
}

// stub accepts handshakes with no library behind it, calls f with what follows,
// and closes. It returns its URL.
func stub(t *testing.T, f func(nc net.Conn)) string {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			nc.SetDeadline(time.Now().Add(testTimeout))
			r, err := http.ReadRequest(bufio.NewReader(nc))
			if err == nil {
				fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
					"Sec-WebSocket-Accept: %s\r\n\r\n", websocket.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
				f(nc)
			}
			nc.Close()
		}
	}()
	return "ws://" + l.Addr().String() + "/"
}

func TestDialEchoesALineAndEnds(t *testing.T) {
	url := peer(t, echoes)
	for _, args := range [][]string{{url}, {"-n", "1", url}, {url, "-n", "1"}} {
		status, stdout, stderr := piped(t, "hi\n", args...)
		if status != exitOK || stdout != "hi\n" || !strings.Contains(stderr, "closed by us: 1000 normal\n") {
			t.Errorf("%q: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
		}
	}
}

// The Close must not overtake the answers to what was sent before it.
func TestDialPrintsEveryAnswerBeforeItCloses(t *testing.T) {
	var lines strings.Builder
	for i := range 5000 {
		fmt.Fprintln(&lines, "line", i)
	}
	status, stdout, stderr := piped(t, lines.String(), peer(t, echoes))
	if status != exitOK || stdout != lines.String() {
		t.Errorf("status %d, %d of %d bytes, stderr %q", status, len(stdout), lines.Len(), stderr)
	}
}

func TestDialHasAnExitStatusForEachEnd(t *testing.T) {
	refusing := &websocket.Server{Handler: echoes, Upgrader: websocket.Upgrader{
		Authorize: func(*websocket.Request) error { return websocket.RuleForbidden },
	}}
	l := listen(t)
	serveOn(t, l, refusing)
	gone := listen(t)
	gone.Close()
	one := websocket.Message{Type: websocket.Text, Data: []byte("one")}
	tests := []struct {
		name   string
		args   string
		status int
		stderr string
	}{
		{"normal", peer(t, saying(nil)) + " -wait -1s", exitOK, "closed by the peer: 1000 normal\n"},
		{"no-code", peer(t, saying(&websocket.CloseError{Code: websocket.CloseNoStatus})) + " -wait -1s", exitOK, "closed by the peer: 1005 no status\n"},
		{"fewer-messages", peer(t, saying(nil, one)) + " -n 2", exitFailure, "1 of 2 messages came\n"},
		{"no-url", "nonsense", exitUsage, "hint: a URL begins with ws:// or wss://, like ws://nonsense\n"},
		{"http-url", "http://localhost/x", exitUsage, "hint: use ws://localhost/x\n"},
		{"https-url", "https://localhost/x", exitUsage, "hint: use wss://localhost/x\n"},
		{"bad-header", "-H A\x00:b ws://localhost/", exitUsage, "barewire dial: "},
		{"network", "ws://" + gone.Addr().String() + "/", exitNetwork, "connection refused\n"},
		{"refused", "ws://" + l.Addr().String() + "/", exitRefused, `"403 Forbidden"`},
		{"protocol", stub(t, func(nc net.Conn) { nc.Write([]byte{0x83, 0}); io.Copy(io.Discard, nc) }) + " -wait -1s", exitProtocol,
			"closed by us: 1002 protocol error, because the peer broke the protocol: opcode is reserved"},
		{"lost", stub(t, func(net.Conn) {}) + " -wait -1s", exitLost, "connection lost: 1006 abnormal, unexpected EOF\n"},
		{"going-away", peer(t, saying(&websocket.CloseError{Code: 1001, Reason: "bye"})) + " -wait -1s", exitClosed,
			"closed by the peer: 1001 going away, reason \"bye\"\n"},
		{"crossing-closes", stub(t, func(nc net.Conn) {
			nc.Write([]byte("\x88\x06\x03\xf3oops"))
			nc.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, nc)
		}), exitClosed, "closed by the peer: 1011 internal error, reason \"oops\"\n"},
		{"not-answered", stub(t, func(nc net.Conn) { io.Copy(io.Discard, nc) }) + " -timeout 50ms", exitTimeout, "-timeout has passed\n"},
		{"too-big", peer(t, saying(nil, one)) + " -max-message 2 -wait -1s", exitProtocol, "larger than -max-message, 2\n"},
		{"timeout", peer(t, echoes) + " -wait -1s -timeout 20ms", exitTimeout, "-timeout has passed\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr := piped(t, "", strings.Fields(tt.args)...)
			if status != tt.status || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("status %d, stderr %q; want %d, %q", status, stderr, tt.status, tt.stderr)
			}
			if tt.name != "fewer-messages" && stdout != "" {
				t.Errorf("stdout %q", stdout)
			}
		})
	}
}

func TestDialClosesWhenInterrupted(t *testing.T) {
	closed := make(chan error, 1)
	url := peer(t, func(ctx context.Context, c *websocket.Conn, _ *websocket.Request) error {
		_, _, err := c.Read(ctx)
		closed <- err
		return nil
	})
	c := call(t, terminals{}, url)
	c.stderr.waitLine(t, "open: ")
	c.interrupt()
	if status := c.exit(); status != exitInterrupted {
		t.Errorf("status %d", status)
	}
	if end, _ := websocket.CloseStatus(<-closed); end.Code != websocket.CloseGoingAway {
		t.Errorf("the server saw %v", end.Code)
	}
}

func TestDialIsInterruptedWhileItConnects(t *testing.T) {
	l := listen(t) // accepts, and says nothing
	c := call(t, terminals{}, "ws://"+l.Addr().String()+"/")
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c.interrupt()
	if status := c.exit(); status != exitInterrupted {
		t.Errorf("status %d", status)
	}
}

func TestDialTimesOutWhileItConnects(t *testing.T) {
	l := listen(t)
	status, _, stderr := piped(t, "", "-timeout", "10ms", "ws://"+l.Addr().String()+"/")
	if status != exitTimeout || stderr != "barewire dial: -timeout has passed\n" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestDialIsQuiet(t *testing.T) {
	status, stdout, stderr := piped(t, "x\n", "-quiet", peer(t, echoes))
	if status != exitOK || stdout != "x\n" || stderr != "" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

func TestDialStaysForMessagesThatComeLater(t *testing.T) {
	ask := make(chan struct{})
	url := peer(t, func(ctx context.Context, c *websocket.Conn, _ *websocket.Request) error {
		c.CloseRead() // so that the ping behind stdin is answered
		<-ask
		return c.Write(ctx, websocket.Text, []byte("late"))
	})
	for _, args := range [][]string{{"-n", "1", url}, {"-wait", "-1s", url}, {"-wait", "1h", url}} {
		c := call(t, terminals{}, args...)
		c.stdin.Close()
		c.stderr.waitLine(t, "open: ")
		ask <- struct{}{}
		if status := c.exit(); status != exitOK || c.stdout.String() != "late\n" {
			t.Errorf("%q: status %d, stdout %q", args, status, c.stdout.String())
		}
	}
}

// With -wait, -n is content with what has come by then.
func TestDialDoesNotWaitForeverForACount(t *testing.T) {
	status, stdout, stderr := piped(t, "a\n", "-n", "2", "-wait", "1ms", peer(t, echoes))
	if status != exitFailure || stdout != "a\n" || !strings.Contains(stderr, "1 of 2 messages came") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}
