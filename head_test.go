package websocket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
)

// scanInPieces feeds raw to a HeadScanner, step bytes more at a time, until it
// knows. It returns n = 0 and no error when raw ends before the head does.
func scanInPieces(raw string, step int) (n int, err error) {
	var s HeadScanner
	b := []byte(raw)
	for end := min(step, len(raw)); ; end = min(end+step, len(raw)) {
		n, err = s.Scan(b[:end])
		if n > 0 || err != nil || end == len(raw) {
			return n, err
		}
	}
}

// brokenRule returns the Rule in err, 0 if there is none.
func brokenRule(err error) (r Rule) {
	errors.As(err, &r)
	return r
}

// headOf returns a request head of n bytes with so many fields.
func headOf(n, fields int) string {
	const start, end = "GET / HTTP/1.1\r\n", "\r\n"
	head := start + strings.Repeat("A:\r\n", fields-1)
	return head + "B:" + strings.Repeat("b", n-len(head)-len("B:\r\n")-len(end)) + "\r\n" + end
}

func lineOf(n int) string {
	return "GET /" + strings.Repeat("a", n-len("GET / HTTP/1.1\r\n")) + " HTTP/1.1\r\n\r\n"
}

func TestHeadScanner(t *testing.T) {
	for _, test := range []struct {
		name string
		raw  string
		n    int // 0 for more needed
		rule Rule
	}{
		{"nothing", "", 0, 0},
		{"start", "GET / HT", 0, 0},
		{"no-blank-line", "GET / HTTP/1.1\r\nA: b\r\n", 0, 0},
		{"half-a-blank-line", "GET / HTTP/1.1\r\nA: b\r\n\r", 0, 0},
		{"no-fields", "GET / HTTP/1.1\r\n\r\n", 18, 0},
		{"bytes-behind", "GET / HTTP/1.1\r\nA: b\r\n\r\n\x81\n\r\n", 24, 0},
		{"response", "HTTP/1.1 101 \r\n\r\n", 17, 0},
		{"start-line-at-limit", lineOf(MaxStartLine), MaxStartLine + 2, 0},
		{"start-line-over-limit", lineOf(MaxStartLine + 1), 0, RuleHeadSize},
		{"start-line-without-end", strings.Repeat("a", MaxStartLine), 0, RuleHeadSize},
		{"start-line-near-limit", strings.Repeat("a", MaxStartLine-1), 0, 0},
		{"head-at-limit", headOf(MaxHead, 2), MaxHead, 0},
		{"head-over-limit", headOf(MaxHead+1, 2), 0, RuleHeadSize},
		{"line-feed-behind-limit", headOf(MaxHead+9, 2)[:MaxHead+5] + "\n", 0, RuleHeadSize},
		{"fields-at-limit", headOf(1000, MaxFields), 1000, 0},
		{"fields-over-limit", headOf(1000, MaxFields+1), 0, RuleHeadSize},
		{"bare-line-feed-in-start-line", "GET / HTTP/1.1\nA: b", 0, RuleStartLine},
		{"bare-line-feed-in-field", "GET / HTTP/1.1\r\nA: b\n", 0, RuleHeader},
		{"bare-line-feed-as-blank-line", "GET / HTTP/1.1\r\n\n", 0, RuleHeader},
		{"line-feed-first", "\n", 0, RuleStartLine},
		{"blank-line-first", "\r", 0, RuleStartLine},
		{"tls-first", "\x16", 0, RuleStartLine},
		{"frame-first", "\x81", 0, RuleStartLine},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, step := range []int{1, 2, 7, 1000, len(test.raw) + 1} {
				n, err := scanInPieces(test.raw, step)
				if n != test.n || brokenRule(err) != test.rule {
					t.Errorf("in pieces of %d: Scan = %d, %v; want %d, %q", step, n, err, test.n, test.rule.ID())
				}
			}
		})
	}
}

func TestHeadScannerKeepsItsResult(t *testing.T) {
	var s HeadScanner
	raw := []byte("GET / HTTP/1.1\r\n\r\n\n")
	for range 2 {
		if n, err := s.Scan(raw); n != 18 || err != nil {
			t.Errorf("Scan = %d, %v", n, err)
		}
	}
	s = HeadScanner{}
	_, first := s.Scan([]byte("\x00"))
	_, second := s.Scan([]byte("\x00GET / HTTP/1.1\r\n\r\n"))
	if first == nil || first != second {
		t.Errorf("Scan gave %v, then %v", first, second)
	}
}

func TestHeadScannerSurvivesAShrunkenBuffer(t *testing.T) {
	var s HeadScanner
	s.Scan([]byte("GET / HTTP/1.1\r\nA: b"))
	if n, err := s.Scan([]byte("GET")); n != 0 || err != nil {
		t.Errorf("Scan = %d, %v", n, err)
	}
}

