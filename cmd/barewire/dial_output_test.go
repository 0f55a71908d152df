package main

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"barewire.example/websocket"
)

func text(s string) websocket.Message {
	return websocket.Message{Type: websocket.Text, Data: []byte(s)}
}

func binary(s string) websocket.Message {
	return websocket.Message{Type: websocket.Binary, Data: []byte(s)}
}

const evil = "\x1b]0;owned\a\u202e\u009b2J\r"

func TestDialPrintsPayloadsExactlyIntoAPipe(t *testing.T) {
	t.Setenv("TERM", "xterm")
	messages := []websocket.Message{text("a\nb\r\n"), binary("\x00\xff"), binary("\n"), text(evil), text("")}
	tests := []struct{ flag, want string }{
		{"-quiet", "a\nb\r\n\n\x00\xff\n" + evil + "\n\n"},
		{"-hex", "a\nb\r\n\n00ff\n0a\n" + evil + "\n\n"},
	}
	for _, tt := range tests {
		status, stdout, _ := piped(t, "", "-wait", "-1s", tt.flag, peer(t, saying(nil, messages...)))
		if status != exitOK || stdout != tt.want {
			t.Errorf("%s: status %d, stdout %q, want %q", tt.flag, status, stdout, tt.want)
		}
	}
}

func TestDialEscapesForATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "yes")
	bye := &websocket.CloseError{Code: 4000, Reason: evil}
	url := peer(t, saying(bye, text("a\n"+evil), binary("\x00\xff"), binary(strings.Repeat("x", maxShown+1))))
	c := call(t, terminals{true, true, true}, "-wait", "-1s", url)
	c.stdin.Close()
	if status := c.exit(); status != exitClosed {
		t.Errorf("status %d", status)
	}
	want := "< a\n| \\x1b]0;owned\\a\\u202e\\u009b2J\\r\n" +
		"< binary, 2 bytes: 00ff\n< binary, 65 bytes: " + strings.Repeat("78", maxShown) + "…\n"
	if got := c.stdout.String(); got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if got := c.stderr.String(); !strings.Contains(got, `closed by the peer: 4000, reason "\x1b]0;owned\a\u202e\u009b2J\r"`) {
		t.Errorf("stderr %q", got)
	}
}

func TestDialHasColoursOnlyWhereTheyAreWelcome(t *testing.T) {
	tests := []struct {
		name, noColor, term string
		on                  terminals
		out, err            bool
	}{
		{"terminal", "", "xterm", terminals{true, true, true}, true, true},
		{"stdout-only", "", "xterm", terminals{false, true, false}, true, false},
		{"stderr-only", "", "xterm", terminals{false, false, true}, false, true},
		{"pipe", "", "xterm", terminals{}, false, false},
		{"no-color", "1", "xterm", terminals{true, true, true}, false, false},
		{"dumb", "", "dumb", terminals{true, true, true}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			t.Setenv("TERM", tt.term)
			c := call(t, tt.on, "-wait", "-1s", peer(t, saying(nil, text("x"))))
			c.stdin.Close()
			c.exit()
			out, err := strings.Contains(c.stdout.String(), "\x1b["), strings.Contains(c.stderr.String(), "\x1b[")
			if out != tt.out || err != tt.err {
				t.Errorf("stdout %q, stderr %q", c.stdout.String(), c.stderr.String())
			}
		})
	}
}

// wantEvents compares stdout with lines of JSON. Times and addresses that cannot
// be known are given as nil.
func wantEvents(t *testing.T, stdout string, want ...map[string]any) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d events, want %d:\n%s", len(lines), len(want), stdout)
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for name, value := range want[i] {
			if _, ok := got[name]; ok && value == nil {
				got[name] = nil
			}
		}
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("event %d is %s, want %v", i, line, want[i])
		}
	}
}

func TestDialPrintsEvents(t *testing.T) {
	url := peer(t, saying(&websocket.CloseError{Code: 4001, Reason: "<\"no\">"}, text("<a>\n\x1b"), binary("\x00\xff"), text("")))
	open := map[string]any{"event": "open", "url": url, "subprotocol": ""}
	end := map[string]any{"event": "close", "code": 4001.0, "name": "", "reason": "<\"no\">", "by": "peer"}
	for _, encoding := range []string{"base64", "hex"} {
		args, data := []string{"-json", "-wait", "-1s", url}, "AP8="
		if encoding == "hex" {
			args, data = append(args, "-hex"), "00ff"
		}
		_, stdout, _ := piped(t, "", args...)
		if !strings.Contains(stdout, "<a>") {
			t.Errorf("more is escaped than need be: %s", stdout)
		}
		wantEvents(t, stdout, open,
			map[string]any{"event": "message", "type": "text", "data": "<a>\n\x1b"},
			map[string]any{"event": "message", "type": "binary", "encoding": encoding, "data": data},
			map[string]any{"event": "message", "type": "text", "data": ""}, end)
	}
}

func TestDialPrintsFailuresAsEvents(t *testing.T) {
	url := peer(t, echoes)
	l := listen(t)
	serveOn(t, l, &websocket.Server{Handler: echoes, Upgrader: websocket.Upgrader{
		Authorize: func(*websocket.Request) error { return errors.New("no") },
	}})
	_, stdout, _ := piped(t, "", "-json", "ws://"+l.Addr().String())
	wantEvents(t, stdout, map[string]any{"event": "error", "error": nil, "rule": "status", "status": 403.0})
	_, stdout, _ = piped(t, "\xff\n", "-json", url)
	wantEvents(t, stdout, map[string]any{"event": "open", "url": url, "subprotocol": ""},
		map[string]any{"event": "error", "error": "line 1 is not UTF-8 and was not sent; -binary sends any bytes"},
		map[string]any{"event": "close", "code": 1000.0, "name": "normal", "reason": "", "by": "us"})
}

// brokenPipe is a stdout that nobody reads.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

func TestDialEndsWhenStdoutFails(t *testing.T) {
	var stderr transcript
	status := run(t.Context(), []string{"dial", "-wait", "-1s", peer(t, sayingOnce)}, streams{out: brokenPipe{}, err: &stderr})
	if status != exitFailure || !strings.Contains(stderr.String(), "cannot write to stdout: nobody reads") {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}

// sayingOnce sends a message, and waits for the end.
func sayingOnce(ctx context.Context, c *websocket.Conn, _ *websocket.Request) error {
	c.Write(ctx, websocket.Text, []byte("x"))
	return echoes(ctx, c, nil)
}

// stuckPipe is a stdout that takes nothing until it is released.
type stuckPipe struct {
	begun, release chan struct{}
	once           sync.Once
}

func newStuckPipe() *stuckPipe {
	return &stuckPipe{begun: make(chan struct{}), release: make(chan struct{})}
}

func (s *stuckPipe) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.release
	return len(p), nil
}

func TestDialIsInterruptedAlthoughStdoutIsStuck(t *testing.T) {
	t.Parallel() // it takes lastPatience
	stuck := newStuckPipe()
	defer close(stuck.release)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		<-stuck.begun
		interrupt()
	}()
	var stderr transcript
	if status := run(ctx, []string{"dial", "-wait", "-1s", peer(t, sayingOnce)}, streams{out: stuck, err: &stderr}); status != exitInterrupted {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}
