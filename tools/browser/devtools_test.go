package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// newFake returns a target whose browser gives the answers, one for each command, and then closes the connection. An answer
// is several messages when there are "|" in it.
func newFake(t *testing.T, answers ...string) target {
	t.Helper()
	browser := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for _, answer := range answers {
			if _, command, err := c.Read(ctx); err != nil || !json.Valid(command) {
				return err
			}
			for text := range strings.SplitSeq(answer, "|") {
				if err := c.Write(ctx, websocket.Text, []byte(text)); err != nil {
					return err
				}
			}
		}
		return nil
	}, nil))
	t.Cleanup(browser.Close)
	l, err := dialDevTools(t.Context(), "ws"+strings.TrimPrefix(browser.URL, "http"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.conn.CloseNow() })
	return target{l, "s"}
}

func TestCallReturnsItsOwnResult(t *testing.T) {
	browser := newFake(t, `{"method":"E","sessionId":"s"}|{"id":7,"result":{"V":"other"}}|{"id":1,"result":{"V":"own"}}`)
	var result struct{ V string }
	if err := browser.call(t.Context(), "M", params{"k": 1}, &result); err != nil || result.V != "own" {
		t.Errorf("result %q, %v", result.V, err)
	}
}

func TestCallTakesLargeReplies(t *testing.T) {
	large := strings.Repeat("x", 2*websocket.DefaultMaxMessageSize)
	var result struct{ V string }
	err := newFake(t, `{"id":1,"result":{"V":"`+large+`"}}`).call(t.Context(), "M", nil, &result)
	if err != nil || result.V != large {
		t.Errorf("%d bytes, %v; want %d", len(result.V), err, len(large))
	}
}

func TestCallFails(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"refused", `{"id":1,"error":{"code":-32601,"message":"no such method"}}`, "M: no such method"},
		{"result-of-another-type", `{"id":1,"result":[]}`, "M: json: cannot unmarshal array"},
		{"no-json", `{"id":1`, "M: the browser's DevTools: unexpected end of JSON"},
		{"browser-ends", `{"id":2}`, "M: the browser's DevTools: websocket: closed by the peer with 1000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := newFake(t, test.answer).call(t.Context(), "M", nil, new(struct{}))
			checkError(t, err, test.want)
		})
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	browser := newFake(t, `{"method":"E"}`, `{"id":2}`)
	checkError(t, browser.call(ctx, "M", nil, nil), "M: context canceled")
	checkError(t, browser.call(t.Context(), "N", nil, nil), "") // the connection has not suffered
}

func TestJudgeConsoles(t *testing.T) {
	const logged = `{"method":"Log.entryAdded","sessionId":"s","params":{"entry":{"level":"error","text":"about x"}}}|`
	tests := []struct{ name, events, about, want string }{
		{"quiet", `{"method":"Runtime.consoleAPICalled","sessionId":"s","params":{"type":"log"}}|`, "", ""},
		{"another-page", strings.ReplaceAll(logged, `"s"`, `"t"`), "", ""},
		{"error", logged, "", "the console has error: about x"},
		{"as-wanted", logged, "about x", ""},
		{"about-something-else", logged, "about y", "the console has error: about x"},
		{"one-too-few", "", "about x", `the console has nothing about "about x"`},
		{"console-error", `{"method":"Runtime.consoleAPICalled","sessionId":"s","params":{"type":"error","args":[1]}}|`, "", "the console has error: [1]"},
		{"exception", `{"method":"Runtime.exceptionThrown","sessionId":"s","params":{"exceptionDetails":{"exception":{"description":"bad\n at"}}}}|`,
			"", "the console has an exception: bad"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			page := newFake(t, test.events+`{"id":1}`)
			if err := page.call(t.Context(), "M", nil, nil); err != nil {
				t.Fatal(err)
			}
			quiet := target{page.link, "quiet"}
			checkError(t, judgeConsoles(test.about, quiet, page, quiet), test.want)
		})
	}
}

// checkError wants an error that begins with want, or none.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}
