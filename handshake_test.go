package websocket

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// handshakeOutcome is what a server makes of a request.
type handshakeOutcome struct {
	status      int
	rule        Rule
	rest        string // what followed the head of an accepted request
	subprotocol string
}

// judgeRequest does what a server does, on bytes that arrive step at a time.
func judgeRequest(row hostileRequest, step int) handshakeOutcome {
	offer, rest, err := readOffer(row, step)
	if err != nil {
		he := err.(*HandshakeError)
		return handshakeOutcome{status: refusalStatus(he), rule: he.Rule}
	}
	return handshakeOutcome{status: 101, rest: rest, subprotocol: SelectSubprotocol(offer.Subprotocols, []string{"chat"})}
}

func readOffer(row hostileRequest, step int) (o Offer, rest string, err error) {
	n, err := scanInPieces(row.raw, step)
	if err != nil {
		return o, "", err
	}
	r, err := ParseRequest([]byte(row.raw[:n]))
	if err != nil {
		return o, "", err
	}
	if o, err = r.Check(); err != nil {
		return o, "", err
	}
	if err = r.CheckHost(row.hosts); err != nil {
		return o, "", err
	}
	return o, row.raw[n:], r.CheckOrigin(row.origins)
}

func TestHandshakeRequest(t *testing.T) {
	for _, row := range hostileRequests {
		t.Run(row.id, func(t *testing.T) {
			want := handshakeOutcome{row.status, row.rule, row.rest, row.subprotocol}
			for _, step := range []int{len(row.raw), 1} {
				if got := judgeRequest(row, step); got != want {
					t.Errorf("in pieces of %d: got %+v, want %+v", step, got, want)
				}
			}
		})
	}
}

