package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// Each of these must be wrong in both verbs.
func TestCompressFlagsExplainUsageErrors(t *testing.T) {
	tests := []struct{ args, reason string }{
		{"-compress-level 2", "-compress-level needs -compress"},
		{"-compress-threshold 128", "-compress-threshold needs -compress"}, // although it is the default
		{"-compress-server-window 15", "-compress-server-window needs -compress"},
		{"-compress-client-window 9", "-compress-client-window needs -compress"},
		{"-compress-server-no-takeover", "-compress-server-no-takeover needs -compress"},
		{"-compress-client-no-takeover", "-compress-client-no-takeover needs -compress"},
		{"-compress=false -compress-level 2", "-compress-level needs -compress"},
		{"-compress -compress-level 0", "-compress-level: must be 1 to 3"},
		{"-compress -compress-level 4", "-compress-level: must be 1 to 3"},
		{"-compress -compress-level best", "-compress-level: must be 1 to 3"},
		{"-compress -compress-threshold -1", "-compress-threshold: must be 0 to 2147483647"},
		{"-compress -compress-threshold 1KiB", "-compress-threshold: must be 0"},
		{"-compress -compress-server-window 7", "-compress-server-window: must be 8 to 15"},
		{"-compress -compress-server-window 16", "-compress-server-window: must be 8 to 15"},
		{"-compress -compress-client-window 0", "-compress-client-window: must be 8 to 15"},
		{"-compress -compress-client-window 16", "-compress-client-window: must be 8 to 15"},
		{"-compress -compress-client-no-takeover=x", "-compress-client-no-takeover"},
		{"-compress -compress-window 9", "-compress-window"},
	}
	for _, verb := range []string{"serve", "dial ws://localhost/"} {
		for _, tt := range tests {
			status, stdout, stderr := runBriefly(strings.Fields(verb + " " + tt.args)...)
			if status != exitUsage || stdout != "" || !strings.Contains(stderr, tt.reason) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s %s: status %d, printed %q and %q", verb, tt.args, status, stdout, stderr)
			}
		}
	}
}

// bothVerbs returns the options that serve and dial make of flags, which must be
// the same.
func bothVerbs(t *testing.T, flags string) *websocket.Compression {
	t.Helper()
	args := strings.Fields(flags)
	s, err := parseServeFlags(args)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parseDialFlags(append(args, "ws://localhost/"))
	if err != nil {
		t.Fatal(err)
	}
	dialer, err := d.newDialer(nil)
	if err != nil {
		t.Fatal(err)
	}
	server, client := s.compress.compression(), dialer.Compression
	switch {
	case server == nil && client == nil:
		return nil
	case server == nil || client == nil || *server != *client:
		t.Fatalf("%s: serve has %+v, dial %+v", flags, server, client)
	}
	return client
}

func TestCompressFlagsBecomeOptions(t *testing.T) {
	if c := bothVerbs(t, ""); c != nil {
		t.Errorf("compressed although nobody has asked for it: %+v", c)
	}
	offer := new(websocket.Compression).Offer()
	_, defaults := new(websocket.Compression).Accept([]websocket.Extension{offer})
	if c := bothVerbs(t, "-compress"); *c != *defaults {
		t.Errorf("the defaults are %+v, those of the library %+v", c, defaults)
	}
	for flags, change := range map[string]func(c *websocket.Compression){
		"-compress-level 3":              func(c *websocket.Compression) { c.Effort = 3 },
		"-compress-threshold 1":          func(c *websocket.Compression) { c.Threshold = 1 },
		"-compress-threshold 0":          func(c *websocket.Compression) { c.Threshold = -1 },
		"-compress-server-window 8":      func(c *websocket.Compression) { c.ServerMaxWindowBits = 8 },
		"-compress-client-window 14":     func(c *websocket.Compression) { c.ClientMaxWindowBits = 14 },
		"-compress-server-no-takeover":   func(c *websocket.Compression) { c.ServerNoContextTakeover = true },
		"-compress-client-no-takeover=1": func(c *websocket.Compression) { c.ClientNoContextTakeover = true },
	} {
		want := *defaults
		change(&want)
		if c := bothVerbs(t, "-compress "+flags); *c != want {
			t.Errorf("%s: %+v, want %+v", flags, c, want)
		}
	}
}

