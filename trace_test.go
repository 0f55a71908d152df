package websocket

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// traceFrame makes a frame from hex digits with blanks between them.
func traceFrame(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTraceFrameInOneLine(t *testing.T) {
	tests := []struct{ frame, want string }{
		{"89 85 37fa213d 7f9f4d5158", `PING fin mask=37fa213d "Hello"`},
		{"01 03 48656c", `TEXT "Hel"`},
		{"80 02 6c6f", `CONTINUATION fin "lo"`},
		{"80 01 ac", `CONTINUATION fin ac`},
		{"88 05 03e8 627965", `CLOSE fin 1000 "bye"`},
		{"88 02 03e8", `CLOSE fin 1000 ""`},
		{"88 00", `CLOSE fin ""`},
		{"88 01 03", `CLOSE fin 03`},
		{"88 05 03e8", `CLOSE fin 1000 … 5 bytes`},
		{"88 05 03", `CLOSE fin 03… 5 bytes`},
		{"8a 00", `PONG fin ""`},
		{"82 02 4142", `BINARY fin 4142`},
		{"82 00", `BINARY fin ""`},
		{"93 01 41", `OPCODE-3 fin rsv3 "A"`},
		{"7f 00", `OPCODE-F rsv1 rsv2 rsv3 ""`},
		{"81 7e 0001 41", `TEXT fin overlong=16 "A"`},
		{"81 ff 0000000000000001 00000000 41", `TEXT fin overlong=64 mask=00000000 "A"`},
		{"82 7f ffffffffffffffff 00", `BINARY fin 00… 18446744073709551615 bytes`},
		{"89 7e 007e", `PING fin … 126 bytes`},
		{"81 05 48656c", `TEXT fin "Hel"… 5 bytes`},
		{"81 05 41e282", `TEXT fin "A"… 5 bytes`},
		{"81 02 e282", `TEXT fin "\xe2\x82"`},
		{"81 05 e282", `TEXT fin … 5 bytes`},
		{"81 01 41 81 01 42", `TEXT fin "A"`},
		{"81 06 e282ac 20 c3a9", `TEXT fin "€ é"`},
		{"81 05 610d0a1b5b", `TEXT fin "a\r\n\x1b["`},
		{"81 03 e280ae", `TEXT fin "\u202e"`}, // turns the direction of what follows
		{"89 03 e280ae", `PING fin e280ae`},
		{"89 02 410a", `PING fin 410a`},
		{"89 01 22", `PING fin "\""`},
		{"", `unfinished header`},
		{"89", `unfinished header 89`},
		{"82 fe 01", `unfinished header 82 fe 01`},
		{"82 fe 0100 37fa21", `unfinished header 82 fe 0100 37fa21`},
	}
	for _, tt := range tests {
		if got := FormatFrame(traceFrame(t, tt.frame)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.frame, got, tt.want)
		}
	}
}

