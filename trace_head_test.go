package websocket

import (
	"fmt"
	"strings"
	"testing"
)

// The handshake of §1.2.
const (
	traceRequest = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n" +
		"Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n"
	traceAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"

	traceRequestLine = `GET /chat HTTP/1.1 host="server.example.com" origin="http://example.com" ` +
		`subprotocols="chat, superchat" version="13"`
	traceAnswerLine = `HTTP/1.1 101 Switching Protocols accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" subprotocols="chat"`
)

func TestTraceHeadInOneLine(t *testing.T) {
	tests := []struct{ head, want string }{
		{traceRequest, traceRequestLine},
		{traceAnswer, traceAnswerLine},
		{strings.ReplaceAll(traceAnswer, "\r", ""), traceAnswerLine},
		{traceAnswer + "\x81\x00", traceAnswerLine},
		{"GET / HTTP/1.1\r\nHOST:\t a \r\nX: y\r\n\r\n", `GET / HTTP/1.1 host="a"`},
		{"GET / HTTP/1.1\r\nHost: a\r\n", `GET / HTTP/1.1 host="a" …`},
		{"GET / HT", `GET / HT …`},
		{"", ` …`},
		{"\r\n", ``},
		{"GET /\x1b[31m HTTP/1.1\r\nHost: a\x1b\r\nX\r\n\r\n", `"GET /\x1b[31m HTTP/1.1" host="a\x1b"`},
		{"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n\r\n", `HTTP/1.1 426 Upgrade Required version="13"`},
		{"GET /" + strings.Repeat("x", 300) + "\r\n\r\n", "GET /" + strings.Repeat("x", traceLineLimit-5) + "…"},
	}
	for _, tt := range tests {
		if got := FormatHead([]byte(tt.head)); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.head, got, tt.want)
		}
	}
}

func TestTraceAnnotatesARequest(t *testing.T) {
	request := strings.Replace(traceRequest, "Origin:", "Cookie: a=\"b\"\r\nsec-websocket-extensions: x\x07\r\nOrigin:", 1)
	want := `
GET /chat HTTP/1.1                                    GET, and HTTP/1.1 or higher (§4.1)
Host: server.example.com                              the server that the URI names (§4.1)
Upgrade: websocket                                    the protocol to change to (§4.1)
Connection: Upgrade                                   Upgrade is for the next hop only (§4.1)
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==           16 random bytes in base64 (§4.1); the answer must accept it with s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
Cookie: a="b"
"sec-websocket-extensions: x\a"                       the extensions on offer (§9.1)
Origin: http://example.com                            the web page that connects; browsers tell it truly (§10.2)
Sec-WebSocket-Protocol: chat, superchat               the subprotocols on offer, the best first (§4.1)
Sec-WebSocket-Version: 13                             RFC 6455 is version 13 (§4.1)`
	if got := "\n" + AnnotateHead([]byte(request), ""); got != want {
		t.Errorf("got:%s\nwant:%s", got, want)
	}
}

func TestTraceAnnotatesAnAnswer(t *testing.T) {
	const how = "base64 of the SHA-1 of the key with 258EAFA5-E914-47DA-95CA-C5AB0DC85B11 behind it (§4.2.2)"
	for key, verdict := range map[string]string{
		"":                         "",
		"dGhlIHNhbXBsZSBub25jZQ==": ": right",
		"AQIDBAUGBwgJCgsMDQ4PEA==": ": wrong, it must be " + AcceptKey("AQIDBAUGBwgJCgsMDQ4PEA=="),
	} {
		want := `
HTTP/1.1 101 Switching Protocols                      what follows the head are frames (§4.2.2)
Upgrade: websocket                                    the protocol changed to (§4.2.2)
Connection: Upgrade                                   Upgrade is for the next hop only (§4.2.2)
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=    ` + how + verdict + `
Sec-WebSocket-Protocol: chat                          the subprotocol that was chosen (§4.2.2)`
		if got := "\n" + AnnotateHead([]byte(traceAnswer), key); got != want {
			t.Errorf("key %q:%s\nwant:%s", key, got, want)
		}
	}
	const refusal = "HTTP/1.1 403 Forbidden                                not 101: no WebSocket connection (§4.1)\n…"
	if got := AnnotateHead([]byte("HTTP/1.1 403 Forbidden\r\n"), ""); got != refusal {
		t.Errorf("got:\n%s\nwant:\n%s", got, refusal)
	}
	if got, want := AnnotateHead([]byte("HTTP/1.1\n\n"), ""), "not 101: no WebSocket connection (§4.1)"; !strings.HasSuffix(got, want) {
		t.Errorf("%q, want a suffix %q", got, want)
	}
}

