package main

import (
	"context"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// atTerminal runs dial on a terminal without colours, against an echo that tells
// how the connection ended.
func atTerminal(t *testing.T) (c *caller, end chan websocket.CloseError) {
	t.Helper()
	t.Setenv("NO_COLOR", "1")
	end = make(chan websocket.CloseError, 1)
	url := peer(t, func(ctx context.Context, c *websocket.Conn, r *websocket.Request) error {
		err := echoes(ctx, c, r)
		<-c.Done()
		status, _ := websocket.CloseStatus(c.Err())
		end <- status
		return err
	})
	return call(t, terminals{true, true, true}, url), end
}

func TestCommandsWorkAtATerminal(t *testing.T) {
	c, end := atTerminal(t)
	c.stderr.waitLine(t, "/help lists commands")
	c.typed("hello\n\n/bin 00 fF\n/text \n/text  two words\n//close\n")
	c.stdout.waitLine(t, "< /close")
	if got, want := c.stdout.String(), "< hello\n< binary, 2 bytes: 00ff\n< \n<  two words\n< /close\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	c.typed("/ping\n")
	c.stderr.waitLine(t, "pong after ", " ms")
	c.typed("/help\n")
	c.stderr.waitLine(t, "| /close [code [reason]]")
	c.typed("/close 4001 bye bye\n")
	if status := c.exit(); status != exitOK {
		t.Errorf("status %d, stderr %q", status, c.stderr.String())
	}
	if got := <-end; got.Code != 4001 || got.Reason != "bye bye" || !got.Remote {
		t.Errorf("the server saw %+v", got)
	}
}

func TestCommandsExplainTheirErrors(t *testing.T) {
	c, end := atTerminal(t)
	long := strings.Repeat("x", websocket.MaxCloseReason+1)
	for _, tt := range []struct{ typed, want string }{
		{"/nope", "there is no command /nope"},
		{"/", "there is no command /"},
		{"/bin zz", "/bin wants pairs of hex digits"},
		{"/bin 0", "/bin wants pairs of hex digits"},
		{"/text \xff", "this is not UTF-8"},
		{"\xff", "line 6 is not UTF-8"},
		{"/close 1005", "/close wants a code that may be sent"},
		{"/close soon", "/close wants a code that may be sent"},
		{"/close 70000", "/close wants a code that may be sent"},
		{"/close 4000 " + long, "the reason must be UTF-8 of at most 123 bytes"},
		{"/close 4000 \xff", "the reason must be UTF-8"},
	} {
		c.typed(tt.typed + "\n")
		c.stderr.waitLine(t, "barewire dial: ", tt.want)
	}
	c.typed("/close\n")
	if status := c.exit(); status != exitOK { // somebody has seen what was wrong
		t.Errorf("status %d", status)
	}
	if got := <-end; got.Code != websocket.CloseNormal || c.stdout.String() != "" {
		t.Errorf("the server saw %+v, stdout is %q", got, c.stdout.String())
	}
}

func TestCommandsEndWithTheConnection(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	url := peer(t, func(ctx context.Context, c *websocket.Conn, _ *websocket.Request) error {
		_, _, err := c.Read(ctx) // what follows is never answered
		return err
	})
	c := call(t, terminals{true, true, true}, url)
	c.typed("/ping\n/text x\n")
	if status := c.exit(); status != exitOK {
		t.Errorf("status %d, stderr %q", status, c.stderr.String())
	}
}