func TestTraceCutsLongPayloads(t *testing.T) {
	exact := append([]byte{0x81, TraceLimit}, strings.Repeat("x", TraceLimit)...)
	if got, want := FormatFrame(exact), fmt.Sprintf("TEXT fin %q", strings.Repeat("x", TraceLimit)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	long := append([]byte{0x81, 100, 'x'}, strings.Repeat("é", 50)...)
	want := fmt.Sprintf("TEXT fin %q… 100 bytes", "x"+strings.Repeat("é", TraceLimit/2-1))
	if got := FormatFrame(long[:102]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := FormatHex(long[:102]), fmt.Sprintf("81 64 %x…", long[2:2+TraceLimit]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTraceHexIsGrouped(t *testing.T) {
	for _, want := range []string{
		"", "89", "89 00", "89 85", "89 85 37fa213d 7f9f4d5158", "82 7e 01", "82 7e 0001 41",
		"82 fe 0001 37fa21", "82 7f 0000000000000001 41", "82 ff 0000000000000001 37fa213d 41",
	} {
		if got := FormatHex(traceFrame(t, want)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got, want := FormatHex(traceFrame(t, "81 03 4142")), "81 03 4142…"; got != want {
		t.Errorf("unfinished: %q, want %q", got, want)
	}
	if got, want := FormatHex(traceFrame(t, "81 01 41 81 00")), "81 01 41"; got != want {
		t.Errorf("with more behind it: %q, want %q", got, want)
	}
}

func TestTraceAnnotatesEveryField(t *testing.T) {
	tests := []struct{ frame, want string }{
		{"89 85 37fa213d 7f9f4d5158", `
PING fin mask=37fa213d "Hello"
89                 1... ....  FIN: control frames are never fragmented (§5.5)
                   .000 ....  RSV1-3: no extension marks this frame (§5.2)
                   .... 1001  opcode 9: ping (§5.5.2)
85                 1... ....  MASK: 1, as in every frame of a client (§5.1)
                   .000 0101  length of the payload: 5 (§5.2)
37fa213d                      masking key (§5.3)
7f9f4d5158                    payload as sent
48656c6c6f                    payload unmasked (§5.3) "Hello"`},
		{"08 04 03ed 6f6b", `
CLOSE 1005 "ok"
08                 0... ....  FIN: 0 is forbidden in a control frame (§5.5)
                   .000 ....  RSV1-3: no extension marks this frame (§5.2)
                   .... 1000  opcode 8: close (§5.5.1)
04                 0... ....  MASK: 0, as in every frame of a server (§5.1)
                   .000 0100  length of the payload: 4 (§5.2)
03ed                          close code 1005 no status (§7.4), which must not be sent
6f6b                          reason "ok" (§5.5.1)`},
		{"63 7e 0003 414243", `
OPCODE-3 rsv1 rsv2 overlong=16 "ABC"
63                 0... ....  FIN: the message goes on in another frame (§5.4)
                   .110 ....  RSV1-3: not 0, which an extension must have defined (§5.2)
                   .... 0011  opcode 3: reserved (§5.2)
7e                 0... ....  MASK: 0, as in every frame of a server (§5.1)
                   .111 1110  length: 126 stands for the 16 bits that follow (§5.2)
0003                          length of the payload: 3 (§5.2), but that must be written in its shortest form
414243                        payload "ABC"`},
		{"80 7f 8000000000000000 000102030405060708", `
CONTINUATION fin 000102030405060708… 9223372036854775808 bytes
80                 1... ....  FIN: the last frame of its message (§5.4)
                   .000 ....  RSV1-3: 0, also if the first frame says that its message is compressed (7692 §6)
                   .... 0000  opcode 0: continuation (§5.4)
7f                 0... ....  MASK: 0, as in every frame of a server (§5.1)
                   .111 1111  length: 127 stands for the 64 bits that follow (§5.2)
8000000000000000              length of the payload: 9223372036854775808 (§5.2), but its first bit must be 0
0001020304050607…             payload 000102030405060708… 9223372036854775808 bytes`},
		{"89 7e 0080", `
PING fin … 128 bytes
89                 1... ....  FIN: control frames are never fragmented (§5.5)
                   .000 ....  RSV1-3: no extension marks this frame (§5.2)
                   .... 1001  opcode 9: ping (§5.5.2)
7e                 0... ....  MASK: 0, as in every frame of a server (§5.1)
                   .111 1110  length: 126 stands for the 16 bits that follow (§5.2)
0080                          length of the payload: 128 (§5.2), but a control frame has at most 125 (§5.5)
                              payload … 128 bytes`},
		{"88", "\nunfinished header 88"},
	}
	for _, tt := range tests {
		if got := "\n" + AnnotateFrame(traceFrame(t, tt.frame)); got != tt.want {
			t.Errorf("%s:%s\nwant:%s", tt.frame, got, tt.want)
		}
	}
}

// traceRaw returns whether s would do more to a terminal than appear.
func traceRaw(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || 0x7F <= r && r < 0xA0 || r == 0x202E || r == '\uFFFD' })
}

// S-43: whatever a peer puts into a frame.
func TestTraceQuotesWhatAPeerChose(t *testing.T) {
	payloads := [][]byte{[]byte("a\r\nb\x1b[31m"), []byte("\u202e\u2028\x9b"), {0x9b, '3', '1', 'm'}, {0}, []byte("\u009b31m")}
	for b := range 256 {
		payloads = append(payloads, []byte{byte(b)}, []byte{'a', byte(b), 'b'}, []byte{0xC2, byte(b)})
	}
	for _, p := range payloads {
		for op := Opcode(0); op < 16; op++ {
			frame := append(AppendHeader(nil, Header{Opcode: op, Length: uint64(len(p) + 2)}), 3, 0xE8)
			frame = append(frame, p...)
			if s := FormatFrame(frame) + FormatHex(frame); traceRaw(s) {
				t.Errorf("%x: %q", frame, s)
			}
			if s := AnnotateFrame(frame); traceRaw(strings.ReplaceAll(s, "\n", "")) || strings.Count(s, "\n") > 8 {
				t.Errorf("%x: %q", frame, s)
			}
		}
		head := fmt.Appendf(nil, "GET /%s HTTP/1.1\r\nHost: %s\r\n%s: b\r\n\r\n", p, p, p)
		if s := FormatHead(head); traceRaw(s) {
			t.Errorf("%q: %q", head, s)
		}
		if s := AnnotateHead(head, string(p)); traceRaw(strings.ReplaceAll(s, "\n", "")) {
			t.Errorf("%q: %q", head, s)
		}
	}
}

func TestTraceChangesNothing(t *testing.T) {
	frame := traceFrame(t, "89 85 37fa213d 7f9f4d5158")
	before := bytes.Clone(frame)
	FormatFrame(frame)
	FormatHex(frame)
	AnnotateFrame(frame)
	if _, err := (&Tracer{W: &strings.Builder{}}).Write(frame); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(frame, before) {
		t.Errorf("%x became %x", before, frame)
	}
}

// traceStreams returns how what each role receives and sends in each vector
// begins.
func traceStreams(t *testing.T) (streams [][]byte) {
	for _, v := range vectorAll(t) {
		for _, role := range v.roles {
			script, err := v.bind(role)
			if err != nil {
				t.Fatal(err)
			}
			for _, verb := range []string{">", "<"} {
				stream := vectorJoin(script.steps, verb)
				streams = append(streams, stream[:min(len(stream), 3*TraceLimit)])
			}
		}
	}
	return streams
}

// traceFeed gives stream to a Tracer in two pieces, or byte by byte when k is
// negative.
func traceFeed(t *testing.T, tracer *Tracer, stream []byte, k int) string {
	t.Helper()
	var out strings.Builder
	tracer.W = &out
	pieces := [][]byte{stream}
	if k >= 0 {
		pieces = [][]byte{stream[:k], stream[k:]}
	} else if len(stream) > 0 {
		pieces = slices.Collect(slices.Chunk(stream, 1))
	}
	for _, p := range pieces {
		if n, err := tracer.Write(p); n != len(p) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// traceReference says what a Tracer must make of frames.
func traceReference(stream []byte) (want string) {
	for len(stream) > 0 {
		n := vectorFrameSize(stream)
		want += "> " + FormatFrame(stream[:n]) + "\n"
		h, size := ParseHeader(stream)
		switch left := h.Length - uint64(n-size); {
		case size > 0 && left == 0:
		case size == 0 || n-size < TraceLimit:
			want += "> end of input inside a frame\n"
		default:
			want += fmt.Sprintf("> end of input inside a frame, %d bytes early\n", left)
		}
		stream = stream[n:]
	}
	return want
}

func TestTracerShowsTheSameHoweverTheBytesAreCut(t *testing.T) {
	for _, stream := range traceStreams(t) {
		want := traceReference(stream)
		if got := traceFeed(t, &Tracer{Prefix: "> "}, stream, -1); got != want {
			t.Fatalf("%x byte by byte:\n%swant:\n%s", stream[:min(len(stream), 99)], got, want)
		}
		for _, k := range append(vectorCuts(len(stream)), 0) {
			if got := traceFeed(t, &Tracer{Prefix: "> "}, stream, k); got != want {
				t.Fatalf("%x cut at %d:\n%swant:\n%s", stream[:min(len(stream), 99)], k, got, want)
			}
		}
	}
}

func TestTracerAnnotatesWithAPrefixOnEachLine(t *testing.T) {
	frame := traceFrame(t, "81 01 41")
	got := traceFeed(t, &Tracer{Prefix: "< ", Annotate: true}, frame, 1)
	want := "< " + strings.ReplaceAll(AnnotateFrame(frame), "\n", "\n< ") + "\n"
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestTracerShowsAFrameBeforeItsEnd(t *testing.T) {
	var out strings.Builder
	tracer := &Tracer{W: &out}
	tracer.Write(append([]byte{0x82, 0x7E, 0x01, 0x00}, make([]byte, TraceLimit)...))
	if want := "BINARY fin " + strings.Repeat("00", TraceLimit) + "… 256 bytes\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestTracerKeepsLittle(t *testing.T) {
	tracer := &Tracer{W: &strings.Builder{}}
	tracer.Write(append([]byte{0x82, 0x7F, 0, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 1<<20)...))
	if most := 2 * (MaxHeaderSize + TraceLimit); cap(tracer.buf) > most {
		t.Errorf("%d bytes are kept of a frame, want at most %d", cap(tracer.buf), most)
	}
	var out strings.Builder
	tracer = &Tracer{W: &out, Handshake: true}
	for range 100 {
		tracer.Write([]byte("X: " + strings.Repeat("x", 1000) + "\r\n"))
	}
	if most := 2 * traceHeadLimit; cap(tracer.buf) > most {
		t.Errorf("%d bytes are kept of a head, want at most %d", cap(tracer.buf), most)
	}
	tracer.Write([]byte("\r\n\x81\x01A"))
	if want := " …\nTEXT fin \"A\"\n"; !strings.HasSuffix(out.String(), want) || len(out.String()) > 2*traceLineLimit {
		t.Errorf("%q, want a suffix %q", out.String(), want)
	}
}

// traceFailing fails the second write and all behind it.
type traceFailing struct{ writes int }

func (f *traceFailing) Write(p []byte) (int, error) {
	if f.writes++; f.writes > 1 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestTracerStopsWhenItsWriterFails(t *testing.T) {
	w := &traceFailing{}
	tracer := &Tracer{W: w}
	n, err := tracer.Write([]byte("\x81\x00\x81\x00\x81\x00"))
	if n != 4 || err == nil {
		t.Errorf("Write = %d, %v, want 4 and the error of W", n, err)
	}
	if n, err := tracer.Write([]byte("\x81\x00")); n != 0 || err == nil {
		t.Errorf("Write = %d, %v, want 0 and the error of W", n, err)
	}
	if err := tracer.Close(); err == nil || w.writes != 2 {
		t.Errorf("Close = %v after %d writes, want the error of W and 2", err, w.writes)
	}
	if n, err := new(Tracer).Write([]byte("\x81\x00")); n != 2 || err != nil {
		t.Errorf("without W: Write = %d, %v", n, err)
	}
}
