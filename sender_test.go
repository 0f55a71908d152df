package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// senderKeys returns a source of masking keys that gives 1, 2, 3 …
func senderKeys() func() [4]byte {
	n := byte(0)
	return func() [4]byte {
		n++
		return [4]byte{n, 0x55, 0xAA, n ^ 0xFF}
	}
}

// senderFrames takes what was sent apart, and wants every frame to be masked
// with a fresh key by a client, and not at all by a server.
func senderFrames(t *testing.T, role Role, b []byte) (lines []string) {
	t.Helper()
	keys := map[[4]byte]bool{}
	for len(b) > 0 {
		h, n := ParseHeader(b)
		if n == 0 || uint64(len(b)-n) < h.Length || h.Overlong != 0 || h.RSV1 || h.RSV2 || h.RSV3 {
			t.Fatalf("malformed frame at the start of %x", b)
		}
		if h.Masked != (role == RoleClient) || h.Masked && keys[h.MaskKey] {
			t.Errorf("%s sent a frame with masked %v, key %x", role, h.Masked, h.MaskKey)
		}
		keys[h.MaskKey] = true
		payload := b[n : n+int(h.Length)]
		if h.Masked {
			payload = maskBytewise(payload, h.MaskKey, 0)
		}
		more := map[bool]string{true: "", false: "…"}[h.Fin]
		lines = append(lines, fmt.Sprintf("%s %q%s", h.Opcode, payload, more))
		b = b[n+int(h.Length):]
	}
	return lines
}

func senderBoth(t *testing.T, f func(*testing.T, *Sender)) {
	t.Helper()
	t.Run("server", func(t *testing.T) { f(t, NewSender(RoleServer, nil)) })
	t.Run("client", func(t *testing.T) { f(t, NewSender(RoleClient, senderKeys())) })
}

// senderWant compares with what senderFrames makes of b.
func senderWant(t *testing.T, s *Sender, b []byte, want ...string) {
	t.Helper()
	if got := senderFrames(t, s.role, b); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestSenderSendsWholeMessagesAndFragments(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		var b []byte
		var errs [8]error
		b, errs[0] = s.AppendMessage(b, Text, []byte("Hello"))
		b, errs[1] = s.AppendMessage(b, Binary, nil)
		b, errs[2] = s.AppendFrame(b, OpText, false, []byte("\xE2"))
		b, errs[3] = s.AppendPing(b, []byte("between"))
		b, errs[4] = s.AppendFrame(b, OpContinuation, false, nil)
		b, errs[5] = s.AppendFrame(b, OpPong, true, nil)
		b, errs[6] = s.AppendFrame(b, OpContinuation, true, []byte("\x82\xAC"))
		b, errs[7] = s.AppendMessage(b, Binary, bytes.Repeat([]byte("x"), 126))
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		senderWant(t, s, b, `text "Hello"`, `binary ""`, `text "\xe2"…`, `ping "between"`, `continuation ""…`,
			`pong ""`, `continuation "\x82\xac"`, `binary "`+strings.Repeat("x", 126)+`"`)
	})
}

