package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"barewire.example/websocket"
)

// record returns the JSON record with this message.
func (p *program) record(msg string) map[string]any {
	p.t.Helper()
	line := p.stderr.waitLine(p.t, `"msg":"`+msg+`"`)
	var r map[string]any
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		p.t.Fatalf("%s: %v", line, err)
	}
	return r
}

func TestLogTellsOfEachConnection(t *testing.T) {
	p := start(t, "-log", "json", "-v", "-subprotocol", "chat")
	origin := "http://" + p.addr
	c := p.dial("/echo", "Origin: "+origin, "Sec-WebSocket-Protocol: chat")
	c.send(websocket.Text, "Hello")
	c.want(websocket.Text, "Hello")
	c.close(4001, "bye")
	peer := c.nc.LocalAddr().String()

	wantFields(t, p.record("open"), map[string]any{
		"level": "INFO", "peer": peer, "path": "/echo", "subprotocol": "chat", "origin": origin,
	})
	wantFields(t, p.record("message"), map[string]any{
		"peer": peer, "path": "/echo", "type": "text", "bytes": 5.0, "text": "Hello",
	})
	closed := p.record("closed")
	wantFields(t, closed, map[string]any{
		"peer": peer, "code": 4001.0, "name": "", "reason": "bye", "who": "peer", "messages": 1.0, "bytes": 5.0,
	})
	if d, ok := closed["duration"].(float64); !ok || d <= 0 {
		t.Errorf("duration is %v", closed["duration"])
	}
}

func wantFields(t *testing.T, record, want map[string]any) {
	t.Helper()
	for key, w := range want {
		if got, ok := record[key]; !ok || got != w {
			t.Errorf("%v: %s is %v, want %v", record["msg"], key, got, w)
		}
	}
}

func TestLogTellsOfBrokenRules(t *testing.T) {
	p := start(t, "-log", "json")
	c := p.dial("/echo")
	c.write([]byte{0x81, 0x00}, nil) // not masked
	c.wantClose(websocket.CloseProtocolError)
	wantFields(t, p.record("closed"), map[string]any{
		"code": 1002.0, "name": "protocol error", "reason": websocket.RuleMaskMissing.Text(), "who": "us",
	})
}

func TestLogHidesTextUnlessAskedFor(t *testing.T) {
	p := start(t)
	c := p.dial("/echo")
	c.send(websocket.Text, "secret")
	c.want(websocket.Text, "secret")
	p.stderr.waitLine(t, "msg=message", "type=text", "bytes=6")
	if strings.Contains(p.stderr.String(), "secret") {
		t.Error("the text is in the log")
	}
}

func TestLogIsQuiet(t *testing.T) {
	p := start(t, "-quiet")
	c := p.dial("/broadcast")
	c.send(websocket.Text, "Hello")
	c.want(websocket.Text, "Hello")
	c.close(websocket.CloseNormal, "")
	p.request("GET", "/nothing")
	handshake(t, p.dialTCP(), "/echo", "Host: evil.example")
	p.stop()
	if log := p.stderr.String(); log != "" {
		t.Errorf("logged %q", log)
	}
}

func TestLogCostsNothingWhenQuiet(t *testing.T) {
	flags := &serveFlags{quiet: true}
	s := &server{flags: flags, log: flags.newLogger(io.Discard)}
	v := s.newVisit(nil, &http.Request{RemoteAddr: "peer"})
	if v.log != s.log {
		t.Error("each connection has a logger of its own, which takes memory")
	}
	text := []byte("Hello")
	if n := testing.AllocsPerRun(100, func() { v.received(websocket.Text, text) }); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}

// S-43: what a peer sends must not forge a line, nor reach a terminal as a
// control character. U+009B is the one that does what ESC [ does.
func TestLogQuotesWhatPeersSend(t *testing.T) {
	const evil = "a\r\nb\x1b[31m\x7f\u009b31m\u2028\u202e"
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			p := start(t, "-v", "-log", format)
			c := p.dial("/echo")
			c.send(websocket.Text, evil)
			c.want(websocket.Text, evil)
			c.close(4000, evil)
			p.stderr.waitLine(t, "closed", "4000", `31m`)
			p.request("GET", "/a%0d%0ab%1b%5b31m%7f%c2%9b%e2%80%ae")
			p.stderr.waitLine(t, "not found", "31m")
			handshake(t, p.dialTCP(), "/echo%0d%0a%1b", "Origin: \u009b31m")
			p.stop()
			for line := range strings.Lines(p.stderr.String()) {
				line = strings.TrimSuffix(line, "\n")
				if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
					t.Errorf("not printable at %d of %q", i, line)
				}
				if !strings.HasPrefix(line, "time=") && !strings.HasPrefix(line, `{"time":`) {
					t.Errorf("a forged line: %q", line)
				}
			}
			if format == "json" {
				wantFields(t, p.record("closed"), map[string]any{"reason": evil})
			}
		})
	}
}

func TestPrintableKeepsTheMeaning(t *testing.T) {
	for _, text := range []string{"", "plain", "h\u00f6r zu", "\u009b", "x\u202ey", "\U000e0001", "\U0001f600 \u00a0 end"} {
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(printable{&out}, nil)).Info("m", "text", text)
		if strings.ContainsFunc(strings.TrimSuffix(out.String(), "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is not printable", out.String())
		}
		var r struct{ Text string }
		if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Text != text {
			t.Errorf("%q came back as %q, %v", text, r.Text, err)
		}
	}
}

func TestBeginningOfText(t *testing.T) {
	x := strings.Repeat("x", maxLoggedText)
	for text, want := range map[string]string{
		"":                    "",
		"short":               "short",
		x:                     x,
		x + "y":               x,
		x[1:] + "\u20ac":      x[1:],
		x[3:] + "\u20ac" + x:  x[3:] + "\u20ac",
		x[2:] + "\U0001f600x": x[2:],
	} {
		if got := beginning([]byte(text)); got != want {
			t.Errorf("beginning of %d bytes is %q", len(text), got)
		}
	}
}

func TestEndingTellsWho(t *testing.T) {
	tests := []struct {
		err  error
		code websocket.CloseCode
		who  string
	}{
		{&websocket.CloseError{Code: websocket.CloseNormal, Remote: true}, websocket.CloseNormal, "peer"},
		{&websocket.CloseError{Code: websocket.CloseGoingAway}, websocket.CloseGoingAway, "us"},
		{&websocket.CloseError{Code: websocket.CloseAbnormal}, websocket.CloseAbnormal, "nobody"},
		{&websocket.ProtocolError{Rule: websocket.RuleUTF8}, websocket.CloseInvalidPayload, "us"},
		{websocket.ErrClosed, websocket.CloseAbnormal, "us"},
	}
	for _, tt := range tests {
		if end, who := ending(tt.err); end.Code != tt.code || who != tt.who {
			t.Errorf("%v: %v by %s, want %v by %s", tt.err, end.Code, who, tt.code, tt.who)
		}
	}
	v := &visit{log: slog.New(slog.DiscardHandler), since: time.Now()}
	v.over(nil) // must not fail when nothing is logged
}
