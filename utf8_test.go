package websocket

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// utf8Possible is the definition of a text that has not failed yet: some
// completion of it is valid. It tries them all, by one byte of each of the
// ranges that RFC 3629 §4 knows for bytes behind the first.
func utf8Possible(text string) bool {
	if utf8.ValidString(text) {
		return true
	}
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 {
			break
		}
		text = text[n:]
	}
	return utf8Completes(text)
}

func utf8Completes(rest string) bool {
	if utf8.ValidString(rest) {
		return true
	}
	if len(rest) >= utf8.UTFMax {
		return false
	}
	for _, c := range []string{"\x80", "\x8F", "\x90", "\x9F", "\xA0", "\xBF"} {
		if utf8Completes(rest + c) {
			return true
		}
	}
	return false
}

// utf8Edges has both ends of every class of bytes in the grammar of RFC 3629 §4.
const utf8Edges = "\x00\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xFF"

// utf8Check compares every way to cut text; bit i of a cut says whether a piece
// ends behind byte i.
func utf8Check(t *testing.T, text string, possible []bool) {
	for cut := range 1 << (len(text) - 1) {
		var u UTF8
		from := 0
		for i := range len(text) {
			if i < len(text)-1 && cut>>i&1 == 0 {
				continue
			}
			if got := u.Write([]byte(text[from : i+1])); got != possible[i] {
				t.Fatalf("%x, cut %b: Write(%x) = %v", text, cut, text[from:i+1], got)
			}
			from = i + 1
		}
		if got := u.Complete(); got != utf8.ValidString(text) {
			t.Fatalf("%x, cut %b: Complete() = %v", text, cut, got)
		}
	}
}

func TestUTF8JudgesEverySequenceInEverySplit(t *testing.T) {
	var walk func(text string, possible []bool)
	walk = func(text string, possible []bool) {
		if text != "" {
			utf8Check(t, text, possible)
		}
		if len(text) == utf8.UTFMax {
			return
		}
		for i := range len(utf8Edges) {
			longer := text + utf8Edges[i:i+1]
			alive := len(text) == 0 || possible[len(text)-1]
			walk(longer, append(possible, alive && utf8Possible(longer)))
		}
	}
	walk("", nil)
}

func TestUTF8TakesEveryCodePoint(t *testing.T) {
	for r := range rune(utf8.MaxRune + 2) {
		text := []byte(string(r)) // U+FFFD for what is no code point
		var u UTF8
		for i := range text {
			if !u.Write(text[i:i+1]) || u.Complete() != (i == len(text)-1) {
				t.Fatalf("%U fails at its byte %d", r, i)
			}
		}
	}
}

// The first impossible byte is the one that fails, also in long texts, where
// whole pieces are judged at once.
func TestUTF8FailsAtTheFirstImpossibleByte(t *testing.T) {
	long := strings.Repeat("a", 70) + "κόσμε€😀" + strings.Repeat("z", 9)
	for _, bad := range []string{"\x80", "\xC0", "\xC3(", "\xE2\x82(", "\xED\xA0", "\xF0\x8F", "\xF4\x90", "\xF5", "\xFF"} {
		for at := range len(long) {
			if utf8.RuneStart(long[at]) {
				utf8CheckFirst(t, []byte(long[:at]+bad+long[at:]), at+len(bad)-1)
			}
		}
	}
}

// utf8CheckFirst wants text to fail at its byte first, however what comes
// before is cut, and also when that byte stands inside a piece.
func utf8CheckFirst(t *testing.T, text []byte, first int) {
	t.Helper()
	for cut := range first + 1 {
		var u UTF8
		if !u.Write(text[:cut]) || !u.Write(text[cut:first]) {
			t.Fatalf("%x cut at %d failed before byte %d", text, cut, first)
		}
		if u.Write(text[first:first+1]) || u.Complete() {
			t.Fatalf("%x cut at %d did not fail at byte %d", text, cut, first)
		}
		if u = (UTF8{}); u.Write(text[:cut]) && u.Write(text[cut:]) {
			t.Fatalf("%x cut at %d was accepted", text, cut)
		}
	}
}

func TestUTF8StaysFalse(t *testing.T) {
	for _, bad := range []string{"\xFF", "\xE2(", "\xF0\x80", "a\xC0", "\xF0\x9F\x98\xC0"} {
		var u UTF8
		u.Write([]byte(bad))
		for _, more := range []string{"", "a", "\x80", "\x80\x80\x80", "plain text", ""} {
			if u.Write([]byte(more)) || u.Complete() {
				t.Errorf("%x was forgotten at %q", bad, more)
			}
		}
	}
}

func TestUTF8IsIncompleteInsideACodePoint(t *testing.T) {
	var u UTF8
	if !u.Complete() || !u.Write(nil) || !u.Complete() {
		t.Error("the empty text is not complete")
	}
	if !u.Write([]byte("\xE2\x82")) || u.Complete() || !u.Write(nil) || u.Complete() {
		t.Error("two bytes of three are complete")
	}
	if !u.Write([]byte("\xAC")) || !u.Complete() {
		t.Error("U+20AC is not complete")
	}
}

func TestUTF8AllocatesNothing(t *testing.T) {
	text := []byte(strings.Repeat("κόσμε", 20))
	if n := testing.AllocsPerRun(100, func() {
		var u UTF8
		u.Write(text[:33])
		u.Write(text[33:])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
