package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"barewire.example/websocket"
)

// request sends a request of its own connection and returns the answer with its
// body.
func (p *program) request(method, path string, fields ...string) (*http.Response, string) {
	p.t.Helper()
	req, err := http.NewRequest(method, "http://"+p.addr+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
	}
	client := http.Client{Timeout: testTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp, string(body)
}

func TestPageIsServed(t *testing.T) {
	p := start(t)
	entries, err := web.ReadDir("web")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := web.ReadFile("web/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		path := "/" + e.Name()
		if e.Name() == "index.html" {
			path = "/?query"
		}
		resp, body := p.request("GET", path)
		if resp.StatusCode != 200 || body != string(content) {
			t.Errorf("%s: %s, %d bytes, want %d", path, resp.Status, len(body), len(content))
		}
		kind := map[string]string{".html": "html", ".js": "javascript", ".css": "css"}[filepath.Ext(e.Name())]
		if got, want := resp.Header.Get("Content-Type"), "text/"+kind+"; charset=utf-8"; got != want {
			t.Errorf("%s: Content-Type is %q, want %q", path, got, want)
		}
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: Content-Security-Policy is %q", path, policy)
		}
	}
	if _, body := p.request("GET", "/"); !strings.Contains(body, "<title>barewire") {
		t.Errorf("the page is %q", body)
	}
	resp, body := p.request("HEAD", "/")
	if resp.StatusCode != 200 || body != "" || resp.ContentLength == 0 {
		t.Errorf("HEAD: %s, %d bytes, Content-Length %d", resp.Status, len(body), resp.ContentLength)
	}
}

func TestPageMayHaveMoreFiles(t *testing.T) {
	handlers := files(fstest.MapFS{
		"web/index.html": {Data: []byte("the page")},
		"web/new.js":     {Data: []byte("the script")},
		"web/new.css":    {Data: []byte("the style")},
	})
	if len(handlers) != 3 {
		t.Errorf("%d handlers, want 3", len(handlers))
	}
	for path, want := range map[string][2]string{
		"/":        {"text/html; charset=utf-8", "the page"},
		"/new.js":  {"text/javascript; charset=utf-8", "the script"},
		"/new.css": {"text/css; charset=utf-8", "the style"},
	} {
		w := httptest.NewRecorder()
		handlers[path].ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Header().Get("Content-Type") != want[0] || w.Body.String() != want[1] {
			t.Errorf("%s: %s, %q", path, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

func TestPageHasNothingFromElsewhere(t *testing.T) {
	entries, err := web.ReadDir("web")
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		content, err := web.ReadFile("web/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.Contains(string(content), bad) {
				t.Errorf("%s has %q", e.Name(), bad)
			}
		}
	}
}

func TestServeRefusesOtherPathsAndMethods(t *testing.T) {
	p := start(t)
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/nothing", 404, ""},
		{"GET", "/echo/", 404, ""},
		{"GET", "//echo", 404, ""},
		{"GET", "/web/index.html", 404, ""},
		{"GET", "/..%2f", 404, ""},
		{"POST", "/", 405, "GET, HEAD"},
		{"DELETE", "/style.css", 405, "GET, HEAD"},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"PUT", "/metrics", 405, "GET, HEAD"},
		{"GET", "/metrics/", 404, ""},
		{"POST", "/chat", 405, "GET"},
		{"GET", "/chat", 426, ""},
		{"POST", "/echo", 405, "GET"},
		{"GET", "/echo", 426, ""},
	}
	for _, tt := range tests {
		resp, body := p.request(tt.method, tt.path)
		if resp.StatusCode != tt.status || resp.Header.Get("Allow") != tt.allow || !resp.Close {
			t.Errorf("%s %s: %s, Allow %q, close %v", tt.method, tt.path, resp.Status, resp.Header.Get("Allow"), resp.Close)
		}
		if strings.Count(body, "\n") != 1 {
			t.Errorf("%s %s: the reason is not one line: %q", tt.method, tt.path, body)
		}
	}
	p.stderr.waitLine(t, "status=405", "rule=method", "path=/echo")
}

