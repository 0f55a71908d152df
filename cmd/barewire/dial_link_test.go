package main

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"barewire.example/websocket"
)

func TestDialPingsUntilNobodyAnswers(t *testing.T) {
	url := stub(t, func(nc net.Conn) { io.Copy(io.Discard, nc) })
	status, _, stderr := piped(t, "", "-ping", "10ms", "-wait", "-1s", url)
	if status != exitLost || !strings.Contains(stderr, "connection lost: 1006 abnormal, peer does not answer pings\n") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestDialPrintsRoundTrips(t *testing.T) {
	c := call(t, terminals{}, "-ping", "2s", "-json", peer(t, echoes))
	c.stdout.waitLine(t, `"event":"pong"`, `"rtt_ms":`)
	c.stderr.waitLine(t, "barewire: pong after ", " ms")
	c.stdin.Close()
	if status := c.exit(); status != exitOK {
		t.Errorf("status %d, stderr %q", status, c.stderr.String())
	}
}

// The pongs are behind a message that waits for stdout.
func TestDialDoesNotTakeASlowStdoutForADeadPeer(t *testing.T) {
	stuck := newStuckPipe()
	url := stub(t, func(nc net.Conn) {
		nc.Write([]byte{0x81, 1, 'a', 0x81, 1, 'b'})
		io.ReadFull(nc, make([]byte, 3*(2+4+8))) // three pings
		close(stuck.release)
		nc.Write([]byte{0x88, 2, 0x03, 0xe8})
		nc.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, nc)
	})
	stdin, w := io.Pipe()
	defer w.Close()
	var stderr transcript
	status := run(t.Context(), []string{"dial", "-ping", "10ms", "-wait", "-1s", url}, streams{in: stdin, out: stuck, err: &stderr})
	if status != exitOK {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}

// redialing runs dial without random waits.
func redialing(t *testing.T, args ...string) *caller {
	t.Helper()
	f, err := parseDialFlags(append(args, "-reconnect", "-json"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &caller{t: t, interrupt: cancel, status: make(chan int, 1)}
	var stdin *io.PipeReader
	stdin, c.stdin = io.Pipe()
	t.Cleanup(func() { cancel(); c.stdin.Close() })
	s, err := newSession(f, streams{in: stdin, out: &c.stdout, err: &c.stderr})
	if err != nil {
		t.Fatal(err)
	}
	s.backoff.Base = time.Millisecond
	s.backoff.Random = func() float64 { return 0 }
	go func() { c.status <- s.run(ctx) }()
	return c
}

// waitOpen waits for the n-th connection.
func (c *caller) waitOpen(n int) {
	c.t.Helper()
	timeout := time.After(testTimeout)
	for {
		stdout, grown := c.stdout.next()
		if strings.Count(stdout, `"event":"open"`) >= n {
			return
		}
		select {
		case <-grown:
		case <-timeout:
			c.t.Fatalf("connection %d does not come: %s", n, stdout)
		}
	}
}

func TestDialConnectsAgain(t *testing.T) {
	ends := []error{&websocket.CloseError{Code: 1012, Reason: "restart"}, &websocket.CloseError{Code: 1001}, nil}
	conns := make(chan error, len(ends))
	for _, end := range ends {
		conns <- end
	}
	url := peer(t, func(ctx context.Context, c *websocket.Conn, _ *websocket.Request) error {
		_, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		c.Write(ctx, websocket.Text, append(p, '!'))
		return <-conns
	})
	c := redialing(t, url)
	for i, line := range []string{"a", "b", "c"} {
		// Sent when the connection is there: what is written to one that is
		// about to end may be lost.
		c.waitOpen(i + 1)
		c.typed(line + "\n")
	}
	if status := c.exit(); status != exitOK {
		t.Errorf("status %d, stderr %q", status, c.stderr.String())
	}
	connecting := map[string]any{"event": "state", "state": "connecting"}
	isOpen := map[string]any{"event": "state", "state": "open"}
	open := map[string]any{"event": "open", "url": url, "subprotocol": ""}
	waiting := map[string]any{"event": "state", "state": "waiting", "wait_ms": 0.0, "error": nil}
	said := func(s string) map[string]any {
		return map[string]any{"event": "message", "type": "text", "data": s}
	}
	end := func(code float64, name, reason string) map[string]any {
		return map[string]any{"event": "close", "code": code, "name": name, "reason": reason, "by": "peer"}
	}
	wantEvents(t, c.stdout.String(),
		connecting, isOpen, open, said("a!"), end(1012, "service restart", "restart"), waiting,
		connecting, isOpen, open, said("b!"), end(1001, "going away", ""), waiting,
		connecting, isOpen, open, said("c!"), end(1000, "normal", ""),
		map[string]any{"event": "state", "state": "closed", "error": nil})
	for _, want := range []string{"barewire: connecting\n", "barewire: waiting 0s: closed by the peer with 1012", "closed by the peer: 1000 normal\n"} {
		if !strings.Contains(c.stderr.String(), want) {
			t.Errorf("%q is not in %q", want, c.stderr.String())
		}
	}
}

func TestDialConnectsWhenTheServerComesBack(t *testing.T) {
	l := listen(t)
	addr := l.Addr().String()
	l.Close()
	c := redialing(t, "-n", "1", "ws://"+addr+"/")
	c.stderr.waitLine(t, "waiting", "connection refused")
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, again, &websocket.Server{Handler: echoes})
	c.typed("hi\n")
	if status := c.exit(); status != exitOK || !strings.Contains(c.stdout.String(), `"data":"hi"`) {
		t.Errorf("status %d, stdout %q", status, c.stdout.String())
	}
}

func TestDialDoesNotConnectAgainWhenRefusedForGood(t *testing.T) {
	l := listen(t)
	serveOn(t, l, &websocket.Server{Handler: echoes, Upgrader: websocket.Upgrader{
		Authorize: func(*websocket.Request) error { return websocket.RuleForbidden },
	}})
	if status := redialing(t, "ws://"+l.Addr().String()).exit(); status != exitRefused {
		t.Errorf("status %d", status)
	}
}

func TestDialIsInterruptedWhileItWaits(t *testing.T) {
	l := listen(t)
	l.Close()
	c := call(t, terminals{}, "-reconnect", "ws://"+l.Addr().String())
	c.stderr.waitLine(t, "waiting")
	c.interrupt()
	if status := c.exit(); status != exitInterrupted {
		t.Errorf("status %d", status)
	}
}

func TestDialEndsOnItsOwnCloseAlthoughItConnectsAgain(t *testing.T) {
	c := redialing(t, peer(t, echoes))
	c.typed("hi\n")
	c.stdin.Close()
	if status := c.exit(); status != exitOK || !strings.Contains(c.stdout.String(), `"data":"hi"`) {
		t.Errorf("status %d, stdout %q", status, c.stdout.String())
	}
}

// A link without a connection cannot ping, and must not want to.
func TestDialDoesNotCloseByItselfWhenItIsToStay(t *testing.T) {
	for _, f := range []*dialFlags{{wait: -1}, {count: 1}, {count: 1, wait: -1, waits: true}} {
		l := &link{session: &session{flags: f}, idle: make(chan struct{})}
		l.settle()
		select {
		case <-l.idle:
			t.Errorf("%+v: it wants to close", f)
		default:
		}
	}
}

func TestDialKeepsALineThatWasNotSentForTheNextConnection(t *testing.T) {
	c, _, err := new(websocket.Dialer).Dial(t.Context(), peer(t, echoes))
	if err != nil {
		t.Fatal(err)
	}
	c.CloseNow()
	l := &link{session: &session{flags: &dialFlags{}, input: newInput(nil)}, conn: c}
	l.input.start()
	if asked, ok := l.sendLine(&line{number: 1, text: []byte("x")}); ok || asked.code != 0 {
		t.Errorf("sent on a connection that is over, %+v", asked)
	}
	if next, ok := l.next(); !ok || next == nil || string(next.text) != "x" {
		t.Errorf("the next line is %+v, %v", next, ok)
	}
	if l.pending != nil {
		t.Error("the line would be sent twice")
	}
}

func TestDialKnowsWhichConnectionIsTheLast(t *testing.T) {
	end := func(code, asked websocket.CloseCode) outcome {
		return outcome{CloseError: websocket.CloseError{Code: code}, asked: closing{code: asked}}
	}
	for _, tt := range []struct {
		end  outcome
		last bool
	}{
		{end(1000, 0), true}, {end(1005, 0), true}, {end(4001, 4001), true}, {end(1006, 1000), true},
		{end(1001, 0), false}, {end(1002, 0), false}, {end(1006, 0), false}, {end(1012, 0), false},
	} {
		if got := new(session).isLast(tt.end); got != tt.last {
			t.Errorf("%+v: %v", tt.end, got)
		}
	}
}
