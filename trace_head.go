// This file renders the heads of the opening handshake (§4) for people. It works
// line by line on any text. It judges nothing but Sec-WebSocket-Accept, which
// nobody can check by eye, and the values of the parameters that it explains. What
// a peer has chosen is quoted when it is not printable.

package websocket

import (
	"fmt"
	"strconv"
	"strings"
)

// traceLineLimit is how many bytes of a line or value of a head are shown.
const traceLineLimit = 200

// FormatHead renders the head of a request or of an answer in one line: its
// first line, and the fields that decide about the handshake.
//
//	GET /chat HTTP/1.1 host="server.example.com" version="13"
//	HTTP/1.1 101 Switching Protocols accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
//
// An ellipsis at the end says that the blank line at the end of the head is
// missing. It also stands for the rest of a value of more than 200 bytes.
func FormatHead(head []byte) string {
	lines, whole := traceLines(head)
	words := []string{traceSafe(lines[0])}
	for _, line := range lines[1:] {
		name, value := traceField(line)
		if word := traceHeadNotes[name].word; word != "" {
			words = append(words, word+"="+strconv.Quote(traceCut(value)))
		}
	}
	if !whole {
		words = append(words, "…")
	}
	return strings.Join(words, " ")
}

// AnnotateHead explains the head of a request or of an answer: line by line as
// it stands, with a note and the section of the RFC behind each line that the
// handshake depends on. Below Sec-WebSocket-Extensions, permessage-deflate and its
// parameters are explained, each where it first stands. key is the
// Sec-WebSocket-Key that an answer belongs to; when it is empty the answer's
// Sec-WebSocket-Accept is explained but not checked. The last line has no line
// break behind it.
func AnnotateHead(head []byte, key string) string {
	lines, whole := traceLines(head)
	answer := strings.HasPrefix(lines[0], "HTTP/")
	deflate := traceDeflate{answer: answer}
	out := []string{traceBeside(traceSafe(lines[0]), traceStartNote(lines[0], answer))}
	for _, line := range lines[1:] {
		out = append(out, traceBeside(traceSafe(line), traceFieldNote(line, answer, key)))
		if name, value := traceField(line); name == "sec-websocket-extensions" {
			for _, note := range deflate.notes(value) {
				out = append(out, traceBeside("", note))
			}
		}
	}
	if !whole {
		out = append(out, "…")
	}
	return strings.Join(out, "\n")
}

// traceLines splits a head into at least one line; whole says that the blank
// line at its end was found.
func traceLines(head []byte) (lines []string, whole bool) {
	for line := range strings.Lines(string(head)) {
		text, ended := strings.CutSuffix(line, "\n")
		if text = strings.TrimSuffix(text, "\r"); ended && text == "" {
			whole = true
			break
		}
		lines = append(lines, text)
	}
	if len(lines) == 0 {
		lines = []string{""}
	}
	return lines, whole
}

// traceField splits the line of a field; the name is returned in lower case.
func traceField(line string) (name, value string) {
	name, value, _ = strings.Cut(line, ":")
	return strings.ToLower(name), strings.Trim(value, " \t")
}

// traceCut shortens s to what is shown of a line.
func traceCut(s string) string {
	if len(s) <= traceLineLimit {
		return s
	}
	return s[:traceLineLimit] + "…"
}

// traceSafe quotes a line that would do more than appear.
func traceSafe(line string) string {
	if line = traceCut(line); tracePrintable(line) {
		return line
	}
	return strconv.Quote(line)
}

func traceBeside(line, note string) string {
	const column = 52
	if note == "" {
		return line
	}
	return line + strings.Repeat(" ", max(0, column-len(line))) + "  " + note
}

func traceStartNote(line string, answer bool) string {
	switch {
	case !answer:
		return "GET, and HTTP/1.1 or higher (§4.1)"
	case traceStatus(line) == "101":
		return "what follows the head are frames (§4.2.2)"
	}
	return "not 101: no WebSocket connection (§4.1)"
}

// traceStatus returns the status code in the first line of an answer.
func traceStatus(line string) string {
	if words := strings.Fields(line); len(words) > 1 {
		return words[1]
	}
	return ""
}

// A traceHeadNote is what is said about a field.
type traceHeadNote struct {
	word    string // of FormatHead
	request string
	answer  string
}