// S-31: a scan looks at the bytes from pos on, so the work is counted as what
// lay between pos and the end of the buffer, not measured as time.
func TestHeadScannerLooksAtEachByteOnce(t *testing.T) {
	raw := []byte("GET / HTTP/1.1\r\n" + strings.Repeat("X: "+strings.Repeat("a", 995)+"\r\n", 1100))
	for _, step := range []int{1, 100} {
		var s HeadScanner
		work, end := 0, 0
		for err := error(nil); err == nil; _, err = s.Scan(raw[:end]) {
			end += step
			work += end - s.pos
		}
		if brokenRule(s.err) != RuleHeadSize || work > MaxHead+step {
			t.Errorf("in pieces of %d: %v after looking at %d bytes", step, s.err, work)
		}
	}
}

func TestHeadScannerDoesNotAllocate(t *testing.T) {
	raw := []byte(rawRequest())
	allocs := testing.AllocsPerRun(10, func() {
		var s HeadScanner
		for i := range raw {
			s.Scan(raw[:i+1])
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestHeadParseRequest(t *testing.T) {
	r, err := ParseRequest([]byte("GET /chat?a=1?b HTTP/1.1\r\nhOST:example.com:81\r\nX-a: 1\r\nx-A:\t2 \r\nEmpty:\r\nUtf: ä\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Request{
		Method: "GET", Target: "/chat?a=1?b", Major: 1, Minor: 1, Host: "example.com:81",
		Header: map[string][]string{"X-A": {"1", "2"}, "Empty": {""}, "Utf": {"ä"}},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v, want %+v", r, want)
	}
}

func TestHeadParseRequestRefuses(t *testing.T) {
	const rest = "\r\nHost: a\r\n\r\n"
	for name, test := range map[string]struct {
		head string
		rule Rule
	}{
		"nothing":           {"", RuleHeader},
		"unfinished":        {"GET / HTTP/1.1\r\nHost: a\r\n", RuleHeader},
		"bytes-behind":      {"GET / HTTP/1.1" + rest + "x", RuleHeader},
		"too-large":         {headOf(MaxHead+1, 1), RuleHeadSize},
		"one-word":          {"GET" + rest, RuleStartLine},
		"two-words":         {"GET /" + rest, RuleStartLine},
		"four-words":        {"GET / HTTP/1.1 x" + rest, RuleStartLine},
		"two-spaces":        {"GET  / HTTP/1.1" + rest, RuleStartLine},
		"space-behind":      {"GET / HTTP/1.1 " + rest, RuleStartLine},
		"tab":               {"GET\t/ HTTP/1.1" + rest, RuleStartLine},
		"method-no-token":   {"G(T / HTTP/1.1" + rest, RuleStartLine},
		"no-target":         {"GET  HTTP/1.1" + rest, RuleStartLine},
		"lower-case-http":   {"GET / http/1.1" + rest, RuleStartLine},
		"long-version":      {"GET / HTTP/1.10" + rest, RuleStartLine},
		"short-version":     {"GET / HTTP/1" + rest, RuleStartLine},
		"version-no-digits": {"GET / HTTP/x.y" + rest, RuleStartLine},
		"version-no-dot":    {"GET / HTTP/1,1" + rest, RuleStartLine},
		"http-0-9":          {"GET / HTTP/0.9" + rest, RuleHTTPVersion},
		"http-3":            {"GET / HTTP/3.0" + rest, RuleHTTPVersion},
		"no-name":           {"GET / HTTP/1.1\r\n: b" + rest, RuleHeader},
		"tab-before-colon":  {"GET / HTTP/1.1\r\nA\t: b" + rest, RuleHeader},
		"folded-with-tab":   {"GET / HTTP/1.1\r\nA: b\r\n\tc: d" + rest, RuleHeader},
		"folded-at-once":    {"GET / HTTP/1.1\r\n A: b" + rest, RuleHeader},
		"bare-cr":           {"GET / HTTP/1.1\r\nA: b\rc" + rest, RuleHeader},
		"cr-at-end":         {"GET / HTTP/1.1\r\nA: b\r" + rest, RuleHeader},
		"delete":            {"GET / HTTP/1.1\r\nA: \x7f" + rest, RuleHeader},
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := ParseRequest([]byte(test.head)); r != nil || brokenRule(err) != test.rule {
				t.Errorf("ParseRequest = %+v, %v; want %q", r, err, test.rule.ID())
			}
		})
	}
}

func TestHeadHostOfARequest(t *testing.T) {
	for name, test := range map[string]struct {
		target, fields string
		host           string
		left           []string
	}{
		"field":               {"/", "Host: a\r\n", "a", nil},
		"none":                {"/", "", "", nil},
		"two":                 {"/", "Host: a\r\nHost: b\r\n", "", []string{"a", "b"}},
		"target-replaces":     {"http://b:81/", "Host: a\r\n", "b:81", nil},
		"target-without-path": {"HTTPS://b", "Host: a\r\n", "b", nil},
		"target-and-none":     {"http://b/", "", "", nil},
		"other-scheme":        {"ws://b/", "Host: a\r\n", "a", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ParseRequest([]byte("GET " + test.target + " HTTP/1.1\r\n" + test.fields + "\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			if left := r.Header["Host"]; r.Host != test.host || !reflect.DeepEqual(left, test.left) {
				t.Errorf("Host = %q, left in Header: %q", r.Host, left)
			}
		})
	}
}

func TestHeadPathAndQuery(t *testing.T) {
	for target, want := range map[string][2]string{
		"/":                 {"/", ""},
		"/a/b?c=d?e":        {"/a/b", "c=d?e"},
		"/a?":               {"/a", ""},
		"http://h":          {"/", ""},
		"http://h?q=1":      {"/", "q=1"},
		"HTTP://h:80/p?q=1": {"/p", "q=1"},
		"https://h/":        {"/", ""},
		"http:///p":         {"/p", ""},
		"/http://h/p":       {"/http://h/p", ""},
	} {
		r := Request{Target: target}
		if got := [2]string{r.Path(), r.Query()}; got != want {
			t.Errorf("%q: path and query are %q, want %q", target, got, want)
		}
	}
}

func TestHeadParseResponse(t *testing.T) {
	for line, want := range map[string]*Response{
		"HTTP/1.1 101 Switching Protocols": {Major: 1, Minor: 1, Status: 101, Reason: "Switching Protocols"},
		"HTTP/1.0 999 ":                    {Major: 1, Status: 999},
		"HTTP/1.1 200":                     {Major: 1, Minor: 1, Status: 200},
		"HTTP/2.0 404 ä\t b":               {Major: 2, Status: 404, Reason: "ä\t b"},
		"HTTP/1.1 099 x":                   nil,
		"HTTP/1.1 20 x":                    nil,
		"HTTP/1.1 2000 x":                  nil,
		"HTTP/1.1 +20 x":                   nil,
		"HTTP/1.1  200":                    nil,
		"HTTP/1.1":                         nil,
		"HTTP/11 200 x":                    nil,
		"ICY 200 OK":                       nil,
		"HTTP/1.1 200 a\x00b":              nil,
		"HTTP/1.1 200 a\rb":                nil,
	} {
		r, err := ParseResponse([]byte(line + "\r\nA: b\r\n\r\n"))
		if want == nil {
			if brokenRule(err) != RuleStartLine || err.(*HandshakeError).Status != 0 {
				t.Errorf("%q: %+v, %v", line, r, err)
			}
			continue
		}
		if want.Header = map[string][]string{"A": {"b"}}; err != nil || !reflect.DeepEqual(r, want) {
			t.Errorf("%q: %+v, %v", line, r, err)
		}
	}
	for head, rule := range map[string]Rule{
		"HTTP/1.1 101 x\r\nA b\r\n\r\n": RuleHeader,
		"HTTP/1.1 101 x\r\n":            RuleHeader, // 6455-4.1-32: no blank line
		"":                              RuleHeader,
	} {
		if r, err := ParseResponse([]byte(head)); r != nil || brokenRule(err) != rule {
			t.Errorf("%q: %+v, %v", head, r, err)
		}
	}
}

func TestHeadInterim(t *testing.T) {
	for status, want := range map[int]bool{100: true, 102: true, 103: true, 199: true, 101: false, 200: false, 404: false} {
		if r := (Response{Status: status}); r.Interim() != want {
			t.Errorf("%d: Interim = %v", status, !want)
		}
	}
}

// mutate changes a few bytes of a valid request, mostly to bytes that matter.
func mutate(random *rand.Rand, raw string) string {
	b := []byte(raw)
	for range 1 + random.IntN(3) {
		i := random.IntN(len(b))
		switch c := "\r\n \t:,;\"\\/\x00\x7fä%#Z"[random.IntN(16)]; random.IntN(3) {
		case 0:
			b[i] = c
		case 1:
			b = append(b[:i], append([]byte{c}, b[i:]...)...)
		default:
			b = append(b[:i], b[i+1:]...)
		}
	}
	return string(b)
}

// However a request arrives, the outcome is the same; and what we accept, the
// standard library's parser accepts too, with the same fields.
func TestHeadOfMutatedRequests(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	parsed := 0
	for range 20_000 {
		raw := mutate(random, rawRequest("+Origin: http://127.0.0.1", "+X-List: a, b"))
		n, err := scanInPieces(raw, len(raw))
		piecesN, piecesErr := scanInPieces(raw, 1+random.IntN(9))
		if n != piecesN || fmt.Sprint(err) != fmt.Sprint(piecesErr) {
			t.Fatalf("%q: whole: %d, %v; in pieces: %d, %v", raw, n, err, piecesN, piecesErr)
		}
		if n == 0 {
			continue
		}
		r, err := ParseRequest([]byte(raw[:n]))
		if err != nil {
			continue
		}
		parsed++
		_, fields, _ := bytes.Cut([]byte(raw[:n]), []byte("\r\n"))
		want, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(fields))).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("%q: accepted, but textproto says %v", raw, err)
		}
		if r.Host != "" {
			want.Del("Host")
		}
		if !reflect.DeepEqual(r.Header, map[string][]string(want)) {
			t.Fatalf("%q: got %q, want %q", raw, r.Header, want)
		}
	}
	if parsed < 1000 {
		t.Errorf("only %d mutated requests were still requests", parsed)
	}
}
