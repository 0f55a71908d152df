package websocket

import (
	"fmt"
	"strings"
	"testing"
)

// 7692 §6: RSV1 on the first frame of a message says that it is compressed. What
// looks like text in it is none.
func TestTraceShowsCompressedPayloadsInHex(t *testing.T) {
	tests := []struct{ frame, want string }{
		{"c1 07 f248cdc9c90700", "TEXT fin rsv1 f248cdc9c90700"},
		{"41 03 f248cd", "TEXT rsv1 f248cd"},
		{"80 04 c9c90700", "CONTINUATION fin c9c90700"},
		{"c1 0b 000500faff48656c6c6f00", "TEXT fin rsv1 000500faff48656c6c6f00"},
		{"c1 02 4142", "TEXT fin rsv1 4142"},
		{"c2 02 4142", "BINARY fin rsv1 4142"},
		{"c1 00", `TEXT fin rsv1 ""`},
		{"c1 05 41e282", "TEXT fin rsv1 41e282… 5 bytes"},
		{"c1 05", "TEXT fin rsv1 … 5 bytes"},
		{"82 05 41e282", "BINARY fin 41e282… 5 bytes"},
		{"c0 02 4142", `CONTINUATION fin rsv1 "AB"`},
		{"c9 02 4142", `PING fin rsv1 "AB"`},
		{"a1 02 4142", `TEXT fin rsv2 "AB"`},
	}
	for _, tt := range tests {
		if got := FormatFrame(traceFrame(t, tt.frame)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.frame, got, tt.want)
		}
	}
}

// The bits of 7692 §7.2.3.1.
func TestTraceAnnotatesCompressedFrames(t *testing.T) {
	const want = `
TEXT fin rsv1 f248cdc9c90700
c1                 1... ....  FIN: the last frame of its message (§5.4)
                   .100 ....  RSV1: the message is compressed, if that was agreed on (7692 §6)
                   .... 0001  opcode 1: text (§5.6)
07                 0... ....  MASK: 0, as in every frame of a server (§5.1)
                   .000 0111  length of the payload: 7 (§5.2)
f248cdc9c90700                payload, if compressed: DEFLATE data without its last 00 00 ff ff (7692 §7.2.1)`
	if got := "\n" + AnnotateFrame(traceFrame(t, "c1 07 f248cdc9c90700")); got != want {
		t.Errorf("got:%s\nwant:%s", got, want)
	}
}

// What RSV1 alone says about the payload depends on the frame.
func TestTraceExplainsCompressedPayloads(t *testing.T) {
	const whole, beginning = "DEFLATE data without its last 00 00 ff ff (7692 §7.2.1)", "the beginning of DEFLATE data (7692 §7.2.1)"
	tests := []struct{ frame, want string }{
		{"c2 02 4142", "4142                          payload, if compressed: " + whole},
		{"c1 82 00010000 4142", "4143                          payload unmasked (§5.3), if compressed: " + whole},
		{"41 03 f248cd", "f248cd                        payload, if compressed: " + beginning},
		{"c1 0b 000500faff48656c6c6f00", "000500faff48656c…             payload, if compressed: " + whole},
		{"c1 05", "                              payload, if compressed: " + whole},
		{"c1 00", `                              payload ""`},
		{"41 00", `                              payload ""`},
		{"e1 02 4142", "4142                          payload 4142"},
		{"d1 02 4142", "4142                          payload 4142"},
		{"80 02 4142", `4142                          payload "AB"`},
		{"c0 02 4142", `4142                          payload "AB"`},
		{"c9 02 4142", `4142                          payload "AB"`},
	}
	for _, tt := range tests {
		got := AnnotateFrame(traceFrame(t, tt.frame))
		if got = got[strings.LastIndexByte(got, '\n')+1:]; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.frame, got, tt.want)
		}
	}
}

// Without the frames before it, no frame can be told to break a rule or to keep
// it: only what is certain is said.
func TestTraceExplainsReservedBits(t *testing.T) {
	const (
		none      = "RSV1-3: no extension marks this frame (§5.2)"
		perhaps   = "RSV1-3: 0, also if the first frame says that its message is compressed (7692 §6)"
		deflate   = "RSV1: the message is compressed, if that was agreed on (7692 §6)"
		undefined = "RSV1-3: not 0, which an extension must have defined (§5.2)"
		later     = "RSV1: an extension must have defined it (§5.2); compression sets it on first frames only (7692 §6.1)"
		control   = "RSV1: an extension must have defined it (§5.2); control frames are never compressed (7692 §6.1)"
	)
	want := map[byte]string{
		0x00: perhaps, 0x01: none, 0x02: none, 0x03: none, 0x08: none, 0x09: none, 0x0A: none,
		0x40: later, 0x41: deflate, 0x42: deflate, 0x43: undefined, 0x48: control, 0x49: control, 0x4F: control,
		0x21: undefined, 0x11: undefined, 0x61: undefined, 0x52: undefined, 0x70: undefined, 0x50: undefined, 0x69: undefined,
	}
	for first, note := range want {
		for _, fin := range []byte{0, 0x80} {
			got := strings.Split(AnnotateFrame([]byte{first | fin, 0}), "\n")[2]
			if _, got, _ = strings.Cut(got, "....  "); got != note {
				t.Errorf("%02x: %s, want %s", first|fin, got, note)
			}
		}
	}
}

func TestTraceReasonOfACloseIsNeverCompressed(t *testing.T) {
	got := AnnotateFrame(traceFrame(t, "c8 05 03e8 627965"))
	if want := fmt.Sprintf("reason %q (§5.5.1)", "bye"); !strings.HasSuffix(got, want) {
		t.Errorf("got:\n%s\nwant at its end: %s", got, want)
	}
}
