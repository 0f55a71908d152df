// These are the tests of what Dial sends: the request, and its fields (§4.1).

package websocket

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

// sentBy returns the request of a Dial that is then refused.
func sentBy(t *testing.T, d Dialer, url string) (head string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := startDial(t, d, url)
		_, head = s.refuse("", "HTTP/1.1 404 Not Found", "Content-Length: 0")
		s.failed()
	})
	return head
}

// §4.1: a request that others read as well, and no more in it than asked for.
func TestClientRequest(t *testing.T) {
	head := sentBy(t, Dialer{}, "ws://test.example:8080/chat?room=1")
	key := keyOf(t, head)
	want := "GET /chat?room=1 HTTP/1.1\r\nHost: test.example:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n\r\n"
	if head != want {
		t.Errorf("the request is %q\nwant %q", head, want)
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil || r.Host != "test.example:8080" || len(r.Header) != 4 {
		t.Errorf("net/http reads %+v, %v", r, err)
	}
	mine, err := ParseRequest([]byte(head))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mine.Check(); err != nil {
		t.Errorf("our own server refuses it: %v", err)
	}
}

func TestClientRequestWithEverything(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	jar.SetCookies(mustURL(t, "http://test.example/"), []*http.Cookie{{Name: "j", Value: "1"}, {Name: "k", Value: "a b"}})
	header := http.Header{"Origin": {"http://a.example"}, "Cookie": {"mine=1", "mine=2"}, "X-Own": {"1", "2"}, "x-lower": {"3"}}
	d := Dialer{
		Options: Options{Subprotocols: []string{"chat", "superchat"}},
		Header:  header, Host: "other.example", Jar: jar,
	}
	head := sentBy(t, d, "ws://user:pass@test.example/")
	for name, want := range map[string]string{
		"Host":                   "other.example",
		"Origin":                 "http://a.example",
		"Cookie":                 `mine=1; mine=2; j=1; k="a b"`,
		"X-Lower":                "3",
		"Authorization":          "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass")),
		"Sec-WebSocket-Protocol": "chat, superchat",
	} {
		if got := fieldOf(t, head, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(head, "X-Own: 1\r\nX-Own: 2\r\n") {
		t.Errorf("fields are missing in %q", head)
	}
	if len(header) != 4 || len(header["Cookie"]) != 2 || header.Get("Authorization") != "" {
		t.Errorf("the caller's header was changed: %v", header)
	}
}

func TestClientAuthorization(t *testing.T) {
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, c := range []struct{ url, own, want string }{
		{"ws://user@test.example/", "", basic("user:")},
		{"ws://us%20er:p%3A@test.example/", "", basic("us er:p:")},
		{"ws://user:pass@test.example/", "Bearer x", "Bearer x"},
		{"ws://test.example/", "Bearer x", "Bearer x"},
		{"ws://:pass@test.example/", "", basic(":pass")},
	} {
		d := Dialer{Header: http.Header{}}
		if c.own != "" {
			d.Header["authorization"] = []string{c.own} // however it is spelled
		}
		if got := fieldOf(t, sentBy(t, d, c.url), "Authorization"); got != c.want {
			t.Errorf("%s: %q, want %q", c.url, got, c.want)
		}
	}
	if head := sentBy(t, Dialer{}, "ws://@test.example/"); strings.Contains(head, "Authorization") || strings.Contains(head, "Origin") {
		t.Errorf("nobody has asked for this: %q", head)
	}
}

// The jar gets the cookies of any answer; wss stands for https there.
func TestClientKeepsCookies(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	synctest.Test(t, func(t *testing.T) {
		s := startDial(t, Dialer{Jar: jar}, testURL)
		p, r := s.open("+Set-Cookie: accepted=1", "+Set-Cookie: secret=1; Secure")
		r.c.CloseNow()
		p.conn.Close()
		s = startDial(t, Dialer{Jar: jar}, testURL)
		s.refuse("", "HTTP/1.1 403 Forbidden", "Content-Length: 0", "Set-Cookie: refused=1")
		s.failed()
	})
	head := sentBy(t, Dialer{Jar: jar}, testURL)
	if got := fieldOf(t, head, "Cookie"); got != "accepted=1; refused=1" {
		t.Errorf("over ws the cookies are %q", got)
	}
	if got := jar.Cookies(mustURL(t, "https://test.example/")); len(got) != 3 {
		t.Errorf("the jar has %v", got)
	}
}

// §4.1: a fresh nonce for each connection, encoded without spare bits (erratum
// 3150).
func TestClientKeysAreFresh(t *testing.T) {
	const n = 10_000
	seen := map[string]bool{}
	var bytes [256]int
	d := Dialer{Proxy: noProxy, NetDial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("not needed")
	}}
	for range n {
		a := attempt{dialer: &d, to: &location{url: mustURL(t, testURL), name: "test.example", port: "80"}}
		if err := a.prepare(); err != nil {
			t.Fatal(err)
		}
		key, err := base64.StdEncoding.Strict().DecodeString(a.ask.Key)
		if err != nil || len(key) != 16 || len(a.ask.Key) != 24 || seen[a.ask.Key] {
			t.Fatalf("key %q, %v, seen before: %v", a.ask.Key, err, seen[a.ask.Key])
		}
		seen[a.ask.Key] = true
		for _, b := range key {
			bytes[b]++
		}
	}
	// Chi-squared with 255 degrees of freedom: above 400 comes once in 10^8 runs.
	const mean = n * 16 / 256.0
	sum := 0.0
	for _, k := range bytes {
		sum += (float64(k) - mean) * (float64(k) - mean) / mean
	}
	if sum > 400 {
		t.Errorf("the bytes of the keys are not evenly distributed: %.0f", sum)
	}
}

