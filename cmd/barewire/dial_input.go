// This file reads stdin line by line. What a line means is not decided here.

package main

import (
	"bufio"
	"bytes"
	"io"
	"sync"
)

// A line is one of stdin's, without its end.
type line struct {
	number int
	text   []byte
	err    error // of reading; the last line then
}

// An input reads lines ahead of who takes them, by one.
type input struct {
	r     io.Reader
	once  sync.Once
	lines chan line     // closed at the end of stdin
	quit  chan struct{} // closed when nobody takes lines any more
}

func newInput(r io.Reader) *input {
	return &input{r: r, lines: make(chan line), quit: make(chan struct{})}
}

// start begins to read. A goroutine does it, since a read of stdin cannot be
// interrupted: it may outlive everything but the process.
func (in *input) start() {
	in.once.Do(func() {
		if in.r == nil {
			close(in.lines)
			return
		}
		go in.read()
	})
}

func (in *input) read() {
	defer close(in.lines)
	r := bufio.NewReader(in.r)
	for number := 1; ; number++ {
		text, err := r.ReadBytes('\n') // of any length: what is too long is for the server to say
		if len(text) > 0 {
			if !in.put(line{number: number, text: cutLineEnd(text)}) {
				return
			}
		}
		if err == nil {
			continue
		}
		if err != io.EOF {
			in.put(line{err: err})
		}
		return
	}
}

// put returns false when the line is not wanted.
func (in *input) put(l line) bool {
	select {
	case in.lines <- l:
		return true
	case <-in.quit:
		return false
	}
}

func cutLineEnd(text []byte) []byte {
	text, _ = bytes.CutSuffix(text, []byte("\n"))
	text, _ = bytes.CutSuffix(text, []byte("\r"))
	return text
}
