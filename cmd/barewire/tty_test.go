package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTerminalIsNoFileNoPipeAndNotTheNullDevice(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.Close()
	for name, f := range map[string]*os.File{"null": null, "file": file, "pipe": r, "closed": w} {
		if isTerminal(f) {
			t.Errorf("%s is taken for a terminal", name)
		}
	}
}

func TestVisibleLeavesNothingThatATerminalObeys(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext é 世": "plain\ttext é 世",
		"\x1b[2J":         `\x1b[2J`,
		"a\rb":            `a\rb`,
		"\u009b1m":        `\u009b1m`,
		"\u202e\u2066":    `\u202e\u2066`,
		"\x00\x07\x7f":    `\x00\a\x7f`,
		"\xff\xc3":        `\xff\xc3`,
		"\ufffd":          "\ufffd",
		"a\nb":            `a\nb`,
	} {
		if got := visible(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
	if got := visibleLines("a\n\x1bb\n"); got != "a\n| \\x1bb\n| " {
		t.Errorf("lines are shown as %q", got)
	}
}
