package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"unicode"
	"unicode/utf8"
)

// newLogger returns the logger that the flags ask for. Whatever a peer sends,
// a record is one line of printable characters.
func (f *serveFlags) newLogger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if f.quiet {
		options.Level = slog.LevelWarn
	}
	if f.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(printable{w}, options))
	}
	return slog.New(slog.NewTextHandler(w, options)) // quotes by itself what is not printable
}

// printable escapes what slog's JSON leaves as it is although it is not
// printable: DEL and the C1 controls, which some terminals obey, and the marks
// that change the direction of text. They can stand only inside of strings.
type printable struct{ w io.Writer }

func (p printable) Write(record []byte) (int, error) {
	out := record[:0:0]
	from := 0
	for i := 0; i < len(record); {
		r, size := utf8.DecodeRune(record[i:])
		if r != '\n' && !unicode.IsPrint(r) {
			out = append(out, record[from:i]...)
			out = appendEscape(out, r)
			from = i + size
		}
		i += size
	}
	if from == 0 {
		return p.w.Write(record)
	}
	if _, err := p.w.Write(append(out, record[from:]...)); err != nil {
		return 0, err
	}
	return len(record), nil
}

// appendEscape appends r as JSON escapes it: beyond 16 bits as a surrogate pair.
func appendEscape(b []byte, r rune) []byte {
	if r > 0xFFFF {
		r -= 0x10000
		return fmt.Appendf(b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

// informs reports whether anything below a warning is logged.
func informs(log *slog.Logger) bool { return log.Enabled(context.Background(), slog.LevelInfo) }

// maxLoggedText is how many bytes are logged of a message's text, of a path, of a
// header field.
const maxLoggedText = 256

// beginning returns what is logged of a text of the peer's.
func beginning[T string | []byte](p T) string {
	if len(p) <= maxLoggedText {
		return string(p)
	}
	s := string(p[:maxLoggedText])
	for n := 1; n < utf8.UTFMax && n < len(s); n++ { // not in the middle of a code point
		if last := s[len(s)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRuneInString(last) {
				s = s[:len(s)-n]
			}
			break
		}
	}
	return s
}