// The values of the field sec-websocket-extensions, and what is said below it.
func TestTraceExplainsCompression(t *testing.T) {
	const (
		offer  = "permessage-deflate: both sides may compress messages, if the server agrees (7692 §7)"
		agreed = "permessage-deflate: both sides may compress messages (7692 §7)"
		free   = "client_max_window_bits: the server may limit how far back the client refers (7692 §7.1.2.2)"
	)
	tests := []struct {
		head  string
		lines []string
	}{
		{"GET|permessage-deflate; client_max_window_bits", []string{offer, free}},
		{"GET|permessage-deflate; server_no_context_takeover; client_no_context_takeover;" +
			` server_max_window_bits=9; client_max_window_bits="15"`, []string{
			offer,
			"server_no_context_takeover: the server must not refer back to earlier messages (7692 §7.1.1.1)",
			"client_no_context_takeover: the client means not to refer back to earlier messages (7692 §7.1.1.2)",
			"server_max_window_bits=9: the server must refer back 512 bytes at most (7692 §7.1.2.1)",
			"client_max_window_bits=15: the client means to refer back 32768 bytes at most; the server may allow less (7692 §7.1.2.2)",
		}},
		{"HTTP/1.1|permessage-deflate; server_no_context_takeover; client_no_context_takeover;" +
			" server_max_window_bits=8; client_max_window_bits=10", []string{
			agreed,
			"server_no_context_takeover: the server does not refer back to earlier messages (7692 §7.1.1.1)",
			"client_no_context_takeover: the client must not refer back to earlier messages (7692 §7.1.1.2)",
			"server_max_window_bits=8: the server refers back 256 bytes at most (7692 §7.1.2.1)",
			"client_max_window_bits=10: the client must refer back 1024 bytes at most (7692 §7.1.2.2)",
		}},
		{"GET|x; server_max_window_bits=9", nil},
		{"GET|permessage-deflate;", nil},
		{"GET|x-deflate, permessage-deflate; x; y=9", []string{offer}},
		{"GET|permessage-deflate; server_max_window_bits=10; client_max_window_bits, permessage-deflate; server_max_window_bits=12", []string{
			offer, "server_max_window_bits=10: the server must refer back 1024 bytes at most (7692 §7.1.2.1)", free,
		}},
		{"GET|permessage-deflate; server_max_window_bits; client_max_window_bits=016; server_no_context_takeover=1", []string{
			offer,
			"server_max_window_bits: its value must be 8 to 15 (7692 §7.1.2.1)",
			"client_max_window_bits: its value must be 8 to 15 (7692 §7.1.2.2)",
			"server_no_context_takeover: it must not have a value (7692 §7.1.1.1)",
		}},
		{"HTTP/1.1|permessage-deflate=9; x", nil},
		{"HTTP/1.1|permessage-deflate; client_max_window_bits; client_no_context_takeover=10", []string{
			agreed,
			"client_max_window_bits: its value must be 8 to 15 (7692 §7.1.2.2)",
			"client_no_context_takeover: it must not have a value (7692 §7.1.1.2)",
		}},
	}
	for _, tt := range tests {
		head := strings.Replace(tt.head, "|", "\r\nSec-WebSocket-Extensions: ", 1) + "\r\n\r\n"
		want := ""
		for _, line := range tt.lines {
			want += "\n" + strings.Repeat(" ", 54) + line
		}
		_, got, _ := strings.Cut(AnnotateHead([]byte(head), ""), " (§9.1)")
		if got != want {
			t.Errorf("%s:%s\nwant:%s", tt.head, got, want)
		}
	}
}

