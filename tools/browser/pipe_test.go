package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// newFake returns a target whose browser gives the answers, one for each command, and then closes its pipe.
func newFake(t *testing.T, answers ...string) target {
	commandsIn, commandsOut := io.Pipe()
	eventsIn, eventsOut := io.Pipe()
	t.Cleanup(func() { commandsIn.Close() })
	go func() {
		commands := bufio.NewReader(commandsIn)
		for _, answer := range answers {
			command, err := commands.ReadBytes(0)
			if err != nil || !json.Valid(command[:len(command)-1]) {
				break
			}
			io.WriteString(eventsOut, strings.ReplaceAll(answer, "|", "\x00"))
		}
		eventsOut.Close()
		io.Copy(io.Discard, commandsIn)
	}()
	return target{newPipe(commandsOut, eventsIn), "s"}
}

func TestCallReturnsItsOwnResult(t *testing.T) {
	browser := newFake(t, `{"method":"E","sessionId":"s"}|{"id":7,"result":{"V":"other"}}|{"id":1,"result":{"V":"own"}}|`)
	var result struct{ V string }
	if err := browser.call(t.Context(), "M", params{"k": 1}, &result); err != nil || result.V != "own" {
		t.Errorf("result %q, %v", result.V, err)
	}
}

func TestCallFails(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"refused", `{"id":1,"error":{"code":-32601,"message":"no such method"}}|`, "M: no such method"},
		{"result-of-another-type", `{"id":1,"result":[]}|`, "M: json: cannot unmarshal array"},
		{"no-json", `{"id":1|`, "M: the browser's pipe: unexpected end of JSON"},
		{"browser-ends", `{"id":1}`, "M: the browser's pipe: EOF"},
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
	checkError(t, target{pipe: newPipe(io.Discard, neverRead{t.Context()})}.call(ctx, "M", nil, nil), "M: context canceled")
}

type neverRead struct{ context.Context }

func (n neverRead) Read([]byte) (int, error) { <-n.Done(); return 0, io.EOF }

func TestJudgeConsole(t *testing.T) {
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
			page := newFake(t, test.events+`{"id":1}|`)
			if err := page.call(t.Context(), "M", nil, nil); err != nil {
				t.Fatal(err)
			}
			checkError(t, page.judgeConsole(test.about), test.want)
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
