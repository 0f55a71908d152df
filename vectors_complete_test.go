// This file proves that the vectors leave no rule out, and that a wrong vector
// is noticed.

package websocket

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestVectorsBreakEveryRule(t *testing.T) {
	broken, spelled := map[string]bool{}, map[string]bool{}
	for _, v := range vectorAll(t) {
		for i, step := range v.steps {
			if step.verb != "break" {
				continue
			}
			broken[step.what] = true
			if i+1 < len(v.steps) && v.steps[i+1].verb == "<" {
				spelled[step.what] = true
			}
		}
	}
	for _, rule := range Rules() {
		if rule.Code() != 0 && !broken[rule.ID()] {
			t.Errorf("no vector breaks %s", rule.ID())
		}
		if rule.Code() != 0 && !spelled[rule.ID()] {
			t.Errorf("no vector spells out the Close that answers %s", rule.ID())
		}
	}
}

func TestVectorsHaveUniqueNames(t *testing.T) {
	seen := map[string]string{}
	for _, v := range vectorAll(t) {
		place := fmt.Sprintf("%s:%d", v.path, v.line)
		if other := seen[v.name]; other != "" {
			t.Errorf("%s: %s is also the name of %s", place, v.name, other)
		}
		seen[v.name] = place
	}
}

// The ids are those of a list of hostile inputs: F is all that can be wrong with
// frames, Z with compressed ones, S is what has gone wrong in other
// implementations.
func TestVectorsHoldTheHostileFrames(t *testing.T) {
	var text strings.Builder
	for _, src := range vectorSources(t) {
		text.WriteString(strings.Join(src.lines, "\n"))
	}
	found := regexp.MustCompile(`\b[FSZ]-\d\d\b`).FindAllString(text.String(), -1)
	want := []string{"S-01", "S-02", "S-03", "S-04", "S-05", "S-08", "S-11", "S-13", "S-14", "S-15", "S-16"}
	for n := 1; n <= 92; n++ {
		want = append(want, fmt.Sprintf("F-%02d", n))
	}
	for n := 1; n <= 28; n++ {
		want = append(want, fmt.Sprintf("Z-%02d", n))
	}
	for _, id := range want {
		if !slices.Contains(found, id) {
			t.Errorf("no vector is about %s", id)
		}
	}
}

// S-02: each bit of a 64-bit length alone, with every opcode. What must come of
// it is told from §5.2, §5.5 and the default limit alone.
func TestVectorsEveryBitOfALength(t *testing.T) {
	for op := range 16 {
		var text strings.Builder
		for bit := range 64 {
			fmt.Fprintf(&text, "== opcode-%x-bit-%d\n", op, bit)
			if op == 0 {
				text.WriteString("> 02 01 61\n")
			}
			fmt.Fprintf(&text, "> %02x 7f %016x\n", 0x80|op, uint64(1)<<bit)
			switch {
			case op&7 > 2:
				text.WriteString("break opcode\n")
			case bit == 63:
				text.WriteString("break length-sign\n")
			case op >= 8 && bit >= 7:
				text.WriteString("break control-length\n")
			case bit < 16:
				text.WriteString("break length-form\n")
			case bit > 20 || bit == 20 && op == 0:
				text.WriteString("break too-big\n")
			}
		}
		src, err := vectorParse("generated", []byte(text.String()))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range src.vectors {
			for _, problem := range v.problems() {
				t.Error(problem)
			}
		}
	}
}