// A peer can fill a head with extensions, in many lines and many to a line. None
// of it makes the explanation longer.
func TestTraceExplainsCompressionOnce(t *testing.T) {
	const params = "; client_max_window_bits; server_max_window_bits=9; x=y; permessage-deflate; permessage-deflate=1" +
		"; client_no_context_takeover; server_no_context_takeover"
	line := "Sec-WebSocket-Extensions: permessage-deflate" + strings.Repeat(params, 5) + ", permessage-deflate" + params + "\r\n"
	for _, first := range []string{"GET / HTTP/1.1\r\n", "HTTP/1.1 101 Switching Protocols\r\n"} {
		got := AnnotateHead([]byte(first+strings.Repeat(line, 50)+"\r\n"), "")
		if n, want := strings.Count(got, "\n"), 50+5; n != want {
			t.Errorf("%s: %d lines below the first, want %d:\n%s", first, n, want, got)
		}
	}
}

func TestTracerFollowsAHandshake(t *testing.T) {
	tests := []struct{ name, stream, want string }{
		{"request", traceRequest + "\x81\x01A", "> " + traceRequestLine + "\n> TEXT fin \"A\"\n"},
		{"answer", traceAnswer + "\x81\x01A\x81\x00", "> " + traceAnswerLine + "\n> TEXT fin \"A\"\n> TEXT fin \"\"\n"},
		{"interim-answer", "HTTP/1.1 100 Continue\r\n\r\n" + traceAnswer + "\x81\x00",
			"> HTTP/1.1 100 Continue\n> " + traceAnswerLine + "\n> TEXT fin \"\"\n"},
		{"refusal", "HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n\x81\x01A", "> HTTP/1.1 403 Forbidden\n"},
		{"unfinished", "GET / HTTP/1.1\r\nHost: a", "> GET / HTTP/1.1 host=\"a\" …\n> end of input inside a head\n"},
		{"nothing", "", ""},
		{"bare-line-feeds", "GET / HTTP/1.1\nHost: a\n\n\x81\x00", "> GET / HTTP/1.1 host=\"a\"\n> TEXT fin \"\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for k := -1; k < len(tt.stream); k++ {
				tracer := &Tracer{Prefix: "> ", Handshake: true}
				if got := traceFeed(t, tracer, []byte(tt.stream), k); got != tt.want {
					t.Fatalf("cut at %d:\n%swant:\n%s", k, got, tt.want)
				}
			}
		})
	}
}

func TestTracerChecksTheAnswerWithThePeersKey(t *testing.T) {
	up := &Tracer{Handshake: true}
	down := &Tracer{Handshake: true, Annotate: true, Peer: up}
	traceFeed(t, up, []byte(traceRequest), 0)
	if got := traceFeed(t, down, []byte(traceAnswer), 0); !strings.Contains(got, "(§4.2.2): right\n") {
		t.Errorf("the answer isn't right:\n%s", got)
	}
	wrong := &Tracer{Handshake: true, Annotate: true, Peer: up}
	answer := strings.Replace(traceAnswer, "s3p", "S3P", 1)
	want := fmt.Sprintf(": wrong, it must be %s\n", AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="))
	if got := traceFeed(t, wrong, []byte(answer), 0); !strings.Contains(got, want) {
		t.Errorf("the answer isn't wrong:\n%s", got)
	}
}