// senderMisuse lists calls that would break the protocol. before brings the
// Sender to where call is illegal.
var senderMisuse = []struct {
	name         string
	before, call func(*Sender, []byte) ([]byte, error)
	want         error
}{
	{"message-type", nil, senderFrame(OpPing, true, ""), nil}, // legal, so that the test of the test is part of it
	{"control-as-message", nil, func(s *Sender, dst []byte) ([]byte, error) {
		return s.AppendMessage(dst, MessageType(3), nil)
	}, ErrMessageType},
	{"continuation-as-message", nil, func(s *Sender, dst []byte) ([]byte, error) {
		return s.AppendMessage(dst, 0, nil)
	}, ErrMessageType},
	{"reserved-data-opcode", nil, senderFrame(0x7, true, ""), ErrMessageType},
	{"reserved-control-opcode", nil, senderFrame(0xB, true, ""), ErrMessageType},
	{"opcode-of-five-bits", nil, senderFrame(0x11, true, ""), ErrMessageType},
	{"control-opcode-of-five-bits", nil, senderFrame(0x19, true, ""), ErrMessageType},
	{"continue-nothing", nil, senderFrame(OpContinuation, true, "x"), ErrFragment},
	{"continue-what-has-ended", senderFrame(OpText, true, "x"), senderFrame(OpContinuation, true, "x"), ErrFragment},
	{"text-inside-text", senderFrame(OpText, false, "a"), senderFrame(OpText, true, "b"), ErrFragment},
	{"binary-inside-binary", senderFrame(OpBinary, false, "a"), senderFrame(OpBinary, false, "b"), ErrFragment},
	{"reserved-inside-text", senderFrame(OpText, false, "a"), senderFrame(0x3, true, "b"), ErrMessageType},
	{"fragmented-ping", nil, senderFrame(OpPing, false, ""), ErrFragment},
	{"long-ping", nil, senderFrame(OpPing, true, strings.Repeat("x", 126)), ErrControlLength},
	{"long-pong", nil, senderFrame(OpPong, true, strings.Repeat("x", 126)), ErrControlLength},
	{"text-not-utf-8", nil, senderFrame(OpText, true, "a\xFF"), ErrInvalidUTF8},
	{"text-cut", nil, senderFrame(OpText, true, "\xE2\x82"), ErrInvalidUTF8},
	{"fragment-not-utf-8", nil, senderFrame(OpText, false, "\xC0"), ErrInvalidUTF8},
	{"continuation-not-utf-8", senderFrame(OpText, false, "\xE2"), senderFrame(OpContinuation, false, "("), ErrInvalidUTF8},
	{"last-fragment-cut", senderFrame(OpText, false, "\xE2"), senderFrame(OpContinuation, true, "\x82"), ErrInvalidUTF8},
	{"close-body-of-one-byte", nil, senderFrame(OpClose, true, "\x03"), ErrCloseCode},
	{"close-body-with-1005", nil, senderFrame(OpClose, true, "\x03\xED"), ErrCloseCode},
	{"close-body-not-utf-8", nil, senderFrame(OpClose, true, "\x03\xE8\xFF"), ErrInvalidUTF8},
	{"close-body-too-long", nil, senderFrame(OpClose, true, "\x03\xE8"+strings.Repeat("x", 124)), ErrControlLength},
	{"close-code-1006", nil, senderClose(CloseAbnormal, ""), ErrCloseCode},
	{"close-code-zero", nil, senderClose(0, ""), ErrCloseCode},
	{"close-reason-without-code", nil, senderClose(CloseNoStatus, "why"), ErrCloseCode},
	{"close-reason-too-long", nil, senderClose(CloseNormal, strings.Repeat("x", 124)), ErrControlLength},
	{"close-reason-not-utf-8", nil, senderClose(CloseNormal, "\xE2\x82"), ErrInvalidUTF8},
	{"close-twice", senderClose(CloseNormal, ""), senderClose(CloseNormal, ""), ErrClosed},
	{"close-frame-twice", senderClose(CloseNormal, ""), senderFrame(OpClose, true, ""), ErrClosed},
	{"text-after-close", senderClose(CloseNoStatus, ""), senderFrame(OpText, true, "x"), ErrClosed},
	{"ping-after-close", senderClose(CloseNormal, ""), senderFrame(OpPing, true, "x"), ErrClosed},
	{"continuation-after-close", func(s *Sender, dst []byte) ([]byte, error) {
		dst, _ = s.AppendFrame(dst, OpBinary, false, nil)
		return s.AppendClose(dst, CloseNormal, "")
	}, senderFrame(OpContinuation, true, "x"), ErrClosed},
}

func senderFrame(op Opcode, fin bool, payload string) func(*Sender, []byte) ([]byte, error) {
	return func(s *Sender, dst []byte) ([]byte, error) { return s.AppendFrame(dst, op, fin, []byte(payload)) }
}

func senderClose(code CloseCode, reason string) func(*Sender, []byte) ([]byte, error) {
	return func(s *Sender, dst []byte) ([]byte, error) { return s.AppendClose(dst, code, reason) }
}

