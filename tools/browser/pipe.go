package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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

// A pipe carries messages as JSON texts with a NUL behind each: commands out, replies and events in. One goroutine at a
// time may send commands.
type pipe struct {
	in   *journal[message]
	out  io.Writer
	last int // the ID of the last command
}

func newPipe(out io.Writer, in io.Reader) *pipe {
	p := &pipe{in: newJournal[message](), out: out}
	go p.read(bufio.NewReader(in))
	return p
}

func (p *pipe) read(in *bufio.Reader) {
	for {
		var m message
		text, err := in.ReadBytes(0)
		if err == nil {
			err = json.Unmarshal(text[:len(text)-1], &m)
		}
		if err != nil {
			p.in.end(fmt.Errorf("the browser's pipe: %w", err))
			return
		}
		p.in.add(m)
	}
}

// A target is what commands go to: the browser, or with a session one of its pages.
type target struct {
	pipe    *pipe
	session string
}

type params map[string]any

// call sends a command and waits for its reply, whose result it decodes unless result is nil.
func (t target) call(ctx context.Context, method string, with params, result any) error {
	t.pipe.last++
	command := message{ID: t.pipe.last, Session: t.session, Method: method}
	command.Params, _ = json.Marshal(with)
	text, err := json.Marshal(command)
	if err == nil {
		_, err = t.pipe.out.Write(append(text, 0))
	}
	var reply message
	if err == nil {
		reply, err = t.pipe.in.wait(ctx, func(m message) bool { return m.ID == command.ID })
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

// judgeConsole wants complaints that are about one thing, or none at all.
func (t target) judgeConsole(about string) error {
	heard := false
	messages, _, _ := t.pipe.in.state()
	for _, m := range messages {
		complaint := m.complaint()
		if m.Session != t.session || complaint == "" {
			continue
		}
		if heard = true; about == "" || !strings.Contains(complaint, about) {
			return fmt.Errorf("the console has %s", complaint)
		}
	}
	if about != "" && !heard {
		return fmt.Errorf("the console has nothing about %q", about)
	}
	return nil
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
