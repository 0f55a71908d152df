// These are the tests of URLs: where they lead, and which of them lead nowhere (§3).

package websocket

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestLocationOfURLs(t *testing.T) {
	for _, c := range []struct{ raw, address, host, resource string }{
		{"ws://h", "h:80", "h", "/"},
		{"ws://h/", "h:80", "h", "/"},
		{"ws://h?a=1", "h:80", "h", "/?a=1"},
		{"ws://h/?", "h:80", "h", "/?"},
		{"ws://h/p?a=1", "h:80", "h", "/p?a=1"},
		{"ws://h/p?a=1?b", "h:80", "h", "/p?a=1?b"},
		{"wss://h/", "h:443", "h", "/"},
		{"WSS://h/", "h:443", "h", "/"},
		{"Ws://H.Example/", "H.Example:80", "H.Example", "/"},
		{"ws://h:80/", "h:80", "h", "/"},
		{"ws://h:/", "h:80", "h", "/"},
		{"ws://h:443/", "h:443", "h:443", "/"},
		{"wss://h:443/", "h:443", "h", "/"},
		{"wss://h:80/", "h:80", "h:80", "/"},
		{"ws://h:8080/chat", "h:8080", "h:8080", "/chat"},
		{"ws://h:0080/", "h:80", "h", "/"},
		{"ws://h:08080/", "h:8080", "h:8080", "/"},
		{"ws://h:65535/", "h:65535", "h:65535", "/"},
		{"ws://127.0.0.1:1/", "127.0.0.1:1", "127.0.0.1:1", "/"},
		{"ws://[::1]/", "[::1]:80", "[::1]", "/"},
		{"ws://[::1]:9/", "[::1]:9", "[::1]:9", "/"},
		{"ws://[fe80::1%25eth0]/", "[fe80::1%eth0]:80", "[fe80::1]", "/"},
		{"ws://[fe80::1%25eth0]:9/", "[fe80::1%eth0]:9", "[fe80::1]:9", "/"},
		{"ws://u:p@h/", "h:80", "h", "/"},
		{"ws://h/a%23b", "h:80", "h", "/a%23b"},
		{"ws://h/a%2Fb/c%20d", "h:80", "h", "/a%2Fb/c%20d"},
		{"ws://h/a b", "h:80", "h", "/a%20b"},
		{"ws://h/é?ü=ß", "h:80", "h", "/%C3%A9?%C3%BC=%C3%9F"},
		{"ws://h/?a b", "h:80", "h", "/?a%20b"},
		{"ws://h//x/../y/.", "h:80", "h", "//x/../y/."},
		{"ws://xn--bcher-kva.example./", "xn--bcher-kva.example.:80", "xn--bcher-kva.example.", "/"},
	} {
		to, err := parseLocation(c.raw)
		if err != nil {
			t.Errorf("%s: %v", c.raw, err)
			continue
		}
		if to.address() != c.address || to.host() != c.host || to.resource() != c.resource {
			t.Errorf("%s leads to %s, Host %s, resource %s; want %s, %s, %s",
				c.raw, to.address(), to.host(), to.resource(), c.address, c.host, c.resource)
		}
		if to.secure != strings.HasPrefix(strings.ToLower(c.raw), "wss") {
			t.Errorf("%s: secure is %v", c.raw, to.secure)
		}
		ask := Ask{Target: to.resource(), Host: to.host(), Key: sampleKey}
		if err := ask.Check(); err != nil {
			t.Errorf("%s: the request is refused: %v", c.raw, err)
		}
	}
}

func TestLocationRefusesOtherURLs(t *testing.T) {
	for _, raw := range []string{
		"", "ws", "ws:", "ws:/h", "ws:h", "ws://", "ws:///p", "ws://:80/", "h", "//h/", "/p",
		"http://h/", "https://h/", "wsx://h/", "ws+unix://h/", "file:///p", "1ws://h/",
		"ws://h/p#f", "ws://h/#", "ws://h#", "ws://h/?a#b",
		"ws://h:0/", "ws://h:65536/", "ws://h:99999999999999999999/", "ws://h:-1/", "ws://h:x/", "ws://h:80:80/",
		"ws://::1/", "ws://[::1/", "ws://[::1]x/", "ws://[]/", "ws://[h]/", "ws://[1.2.3.4]/",
		"ws://a b/", "ws://a\r\nX: y/", "ws://a%0d%0aX/", "ws://a%20b/", "ws://a\x00/", "ws://h/\r\n", "ws://h/\x00", "ws://h/a\tb",
		"ws://bücher.example/", "ws://b%C3%BCcher.example/", "ws://web\u017focket/", "ws://a..b/", "ws://./", "ws://h%/",
		"ws://[fe80::1%25a%20b]/", "ws://[fe80::1%25a%0d%0aX:y]/", "ws://[fe80::1%25]/", "ws://[fe80::1%25ü]/",
		"ws://h/%zz", "ws://u:secret%zz@h/", "ws://u:secret/@h/", "ws://u%3Asecret@h/", "ws://u:%secret@h/", "ws://u:secret@h:0/", "ws://u:secret@h/#", "http://u:secret@h/",
	} {
		to, err := parseLocation(raw)
		if !errors.Is(err, ErrURL) {
			t.Errorf("%q leads to %+v, %v", raw, to, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", raw, err)
		}
	}
}

func TestLocationsOfTheSameOrigin(t *testing.T) {
	at := func(raw string) *location {
		to, err := parseLocation(raw)
		if err != nil {
			t.Fatal(err)
		}
		return to
	}
	base := at("ws://h.example/a")
	for raw, want := range map[string]bool{
		"ws://h.example/b?c":      true,
		"ws://H.EXAMPLE:80/":      true,
		"ws://u:p@h.example/":     true,
		"ws://h.example:81/":      false,
		"wss://h.example:80/":     false,
		"wss://h.example/":        false,
		"ws://sub.h.example/":     false,
		"ws://h.example.evil.com": false,
	} {
		if got := base.sameOrigin(at(raw)); got != want {
			t.Errorf("%s: %v", raw, got)
		}
	}
}
