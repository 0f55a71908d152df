// This file holds the handshakes that an endpoint must survive, as data: what a
// client may send to a server (H) and what a server may answer to a client (C).
// It judges nothing. The same rows run through the pure functions and over real
// connections, with net/http in front of us and without.

package websocket

import "strings"

// A hostileRequest is a row of table H. The server that gets it supports the
// subprotocol chat and permessage-deflate; Origins and Hosts are those of the row.
type hostileRequest struct {
	id          string
	raw         string
	rest        string // what of raw follows the head, when the head is accepted
	status      int    // of the answer
	rule        Rule   // that is broken, if any
	also        []int  // other statuses that will do when net/http reads the request
	subprotocol string // that the answer selects
	extension   string // that the answer selects, with its parameters
	origins     []string
	hosts       []string
}

// sampleKey is the key in the example of §1.3.
const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

// hostileBase is the request that the rows of table H differ from.
var hostileBase = []string{
	"GET / HTTP/1.1",
	"Host: 127.0.0.1",
	"Upgrade: websocket",
	"Connection: Upgrade",
	"Sec-WebSocket-Key: " + sampleKey,
	"Sec-WebSocket-Version: 13",
}

// hostileHead returns base with edits: ">line" replaces the start line, "-Name"
// drops a field, "+line" adds a line, and "Name: value" replaces a field.
func hostileHead(base []string, edits ...string) string {
	lines := append([]string(nil), base...)
	for _, e := range edits {
		name, _, _ := strings.Cut(strings.TrimPrefix(e, "-"), ":")
		for i := 1; i < len(lines) && strings.IndexByte("+>", e[0]) < 0; i++ {
			if !strings.HasPrefix(lines[i], name+":") {
				continue
			}
			if e[0] == '-' {
				lines = append(lines[:i], lines[i+1:]...)
			} else {
				lines[i] = e
			}
			break
		}
		switch e[0] {
		case '>':
			lines[0] = e[1:]
		case '+':
			lines = append(lines, e[1:])
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func rawRequest(edits ...string) string { return hostileHead(hostileBase, edits...) }

func okRequest(id, raw string) hostileRequest {
	return hostileRequest{id: id, raw: raw, status: 101}
}

func badRequest(id, raw string, rule Rule, also ...int) hostileRequest {
	return hostileRequest{id: id, raw: raw, status: rule.Status(), rule: rule, also: also}
}

func okOffer(id, extensions string) hostileRequest {
	return okRequest(id, rawRequest("+Sec-WebSocket-Extensions: "+extensions))
}

func badOffer(id, extensions string) hostileRequest {
	return badRequest(id, rawRequest("+Sec-WebSocket-Extensions: "+extensions), RuleExtensions)
}

func badOrigin(id, origin string) hostileRequest {
	return badRequest(id, rawRequest("+Origin: "+origin), RuleOrigin)
}

func (r hostileRequest) with(origins ...string) hostileRequest {
	r.origins = origins
	return r
}

func (r hostileRequest) on(hosts ...string) hostileRequest {
	r.hosts = hosts
	return r
}

func (r hostileRequest) selects(subprotocol string) hostileRequest {
	r.subprotocol = subprotocol
	return r
}

func (r hostileRequest) agrees(extension string) hostileRequest {
	r.extension = extension
	return r
}

func (r hostileRequest) then(rest string) hostileRequest {
	r.raw, r.rest = r.raw+rest, rest
	return r
}

// maskedHello is a text frame of a client with "Hello" (§5.7).
const maskedHello = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"

// hostileRequests is table H, as far as a single request can show it.
var hostileRequests = []hostileRequest{
	okRequest("H-01-base", rawRequest()),
	okRequest("H-02-upgrade-in-mixed-case", rawRequest("Upgrade: WebSocket")),
	okRequest("H-03-upgrade-list", rawRequest("Upgrade: h2c, websocket")),
	okRequest("H-04-connection-list", rawRequest("Connection: keep-alive, Upgrade")),
	okRequest("H-05-two-connection-lines", rawRequest("Connection: keep-alive", "+Connection: upgrade")),
	okRequest("H-06-blanks-around-key", rawRequest("Sec-WebSocket-Key:  \t"+sampleKey+"\t ")),
	okRequest("H-07-key-with-spare-bits", rawRequest("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==")),
	okRequest("H-08-absolute-target", rawRequest(">GET http://127.0.0.1/ HTTP/1.1")),
	okRequest("H-09-http-1-2", rawRequest(">GET / HTTP/1.2")),
	okRequest("H-10-subprotocol-in-other-case", rawRequest("+Sec-WebSocket-Protocol: Chat")),
	okRequest("H-11-unknown-subprotocol", rawRequest("+Sec-WebSocket-Protocol: nope")),
	okRequest("H-12-two-subprotocol-lines", rawRequest("+Sec-WebSocket-Protocol: nope", "+Sec-WebSocket-Protocol: chat")).selects("chat"),
	okOffer("H-13-unknown-extension", "x-foo; bar=1"),
	okRequest("H-14-frame-glued-to-request", rawRequest()).then(maskedHello),
	okRequest("H-15-long-field", rawRequest("+X-Long: "+strings.Repeat("a", 9000))),
	okRequest("H-16-same-origin", rawRequest("+Origin: http://127.0.0.1")),

	badRequest("H-17-post", rawRequest(">POST / HTTP/1.1"), RuleMethod),
	badRequest("H-18-head", rawRequest(">HEAD / HTTP/1.1"), RuleMethod),
	badRequest("H-19-lower-case-method", rawRequest(">get / HTTP/1.1"), RuleMethod),
	badRequest("H-20-connect", rawRequest(">CONNECT 127.0.0.1:80 HTTP/1.1"), RuleMethod),
	badRequest("H-21-http-1-0", rawRequest(">GET / HTTP/1.0"), RuleHTTPVersion, 426),
	badRequest("H-22-http-2-as-text", rawRequest(">GET / HTTP/2.0"), RuleHTTPVersion),
	badRequest("H-23-no-version-of-http", "GET /\r\n\r\n", RuleStartLine),
	badRequest("H-24-http-2-preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", RuleHTTPVersion, 400, 405),
	badRequest("H-25-tls-client-hello", "\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03", RuleStartLine),
	badRequest("H-26-asterisk", rawRequest(">GET * HTTP/1.1"), RuleTarget),
	badRequest("H-27-space-in-target", rawRequest(">GET /a b HTTP/1.1"), RuleStartLine),
	badRequest("H-28-fragment", rawRequest(">GET /#frag HTTP/1.1"), RuleTarget),
	badRequest("H-29-blank-line-first", "\r\n"+rawRequest(), RuleStartLine, 101),
	badRequest("H-30-bare-line-feeds", strings.ReplaceAll(rawRequest(), "\r\n", "\n"), RuleStartLine, 101),
	badRequest("H-31-folded-line", rawRequest("+X-Folded: a\r\n b"), RuleHeader, 101),
	badRequest("H-32-blank-before-colon", rawRequest("-Upgrade", "+Upgrade : websocket"), RuleHeader),
	badRequest("H-33-nul-in-value", rawRequest("+X-Nul: a\x00b"), RuleHeader),
	badRequest("H-34-blank-in-name", rawRequest("+X A: b"), RuleHeader),
	badRequest("H-35-no-colon", rawRequest("+no colon here"), RuleHeader),
	badRequest("H-36-huge-field", rawRequest("+X-Huge: "+strings.Repeat("a", 1_100_000)), RuleHeadSize),
	badRequest("H-37-many-fields", rawRequest("+"+strings.Repeat("X-Small: a\r\n", 2999)+"X-Small: a"), RuleHeadSize, 101),
	badRequest("H-38-content-length", rawRequest("+Content-Length: 5")+"Hello", RuleBody),
	badRequest("H-39-chunked-body", rawRequest("+Transfer-Encoding: chunked")+"5\r\nHello\r\n0\r\n\r\n", RuleBody),
	badRequest("H-40-length-and-encoding", rawRequest("+Content-Length: 5", "+Transfer-Encoding: chunked")+"0\r\n\r\n", RuleBody),
	okRequest("H-41-expect-continue", rawRequest("+Expect: 100-continue")),
	okRequest("H-42-second-request-behind", rawRequest()).then("GET /admin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
	badRequest("H-43-request-behind-refused-one", rawRequest("Sec-WebSocket-Version: 8")+"GET /admin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", RuleVersion),
	badRequest("H-44-hixie-76", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"+
		"Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n^n:ds[4U", RuleVersion),

	badRequest("H-45-no-host", rawRequest("-Host"), RuleHost),
	badRequest("H-46-two-hosts", rawRequest("+Host: 127.0.0.1"), RuleHost),
	badRequest("H-47-blank-in-host", rawRequest("Host: a b"), RuleHost),
	badRequest("H-48-empty-host", rawRequest("Host: "), RuleHost),
	badRequest("H-49-host-not-allowed", rawRequest("Host: evil.example"), RuleHostForbidden).on("127.0.0.1", "localhost"),

	badRequest("H-50-no-upgrade", rawRequest("-Upgrade"), RuleUpgrade),
	badRequest("H-51-upgrade-h2c", rawRequest("Upgrade: h2c"), RuleUpgrade),
	badRequest("H-52-upgrade-websocketx", rawRequest("Upgrade: websocketx"), RuleUpgrade),
	badRequest("H-53-upgrade-websocket-13", rawRequest("Upgrade: websocket/13"), RuleUpgrade),
	badRequest("H-54-upgrade-long-s", rawRequest("Upgrade: web\u017focket"), RuleUpgrade, 400),
	badRequest("H-55-upgrade-kelvin-sign", rawRequest("Upgrade: websoc\u212aet"), RuleUpgrade, 400),
	badRequest("H-56-no-connection", rawRequest("-Connection"), RuleConnection),
	badRequest("H-57-connection-keep-alive", rawRequest("Connection: keep-alive"), RuleConnection),
	badRequest("H-58-connection-notupgrade", rawRequest("Connection: notupgrade"), RuleConnection),
	badRequest("H-59-connection-without-comma", rawRequest("Connection: keep-alive Upgrade"), RuleConnection),

	badRequest("H-60-no-key", rawRequest("-Sec-WebSocket-Key"), RuleKey),
	badRequest("H-61-empty-key", rawRequest("Sec-WebSocket-Key: "), RuleKey),
	badRequest("H-62-key-of-15-bytes", rawRequest("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4P"), RuleKey),
	badRequest("H-63-key-of-17-bytes", rawRequest("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEBE="), RuleKey),
	badRequest("H-64-key-not-base64", rawRequest("Sec-WebSocket-Key: ........................"), RuleKey),
	badRequest("H-65-key-in-url-alphabet", rawRequest("Sec-WebSocket-Key: __________-----------w=="), RuleKey),
	badRequest("H-66-key-without-padding", rawRequest("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), RuleKey),
	badRequest("H-67-two-equal-keys", rawRequest("+Sec-WebSocket-Key: "+sampleKey), RuleKey),
	badRequest("H-68-two-keys", rawRequest("+Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="), RuleKey),

	badRequest("H-69-no-version", rawRequest("-Sec-WebSocket-Version"), RuleVersion, 400),
	badRequest("H-70-version-8", rawRequest("Sec-WebSocket-Version: 8"), RuleVersion),
	badRequest("H-71-version-12", rawRequest("Sec-WebSocket-Version: 12"), RuleVersion),
	badRequest("H-72-version-14", rawRequest("Sec-WebSocket-Version: 14"), RuleVersion),
	badRequest("H-73-version-013", rawRequest("Sec-WebSocket-Version: 013"), RuleVersion, 400),
	badRequest("H-74-version-13x", rawRequest("Sec-WebSocket-Version: 13x"), RuleVersion, 400),
	badRequest("H-75-version-256", rawRequest("Sec-WebSocket-Version: 256"), RuleVersion, 400),
	badRequest("H-76-version-list", rawRequest("Sec-WebSocket-Version: 13, 8"), RuleVersionRepeated),
	badRequest("H-77-two-equal-versions", rawRequest("+Sec-WebSocket-Version: 13"), RuleVersionRepeated),
	badRequest("H-78-two-versions", rawRequest("Sec-WebSocket-Version: 8", "+Sec-WebSocket-Version: 13"), RuleVersionRepeated),

	badRequest("H-79-empty-subprotocol", rawRequest("+Sec-WebSocket-Protocol: "), RuleSubprotocols),
	badRequest("H-80-subprotocols-without-comma", rawRequest("+Sec-WebSocket-Protocol: a b"), RuleSubprotocols),
	badRequest("H-81-subprotocol-twice", rawRequest("+Sec-WebSocket-Protocol: chat, chat"), RuleSubprotocols),
	okRequest("H-82-empty-element", rawRequest("+Sec-WebSocket-Protocol: chat,,superchat")).selects("chat"),
	badRequest("H-83-subprotocol-not-ascii", rawRequest("+Sec-WebSocket-Protocol: chät"), RuleSubprotocols),
	// Of the spaces there are as many as the limit on a head lets through.
	badRequest("H-84-many-blanks", rawRequest("+Sec-WebSocket-Protocol: b"+strings.Repeat(" ", 65_000)+"x"), RuleSubprotocols),

	badOffer("H-85-empty-parameters", "permessage-deflate;;"),
	badOffer("H-86-open-quote", `permessage-deflate; server_max_window_bits="10`),
	badOffer("H-87-many-backslashes", `a; b="`+strings.Repeat(`\c`, 4096)),
	okOffer("H-88-window-bits-7", "permessage-deflate; server_max_window_bits=7"),
	okOffer("H-89-window-bits-16", "permessage-deflate; server_max_window_bits=16"),
	okOffer("H-90-window-bits-without-value", "permessage-deflate; server_max_window_bits"),
	okOffer("H-91-window-bits-with-zero", "permessage-deflate; server_max_window_bits=09"),
	okOffer("H-92-window-bits-10", "permessage-deflate; server_max_window_bits=10").agrees("permessage-deflate; server_max_window_bits=10"),
	okOffer("H-93-takeover-with-value", "permessage-deflate; server_no_context_takeover=1"),
	okOffer("H-94-parameter-twice", "permessage-deflate; client_max_window_bits; client_max_window_bits"),
	okOffer("H-95-unknown-parameter", "permessage-deflate; foo=1"),
	okOffer("H-96-client-window-bits-5", "permessage-deflate; client_max_window_bits=5"),
	okOffer("H-96-and-an-offer-behind", "permessage-deflate; client_max_window_bits=5, permessage-deflate").agrees("permessage-deflate"),

	badOrigin("H-97-foreign-origin", "http://evil.example"),
	badOrigin("H-98-null-origin", "null"),
	badOrigin("H-99-malformed-port", "http://127.0.0.1:port%zz"),
	badOrigin("H-100-other-port", "http://127.0.0.1:81"),
	badOrigin("H-101-other-scheme", "https://127.0.0.1"),
	badOrigin("H-102-user-name", "http://127.0.0.1@evil.example"),
	badOrigin("H-103-longer-name", "http://127.0.0.1.evil.example"),
	badOrigin("H-104-name-in-path", "https://evil.com/.ibm.com").with("https://*.ibm.com"),
	badOrigin("H-104-name-in-front", "https://ibm.com.evil.com").with("https://*.ibm.com"),
	badOrigin("H-104-longer-label", "https://evilibm.com").with("https://*.ibm.com"),
	badOrigin("H-104-other-scheme", "http://a.ibm.com").with("https://*.ibm.com"),
	okRequest("H-105-upper-case", rawRequest("+Origin: https://a.example")).with("HTTPS://A.EXAMPLE"),
	okRequest("H-105-trailing-dot", rawRequest("+Origin: https://a.example")).with("https://a.example."),
	okRequest("H-105-default-port", rawRequest("+Origin: https://a.example")).with("https://a.example:443"),
	badRequest("H-106-two-origins", rawRequest("+Origin: http://127.0.0.1", "+Origin: http://evil.example"), RuleOrigin, 400),
	badOrigin("H-107-empty-origin", ""),
	badRequest("H-110-fields-without-end", "GET / HTTP/1.1\r\n"+strings.Repeat("X: "+strings.Repeat("a", 195)+"\r\n", 6000), RuleHeadSize),
}

// A hostileResponse is a row of table C. The client that gets it has offered the
// subprotocols chat and superchat, and permessage-deflate. A row without rule
// is accepted unless it says otherwise.
type hostileResponse struct {
	id         string
	text       string // with {accept} for the right Sec-WebSocket-Accept
	rest       string // what of it follows the head, when the head is accepted
	rule       Rule   // that the head breaks, if any
	later      bool   // the head is in order, what it agrees on or what follows is not
	unfinished bool   // the head does not end; only a deadline helps
}

// raw returns the bytes of the answer to a request with this key.
func (r hostileResponse) raw(key string) string {
	accept := AcceptKey(key)
	swapped := strings.Map(func(c rune) rune {
		if up := strings.ToUpper(string(c)); up != string(c) {
			return rune(up[0])
		}
		return rune(strings.ToLower(string(c))[0])
	}, accept)
	return strings.NewReplacer("{accept}", accept, "{swapped}", swapped).Replace(r.text)
}

var hostileBaseAnswer = []string{
	"HTTP/1.1 101 Switching Protocols",
	"Upgrade: websocket",
	"Connection: Upgrade",
	"Sec-WebSocket-Accept: {accept}",
}

func rawAnswer(edits ...string) string { return hostileHead(hostileBaseAnswer, edits...) }

func goodAnswer(id, text string) hostileResponse { return hostileResponse{id: id, text: text} }

func badAnswer(id, text string, rule Rule) hostileResponse {
	return hostileResponse{id: id, text: text, rule: rule}
}

// laterAnswer returns an answer whose head is in order, but not what it says about
// permessage-deflate.
func laterAnswer(id, extensions string) hostileResponse {
	return hostileResponse{id: id, text: rawAnswer("+Sec-WebSocket-Extensions: " + extensions), later: true}
}

// hostileResponses is table C, as far as a single answer can show it.
var hostileResponses = []hostileResponse{
	goodAnswer("C-01-base", rawAnswer("+Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Extensions: permessage-deflate")),
	{id: "C-02-frame-glued-to-answer", text: rawAnswer() + "\x81\x05Hello", rest: "\x81\x05Hello"},
	goodAnswer("C-03-upgrade-in-mixed-case", rawAnswer("Upgrade: WebSocket")),
	goodAnswer("C-04-connection-list", rawAnswer("Connection: foo, upgrade")),
	goodAnswer("C-05-blanks-around-accept", rawAnswer("Sec-WebSocket-Accept: \t {accept} \t")),
	goodAnswer("C-06-no-subprotocol", rawAnswer()),
	goodAnswer("C-07-interim-answer", "HTTP/1.1 100 Continue\r\n\r\n"+rawAnswer()),
	goodAnswer("C-08-content-length", rawAnswer("+Content-Length: 5")),
	goodAnswer("C-09-transfer-encoding", rawAnswer("+Transfer-Encoding: chunked")),
	badAnswer("C-10-status-200", rawAnswer(">HTTP/1.1 200 OK"), RuleStatus),
	{id: "C-11-interim-answer-only", text: "HTTP/1.1 102 Processing\r\n\r\n", unfinished: true},
	badAnswer("C-12-http-1-0", rawAnswer(">HTTP/1.0 101 Switching Protocols"), RuleAnswerVersion),
	badAnswer("C-13-no-upgrade", rawAnswer("-Upgrade"), RuleAnswerUpgrade),
	badAnswer("C-14-upgrade-foo", rawAnswer("Upgrade: foo"), RuleAnswerUpgrade),
	badAnswer("C-15-upgrade-list", rawAnswer("Upgrade: websocket, foo"), RuleAnswerUpgrade),
	badAnswer("C-16-no-connection", rawAnswer("-Connection"), RuleAnswerConnection),
	badAnswer("C-17-connection-close", rawAnswer("Connection: close"), RuleAnswerConnection),
	badAnswer("C-18-no-accept", rawAnswer("-Sec-WebSocket-Accept"), RuleAccept),
	badAnswer("C-19-wrong-accept", rawAnswer("Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="), RuleAccept),
	badAnswer("C-20-accept-in-other-case", rawAnswer("Sec-WebSocket-Accept: {swapped}"), RuleAccept),
	badAnswer("C-21-accept-twice", rawAnswer("+Sec-WebSocket-Accept: {accept}"), RuleAccept),
	badAnswer("C-22-extension-not-offered", rawAnswer("+Sec-WebSocket-Extensions: x-foo"), RuleAnswerExtensions),
	badAnswer("C-23-subprotocol-not-offered", rawAnswer("+Sec-WebSocket-Protocol: evil"), RuleAnswerSubprotocol),
	badAnswer("C-24-subprotocol-in-other-case", rawAnswer("+Sec-WebSocket-Protocol: CHAT"), RuleAnswerSubprotocol),
	badAnswer("C-25-subprotocol-twice", rawAnswer("+Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Protocol: chat"), RuleAnswerSubprotocol),
	badAnswer("C-26-subprotocol-list", rawAnswer("+Sec-WebSocket-Protocol: chat, superchat"), RuleAnswerSubprotocol),
	badAnswer("C-27-empty-subprotocol", rawAnswer("+Sec-WebSocket-Protocol: "), RuleAnswerSubprotocol),
	laterAnswer("C-28-unknown-parameter", "permessage-deflate; foo=1"),
	laterAnswer("C-29-window-bits-16", "permessage-deflate; server_max_window_bits=16"),
	laterAnswer("C-30-window-bits-7", "permessage-deflate; server_max_window_bits=7"),
	laterAnswer("C-31-parameter-twice", "permessage-deflate; server_no_context_takeover; server_no_context_takeover"),
	badAnswer("C-32-extension-twice", rawAnswer("+Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"), RuleAnswerExtensions),
	laterAnswer("C-33-client-window-bits-without-value", "permessage-deflate; client_max_window_bits"),
	badAnswer("C-34-malformed-extensions", rawAnswer("+Sec-WebSocket-Extensions: permessage-deflate;;="), RuleExtensions),
	badAnswer("C-35-no-colon", rawAnswer("+no colon here"), RuleHeader),
	badAnswer("C-36-fields-without-end", "HTTP/1.1 101 Switching Protocols\r\n"+strings.Repeat("X: "+strings.Repeat("a", 995)+"\r\n", 100), RuleHeadSize),
	{id: "C-37-silence", unfinished: true},
	badAnswer("C-38-redirect-to-other-host", rawAnswer(">HTTP/1.1 302 Found", "+Location: ws://evil.example/"), RuleStatus),
	badAnswer("C-39-unauthorized-with-huge-body", rawAnswer(">HTTP/1.1 401 Unauthorized", "+Content-Length: 1073741824"), RuleStatus),
	{id: "C-40-masked-frame-behind", text: rawAnswer() + maskedHello, rest: maskedHello, later: true},
	badAnswer("C-41-other-versions", rawAnswer(">HTTP/1.1 426 Upgrade Required", "+Sec-WebSocket-Version: 8, 7"), RuleStatus),
}
