// This file is the verb dial: a session, which has one connection after the other. What
// happens on a connection is in dial_link.go.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"barewire.example/websocket"
)

// dial connects to a server and talks with it until the end of stdin.
func dial(ctx context.Context, args []string, std streams) int {
	f, err := parseDialFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		printDialUsage(std.out)
		return exitOK
	}
	if err == nil {
		var s *session
		if s, err = newSession(f, std); err == nil {
			return s.run(ctx)
		}
	}
	fmt.Fprintln(std.err, "barewire dial:", visible(err.Error()))
	return exitUsage
}

// A session is a run of dial: one connection, or with -reconnect several, one
// after the other.
type session struct {
	flags    *dialFlags
	dialer   *websocket.Dialer
	backoff  websocket.Backoff
	out      *output
	input    *input
	commands bool // lines that begin with a slash are

	pending  *line       // that could not be sent before the last connection ended
	received int         // messages, of all connections
	flawed   atomic.Bool // something could not be sent or printed
}

func newSession(f *dialFlags, std streams) (*session, error) {
	s := &session{flags: f, out: newOutput(f, std), input: newInput(std.in), commands: std.terminal.in}
	s.backoff.OnState = s.tellState
	var err error
	s.dialer, err = f.newDialer(s.out.trace())
	return s, err
}

var errTimeout = errors.New("-timeout has passed")

// run returns the exit status.
func (s *session) run(ctx context.Context) int {
	defer close(s.input.quit)
	if s.flags.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.flags.timeout, errTimeout)
		defer cancel()
	}
	if s.flags.reconnect {
		return s.redial(ctx)
	}
	c, _, err := s.dialer.Dial(ctx, s.flags.url)
	if err != nil {
		return s.failed(ctx, err)
	}
	return s.status(s.talk(ctx, c))
}

// redial is run with -reconnect.
func (s *session) redial(ctx context.Context) int {
	for c, err := range s.dialer.Redial(ctx, s.flags.url, s.backoff) {
		if err != nil {
			return s.failed(ctx, err)
		}
		if end := s.talk(ctx, c); s.isLast(end) {
			return s.status(end)
		}
	}
	return exitFailure // not reached: Redial ends with an error
}

// isLast reports whether there is no point in another connection.
func (s *session) isLast(end outcome) bool {
	switch {
	case end.asked.code != 0: // by us
		return true
	case end.Code == websocket.CloseNormal || end.Code == websocket.CloseNoStatus:
		return true
	}
	return false
}

// tellState prints what a Redial is doing. What happens to a connection is
// printed by others.
func (s *session) tellState(r websocket.RedialState) {
	name, _, _ := strings.Cut(r.String(), " ")
	e := event{Event: "state", State: name}
	switch r.Phase {
	case websocket.RedialConnecting:
		s.out.note("connecting")
	case websocket.RedialWaiting:
		s.out.note("%s: %s", r, unprefixed(r.Err))
		ms := milliseconds(r.Wait)
		e.Wait = &ms
	}
	if r.Err != nil {
		text := unprefixed(r.Err)
		e.Error = &text
	}
	s.out.tell(e)
}

// opened prints that there is a connection.
func (s *session) opened(c *websocket.Conn) {
	at := s.flags.url
	if u, err := url.Parse(at); err == nil {
		at = u.Redacted()
	}
	agreed, compressed := c.Subprotocol(), c.Compression()
	s.out.tell(event{Event: "open", URL: at, Subprotocol: &agreed, Compression: newParameters(compressed)})
	line := "open: " + at
	if agreed != "" {
		line += fmt.Sprintf(", subprotocol %q", agreed)
	}
	switch {
	case compressed != nil:
		line += ", compressed: " + summary(compressed)
	case s.flags.compress.on:
		line += ", not compressed: the server has not agreed to it"
	}
	s.out.note("%s", line)
	if s.commands {
		s.out.note("each line is sent as a message; /help lists commands, the end of input (Ctrl+D) closes")
	}
}

// finished reports whether as many messages have come as were asked for.
func (s *session) finished() bool { return s.flags.count > 0 && s.received >= s.flags.count }
