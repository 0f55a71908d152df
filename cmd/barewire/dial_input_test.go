package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"barewire.example/websocket"
)

// collector returns the URL of a server that gathers what it is sent.
func collector(t *testing.T) (url string, got func() []websocket.Message) {
	messages := make(chan []websocket.Message, 1)
	url = peer(t, func(ctx context.Context, c *websocket.Conn, _ *websocket.Request) error {
		var all []websocket.Message
		for m, err := range c.Messages(ctx) {
			if err != nil {
				break
			}
			all = append(all, m)
		}
		messages <- all
		return nil
	})
	return url, func() []websocket.Message { return <-messages }
}

func TestDialSendsEachLineWithoutItsEnd(t *testing.T) {
	tests := []struct {
		name, stdin string
		args        []string
		want        []string
	}{
		{"lines", "a\nb\n", nil, []string{"a", "b"}},
		{"crlf", "a\r\n\r\nb\r\r\n", nil, []string{"a", "", "b\r"}},
		{"no-newline-at-the-end", "a\nb", nil, []string{"a", "b"}},
		{"empty-lines", "\n\n", nil, []string{"", ""}},
		{"nothing", "", nil, nil},
		{"slashes-are-no-commands", "/close\n//x\n", nil, []string{"/close", "//x"}},
		{"binary", "\xff\x00\n", []string{"-binary"}, []string{"\xff\x00"}},
		{"hex", "00ff\n00 FF 10\n\n", []string{"-hex"}, []string{"\x00\xff", "\x00\xff\x10", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, got := collector(t)
			status, _, stderr := piped(t, tt.stdin, append(tt.args, url)...)
			var texts []string
			for _, m := range got() {
				texts = append(texts, string(m.Data))
				if isBinary := m.Type == websocket.Binary; isBinary != (tt.args != nil) {
					t.Errorf("%q is %v", m.Data, m.Type)
				}
			}
			if status != exitOK || !slices.Equal(texts, tt.want) {
				t.Errorf("status %d, got %q, want %q; stderr %q", status, texts, tt.want, stderr)
			}
		})
	}
}

func TestDialSendsLinesOfAMegabyte(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", websocket.DefaultMaxMessageSize/16) + "\n"
	status, stdout, stderr := piped(t, large+"x\n"+large, peer(t, echoes))
	if status != exitOK || stdout != large+"x\n"+large {
		t.Errorf("status %d, %d bytes, stderr %q", status, len(stdout), stderr)
	}
}

func TestDialGoesOnBehindALineThatCannotBeSent(t *testing.T) {
	tests := []struct {
		stdin, stdout, stderr string
		args                  []string
	}{
		{"a\n\xff\nb\n", "a\nb\n", "line 2 is not UTF-8 and was not sent; -binary", nil},
		{"00\nzz\n0\nff\n", "00\nff\n", "line 3 is not pairs of hex digits", []string{"-hex"}},
	}
	for _, tt := range tests {
		status, stdout, stderr := piped(t, tt.stdin, append(tt.args, peer(t, echoes))...)
		if status != exitFailure || stdout != tt.stdout || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%q: status %d, stdout %q, stderr %q", tt.stdin, status, stdout, stderr)
		}
	}
}

func TestDialReportsAStdinThatFails(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(errors.New("on purpose")))
	var stdout, stderr transcript
	status := run(t.Context(), []string{"dial", peer(t, echoes)}, streams{in: broken, out: &stdout, err: &stderr})
	if status != exitFailure || stdout.String() != "a\n" || !strings.Contains(stderr.String(), "cannot read stdin: on purpose") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
	}
}
