package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

//go:embed robot.js
var robot string

// A page is a tab of the browser.
type page struct {
	target
	ctx context.Context // of the trial
	id  string          // of the tab
}

// openPage returns a new tab that has loaded url.
func (tr *trial) openPage(url string) *page {
	p := &page{ctx: tr.ctx}
	var created struct{ TargetID string }
	must(tr.browser.call(p.ctx, "Target.createTarget", params{"url": "about:blank"}, &created))
	p.id = created.TargetID
	tr.pages = append(tr.pages, p)
	// With "flatten" the messages of the session come over the browser's own connection, marked with its id.
	var attached struct{ SessionID string }
	must(tr.browser.call(p.ctx, "Target.attachToTarget", params{"targetId": p.id, "flatten": true}, &attached))
	p.target = target{tr.browser.link, attached.SessionID}
	for _, domain := range []string{"Page", "Runtime", "Log"} { // events come only from what is enabled
		must(p.call(p.ctx, domain+".enable", nil, nil))
	}
	var loaded struct{ ErrorText string }
	must(p.call(p.ctx, "Page.navigate", params{"url": url}, &loaded))
	if loaded.ErrorText != "" {
		must(fmt.Errorf("%s: %s", url, loaded.ErrorText))
	}
	_, err := p.link.in.wait(p.ctx, func(m message) bool {
		return m.Session == p.session && m.Method == "Page.loadEventFired"
	})
	must(err)
	p.evaluate(robot + "''")
	return p
}

// evaluate returns the string that an expression has as its value, or promises; "" for other values.
func (p *page) evaluate(expression string) string {
	var outcome struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	must(p.call(p.ctx, "Runtime.evaluate",
		params{"expression": expression, "awaitPromise": true, "returnByValue": true}, &outcome))
	if e := outcome.ExceptionDetails; e != nil {
		must(errors.New(firstLine(e.Exception.Description))) // behind it comes the stack
	}
	value, _ := outcome.Result.Value.(string)
	return value
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// ask calls a function of robot.js.
func (p *page) ask(function string, args ...string) string {
	list, err := json.Marshal(append([]string{}, args...)) // never null
	must(err)
	return p.evaluate(fmt.Sprintf("robot.%s(...%s)", function, list))
}

// wants fails when the answer is another one.
func (p *page) wants(want, function string, args ...string) {
	if got := p.ask(function, args...); got != want {
		must(fmt.Errorf("%s: the page has %q, want %q", function, got, want))
	}
}

// becomes waits until the text of an element matches a regular expression.
func (p *page) becomes(pattern, selector string) { p.ask("becomes", selector, pattern) }

// shows waits for the next line in the page's list of events, which must be want.
func (p *page) shows(want string) { p.wants(want, "next", "events") }

// hears does so in the chat.
func (p *page) hears(want string) { p.wants(want, "next", "chat-events") }

// has waits until some line of the chat is want, with the note that stands behind it.
func (p *page) has(want string) { p.ask("until", "chat-events", want) }

// passes reads lines of a list up to one that begins with prefix.
func (p *page) passes(list, prefix string) {
	for !strings.HasPrefix(p.ask("next", list), prefix) {
	}
}

func (p *page) send(kind, payload string) {
	p.ask("press", "[value="+kind+"]")
	p.ask("fill", "#payload", payload)
	p.ask("press", "#send")
}

// types puts a text where the caret is, if it is anywhere.
func (p *page) types(text string) { must(p.call(p.ctx, "Input.insertText", params{"text": text}, nil)) }

// key presses a key as the keyboard does.
func (p *page) key(name string) {
	for _, kind := range []string{"keyDown", "keyUp"} {
		must(p.call(p.ctx, "Input.dispatchKeyEvent", params{"type": kind, "key": name, "code": name}, nil))
	}
}

// say sends a message in the chat, which stands there at once.
func (p *page) say(name, text string) {
	p.ask("fill", "#say", text)
	p.ask("press", "#say-send")
	p.hears(name + ": " + text)
}