// S-42, and what only the handshake itself may say.
func TestClientSendsNothingThatMustNotBeSent(t *testing.T) {
	for name, d := range map[string]Dialer{
		"value-crlf":        {Header: http.Header{"X": {"a\r\nY: b"}}},
		"value-nul":         {Header: http.Header{"X": {"a\x00b"}}},
		"name-crlf":         {Header: http.Header{"X\r\nY": {"b"}}},
		"name-blank":        {Header: http.Header{"X Y": {"b"}}},
		"name-empty":        {Header: http.Header{"": {"b"}}},
		"origin-crlf":       {Header: http.Header{"Origin": {"http://a\r\nX: y"}}},
		"cookie-crlf":       {Header: http.Header{"Cookie": {"a=b\r\nX: y"}}},
		"host-crlf":         {Host: "a\r\nX: y"},
		"host-blank":        {Host: "a b"},
		"subprotocol-empty": {Options: Options{Subprotocols: []string{""}}},
		"subprotocol-blank": {Options: Options{Subprotocols: []string{"a b"}}},
		"subprotocol-comma": {Options: Options{Subprotocols: []string{"a,b"}}},
		"subprotocol-crlf":  {Options: Options{Subprotocols: []string{"a\r\nX: y"}}},
		"subprotocol-twice": {Options: Options{Subprotocols: []string{"a", "b", "a"}}},
		"key":               {Header: http.Header{"Sec-Websocket-Key": {sampleKey}}},
		"version":           {Header: http.Header{"sec-websocket-version": {"13"}}},
		"protocol":          {Header: http.Header{"Sec-WebSocket-Protocol": {"chat"}}},
		"extensions":        {Header: http.Header{"Sec-Websocket-Extensions": {"x"}}},
		"upgrade":           {Header: http.Header{"Upgrade": {"h2c"}}},
		"connection":        {Header: http.Header{"Connection": {"close"}}},
		"host-field":        {Header: http.Header{"Host": {"a"}}},
		"content-length":    {Header: http.Header{"Content-Length": {"5"}}},
		"transfer-encoding": {Header: http.Header{"Transfer-Encoding": {"chunked"}}},
	} {
		t.Run(name, func(t *testing.T) {
			dialBubble(t, d, testURL, func(s *dialing) { s.wantNoConnection(ErrHandshakeValue) })
		})
	}
	for _, raw := range []string{"http://test.example/", "ws://test.example/#", "ws://test.example:0/"} {
		dialBubble(t, Dialer{}, raw, func(s *dialing) { s.wantNoConnection(ErrURL) })
	}
}

// A password is in no error, wherever the Dial fails.
func TestClientErrorsTellNoPassword(t *testing.T) {
	fails := errors.New("fails")
	proxy := func(*url.URL) (*url.URL, error) {
		return url.Parse("http://who:secret@proxy.example:1")
	}
	for name, d := range map[string]Dialer{
		"net-dial":    {NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, fails }},
		"proxy":       {Proxy: func(*url.URL) (*url.URL, error) { return nil, fails }},
		"proxy-dial":  {Proxy: proxy, NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, fails }},
		"proxy-value": {Proxy: func(*url.URL) (*url.URL, error) { return url.Parse("ftp://who:secret@h") }},
		"value":       {Header: http.Header{"Authorization": {"Bearer secret\n"}}},
		"cookie":      {Header: http.Header{"Cookie": {"session=secret\r"}}},
	} {
		if d.Proxy == nil {
			d.Proxy = noProxy
		}
		_, _, err := d.Dial(background, "ws://user:secret@test.example/")
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// jarLog is a jar without cookies that tells what it was asked for.
type jarLog struct{ asked []string }

func (j *jarLog) SetCookies(u *url.URL, _ []*http.Cookie) {
	j.asked = append(j.asked, "set "+u.String())
}

func (j *jarLog) Cookies(u *url.URL) []*http.Cookie {
	j.asked = append(j.asked, u.String())
	return nil
}

func TestClientAsksTheJarForHTTPS(t *testing.T) {
	jar := new(jarLog)
	d := Dialer{Jar: jar, TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	dialBubble(t, d, "wss://test.example/p", func(s *dialing) {
		p, _ := s.connection()
		p.conn.Close()
		s.failed()
		if len(jar.asked) != 1 || jar.asked[0] != "https://test.example/p" {
			t.Errorf("the jar was asked for %q", jar.asked)
		}
	})
}
