// This file follows one direction of a connection and writes down, for people,
// what passes. It only watches: it changes nothing, answers nothing and judges
// nothing, so that it can show what Receiver refuses.

package websocket

import (
	"fmt"
	"io"
	"strings"
)

// traceHeadLimit is how many bytes of a handshake's head a Tracer keeps.
const traceHeadLimit = 8 << 10

// A Tracer is given the bytes of one direction of a connection, cut anywhere,
// and writes a line for each frame, or several when Annotate is set. A frame
// is written as soon as all that is shown of it has arrived. It keeps no more
// than that: a frame's header and TraceLimit bytes of its payload, or 8 KiB of a
// head. It is not safe for concurrent use.
//
// As an io.Writer it fits behind io.TeeReader and io.MultiWriter. The zero value
// with W set traces frames.
type Tracer struct {
	W      io.Writer
	Prefix string // of each line, such as "> "

	// Annotate chooses AnnotateFrame and AnnotateHead instead of FormatFrame and
	// FormatHead.
	Annotate bool

	// Handshake says that the next bytes are the head of an HTTP request or
	// answer. The Tracer clears it where frames begin. What follows an answer
	// that refuses the handshake is not shown.
	Handshake bool

	// Peer traces the other direction. When set, the Sec-WebSocket-Accept of an
	// answer is checked with the key that Peer has seen. Both must be guarded
	// together then.
	Peer *Tracer

	buf  []byte // of the frame or head in progress, what will be shown
	skip uint64 // bytes of the payload of the last frame that are still to come

	lineLen int    // of the line of the head in progress
	key     string // Sec-WebSocket-Key of the request that passed
	refused bool   // an answer was not 101: no frames follow

	err error // of W
}

// Write takes the next bytes. It fails only when W does, and then ever after.
func (t *Tracer) Write(p []byte) (int, error) {
	rest := p
	for len(rest) > 0 && t.err == nil {
		switch {
		case t.refused:
			rest = nil
		case t.skip > 0:
			n := min(t.skip, uint64(len(rest)))
			t.skip -= n
			rest = rest[n:]
		case t.Handshake:
			rest = t.takeHead(rest)
		default:
			rest = t.takeFrame(rest)
		}
	}
	return len(p) - len(rest), t.err
}

// Close says that no more bytes will come. When they have ended inside a frame
// or a head, it writes what has arrived, and a line that says so. It doesn't
// close W.
func (t *Tracer) Close() error {
	switch {
	case t.Handshake && len(t.buf) > 0:
		t.showHead()
		t.show("end of input inside a head")
	case len(t.buf) > 0:
		t.showFrame()
		t.show("end of input inside a frame")
	case t.skip > 0:
		t.show(fmt.Sprintf("end of input inside a frame, %d bytes early", t.skip))
	}
	t.buf, t.skip = nil, 0
	return t.err
}

// takeFrame consumes what is shown of a frame and returns the rest.
func (t *Tracer) takeFrame(p []byte) []byte {
	n := min(t.lacks(), len(p))
	t.buf = append(t.buf, p[:n]...)
	if t.lacks() == 0 {
		t.showFrame()
		h, size := ParseHeader(t.buf)
		t.skip = h.Length - uint64(len(t.buf)-size)
		t.buf = t.buf[:0]
	}
	return p[n:]
}

// lacks returns how many more bytes of a frame are certainly shown, or tell how
// many are.
func (t *Tracer) lacks() int {
	h, n := ParseHeader(t.buf)
	switch {
	case n > 0:
		n += int(min(h.Length, TraceLimit))
	case len(t.buf) < 2:
		n = 2
	default:
		n = headerSize(t.buf[1])
	}
	return n - len(t.buf)
}

func (t *Tracer) showFrame() {
	if t.Annotate {
		t.show(AnnotateFrame(t.buf))
	} else {
		t.show(FormatFrame(t.buf))
	}
}

// takeHead consumes bytes up to the end of the head and returns the rest.
func (t *Tracer) takeHead(p []byte) []byte {
	n, ended := t.headEnd(p)
	t.buf = append(t.buf, p[:min(n, traceHeadLimit-len(t.buf))]...)
	if ended {
		t.showHead()
		t.passHead()
		t.buf = t.buf[:0]
	}
	return p[n:]
}

// headEnd returns how many bytes of p belong to the head, and whether the blank
// line at its end is among them.
func (t *Tracer) headEnd(p []byte) (n int, ended bool) {
	for i, c := range p {
		switch {
		case c == '\n' && t.lineLen == 0:
			return i + 1, true
		case c == '\n':
			t.lineLen = 0
		case c != '\r':
			t.lineLen++
		}
	}
	return len(p), false
}

// passHead decides what follows the head that has been shown.
func (t *Tracer) passHead() {
	lines, _ := traceLines(t.buf)
	if !strings.HasPrefix(lines[0], "HTTP/") {
		t.Handshake = false
		for _, line := range lines[1:] {
			if name, value := traceField(line); name == "sec-websocket-key" {
				t.key = value
			}
		}
		return
	}
	switch status := traceStatus(lines[0]); {
	case status == "101":
		t.Handshake = false
	case !strings.HasPrefix(status, "1"): // interim answers precede another
		t.refused = true
	}
}

func (t *Tracer) showHead() {
	key := ""
	if t.Peer != nil {
		key = t.Peer.key
	}
	if t.Annotate {
		t.show(AnnotateHead(t.buf, key))
	} else {
		t.show(FormatHead(t.buf))
	}
}

// show writes the lines of text with one call of W, unless that has failed
// before.
func (t *Tracer) show(text string) {
	if t.err != nil || t.W == nil {
		return
	}
	text = t.Prefix + strings.ReplaceAll(text, "\n", "\n"+t.Prefix) + "\n"
	_, t.err = io.WriteString(t.W, text)
}
