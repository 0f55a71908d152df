package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"barewire.example/websocket"
)

// A message of the DevTools protocol is a command (with ID and Method), the reply to one (with its ID), or an event (with
// Method alone). Session says which page it is about; without one it is about the browser.
type message struct {
	ID      int                       `json:"id,omitempty"`
	Session string                    `json:"sessionId,omitempty"`
	Method  string                    `json:"method,omitempty"`
	Params  json.RawMessage           `json:"params,omitempty"`
	Result  json.RawMessage           `json:"result,omitempty"`
	Error   *struct{ Message string } `json:"error,omitempty"`
}

// maxDevTools bounds a message of the browser, in bytes: a reply may hold whatever a page has.
const maxDevTools = 256 << 20

// A link is a connection of our own client to the browser's DevTools: commands out, replies and events in. One goroutine
// at a time may send commands.
type link struct {
	in   *journal[message]
	conn *websocket.Conn
	last int // the ID of the last command
}

// dialDevTools sends no Origin: the browser refuses those that it has not been told of.
func dialDevTools(ctx context.Context, url string) (*link, error) {
	d := websocket.Dialer{Options: websocket.Options{MaxMessageSize: maxDevTools}}
	conn, _, err := d.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	l := &link{in: newJournal[message](), conn: conn}
	go l.read()
	return l, nil
}

// read keeps what comes until the connection is over.
func (l *link) read() {
	for {
		var m message
		_, text, err := l.conn.Read(context.Background())
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			l.in.end(fmt.Errorf("the browser's DevTools: %w", err))
			return
		}
		l.in.add(m)
	}
}

// A target is what commands go to: the browser, or with a session one of its pages.
type target struct {
	link    *link
	session string
}

type params map[string]any

// call sends a command and waits for its reply, whose result it decodes unless result is nil.
func (t target) call(ctx context.Context, method string, with params, result any) error {
	t.link.last++
	command := message{ID: t.link.last, Session: t.session, Method: method}
	command.Params, _ = json.Marshal(with)
	text, err := json.Marshal(command)
	if err == nil {
		// Not with ctx, which is that of a check: a message that is cut off would end the connection for all checks.
		err = t.link.conn.Write(context.Background(), websocket.Text, text)
	}
	var reply message
	if err == nil {
		reply, err = t.link.in.wait(ctx, func(m message) bool { return m.ID == command.ID })
	}
	if err == nil && reply.Error != nil {
		err = errors.New(reply.Error.Message)
	}
	if err == nil && result != nil {
		err = json.Unmarshal(reply.Result, result)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// judgeConsoles wants complaints that are about one thing on at least one of the pages, or none at all.
func judgeConsoles(about string, pages ...target) error {
	heard := false
	for _, t := range pages {
		for _, complaint := range t.complaints() {
			if heard = true; about == "" || !strings.Contains(complaint, about) {
				return fmt.Errorf("the console has %s", complaint)
			}
		}
	}
	if about != "" && !heard {
		return fmt.Errorf("the console has nothing about %q", about)
	}
	return nil
}

// complaints returns those that have come from a page's console.
func (t target) complaints() (list []string) {
	messages, _, _ := t.link.in.state()
	for _, m := range messages {
		if complaint := m.complaint(); m.Session == t.session && complaint != "" {
			list = append(list, complaint)
		}
	}
	return list
}

// complaint returns the text of an error or a warning in the console, or "" when the event is none.
func (m message) complaint() string {
	var p struct {
		Type             string
		Args             json.RawMessage
		Entry            struct{ Level, Text string }
		ExceptionDetails struct{ Exception struct{ Description string } }
	}
	json.Unmarshal(m.Params, &p) // what is not there does not complain
	bad := []string{"error", "warning", "assert"}
	switch {
	case m.Method == "Runtime.exceptionThrown":
		return "an exception: " + firstLine(p.ExceptionDetails.Exception.Description)
	case m.Method == "Runtime.consoleAPICalled" && slices.Contains(bad, p.Type):
		return p.Type + ": " + string(p.Args)
	case m.Method == "Log.entryAdded" && slices.Contains(bad, p.Entry.Level):
		return p.Entry.Level + ": " + p.Entry.Text
	}
	return ""
}