// parseSample parses a request that differs from the base by edits.
func parseSample(t *testing.T, edits ...string) *Request {
	t.Helper()
	r, err := ParseRequest([]byte(rawRequest(edits...)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// H-113: what comes over HTTP/2 is not upgraded, and not told to change its
// version of HTTP by a 505.
func TestHandshakeRefusesHTTP2(t *testing.T) {
	r := parseSample(t)
	r.Major, r.Minor = 2, 0
	_, err := r.Check()
	if he := err.(*HandshakeError); he.Rule != RuleHTTPVersion || refusalStatus(he) != 400 {
		t.Errorf("got %v with status %d", err, he.Status)
	}
}

// net/http takes Transfer-Encoding out of the header and tells otherwise.
func TestHandshakeRefusesABodyThatTheHeaderDoesNotShow(t *testing.T) {
	r := parseSample(t)
	r.HasBody = true
	if _, err := r.Check(); brokenRule(err) != RuleBody {
		t.Error(err)
	}
}

func TestHandshakeTakesAContentLengthOfZero(t *testing.T) {
	if _, err := parseSample(t, "+Content-Length: 0").Check(); err != nil {
		t.Error(err)
	}
	if _, err := parseSample(t, "+Content-Length: 0", "+Content-Length: 1").Check(); brokenRule(err) != RuleBody {
		t.Error(err)
	}
}

func TestHandshakeTarget(t *testing.T) {
	for target, ok := range map[string]bool{
		"/":                  true,
		"/a%20b?c=d|{e}":     true,
		"//a":                true,
		"https://127.0.0.1/": true,
		"HTTP://127.0.0.1":   true,
		"":                   false,
		"*":                  false,
		"chat":               false,
		"?a":                 false,
		"127.0.0.1:80":       false,
		"ws://127.0.0.1/":    false,
		"http:/127.0.0.1/":   false,
		"http://127.0.0.1/#": false,
		"/a\x00":             false,
		"/a\r\nb":            false,
		"/a\x7f":             false,
		"/ä":                 false,
	} {
		r := parseSample(t)
		r.Target = target
		if _, err := r.Check(); (err == nil) != ok || err != nil && brokenRule(err) != RuleTarget {
			t.Errorf("%q: %v", target, err)
		}
	}
	// The authority of an absolute target is judged as the host that it is.
	if _, err := parseSample(t, ">GET http://a@b/ HTTP/1.1").Check(); brokenRule(err) != RuleHost {
		t.Error(err)
	}
}

func TestHandshakeTargetTakesVisibleASCII(t *testing.T) {
	for c := range 256 {
		s := string([]byte{'/', byte(c)})
		if want := c >= '!' && c <= '~' && c != '#'; isTargetText(s) != want {
			t.Errorf("%q may be a target: %v", s, !want)
		}
	}
}

func TestHandshakeErrorsTellWhatWasFound(t *testing.T) {
	for _, test := range []struct{ edit, detail string }{
		{"-Upgrade", "there is none"},
		{"Upgrade: h2c", `"h2c"`},
		{"+Sec-WebSocket-Key: ä", `"dGhlIHNhbXBsZSBub25jZQ==, \u00e4"`},
		{"+Content-Length: 5", `Content-Length "5"`},
		{">GET / HTTP/1.0", "HTTP/1.0"},
	} {
		_, err := parseSample(t, test.edit).Check()
		if he, ok := err.(*HandshakeError); !ok || he.Detail != test.detail {
			t.Errorf("%q: %v, want the detail %s", test.edit, err, test.detail)
		}
	}
}

func TestHandshakeOfferIsWhatWasSent(t *testing.T) {
	r := parseSample(t, "Sec-WebSocket-Key:\t "+sampleKey+" ", "+Sec-WebSocket-Protocol: b, a", "+sec-websocket-protocol: c",
		"+Sec-WebSocket-Extensions: x-foo", "+SEC-WEBSOCKET-EXTENSIONS: permessage-deflate; a")
	got, err := r.Check()
	want := Offer{
		Key:          sampleKey,
		Subprotocols: []string{"b", "a", "c"},
		Extensions:   []Extension{{Name: "x-foo"}, {Name: "permessage-deflate", Params: []Param{{Name: "a"}}}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// §4.2.1: the order of the fields does not matter, nor do unknown fields.
func TestHandshakeOrderOfFieldsDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	fields := append([]string{"X-Foo: bar", "sec-websocket-protocol: chat", "oRIGIN: http://127.0.0.1"}, hostileBase[1:]...)
	for range 50 {
		random.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		raw := hostileBase[0] + "\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n"
		want := handshakeOutcome{status: 101, subprotocol: "chat"}
		if got := judgeRequest(hostileRequest{raw: raw}, len(raw)); got != want {
			t.Errorf("%q: %+v", raw, got)
		}
	}
}

// When every rule is broken, they are reported one after the other as they get
// mended, and each error has a status.
func TestHandshakeRulesAreJudgedInOrder(t *testing.T) {
	bad := map[string][]string{
		"Host": {"a", "b"}, "Content-Length": {"1"}, "Upgrade": {"x"}, "Connection": {"x"}, "Sec-Websocket-Version": {"8"},
		"Sec-Websocket-Key": {"x"}, "Sec-Websocket-Protocol": {""}, "Sec-Websocket-Extensions": {""},
	}
	r := &Request{Method: "PUT", Target: "*", Major: 1, Header: bad}
	mend := []struct {
		rule Rule
		do   func()
	}{
		{RuleHTTPVersion, func() { r.Minor = 1 }},
		{RuleMethod, func() { r.Method = "GET" }},
		{RuleTarget, func() { r.Target = "/" }},
		{RuleHost, func() { delete(bad, "Host"); r.Host = "a" }},
		{RuleBody, func() { delete(bad, "Content-Length") }},
		{RuleUpgrade, func() { bad["Upgrade"] = []string{"websocket"} }},
		{RuleConnection, func() { bad["Connection"] = []string{"upgrade"} }},
		{RuleVersion, func() { bad["Sec-Websocket-Version"] = []string{"13"} }},
		{RuleKey, func() { bad["Sec-Websocket-Key"] = []string{sampleKey} }},
		{RuleSubprotocols, func() { delete(bad, "Sec-Websocket-Protocol") }},
		{RuleExtensions, func() { delete(bad, "Sec-Websocket-Extensions") }},
	}
	for _, m := range mend {
		o, err := r.Check()
		if brokenRule(err) != m.rule || err.(*HandshakeError).Status != m.rule.Status() || !reflect.DeepEqual(o, Offer{}) {
			t.Errorf("want %q, got %+v, %v", m.rule.ID(), o, err)
		}
		m.do()
	}
	if _, err := r.Check(); err != nil {
		t.Errorf("all rules are kept: %v", err)
	}
}

func TestHandshakeSelectSubprotocol(t *testing.T) {
	for _, test := range []struct {
		offered, supported []string
		want               string
	}{
		{[]string{"b", "a"}, []string{"a", "b"}, "b"},
		{[]string{"x", "a"}, []string{"a", "b"}, "a"},
		{[]string{"A"}, []string{"a"}, ""},
		{[]string{""}, []string{""}, ""},
		{nil, []string{"a"}, ""},
		{[]string{"a"}, nil, ""},
	} {
		if got := SelectSubprotocol(test.offered, test.supported); got != test.want {
			t.Errorf("SelectSubprotocol(%q, %q) = %q", test.offered, test.supported, got)
		}
	}
}
