// This file reads and writes the text format of the test vectors, which
// testdata/vectors/README.md describes.

package websocket

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A vector is one conversation: what is received, and what must come of it.
type vector struct {
	path   string
	line   int // of its name
	name   string
	roles  []Role
	bound  bool // to one role: its bytes stand as they are on the wire
	limits Limits
	agreed *Compression // nil for none
	steps  []vectorStep
}

// A vectorStep is one line of a vector below its head.
type vectorStep struct {
	line  int
	verb  string
	what  string // a frame's name, a rule's id, a state, …
	data  []byte
	at    int  // of break: the offset, or -1
	part  bool // of send: FIN is 0
	notes int  // of > and <: where the text behind the bytes begins
}

// vectorSource is a file of vectors.
type vectorSource struct {
	path    string
	lines   []string
	vectors []*vector
}

func vectorParse(path string, text []byte) (*vectorSource, error) {
	src := &vectorSource{path: path, lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")}
	for i, line := range src.lines {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := src.take(i+1, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	for _, v := range src.vectors {
		if err := v.check(); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", path, v.line, v.name, err)
		}
	}
	return src, nil
}

func (s *vectorSource) take(number int, line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	if verb == "==" {
		s.vectors = append(s.vectors, &vector{
			path: s.path, line: number, name: rest, roles: []Role{RoleServer, RoleClient},
		})
		return nil
	}
	if len(s.vectors) == 0 {
		return errors.New("a line in front of the first vector")
	}
	v := s.vectors[len(s.vectors)-1]
	switch verb {
	case "role":
		return v.takeRole(rest)
	case "limit":
		return v.takeLimit(rest)
	case "compression":
		return v.takeCompression(rest)
	}
	step := vectorStep{line: number, verb: verb, at: -1}
	if err := step.take(rest); err != nil {
		return err
	}
	step.notes = len(line) - step.notes
	v.steps = append(v.steps, step)
	return nil
}

func (v *vector) takeRole(name string) error {
	for _, role := range []Role{RoleServer, RoleClient} {
		if name == role.String() && !v.bound {
			v.roles, v.bound = []Role{role}, true
			return nil
		}
	}
	return fmt.Errorf("role %q", name)
}

func (v *vector) takeLimit(text string) error {
	name, number, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	switch name {
	case "message":
		v.limits.MaxMessageSize = int64(n)
	case "frames":
		v.limits.MaxFrames = n
	default:
		err = fmt.Errorf("limit %q", name)
	}
	return err
}

// check finds what no single line can tell.
func (v *vector) check() error {
	stream := vectorJoin(v.steps, ">")
	outside := func(step vectorStep) bool { return step.verb == "break" && step.at >= len(stream) }
	switch {
	case len(v.steps) == 0:
		return errors.New("nothing happens")
	case strings.Trim(v.name, "abcdefghijklmnopqrstuvwxyz0123456789-FSZ") != "":
		return errors.New("a name consists of lower case words and hyphens, behind an id such as F-01")
	case slices.ContainsFunc(v.steps, outside):
		return errors.New("the offset is not in the input")
	case v.bound:
		return nil
	}
	_, _, err := vectorMask(stream)
	if err == nil {
		_, _, err = vectorMask(vectorJoin(v.steps, "<"))
	}
	return err
}

// take reads what stands behind the verb.
func (s *vectorStep) take(text string) (err error) {
	switch s.verb {
	case ">", "<":
		s.data, text, err = vectorBytes(text)
		s.notes = len(text)
		return err
	case "event":
		return s.takeFrame(text, "TEXT", "BINARY", "PING", "PONG", "CLOSE")
	case "send":
		return s.takeFrame(text, "CONTINUATION", "TEXT", "BINARY", "PING", "PONG", "CLOSE", "OPCODE-3", "OPCODE-B")
	case "break":
		return s.takeBreak(text)
	case "refused":
		return s.takeWord(text, vectorRefusals())
	case "state":
		return s.takeWord(text, stateNames[:])
	case "eof":
		return s.takeWord(text, []string{"lost", "clean"})
	}
	return fmt.Errorf("verb %q", s.verb)
}

func (s *vectorStep) takeWord(text string, allowed []string) error {
	if s.what = text; !slices.Contains(allowed, text) {
		return fmt.Errorf("%s %q is none of %q", s.verb, text, allowed)
	}
	return nil
}

// takeFrame reads a frame's name, a close code, "part", and a payload; the last
// three may be missing.
func (s *vectorStep) takeFrame(text string, allowed ...string) error {
	name, rest, _ := strings.Cut(text, " ")
	if err := s.takeWord(name, allowed); err != nil {
		return err
	}
	if after, found := strings.CutPrefix(rest, "part"); found && s.verb == "send" {
		s.part, rest = true, strings.TrimPrefix(after, " ")
	}
	if name == "CLOSE" {
		code, after, _ := strings.Cut(rest, " ")
		if _, err := strconv.ParseUint(code, 10, 16); err != nil {
			return err
		}
		s.what, rest = "CLOSE "+code, after
	}
	if rest == "" {
		return nil
	}
	data, rest, err := vectorBytes(rest)
	if err == nil && rest != "" {
		err = fmt.Errorf("%q behind the payload", rest)
	}
	s.data = data
	return err
}

func (s *vectorStep) takeBreak(text string) error {
	id, at, told := strings.Cut(text, " at ")
	if rule := vectorRule(id); rule.Code() == 0 {
		return fmt.Errorf("no rule on frames is called %q", id)
	}
	s.what = id
	if !told {
		return nil
	}
	n, err := strconv.ParseUint(at, 10, 31)
	s.at = int(n)
	return err
}

// vectorRule returns the rule with the id, or 0.
func vectorRule(id string) Rule {
	for _, rule := range Rules() {
		if rule.ID() == id {
			return rule
		}
	}
	return 0
}

// vectorBytes reads items with one blank between them, and returns what stands
// behind the last.
func vectorBytes(s string) (b []byte, rest string, err error) {
	for {
		item, rest, err := vectorItem(s)
		if err != nil {
			return nil, "", err
		}
		b = append(b, item...)
		if !strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "  ") {
			return b, rest, nil
		}
		s = rest[1:]
	}
}

// vectorItem reads hex digits, a quoted text or items in parentheses, and how
// often they are repeated.
func vectorItem(s string) (b []byte, rest string, err error) {
	switch {
	case strings.HasPrefix(s, "("):
		if b, rest, err = vectorBytes(s[1:]); err == nil && !strings.HasPrefix(rest, ")") {
			return nil, "", fmt.Errorf("%q instead of )", rest)
		}
		rest = strings.TrimPrefix(rest, ")")
	case strings.HasPrefix(s, `"`):
		quoted, _ := strconv.QuotedPrefix(s)
		rest = s[len(quoted):]
		s, err = strconv.Unquote(quoted)
		b = []byte(s)
	default:
		rest = strings.TrimLeft(s, "0123456789abcdef")
		b, err = hex.DecodeString(s[:len(s)-len(rest)])
		if err == nil && len(b) == 0 {
			err = fmt.Errorf("%q instead of bytes", s)
		}
	}
	if err != nil || !strings.HasPrefix(rest, "*") {
		return b, rest, err
	}
	s, rest = rest[1:], strings.TrimLeft(rest[1:], "0123456789")
	times, err := strconv.ParseUint(s[:len(s)-len(rest)], 10, 24)
	return bytes.Repeat(b, int(times)), rest, err
}

// vectorJoin returns the bytes of all steps with the verb.
func vectorJoin(steps []vectorStep, verb string) (stream []byte) {
	for _, s := range steps {
		if s.verb == verb {
			stream = append(stream, s.data...)
		}
	}
	return stream
}

// annotate replaces the text behind the bytes by what FormatFrame says.
func (s *vectorSource) annotate() {
	for _, v := range s.vectors {
		stream := map[string][]byte{">": vectorJoin(v.steps, ">"), "<": vectorJoin(v.steps, "<")}
		from := map[string]int{}
		for _, step := range v.steps {
			if step.verb != ">" && step.verb != "<" {
				continue
			}
			to := from[step.verb] + len(step.data)
			text := vectorText(stream[step.verb][:to], from[step.verb])
			from[step.verb] = to
			line := &s.lines[step.line-1]
			*line = strings.TrimRight(fmt.Sprintf("%-32s  %s", (*line)[:step.notes], text), " ")
		}
	}
}

// vectorText renders what stands behind from in a stream of frames. Frames that
// are the same are shown once.
func vectorText(stream []byte, from int) string {
	var texts []string
	var last []byte
	times := 0
	for pos := 0; pos < len(stream); {
		frame := stream[pos : pos+vectorFrameSize(stream[pos:])]
		pos += len(frame)
		switch {
		case pos <= from:
		case pos-len(frame) < from:
			texts = append(texts, "…")
		case times > 0 && bytes.Equal(frame, last):
			times++
			texts[len(texts)-1] = fmt.Sprintf("%d × %s", times, FormatFrame(frame))
		default:
			times, last = 1, frame
			texts = append(texts, FormatFrame(frame))
		}
	}
	if most := 5; len(texts) > most {
		texts = append(texts[:most], "…")
	}
	return strings.Join(texts, " | ")
}

// vectorFrameSize returns how many bytes the first frame of a stream has there.
func vectorFrameSize(stream []byte) int {
	h, n := ParseHeader(stream)
	if n == 0 || uint64(len(stream)-n) < h.Length {
		return len(stream)
	}
	return n + int(h.Length)
}

// vectorFiles returns the paths of all files of vectors.
func vectorFiles() []string {
	paths, _ := filepath.Glob("testdata/vectors/*.txt") // the pattern is well formed
	return paths
}
