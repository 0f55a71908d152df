// This file sends lines as messages. It prints nothing but what could not be sent.

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"barewire.example/websocket"
)

// send sends lines until there are no more, or somebody wants the connection to
// be closed.
func (l *link) send() {
	for {
		next, ok := l.next()
		if !ok {
			return
		}
		if next == nil {
			l.sent <- closing{}
			return
		}
		asked, ok := l.sendLine(next)
		if asked.code != 0 {
			l.sent <- asked
		}
		if !ok || asked.code != 0 {
			return
		}
	}
}

// next returns the next line, nil at the end of stdin, or false when the
// connection is over.
func (l *link) next() (next *line, ok bool) {
	if next, l.pending = l.pending, nil; next != nil {
		return next, true
	}
	select {
	case got, more := <-l.input.lines:
		if !more {
			return nil, true
		}
		return &got, true
	case <-l.conn.Done():
		return nil, false
	}
}

// sendLine returns false when no more lines can be sent.
func (l *link) sendLine(next *line) (asked closing, ok bool) {
	if next.err != nil {
		l.flaw("cannot read stdin: " + next.err.Error())
		return asked, true
	}
	if l.commands && len(next.text) == 0 {
		return asked, true // somebody has pressed Enter once too often
	}
	if l.commands && next.text[0] == '/' && !bytes.HasPrefix(next.text, []byte("//")) {
		return l.command(string(next.text)), true
	}
	text := next.text
	if l.commands && bytes.HasPrefix(text, []byte("//")) {
		text = text[1:]
	}
	t, p, err := l.encode(text)
	if err == nil {
		err = l.conn.Write(context.Background(), t, p)
	}
	return asked, l.wasSent(next, err)
}

// encode returns the message that a line stands for.
func (l *link) encode(text []byte) (websocket.MessageType, []byte, error) {
	switch {
	case l.flags.hex:
		p, err := parseHex(text)
		return websocket.Binary, p, err
	case l.flags.binary:
		return websocket.Binary, text, nil
	}
	return websocket.Text, text, nil
}

var errHex = errors.New("not pairs of hex digits")

// parseHex decodes hex digits with blanks anywhere between bytes.
func parseHex(text []byte) ([]byte, error) {
	p := make([]byte, 0, len(text)/2)
	for _, group := range bytes.Fields(text) {
		var err error
		if p, err = hex.AppendDecode(p, group); err != nil {
			return nil, errHex
		}
	}
	return p, nil
}

// wasSent deals with the error of a line, and reports whether the next one may
// be sent.
func (l *link) wasSent(next *line, err error) bool {
	switch {
	case err == nil:
	case errors.Is(err, websocket.ErrInvalidUTF8):
		l.flaw(fmt.Sprintf("line %d is not UTF-8 and was not sent; -binary sends any bytes", next.number))
	case errors.Is(err, errHex):
		l.flaw(fmt.Sprintf("line %d is %v and was not sent", next.number, err))
	default: // the connection is over, or will be
		<-l.conn.Done()
		l.pending = next
		return false
	}
	return true
}

// flaw complains about something that was not done. At a terminal somebody sees
// it; a script gets it as the exit status.
func (l *link) flaw(text string) {
	l.complainAbout(text)
	if !l.commands {
		l.flawed.Store(true)
	}
}
