// This file is about terminals: what is one, and what may be shown on it. It prints
// nothing.

package main

import (
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// terminals tells which of the standard streams are terminals.
type terminals struct{ in, out, err bool }

// isTerminal reports whether f is a terminal, as far as that can be told without
// asking the system for more than the file's mode.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// wantsColours reports whether the environment lets terminals have colours.
func wantsColours() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// A colour is how a terminal is told to show text.
type colour string

const (
	plain colour = ""
	dim   colour = "2"
	red   colour = "31"
	cyan  colour = "36"
)

// paint returns the text in the colour.
func (c colour) paint(text string) string {
	if c == plain {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// visible escapes what would do more on a terminal than appear: control
// characters, the marks that change the direction of text, and what is not
// UTF-8. Tabs stay.
func visible(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == '\t' || unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(s[:size])
		} else {
			quoted := strconv.Quote(s[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// visibleLines is visible for text of several lines. All but the first are
// marked, lest they are taken for something else than its parts.
func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = visible(line)
	}
	return strings.Join(lines, "\n| ")
}