func TestCompressHelps(t *testing.T) {
	for _, verb := range []string{"serve", "dial"} {
		_, stdout, _ := runBriefly("help", verb)
		for _, want := range []string{
			"With -compress, ", "7692 §8", "-compress-level level", "-compress-threshold bytes", "(default 128)",
			"-compress-server-window bits", "-compress-client-window bits", "(default 15)",
			"-compress-server-no-takeover\n", "-compress-client-no-takeover\n",
		} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: %q is not in the help", verb, want)
			}
		}
	}
}

// The answers are what 7692 §7.1 makes of both sides' wishes.
func TestCompressIsNegotiatedBetweenTheVerbs(t *testing.T) {
	tests := []struct {
		serve, dial string
		want        *parameters
	}{
		{"", "-compress", nil},
		{"-compress", "", nil},
		{"-compress", "-compress", &parameters{15, 15, false, false}},
		{"-compress -compress-server-window 9", "-compress -compress-client-window 10", &parameters{9, 10, false, false}},
		{"-compress -compress-client-window 8", "-compress -compress-server-window 8", &parameters{8, 8, false, false}},
		{"-compress -compress-server-window 12", "-compress -compress-server-window 11", &parameters{11, 15, false, false}},
		{"-compress -compress-server-no-takeover", "-compress", &parameters{15, 15, true, false}},
		{"-compress -compress-client-no-takeover", "-compress", &parameters{15, 15, false, true}},
		{"-compress", "-compress -compress-server-no-takeover -compress-client-no-takeover", &parameters{15, 15, true, true}},
	}
	lines := strings.Repeat("the same line\n", 9) + "\n" + strings.Repeat("x", 100_000) + "\n"
	for _, tt := range tests {
		p := start(t, strings.Fields(tt.serve+" -log json")...)
		args := append(strings.Fields(tt.dial), "ws://"+p.addr+"/echo")
		status, stdout, stderr := piped(t, lines, args...)
		if status != exitOK || stdout != lines {
			t.Errorf("%q, %q: status %d, %d of %d bytes, %s", tt.serve, tt.dial, status, len(stdout), len(lines), stderr)
		}
		said, logged := "", ""
		switch {
		case tt.want != nil:
			logged = summary(&websocket.Compression{
				ServerMaxWindowBits: tt.want.ServerBits, ServerNoContextTakeover: tt.want.ServerAlone,
				ClientMaxWindowBits: tt.want.ClientBits, ClientNoContextTakeover: tt.want.ClientAlone,
			})
			said = ", compressed: " + logged
		case tt.dial != "":
			said = ", not compressed: the server has not agreed to it"
		}
		if line := "open: ws://" + p.addr + "/echo" + said + "\n"; !strings.Contains(stderr, line) {
			t.Errorf("%q, %q: stderr %q, want %q", tt.serve, tt.dial, stderr, line)
		}
		wantFields(t, p.record("open"), map[string]any{"compression": logged})
		_, stdout, _ = piped(t, "", append(args, "-json")...)
		open := map[string]any{"event": "open", "url": "ws://" + p.addr + "/echo", "subprotocol": ""}
		if tt.want != nil {
			open["compression"] = map[string]any{
				"server_max_window_bits": float64(tt.want.ServerBits), "client_max_window_bits": float64(tt.want.ClientBits),
				"server_no_context_takeover": tt.want.ServerAlone, "client_no_context_takeover": tt.want.ClientAlone,
			}
		}
		wantEvents(t, stdout, open, map[string]any{"event": "close", "code": 1000.0, "name": "normal", "reason": "", "by": "us"})
	}
}

func TestCompressSummaryIsReadable(t *testing.T) {
	c := &websocket.Compression{ServerMaxWindowBits: 15, ClientMaxWindowBits: 9, ClientNoContextTakeover: true}
	if got, want := summary(c), "server 15 bits, client 9 bits without takeover"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := summary(nil); got != "" {
		t.Errorf("without compression: %q", got)
	}
}

func TestServeSaysThatItCompresses(t *testing.T) {
	p := start(t, "-compress", "-compress-server-window", "9", "-compress-server-no-takeover")
	p.stdout.waitLine(t, "barewire: messages are compressed for clients that can do it: server 9 bits without takeover, client 15 bits")
}