// A handshake at a path where there is nothing is answered once, although
// frames follow it.
func TestServeClosesAfterARefusal(t *testing.T) {
	p := start(t)
	for _, fields := range [][]string{{"Host: evil.example"}, {"Origin: https://evil.example"}} {
		c := handshake(t, p.dialTCP(), "/echo", fields...)
		if c.answer.StatusCode != 403 || !c.answer.Close {
			t.Errorf("%s: %s, close %v", fields, c.answer.Status, c.answer.Close)
		}
		io.ReadAll(c.answer.Body)
		if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
			t.Errorf("behind the refusal: %q, %v", rest, err)
		}
	}
}

// S-48: a page may have bound its own name to a loopback address.
func TestServeGuardsLoopbackByHost(t *testing.T) {
	open := start(t)
	listed := start(t, "-host", "chat.example,other.example:8443", "-host", "[::1]")
	_, port, _ := net.SplitHostPort(open.addr)
	tests := []struct {
		p    *program
		host string
		ok   bool
	}{
		{open, "localhost:" + port, true},
		{open, "127.0.0.1", true},
		{open, "[::1]:8080", true},
		{open, "LOCALHOST", true},
		{open, "evil.example", false},
		{open, "evil.example:" + port, false},
		{open, "localhost.evil.example", false},
		{open, "127.0.0.1.evil.example", false},
		{listed, "chat.example", true},
		{listed, "Chat.Example:1234", true},
		{listed, "other.example:8443", true},
		{listed, "other.example", false},
		{listed, "other.example:443", false},
		{listed, "[::1]:99", true},
		{listed, "localhost", false},
		{listed, "my.chat.example", false},
	}
	for _, tt := range tests {
		page, socket := 403, 403
		if tt.ok {
			page, socket = 200, 101
		}
		if resp, _ := tt.p.request("GET", "/", "Host: "+tt.host); resp.StatusCode != page {
			t.Errorf("page for %s: %s", tt.host, resp.Status)
		}
		if resp, _ := tt.p.request("GET", "/metrics", "Host: "+tt.host); resp.StatusCode != page {
			t.Errorf("metrics for %s: %s", tt.host, resp.Status)
		}
		if c := handshake(t, tt.p.dialTCP(), "/echo", "Host: "+tt.host); c.answer.StatusCode != socket {
			t.Errorf("handshake for %s: %s", tt.host, c.answer.Status)
		}
	}
	open.stderr.waitLine(t, "msg=refused", "host=evil.example", "rule=host-forbidden", "status=403")
}

func TestServeChecksOrigin(t *testing.T) {
	strict := start(t)
	listed := start(t, "-origin", "https://one.example", "-origin", "https://*.two.example")
	all := start(t, "-origin", "*")
	tests := []struct {
		p      *program
		origin string
		ok     bool
	}{
		{strict, "http://" + strict.addr, true},
		{strict, "https://" + strict.addr, false},
		{strict, "http://evil.example", false},
		{strict, "null", false},
		{listed, "https://one.example", true},
		{listed, "https://a.two.example", true},
		{listed, "https://two.example", false},
		{listed, "http://" + listed.addr, true},
		{all, "https://evil.example", true},
		{all, "null", true},
	}
	for _, tt := range tests {
		want := http.StatusForbidden
		if tt.ok {
			want = http.StatusSwitchingProtocols
		}
		if c := handshake(t, tt.p.dialTCP(), "/echo", "Origin: "+tt.origin); c.answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", tt.origin, c.answer.Status, want)
		}
	}
	strict.stderr.waitLine(t, "msg=refused", `origin=http://evil.example`, "rule="+websocket.RuleOrigin.ID())
	all.stderr.waitLine(t, "level=WARN", "all sites")
	if n := strings.Count(all.stderr.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}