func TestSenderRefusesWhatWouldBreakTheProtocol(t *testing.T) {
	for _, c := range senderMisuse {
		t.Run(c.name, func(t *testing.T) {
			senderBoth(t, func(t *testing.T, s *Sender) {
				keys := 0
				next := s.maskKey
				s.maskKey = func() [4]byte { keys++; return next() }
				dst := append(make([]byte, 0, 512), "dst"...)
				if c.before != nil {
					dst, _ = c.before(s, dst)
				}
				before, used, was := senderSnapshot(s), keys, bytes.Clone(dst[:cap(dst)])
				got, err := c.call(s, dst)
				if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				if c.want == nil {
					return
				}
				if len(got) != len(dst) || !bytes.Equal(dst[:cap(dst)], was) {
					t.Errorf("dst was changed from %x to %x", was, dst[:cap(dst)])
				}
				if after := senderSnapshot(s); !reflect.DeepEqual(after, before) || keys != used {
					t.Errorf("the state was changed from %+v to %+v, %d keys used", before, after, keys-used)
				}
			})
		})
	}
}

// senderSnapshot is the state without the function, which does not compare.
func senderSnapshot(s *Sender) Sender {
	c := *s
	c.maskKey = nil
	return c
}

// A refused fragment can be sent again, corrected.
func TestSenderGoesOnAfterARefusal(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		b, _ := s.AppendFrame(nil, OpText, false, []byte("\xE2"))
		if _, err := s.AppendFrame(b, OpContinuation, true, []byte("(")); err == nil {
			t.Fatal("not refused")
		}
		b, err := s.AppendFrame(b, OpContinuation, true, []byte("\x82\xAC"))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = s.AppendMessage(b, Text, []byte("next")); err != nil {
			t.Fatal(err)
		}
		senderWant(t, s, b, `text "\xe2"…`, `continuation "\x82\xac"`, `text "next"`)
	})
}

func TestSenderChecksTextOnly(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		b, err1 := s.AppendFrame(nil, OpBinary, false, []byte("\xFF"))
		b, err2 := s.AppendFrame(b, OpContinuation, true, []byte("\xE2"))
		b, err3 := s.AppendPing(b, []byte("\xFF"))
		b, err4 := s.AppendMessage(b, Text, []byte("€"))
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		senderWant(t, s, b, `binary "\xff"…`, `continuation "\xe2"`, `ping "\xff"`, `text "€"`)
	})
}

func TestSenderNeverChangesTheCallersPayload(t *testing.T) {
	s := NewSender(RoleClient, senderKeys())
	for length := range 200 {
		payload := maskPattern(length)
		b, err := s.AppendMessage(nil, Binary, payload)
		if err != nil || !bytes.Equal(payload, maskPattern(length)) {
			t.Fatalf("length %d: %v, payload %x", length, err, payload)
		}
		if h, n := ParseHeader(b); n+length != len(b) || !bytes.Equal(maskBytewise(b[n:], h.MaskKey, 0), payload) {
			t.Fatalf("length %d: sent %x", length, b)
		}
	}
}

func TestSenderMasksWithAFreshKeyEachTime(t *testing.T) {
	s := NewSender(RoleClient, senderKeys())
	b, _ := s.AppendMessage(nil, Text, []byte("a"))
	b, _ = s.AppendPing(b, nil)
	s.owePong([]byte("p"))
	s.oweClose(CloseNormal, "")
	b = s.AppendOwed(b)
	for i := byte(1); len(b) > 0; i++ {
		h, n := ParseHeader(b)
		if want := [4]byte{i, 0x55, 0xAA, i ^ 0xFF}; h.MaskKey != want {
			t.Errorf("frame %d has the key %x, want %x", i, h.MaskKey, want)
		}
		b = b[n+int(h.Length):]
	}
}

func TestSenderAllocatesNothing(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		buf, payload := make([]byte, 0, 256), []byte("Hello")
		if n := testing.AllocsPerRun(100, func() {
			buf, _ = s.AppendMessage(buf[:0], Text, payload)
			buf, _ = s.AppendPing(buf, payload)
			buf = s.AppendOwed(buf)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