func TestVectorsNoticeWhatIsWrong(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"missing-event", "> 81 01 61", `x.txt:1: a as server, Receiver, whole: got event TEXT "a", want nothing more`},
		{"event-that-does-not-come", "> 81 02 61\nevent TEXT \"a\"", `x.txt:3: a as server, Receiver, whole: got nothing more, want event TEXT "a"`},
		{"other-payload", "> 81 01 61\nevent TEXT \"b\"", `x.txt:3: a as server, Receiver, whole: got event TEXT "a", want event TEXT "b"`},
		{"other-code", "role client\n> 88 02 03e8\nevent CLOSE 1001", `x.txt:4: a as client, Receiver, whole: got event CLOSE 1000, want`},
		{"other-rule", "> 83 00\nbreak continuation", `got break opcode at 0, want break continuation at 0`},
		{"other-offset", "role server\n> 81 80 00000000 83 80 00000000\nevent TEXT\nbreak opcode at 5", `got break opcode at 6, want break opcode at 5`},
		{"no-break", "> 81 01 61\nevent TEXT \"a\"\nbreak opcode", `want break opcode at 0`},
		{"event-too-early", "> 8a 00\n> 8a 00\nevent PONG\nevent PONG", `line by line: got event PONG, want line 3 begins`},
		{"event-too-late", "> 8a\nevent PONG\n> 00", `line by line: got line 4 begins, want event PONG`},
		{"other-answer", "> 89 00\nevent PING\n< 8a 01 61", `x.txt:4: a as server, Endpoint, whole: got < 8a 00  PONG fin "", want < 8a 01 61  PONG fin "a"`},
		{"no-answer", "> 89 00\nevent PING", `Endpoint, whole: got < 8a 00  PONG fin "", want nothing more`},
		{"other-close", "> 83 00\nbreak opcode\n< 88 02 03ea", `want < 88 02 03ea  CLOSE fin 1002 ""`},
		{"other-state", "> 88 00\nevent CLOSE 1005\n< 88 00\nstate open", `got state closed, want state open`},
		{"other-end", "> 81\neof clean", `got eof lost, want eof clean`},
		{"other-refusal", "send TEXT ff\nrefused closed", `got refused utf8, want refused closed`},
		{"not-inflated", "compression\n> c1 07 f248cdc9c90700\nevent TEXT \"Hallo\"", `got event TEXT "Hello", want event TEXT "Hallo"`},
		{"inflated-unasked", "> c1 07 f248cdc9c90700\nevent TEXT \"Hello\"", `got break reserved-bit at 0, want event TEXT "Hello"`},
		{"takeover-missed", "compression client_no_context_takeover\n> c1 07 f248cdc9c90700 c1 05 f200110000\nevent TEXT \"Hello\"\nevent TEXT \"Hello\"",
			`a as server, Receiver, whole: got break deflate at 13, want event TEXT "Hello"`},
		{"corrupt-too-late", "compression\n> c1 04 ffff\n> ffff\nbreak deflate", `line by line: got break deflate at 0, want line 4 begins`},
		{"sent-after-all", "send TEXT \"a\"\nrefused closed", `got < 81 01 61`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src, err := vectorParse("x.txt", []byte("== a\n"+tt.text+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			problems := strings.Join(src.vectors[0].problems(), "\n")
			if !strings.Contains(problems, tt.want) {
				t.Errorf("problems:\n%s\nwant: %s", problems, tt.want)
			}
		})
	}
}

func TestVectorsHaveAStrictFormat(t *testing.T) {
	tests := []struct{ text, want string }{
		{"> 81 00", "x.txt:1: a line in front of the first vector"},
		{"== a", "x.txt:1: a: nothing happens"},
		{"== A b\n> 81 00", "x.txt:1: A b: a name consists of"},
		{"== a\nrole both", `x.txt:2: role "both"`},
		{"== a\nrole server\nrole client", `x.txt:3: role "client"`},
		{"== a\nlimit messages 3", `limit "messages"`},
		{"== a\nlimit frames many", "invalid syntax"},
		{"== a\ncompression\ncompression", "a second line on compression"},
		{"== a\ncompression context_takeover", `compression "context_takeover"`},
		{"== a\ncompression server_no_context_takeover=1", "compression"},
		{"== a\ncompression server_max_window_bits", "is not 8 to 15"},
		{"== a\ncompression client_max_window_bits=7", "is not 8 to 15"},
		{"== a\ncompression client_max_window_bits=9;server_max_window_bits=9", "is not 8 to 15"},
		{"== a\nlook up", `verb "look"`},
		{"== a\n> 8", "odd length"},
		{"== a\n> xy", "instead of bytes"},
		{"== a\n> (81 00", "instead of )"},
		{"== a\n> \"a", "invalid syntax"},
		{"== a\n> 00*", "invalid syntax"},
		{"== a\n> 00*99999999", "out of range"},
		{"== a\n> 81 80 00000000", "must not mask"},
		{"== a\nsend TEXT\n< 81 80 00000000", "must not mask"},
		{"== a\nevent OPCODE-3", "is none of"},
		{"== a\nevent CLOSE normal", "invalid syntax"},
		{"== a\nevent TEXT \"a\" b", "odd length"},
		{"== a\nevent TEXT \"a\"  b", "behind the payload"},
		{"== a\nbreak nothing", `no rule on frames is called "nothing"`},
		{"== a\nbreak origin", `no rule on frames is called "origin"`},
		{"== a\nbreak opcode at -1", "invalid syntax"},
		{"== a\nbreak opcode at 7", "is not in the input"},
		{"== a\nrefused often", "is none of"},
		{"== a\nstate half-open", "is none of"},
		{"== a\neof", "is none of"},
	}
	for _, tt := range tests {
		_, err := vectorParse("x.txt", []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestVectorsUpdateOnlyTheTextBehindTheBytes(t *testing.T) {
	const before = "# 1\n== a\n\n> 01 01 61 80  wrong\n> 00\nevent TEXT \"a\"\nsend PING (61 \"  \")*2\n< 89 06 (61 \"  \")*2   old\n> (8a 00)*3 83 04 61"
	const after = "# 1\n== a\n\n" +
		"> 01 01 61 80                     TEXT \"a\" | unfinished header 80\n" +
		"> 00                              …\n" +
		"event TEXT \"a\"\nsend PING (61 \"  \")*2\n" +
		"< 89 06 (61 \"  \")*2               PING fin \"a  a  \"\n" +
		"> (8a 00)*3 83 04 61              3 × PONG fin \"\" | OPCODE-3 fin \"a\"… 4 bytes"
	src, err := vectorParse("x.txt", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	src.annotate()
	if got := strings.Join(src.lines, "\n"); got != after {
		t.Errorf("got:\n%s\nwant:\n%s", got, after)
	}
}
