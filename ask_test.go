package websocket

import (
	"bufio"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// sampleAsk is what the client of table C has sent.
func sampleAsk() *Ask {
	return &Ask{
		Target: "/chat?room=1", Host: "example.com:8080", Key: sampleKey,
		Subprotocols: []string{"chat", "superchat"},
		Extensions:   []Extension{{Name: "permessage-deflate", Params: []Param{{Name: "client_max_window_bits"}}}},
	}
}

// readAnswer does what a client does, on bytes that arrive step at a time.
// Without an error, done tells whether the answer has ended.
func readAnswer(raw string, step int) (rest string, done bool, err error) {
	for {
		n, err := scanInPieces(raw, step)
		if n == 0 {
			return "", false, err
		}
		r, err := ParseResponse([]byte(raw[:n]))
		if err != nil {
			return "", false, err
		}
		if raw = raw[n:]; r.Interim() {
			continue
		}
		_, err = r.Check(sampleAsk())
		return raw, err == nil, err
	}
}

func TestAskResponse(t *testing.T) {
	for _, row := range hostileResponses {
		t.Run(row.id, func(t *testing.T) {
			raw := row.raw(sampleKey)
			for _, step := range []int{len(raw) + 1, 1} {
				rest, done, err := readAnswer(raw, step)
				if brokenRule(err) != row.rule || done != (row.rule == 0 && !row.unfinished) || rest != row.rest && done {
					t.Errorf("in pieces of %d: %v, done: %v, rest: %q", step, err, done, rest)
				}
			}
		})
	}
}

func sampleResponse(t *testing.T, edits ...string) *Response {
	t.Helper()
	r, err := ParseResponse([]byte(hostileResponse{text: rawAnswer(edits...)}.raw(sampleKey)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAskTellsWhatWasAgreed(t *testing.T) {
	ask := sampleAsk()
	ask.Extensions = append(ask.Extensions, Extension{Name: "x-foo"})
	r := sampleResponse(t, "+sec-WEBSOCKET-protocol: superchat",
		"+Sec-WebSocket-Extensions: x-foo; a=\"1\"", "+Sec-WebSocket-Extensions: permessage-deflate") // erratum 3433
	got, err := r.Check(ask)
	want := Agreed{
		Subprotocol: "superchat",
		Extensions:  []Extension{{Name: "x-foo", Params: []Param{{"a", "1", true}}}, {Name: "permessage-deflate"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAskErrorsHaveWhatWasReceived(t *testing.T) {
	for status, line := range map[int]string{401: ">HTTP/1.1 401 Unauthorized", 101: "Upgrade: foo"} {
		r := sampleResponse(t, line, "+Www-Authenticate: Basic")
		agreed, err := r.Check(sampleAsk())
		var he *HandshakeError
		if !errors.As(err, &he) || he.Status != status || !reflect.DeepEqual(he.Header, r.Header) || !reflect.DeepEqual(agreed, Agreed{}) {
			t.Errorf("%d: %+v, %+v", status, agreed, err)
		}
	}
}

// 6455-4.1-26 to 6455-4.1-32: variants that table C has not.
func TestAskRefusesOtherAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		edit string
		rule Rule
	}{
		"upgrade-long-s":              {"Upgrade: web\u017focket", RuleAnswerUpgrade},
		"upgrade-twice":               {"+Upgrade: websocket", RuleAnswerUpgrade},
		"connection-notupgrade":       {"Connection: notupgrade", RuleAnswerConnection},
		"accept-of-another-key":       {"Sec-WebSocket-Accept: " + AcceptKey("AQIDBAUGBwgJCgsMDQ4PEA=="), RuleAccept},
		"accept-of-decoded-key":       {"Sec-WebSocket-Accept: " + AcceptKey("the sample nonce"), RuleAccept},
		"accept-with-blank-inside":    {"Sec-WebSocket-Accept: s3pPLMBiTxaQ9k YGzzhZRbK+xOo=", RuleAccept},
		"empty-accept":                {"Sec-WebSocket-Accept:", RuleAccept},
		"empty-extensions":            {"+Sec-WebSocket-Extensions:", RuleExtensions},
		"extension-in-other-case":     {"+Sec-WebSocket-Extensions: Permessage-Deflate", RuleAnswerExtensions},
		"http-2":                      {">HTTP/2.0 101 x", RuleAnswerVersion},
		"status-100-as-final":         {">HTTP/1.1 100 Continue", RuleStatus},
		"subprotocol-with-parameters": {"+Sec-WebSocket-Protocol: chat; a=b", RuleAnswerSubprotocol},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := sampleResponse(t, test.edit).Check(sampleAsk()); brokenRule(err) != test.rule {
				t.Errorf("got %v, want %q", err, test.rule.ID())
			}
		})
	}
	if _, err := sampleResponse(t, "+Sec-WebSocket-Protocol: chat").Check(&Ask{Key: sampleKey}); brokenRule(err) != RuleAnswerSubprotocol {
		t.Errorf("a subprotocol although none was offered: %v", err)
	}
}

func TestAskIsAValidRequest(t *testing.T) {
	ask := sampleAsk()
	ask.Header = map[string][]string{"Origin": {"https://example.com"}, "Cookie": {"a=b"}}
	if err := ask.Check(); err != nil {
		t.Fatal(err)
	}
	got := string(AppendAsk(nil, ask))
	want := strings.Join([]string{
		"GET /chat?room=1 HTTP/1.1",
		"Host: example.com:8080",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Key: " + sampleKey,
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Protocol: chat, superchat",
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
		"Cookie: a=b",
		"Origin: https://example.com",
	}, "\r\n") + "\r\n\r\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(got)))
	if err != nil || r.Host != ask.Host || r.RequestURI != ask.Target || len(r.Header) != 8 {
		t.Errorf("net/http reads %+v, %v", r, err)
	}
}

// §4.1: both fields are optional, and empty ones would be malformed.
func TestAskForNothingHasNoEmptyFields(t *testing.T) {
	ask := &Ask{Target: "/", Host: "a", Key: sampleKey}
	want := "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + sampleKey +
		"\r\nSec-WebSocket-Version: 13\r\n\r\n"
	if got := string(AppendAsk(nil, ask)); ask.Check() != nil || got != want {
		t.Errorf("got %q, %v", got, ask.Check())
	}
}

// What one side of ours sends, the other accepts.
func TestAskAndAnswerFitTogether(t *testing.T) {
	ask := sampleAsk()
	r, err := ParseRequest(AppendAsk(nil, ask))
	if err != nil {
		t.Fatal(err)
	}
	offer, err := r.Check()
	want := Offer{ask.Key, ask.Subprotocols, ask.Extensions}
	if err != nil || !reflect.DeepEqual(offer, want) {
		t.Fatalf("offered %+v, %v; want %+v", offer, err, want)
	}
	answer := &Answer{Subprotocol: "superchat", Extensions: offer.Extensions}
	if err := answer.Check(&offer); err != nil {
		t.Fatal(err)
	}
	res, err := ParseResponse(AppendAnswer(nil, offer.Key, answer))
	if err != nil {
		t.Fatal(err)
	}
	agreed, err := res.Check(ask)
	if err != nil || agreed.Subprotocol != "superchat" || !reflect.DeepEqual(agreed.Extensions, ask.Extensions) {
		t.Errorf("agreed on %+v, %v", agreed, err)
	}
}

// S-42: a line end or NUL gets nowhere into a request.
func TestAskRefusesWhatWouldBreakTheRequest(t *testing.T) {
	places := map[string]func(a *Ask, s string){
		"target":          func(a *Ask, s string) { a.Target = "/" + s },
		"host":            func(a *Ask, s string) { a.Host = "a" + s },
		"key":             func(a *Ask, s string) { a.Key = a.Key[:24-len(s)] + s },
		"subprotocol":     func(a *Ask, s string) { a.Subprotocols = []string{"a" + s} },
		"extension":       func(a *Ask, s string) { a.Extensions = []Extension{{Name: "a" + s}} },
		"parameter":       func(a *Ask, s string) { a.Extensions[0].Params[0].Name += s },
		"parameter-value": func(a *Ask, s string) { a.Extensions[0].Params[0] = Param{"a", "b" + s, true} },
		"origin":          func(a *Ask, s string) { a.Header = map[string][]string{"Origin": {s}} },
		"field-name":      func(a *Ask, s string) { a.Header = map[string][]string{"A" + s: {"b"}} },
	}
	for place, put := range places {
		for _, s := range []string{"\r", "\n", "\x00", "\r\nX: y"} {
			ask := sampleAsk()
			if put(ask, s); !errors.Is(ask.Check(), ErrHandshakeValue) {
				t.Errorf("%q in the %s was let through", s, place)
			}
		}
	}
}

func TestAskRefusesMistakesOfTheApplication(t *testing.T) {
	for name, change := range map[string]func(a *Ask){
		"empty-target":            func(a *Ask) { a.Target = "" },
		"absolute-target":         func(a *Ask) { a.Target = "http://h/" },
		"fragment":                func(a *Ask) { a.Target = "/a#b" },
		"target-not-ascii":        func(a *Ask) { a.Target = "/é" },
		"empty-host":              func(a *Ask) { a.Host = "" },
		"host-not-ascii":          func(a *Ask) { a.Host = "bücher.example" },
		"user-in-host":            func(a *Ask) { a.Host = "u@h" },
		"short-key":               func(a *Ask) { a.Key = "AQID" },
		"empty-subprotocol":       func(a *Ask) { a.Subprotocols = []string{""} },
		"subprotocol-with-blank":  func(a *Ask) { a.Subprotocols = []string{"a b"} },
		"subprotocol-with-comma":  func(a *Ask) { a.Subprotocols = []string{"a,b"} },
		"subprotocol-twice":       func(a *Ask) { a.Subprotocols = []string{"a", "b", "a"} },
		"empty-extension":         func(a *Ask) { a.Extensions = []Extension{{}} },
		"empty-parameter-value":   func(a *Ask) { a.Extensions[0].Params[0].HasValue = true },
		"field-of-the-handshake":  func(a *Ask) { a.Header = map[string][]string{"sec-websocket-version": {"8"}} },
		"second-host":             func(a *Ask) { a.Header = map[string][]string{"Host": {"evil.example"}} },
		"announcement-of-a-body":  func(a *Ask) { a.Header = map[string][]string{"Content-Length": {"5"}} },
		"header-with-blank-names": func(a *Ask) { a.Header = map[string][]string{"X Y": nil} },
	} {
		t.Run(name, func(t *testing.T) {
			ask := sampleAsk()
			if change(ask); !errors.Is(ask.Check(), ErrHandshakeValue) {
				t.Errorf("check = %v", ask.Check())
			}
		})
	}
}

// §4.4: a server that refuses version 13 lists those that it speaks.
func TestHandshakeErrorTellsVersions(t *testing.T) {
	for want, lines := range map[string][]string{
		"13 8 7": {"13, 8", "7"},
		"8":      {"8"},
		"":       {"8 7"},
	} {
		e := &HandshakeError{Header: map[string][]string{fieldVersion: lines}}
		if got := strings.Join(e.Versions(), " "); got != want {
			t.Errorf("%q: %q, want %q", lines, got, want)
		}
	}
}
