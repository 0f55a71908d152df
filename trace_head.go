// This file renders the heads of the opening handshake (§4) for people. It works
// line by line on any text and judges nothing but Sec-WebSocket-Accept, which
// nobody can check by eye. What a peer has chosen is quoted when it is not
// printable.

package websocket

import (
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
// handshake depends on. key is the Sec-WebSocket-Key that an answer belongs to;
// when it is empty the answer's Sec-WebSocket-Accept is explained but not
// checked. The last line has no line break behind it.
func AnnotateHead(head []byte, key string) string {
	lines, whole := traceLines(head)
	answer := strings.HasPrefix(lines[0], "HTTP/")
	for i, line := range lines {
		note := ""
		if i == 0 {
			note = traceStartNote(line, answer)
		} else {
			note = traceFieldNote(line, answer, key)
		}
		lines[i] = traceBeside(traceSafe(line), note)
	}
	if !whole {
		lines = append(lines, "…")
	}
	return strings.Join(lines, "\n")
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
