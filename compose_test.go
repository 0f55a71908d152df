package websocket

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestComposeRequestIsTheInverseOfParseRequest(t *testing.T) {
	heads := 0
	for _, row := range hostileRequests {
		n, err := scanInPieces(row.raw, len(row.raw))
		if err != nil {
			continue
		}
		r, err := ParseRequest([]byte(row.raw[:n]))
		if err != nil {
			continue
		}
		heads++
		again, err := ParseRequest(AppendRequest(nil, r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%s: parsed again: %+v, %v; want %+v", row.id, again, err, r)
		}
	}
	if heads < 80 {
		t.Errorf("only %d heads were tried", heads)
	}
}

func TestComposeResponseIsTheInverseOfParseResponse(t *testing.T) {
	header := map[string][]string{"Upgrade": {"a", "b"}, "Sec-Websocket-Accept": {"c"}, "X": {""}, "B": {"1"}, "A": {"2"}}
	for _, status := range []int{101, 404, 599} {
		raw := AppendResponse(nil, status, header)
		r, err := ParseResponse(raw)
		want := &Response{Major: 1, Minor: 1, Status: status, Reason: reasons[status], Header: header}
		if err != nil || !reflect.DeepEqual(r, want) {
			t.Errorf("%q: %+v, %v", raw, r, err)
		}
		for range 10 {
			if again := AppendResponse(nil, status, header); string(again) != string(raw) {
				t.Errorf("the same response is written as %q and as %q", raw, again)
			}
		}
	}
}

func TestComposeReasonsAreThoseOfHTTP(t *testing.T) {
	for status, reason := range reasons {
		if want := http.StatusText(status); reason != want {
			t.Errorf("%d: %q, want %q", status, reason, want)
		}
	}
	for _, r := range Rules() {
		if s := r.Status(); s != 0 && reasons[s] == "" {
			t.Errorf("status %d of rule %s has no reason", s, r.ID())
		}
	}
}

func TestComposeChecksTheFieldsOfTheApplication(t *testing.T) {
	for name, test := range map[string]struct {
		field, value string
		ok           bool
	}{
		"cookie":            {"Set-Cookie", "a=b; Path=/", true},
		"lower-case":        {"x-foo", "\tä", true},
		"host":              {"host", "a", false},
		"upgrade":           {"Upgrade", "websocket", false},
		"connection":        {"CONNECTION", "close", false},
		"content-length":    {"Content-Length", "0", false},
		"transfer-encoding": {"Transfer-Encoding", "chunked", false},
		"key":               {"Sec-WebSocket-Key", sampleKey, false},
		"key-canonical":     {"Sec-Websocket-Key", sampleKey, false},
		"any-sec-websocket": {"sec-websocket-foo", "a", false},
		"empty-name":        {"", "a", false},
		"blank-in-name":     {"A B", "a", false},
		"colon-in-name":     {"A:", "a", false},
		"line-end-in-name":  {"A\r\nB", "a", false},
		"cr":                {"A", "a\rb", false},
		"lf":                {"A", "a\nb", false},
		"nul":               {"A", "a\x00b", false},
		"escape":            {"A", "a\x1b[31m", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkFields(map[string][]string{"X-Good": {"1"}, test.field: {"good", test.value}})
			if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrHandshakeValue) {
				t.Error(err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\r\n\x00\x1b") {
				t.Errorf("the error repeats control characters: %q", err)
			}
		})
	}
}

func TestComposeRefusalOfEveryRule(t *testing.T) {
	for _, rule := range Rules() {
		if rule.Status() == 0 {
			continue
		}
		t.Run(rule.ID(), func(t *testing.T) {
			res, body := readRefusal(t, &HandshakeError{Rule: rule, Detail: "<secret>"})
			if res.StatusCode != rule.Status() || body != rule.Error()+"\n" {
				t.Errorf("got %d and %q", res.StatusCode, body)
			}
			if got := res.Header["Content-Type"]; !slices.Equal(got, []string{"text/plain; charset=utf-8"}) {
				t.Errorf("Content-Type is %q", got)
			}
			is405, is426 := res.StatusCode == 405, res.StatusCode == 426
			for field, want := range map[string]bool{"Allow": is405, "Upgrade": is426, "Sec-Websocket-Version": is426} {
				if _, got := res.Header[field]; got != want {
					t.Errorf("has %s: %v, want %v", field, got, want)
				}
			}
		})
	}
}

// readRefusal writes the refusal, and reads it as a client of net/http does. It
// must be one response that announces the end of the connection.
func readRefusal(t *testing.T, e *HandshakeError) (*http.Response, string) {
	t.Helper()
	raw := string(AppendRefusal(nil, e))
	r := bufio.NewReader(strings.NewReader(raw))
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || int64(len(body)) != res.ContentLength || r.Buffered() != 0 {
		t.Errorf("%q: read %d bytes of body, %v; %d follow", raw, len(body), err, r.Buffered())
	}
	if !res.Close || !strings.Contains(raw, "\r\nConnection: close\r\n") {
		t.Errorf("%q does not announce the end", raw)
	}
	return res, string(body)
}

// RFC 9110 §15.5.22 and §7.8, §4.2.2: what a 426 has to say.
func TestComposeRefusalTellsWhatToUpgradeTo(t *testing.T) {
	got := string(AppendRefusal(nil, refuse(RuleVersion, "")))
	want := "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	if !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestComposeRefusalHasTheFieldsOfTheApplication(t *testing.T) {
	res, _ := readRefusal(t, &HandshakeError{Rule: RuleForbidden, Status: 401, Header: map[string][]string{
		"www-authenticate": {"Basic"},
		"Content-Type":     {"text/html"},
		"Content-Length":   {"1000"},
		"Connection":       {"keep-alive"},
		"X-Split":          {"a\r\nInjected: b"},
		"X Y":              {"a"},
	}})
	want := http.Header{
		"Www-Authenticate": {"Basic"},
		"Content-Type":     {"text/plain; charset=utf-8"},
		"Content-Length":   {strconv.Itoa(len(RuleForbidden.Error()) + 1)},
	}
	res.Header.Del("Connection")
	if res.StatusCode != 401 || !reflect.DeepEqual(res.Header, want) {
		t.Errorf("got %d, %v", res.StatusCode, res.Header)
	}
}

// A status from which a client could take it that it was accepted is not sent.
func TestComposeRefusalNeverAccepts(t *testing.T) {
	for status, want := range map[int]int{
		0: 403, 300: 300, 302: 302, 404: 404, 503: 503, 599: 599,
		100: 500, 101: 500, 200: 500, 204: 500, 299: 500, 600: 500, -1: 500,
	} {
		if got := refusalStatus(&HandshakeError{Rule: RuleForbidden, Status: status}); got != want {
			t.Errorf("status %d is sent as %d, want %d", status, got, want)
		}
	}
	if got := refusalStatus(&HandshakeError{}); got != 500 {
		t.Errorf("an empty error is sent as %d", got)
	}
}
