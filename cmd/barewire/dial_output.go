// This file is all that dial prints. Payloads go into a pipe byte by byte as they came,
// and nothing from a peer reaches a terminal that the terminal would obey.

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"barewire.example/websocket"
)

// An output is where dial prints: messages or events to stdout, everything else
// to stderr. Each stream has its lock, so that a reader of stdout who is slow holds
// up nothing but messages.
type output struct {
	flags    *dialFlags
	terminal terminals
	colours  bool

	outMu sync.Mutex
	out   io.Writer

	failed atomic.Pointer[error] // the first one of out; no lock, since out may be stuck
	errMu  sync.Mutex
	err    io.Writer
}

func newOutput(f *dialFlags, std streams) *output {
	o := &output{flags: f, terminal: std.terminal, colours: wantsColours(), out: std.out, err: std.err}
	if f.json && o.terminal.out {
		o.out = printable{o.out}
	}
	return o
}

// note prints a line to stderr that nobody has to read.
func (o *output) note(format string, args ...any) {
	if !o.flags.quiet {
		o.say(dim, "barewire: "+fmt.Sprintf(format, args...))
	}
}

// complain prints what went wrong to stderr, and as an event.
func (o *output) complain(e event) {
	e.Event = "error"
	o.tell(e)
	o.say(red, "barewire dial: "+*e.Error)
}

func (o *output) say(c colour, line string) {
	line = visibleLines(line)
	if o.colours && o.terminal.err {
		line = c.paint(line)
	}
	o.trace().Write([]byte(line + "\n"))
}

// trace returns stderr for what is escaped already.
func (o *output) trace() io.Writer { return lockedWriter{&o.errMu, o.err} }

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// print writes to stdout.
func (o *output) print(p []byte) error {
	o.outMu.Lock()
	defer o.outMu.Unlock()
	_, err := o.out.Write(p)
	if err != nil {
		o.failed.CompareAndSwap(nil, &err)
	}
	return err
}

// failure returns why something is missing on stdout, or nil.
func (o *output) failure() error {
	if err := o.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// An event is what -json prints. Fields that an event does not have are nil.
type event struct {
	Event       string               `json:"event"`
	URL         string               `json:"url,omitempty"`
	Subprotocol *string              `json:"subprotocol,omitempty"`
	Compression *parameters          `json:"compression,omitempty"`
	Type        string               `json:"type,omitempty"`
	Encoding    string               `json:"encoding,omitempty"`
	Data        *string              `json:"data,omitempty"`
	RTT         *float64             `json:"rtt_ms,omitempty"`
	Code        *websocket.CloseCode `json:"code,omitempty"`
	Name        *string              `json:"name,omitempty"`
	Reason      *string              `json:"reason,omitempty"`
	By          string               `json:"by,omitempty"`
	State       string               `json:"state,omitempty"`
	Wait        *float64             `json:"wait_ms,omitempty"`
	Error       *string              `json:"error,omitempty"`
	Rule        string               `json:"rule,omitempty"`
	Status      int                  `json:"status,omitempty"`
}

// tell prints an event when events are asked for.
func (o *output) tell(e event) error {
	if !o.flags.json {
		return nil
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return err
	}
	return o.print(line.Bytes())
}

// message prints a message. An error is that of stdout.
func (o *output) message(t websocket.MessageType, p []byte) error {
	switch {
	case o.flags.json:
		return o.tell(o.messageEvent(t, p))
	case o.terminal.out:
		return o.show(t, p)
	case t == websocket.Text:
		return o.print(append(p, '\n'))
	case o.flags.hex:
		return o.print(append(hex.AppendEncode(nil, p), '\n'))
	}
	return o.print(p)
}

func (o *output) messageEvent(t websocket.MessageType, p []byte) event {
	e := event{Event: "message", Type: t.String()}
	text := string(p)
	switch {
	case t == websocket.Text:
	case o.flags.hex:
		text, e.Encoding = hex.EncodeToString(p), "hex"
	default:
		text, e.Encoding = base64.StdEncoding.EncodeToString(p), "base64"
	}
	e.Data = &text
	return e
}

// maxShown is how many bytes of a binary message a terminal shows without -hex.
const maxShown = 64

// show prints a message for people.
func (o *output) show(t websocket.MessageType, p []byte) error {
	text := ""
	switch {
	case t == websocket.Text:
		text = "< " + visibleLines(string(p))
	case o.flags.hex || len(p) <= maxShown:
		text = fmt.Sprintf("< binary, %d bytes: %x", len(p), p)
	default:
		text = fmt.Sprintf("< binary, %d bytes: %x…", len(p), p[:maxShown])
	}
	if o.colours {
		text = cyan.paint(text)
	}
	return o.print([]byte(text + "\n"))
}
