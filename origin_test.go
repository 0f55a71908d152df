package websocket

import (
	"errors"
	"strings"
	"testing"
)

func TestOriginSplitHost(t *testing.T) {
	for host, want := range map[string]string{ // "name port"
		"a":                 "a ",
		"Example.COM":       "example.com ",
		"example.com.":      "example.com ",
		"example.com:":      "example.com ",
		"example.com.:8080": "example.com 8080",
		"a-b_c.d:0":         "a-b_c.d 0",
		"127.0.0.1:65535":   "127.0.0.1 65535",
		"[::]":              "[::] ",
		"[::1]":             "[::1] ",
		"[FE80::1]:80":      "[fe80::1] 80",
		"[::ffff:10.0.0.1]": "[::ffff:10.0.0.1] ",
	} {
		name, port, ok := splitHost(host)
		if got := name + " " + port; !ok || got != want {
			t.Errorf("splitHost(%q) = %q, %v; want %q", host, got, ok, want)
		}
	}
	for _, host := range []string{
		"", ".", ":", ":80", "a..b", ".a", "a..", "a b", "a,b", "a/b", "a@b", "a%62", "*.a", "ä", "a\x00", "a\r\nb", "web\u017focket",
		"a:80:80", "a:b", "a:-1", "a:+1", "a:65536", "a:99999999999999999999", "a: 80",
		"::1", "[", "]", "[]", "[::1", "::1]", "[a]", "[1]", "[::g]", "[::1].", "[::1]80", "[::1]a", "[fe80::1%25eth0]", "a[::1]",
	} {
		if name, port, ok := splitHost(host); ok {
			t.Errorf("splitHost(%q) = %q, %q", host, name, port)
		}
	}
}

func TestOriginCharactersOfNamesAndSchemes(t *testing.T) {
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for c := range 256 {
		for _, test := range []struct {
			allowed string
			judge   func(string) bool
		}{
			{alphanumeric + "-_.", isName},
			{alphanumeric + "+-.", isScheme},
			{"0123456789ABCDEFabcdef:.", func(s string) bool { return isIPv6("[::" + s[1:2] + "]") }},
		} {
			s := string([]byte{'a', byte(c), 'z'})
			if want := strings.IndexByte(test.allowed, byte(c)) >= 0; test.judge(s) != want {
				t.Errorf("%q among %q: %v", s, test.allowed, !want)
			}
		}
	}
	for _, s := range []string{"", "[::", "::]", "a:b]", "[ab]"} {
		if isIPv6(s) {
			t.Errorf("%q is taken for an IPv6 address", s)
		}
	}
}

// originRequest is for host, with these values of Origin.
func originRequest(host string, tls bool, origins ...string) *Request {
	return &Request{Host: host, TLS: tls, Header: map[string][]string{"Origin": origins}}
}

func TestOriginOfTheRequestItselfIsAllowed(t *testing.T) {
	for _, test := range []struct {
		host   string
		tls    bool
		origin string
		want   bool
	}{
		{"example.com", false, "http://example.com", true},
		{"example.com", false, "HTTP://EXAMPLE.com", true},
		{"EXAMPLE.com.", false, "http://example.com", true},
		{"example.com", false, "http://example.com:80", true},
		{"example.com:80", false, "http://example.com", true},
		{"example.com:443", true, "https://example.com", true},
		{"example.com", true, "https://example.com:443", true},
		{"example.com:8080", false, "http://example.com:8080", true},
		{"[::1]:8080", false, "http://[::1]:8080", true},
		{"example.com", false, " \thttp://example.com ", true},
		{"example.com", false, "https://example.com", false},
		{"example.com", true, "http://example.com", false},
		{"example.com:443", false, "https://example.com", false},
		{"example.com:80", true, "https://example.com", false},
		{"example.com:8080", false, "http://example.com", false},
		{"example.com", false, "http://example.com:8080", false},
		{"example.com", false, "http://www.example.com", false},
		{"www.example.com", false, "http://example.com", false},
		{"example.com", false, "http://example.comm", false},
		{"example.com", false, "http://example.com/", false},
		{"example.com", false, "http://example.com?a", false},
		{"example.com", false, "http://example.com#a", false},
		{"example.com", false, "http://user@example.com", false},
		{"example.com", false, "http:example.com", false},
		{"example.com", false, "http:///example.com", false},
		{"example.com", false, "://example.com", false},
		{"example.com", false, "//example.com", false},
		{"example.com", false, "example.com", false},
		{"example.com", false, "1http://example.com", false},
		{"example.com", false, "http://example.com, http://example.com", false},
		{"example.com", false, "null", false},
		{"example.com", false, "", false},
		{"a b", false, "http://a b", false},
		{"a b", false, "http://a", false},
		{"", false, "http://", false},
		{"", false, "", false},
	} {
		err := originRequest(test.host, test.tls, test.origin).CheckOrigin(nil)
		if (err == nil) != test.want || err != nil && brokenRule(err) != RuleOrigin {
			t.Errorf("Origin %q on %q (TLS: %v): %v", test.origin, test.host, test.tls, err)
		}
	}
}

func TestOriginMayBeAbsentButNotTwice(t *testing.T) {
	if err := (&Request{Host: "a"}).CheckOrigin(nil); err != nil {
		t.Error(err)
	}
	if err := originRequest("a", false, "http://a", "http://a").CheckOrigin([]string{"http://a"}); brokenRule(err) != RuleOrigin {
		t.Error(err)
	}
}

func TestOriginPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, origin string
		want            bool
	}{
		{"https://example.com", "https://example.com", true},
		{"https://example.com", "https://example.com:443", true},
		{"https://example.com", "http://example.com", false},
		{"https://example.com", "https://example.com:8443", false},
		{"https://example.com", "https://a.example.com", false},
		{"https://example.com:8443", "https://example.com:8443", true},
		{"https://example.com:8443", "https://example.com", false},
		{"HTTPS://Example.COM.:443", "https://example.com", true},
		{"example.com", "https://example.com", true},
		{"example.com", "http://example.com", false},
		{"example.com:8443", "https://example.com:8443", true},
		{"*.example.com", "https://a.example.com", true},
		{"https://*.example.com", "https://a.example.com", true},
		{"https://*.example.com", "https://a.b.example.com", true},
		{"https://*.example.com", "https://A.Example.Com", true},
		{"https://*.example.com", "https://example.com", false},
		{"https://*.example.com", "https://.example.com", false},
		{"https://*.example.com", "https://aexample.com", false},
		{"https://*.example.com", "https://a.example.com:8443", false},
		{"https://*.example.com", "http://a.example.com", false},
		{"https://*.example.com", "https://a.example.com.evil.example", false},
		{"https://*.example.com", "https://*.example.com", false},
		{"http://[::1]:81", "http://[::1]:81", true},
		{"app://a", "app://a", true},
		{"app://a", "app://a:80", false},
		{"*", "https://example.com", false},
		{"https://*", "https://example.com", false},
		{"null", "null", false},
		{"https://exa*ple.com", "https://example.com", false},
		{"https://example.com/", "https://example.com", false},
		{"", "https://example.com", false},
	} {
		err := originRequest("other.example", true, test.origin).CheckOrigin([]string{"https://else.example", test.pattern})
		if (err == nil) != test.want {
			t.Errorf("pattern %q, Origin %q: %v", test.pattern, test.origin, err)
		}
	}
}

func TestOriginPatternsAreChecked(t *testing.T) {
	if err := checkOriginPatterns([]string{"https://example.com", "*.example.com:81", "localhost", "http://[::1]:81"}); err != nil {
		t.Error(err)
	}
	if err := checkHostPatterns([]string{"example.com", "*.example.com:81", "localhost", "[::1]:81"}); err != nil {
		t.Error(err)
	}
	for _, p := range []string{"", "*", "*.", "*.*.a", "https://*", "https://", "https://a/", "https://u@a", "https://a:b", "1://a", "a b"} {
		if err := checkOriginPatterns([]string{"localhost", p}); !errors.Is(err, ErrPattern) {
			t.Errorf("checkOriginPatterns(%q) = %v", p, err)
		}
		if err := checkHostPatterns([]string{"localhost", p}); !errors.Is(err, ErrPattern) {
			t.Errorf("checkHostPatterns(%q) = %v", p, err)
		}
	}
}

func TestOriginCheckHost(t *testing.T) {
	allowed := []string{"Example.com.", "*.example.org", "a.example:8080", "[::1]", "bad pattern"}
	for host, want := range map[string]bool{
		"example.com":      true,
		"EXAMPLE.COM.:81":  true,
		"a.example:8080":   true,
		"[::1]:99":         true,
		"b.a.example.org":  true,
		"a.example.org:1":  true,
		"example.org":      false,
		"a.example":        false,
		"a.example:8081":   false,
		"www.example.com":  false,
		"example.com.evil": false,
		"evil.example":     false,
		"bad pattern":      false,
		"":                 false,
	} {
		err := (&Request{Host: host}).CheckHost(allowed)
		if (err == nil) != want || err != nil && brokenRule(err) != RuleHostForbidden {
			t.Errorf("%q: %v", host, err)
		}
	}
	if err := (&Request{Host: "any"}).CheckHost(nil); err != nil {
		t.Errorf("without a list: %v", err)
	}
	if err := (&Request{Host: "any"}).CheckHost([]string{"one"}); brokenRule(err) != RuleHostForbidden {
		t.Errorf("with an empty list: %v", err)
	}
}

func TestOriginIsLoopbackHost(t *testing.T) {
	const yes = "localhost LOCALHOST localhost. localhost:80 a.localhost 127.0.0.1 127.0.0.1:80 127.255.255.255 [::1] [::1]:80 ::1"
	const no = "localhost.evil.example evillocalhost 127.0.0.1.evil.example 127.evil.example 127.0.0 127.0.0.0.1 127.0.0.256 127.0.0.01 " +
		"127.0.0.-1 126.0.0.1 1270.0.0.1 0.0.0.0 10.0.0.1 [::2] [::] ::2 example.com evil@127.0.0.1 127.0.0.1/x"
	for _, host := range strings.Fields(yes) {
		if !IsLoopbackHost(host) {
			t.Errorf("%q is not taken for the machine itself", host)
		}
	}
	for _, host := range append(strings.Fields(no), "", " localhost", "127.0.0.1\x00") {
		if IsLoopbackHost(host) {
			t.Errorf("%q is taken for the machine itself", host)
		}
	}
}