// Which messages are compressed shows in RSV1 (7692 §6), and each side decides
// about its own.
func TestCompressThresholdIsThatOfTheSender(t *testing.T) {
	p := start(t, "-compress", "-compress-threshold", "3")
	_, stdout, stderr := piped(t, "1\n22\n333\n4444\n55555\n\n", "-compress", "-compress-threshold", "5", "-trace", "ws://"+p.addr+"/echo")
	if stdout != "1\n22\n333\n4444\n55555\n\n" {
		t.Errorf("stdout %q", stdout)
	}
	for direction, want := range map[string]string{"> ": "----+-", "< ": "--+++-"} {
		got := ""
		for _, line := range filter(strings.Split(stderr, "\n"), direction+"TEXT fin") {
			if strings.HasPrefix(line, direction+"TEXT fin rsv1") {
				got += "+"
			} else {
				got += "-"
			}
		}
		if got != want {
			t.Errorf("%s compressed %q, want %q", direction, got, want)
		}
	}
}

// What has come out counts, not what has passed.
func TestCompressedMessagesAreLimited(t *testing.T) {
	p := start(t, "-compress", "-max-message", "1KiB")
	c := p.dial("/echo", "Sec-WebSocket-Extensions: permessage-deflate")
	c.send(websocket.Text, strings.Repeat("x", 1024))
	c.want(websocket.Text, strings.Repeat("x", 1024))
	c.send(websocket.Text, strings.Repeat("x", 1025))
	c.wantClose(websocket.CloseTooBig)
	q := start(t, "-compress")
	status, _, stderr := piped(t, strings.Repeat("x", 1025)+"\n", "-compress", "-max-message", "1KiB", "ws://"+q.addr+"/echo")
	if status != exitProtocol || !strings.Contains(stderr, "larger than -max-message, 1KiB") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// Each member has an agreement of its own, or none.
func TestBroadcastCompressesForEachMember(t *testing.T) {
	p := start(t, "-compress", "-compress-threshold", "0")
	members := joinRoomWith(p,
		"",
		"permessage-deflate",
		"permessage-deflate; server_max_window_bits=8; client_max_window_bits=8",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
		"permessage-deflate; server_max_window_bits=10",
		"permessage-bzip2",
	)
	compressed := 0
	for i, sender := range members {
		if sender.agreed() != nil {
			compressed++
		}
		text := fmt.Sprint(strings.Repeat("all of you, ", 100), i)
		sender.send(websocket.Text, text)
		sender.send(websocket.Binary, "\x00\xff")
		for _, c := range members {
			c.want(websocket.Text, text)
			c.want(websocket.Binary, "\x00\xff")
		}
	}
	if compressed != 4 {
		t.Errorf("%d members have compression, want 4", compressed)
	}
}

// deflating accepts a handshake with this extension, writes frames and closes.
func deflating(t *testing.T, extension, frames string) (url string) {
	t.Helper()
	l := listen(t)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		if r, err := http.ReadRequest(bufio.NewReader(nc)); err == nil {
			fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Extensions: %s\r\n\r\n%s",
				websocket.AcceptKey(r.Header.Get("Sec-WebSocket-Key")), extension, frames)
			nc.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, nc)
		}
	}()
	return "ws://" + l.Addr().String() + "/"
}

func TestDialRefusesCompressionThatItHasNotOffered(t *testing.T) {
	for _, tt := range []struct{ args, answer, rule string }{
		{"", "permessage-deflate", websocket.RuleAnswerExtensions.ID()},
		{"-compress", "permessage-deflate; client_max_window_bits=16", websocket.RuleAnswerDeflate.ID()},
		{"-compress -compress-server-window 9", "permessage-deflate; server_max_window_bits=10", websocket.RuleAnswerDeflate.ID()},
		{"-compress -compress-server-no-takeover", "permessage-deflate", websocket.RuleAnswerDeflate.ID()},
	} {
		status, stdout, stderr := piped(t, "", append(strings.Fields(tt.args), "-json", deflating(t, tt.answer, ""))...)
		if status != exitRefused || !strings.Contains(stdout, `"rule":"`+tt.rule+`"`) {
			t.Errorf("%s: status %d, stdout %q, stderr %q", tt.answer, status, stdout, stderr)
		}
	}
}

// 7692 §7.2.2: what is no DEFLATE cannot be inflated.
func TestDialEndsForDamagedCompression(t *testing.T) {
	status, stdout, stderr := piped(t, "", "-compress", "-wait", "-1s", deflating(t, "permessage-deflate", "\xc1\x03\x07\xff\xff"))
	if status != exitProtocol || stdout != "" || !strings.Contains(stderr, "closed by us: 1007") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}