var traceHeadNotes = map[string]traceHeadNote{
	"host":       {"host", "the server that the URI names (§4.1)", ""},
	"origin":     {"origin", "the web page that connects; browsers tell it truly (§10.2)", ""},
	"upgrade":    {"", "the protocol to change to (§4.1)", "the protocol changed to (§4.2.2)"},
	"connection": {"", "Upgrade is for the next hop only (§4.1)", "Upgrade is for the next hop only (§4.2.2)"},
	"sec-websocket-key": {
		"", "16 random bytes in base64 (§4.1)", "",
	},
	"sec-websocket-accept": {
		"accept", "", "base64 of the SHA-1 of the key with " + keyGUID + " behind it (§4.2.2)",
	},
	"sec-websocket-version": {
		"version", "RFC 6455 is version 13 (§4.1)", "the versions that the server speaks (§4.4)",
	},
	"sec-websocket-protocol": {
		"subprotocols", "the subprotocols on offer, the best first (§4.1)", "the subprotocol that was chosen (§4.2.2)",
	},
	"sec-websocket-extensions": {
		"extensions", "the extensions on offer (§9.1)", "the extensions in use (§9.1)",
	},
}

func traceFieldNote(line string, answer bool, key string) string {
	name, value := traceField(line)
	if !answer {
		note := traceHeadNotes[name].request
		if name == "sec-websocket-key" && len(value) <= traceLineLimit {
			note += "; the answer must accept it with " + AcceptKey(value)
		}
		return note
	}
	note := traceHeadNotes[name].answer
	switch {
	case name != "sec-websocket-accept" || key == "":
	case value == AcceptKey(key):
		note += ": right"
	default:
		note += ": wrong, it must be " + AcceptKey(key)
	}
	return note
}

// A traceDeflate explains permessage-deflate (7692 §7) in one head. A peer may
// repeat it without end, so each name is explained once.
type traceDeflate struct {
	answer bool
	told   []Param
}

// notes explains what is new in the value of a field. There is nothing to explain
// in what has not the form of a list of extensions.
func (d *traceDeflate) notes(value string) (notes []string) {
	list, _ := ParseExtensions([]string{value})
	for _, e := range list {
		if e.Name != deflateName {
			continue
		}
		for _, p := range append([]Param{{Name: deflateName}}, e.Params...) {
			note, known := traceParamNotes[p.Name]
			if known && !hasParam(d.told, p.Name) {
				d.told = append(d.told, p)
				notes = append(notes, note.about(p, d.answer))
			}
		}
	}
	return notes
}

// A traceParamNote is what is said about a parameter of permessage-deflate. %d in
// it is the size of a window, which is the parameter's value then.
type traceParamNote struct {
	request string
	answer  string
	section string
}

var traceParamNotes = map[string]traceParamNote{
	deflateName: {
		"both sides may compress messages, if the server agrees", "both sides may compress messages", "7",
	},
	paramServerTakeover: {
		"the server must not refer back to earlier messages", "the server does not refer back to earlier messages", "7.1.1.1",
	},
	paramClientTakeover: {
		"the client means not to refer back to earlier messages", "the client must not refer back to earlier messages", "7.1.1.2",
	},
	paramServerBits: {
		"the server must refer back %d bytes at most", "the server refers back %d bytes at most", "7.1.2.1",
	},
	paramClientBits: {
		"the client means to refer back %d bytes at most; the server may allow less",
		"the client must refer back %d bytes at most", "7.1.2.2",
	},
}

// about explains p, which has come from a peer: its value is shown only when it
// is one that it may have.
func (n traceParamNote) about(p Param, answer bool) string {
	shown, text := string(appendParam(nil, p)), n.request
	if answer {
		text = n.answer
	}
	bits := parseWindowBits(p)
	switch sized := strings.Contains(text, "%d"); {
	case sized && bits > 0:
		text = fmt.Sprintf(text, 1<<bits)
	case p.Name == paramClientBits && !answer && !p.HasValue:
		text = "the server may limit how far back the client refers"
	case sized:
		shown, text = p.Name, "its value must be 8 to 15"
	case p.HasValue:
		shown, text = p.Name, "it must not have a value"
	}
	return fmt.Sprintf("%s: %s (7692 §%s)", shown, text, n.section)
}
