package websocket

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// newDeflateSender returns a Sender that compresses, and a Receiver of the other
// side.
func newDeflateSender(role Role, c Compression) (*Sender, *Receiver) {
	s, r := NewSender(role, senderKeys()), NewReceiver(1-role, Limits{})
	s.SetCompression(&c)
	r.SetCompression(&c)
	return s, r
}

// senderWire takes what was sent apart: the name of each frame, with a star when it
// has RSV1.
func senderWire(t *testing.T, wire []byte) (frames []string) {
	t.Helper()
	for len(wire) > 0 {
		h, n := ParseHeader(wire)
		if n == 0 || uint64(len(wire)-n) < h.Length || h.Overlong != 0 || h.RSV2 || h.RSV3 {
			t.Fatalf("malformed frame at the start of %x", wire)
		}
		frames = append(frames, h.Opcode.String()+map[bool]string{true: "*"}[h.RSV1])
		wire = wire[n+int(h.Length):]
	}
	return frames
}

func TestSenderCompressesFromTheThresholdOn(t *testing.T) {
	for _, c := range []struct{ threshold, first int }{{0, 128}, {-1, 0}, {-1 << 30, 0}, {1, 1}, {300, 300}} {
		s, r := newDeflateSender(RoleServer, Compression{Threshold: c.threshold})
		for n := range 400 {
			wire, err := s.AppendMessage(nil, Text, bytes.Repeat([]byte("x"), n))
			if err != nil || (wire[0] == 0xC1) != (n >= c.first) {
				t.Fatalf("threshold %d, %d bytes: %x, %v", c.threshold, n, wire[0], err)
			}
			if out, err := receiverOut(r, wire); out != n || err != nil {
				t.Fatalf("threshold %d, %d bytes: %d, %v", c.threshold, n, out, err)
			}
		}
	}
}

// The first frame decides, and RSV1 stands on no other (7692 §6.1). Control frames
// are never compressed.
func TestSenderCompressesWholeMessages(t *testing.T) {
	senderBoth(t, func(t *testing.T, s *Sender) {
		s.SetCompression(&Compression{Threshold: 3})
		var wire []byte
		for _, frame := range []func(*Sender, []byte) ([]byte, error){
			senderFrame(OpText, false, "abc"), senderFrame(OpPing, true, "ping"), senderFrame(OpContinuation, false, ""),
			senderFrame(OpPong, true, "pong"), senderFrame(OpContinuation, true, "d"),
			senderFrame(OpText, false, "ab"), senderFrame(OpContinuation, true, "cdef"),
			senderFrame(OpBinary, true, "abcd"), senderFrame(OpPing, true, "ping"), senderFrame(OpBinary, true, "ab"),
			senderFrame(OpClose, true, "\x03\xe8bye"),
		} {
			var err error
			if wire, err = frame(s, wire); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{
			"text*", "ping", "continuation", "pong", "continuation", "text", "continuation", "binary*", "ping", "binary", "close",
		}
		if got := senderWire(t, wire); !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
		r, l := newDeflateReceiver(1-s.role, Limits{}), receiverLog{}
		l.feed(r, wire)
		heard := []string{`ping "ping"`, `pong "pong"`, `text "abcd"`, `text "abcdef"`, `binary "abcd"`, `ping "ping"`, `binary "ab"`, `close "\x03\xe8bye"`}
		if !slices.Equal(l.lines, heard) {
			t.Errorf("heard %q, want %q", l.lines, heard)
		}
	})
}

func TestSenderLeavesMessagesPlainThatBeginSo(t *testing.T) {
	s, r := newDeflateSender(RoleServer, Compression{Threshold: -1})
	var wire []byte
	for i, frame := range []struct {
		plain bool
		op    Opcode
		fin   bool
	}{
		{true, OpText, true}, {false, OpText, true}, {true, OpText, false}, {false, OpContinuation, true},
		{false, OpText, false}, {true, OpContinuation, true}, {true, OpPing, true}, {false, OpText, true},
	} {
		s.NoCompression = frame.plain
		var err error
		if wire, err = s.AppendFrame(wire, frame.op, frame.fin, []byte("Hello")); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
	want := []string{"text", "text*", "text", "continuation", "text*", "continuation", "ping", "text*"}
	if got := senderWire(t, wire); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	l := receiverLog{}
	l.feed(r, wire)
	heard := []string{`text "Hello"`, `text "Hello"`, `text "HelloHello"`, `text "HelloHello"`, `ping "Hello"`, `text "Hello"`}
	if !slices.Equal(l.lines, heard) {
		t.Errorf("heard %q, want %q", l.lines, heard)
	}
}

// What is refused leaves no trace: not in dst, not in the window, not in whether
// the message in progress is compressed.
func TestSenderRefusalsLeaveTheWindowAlone(t *testing.T) {
	for _, open := range []bool{false, true} {
		s, r := newDeflateSender(RoleServer, Compression{Threshold: 2})
		wire := []byte(nil)
		if open {
			wire, _ = s.AppendFrame(nil, OpText, false, []byte("Hello, Hel"))
		}
		for name, refused := range map[string]func(*Sender, []byte) ([]byte, error){
			"utf8": senderFrame(OpText, true, "\xff\xff"), "reserved": senderFrame(0x3, true, "xx"), "ping": senderFrame(OpPing, false, ""),
			"continuation-not-utf-8": senderFrame(OpContinuation, true, "\xff"), "long": senderFrame(OpPong, true, strings.Repeat("x", 126)),
		} {
			dst := []byte("dst")
			if got, err := refused(s, dst); err == nil || string(got) != "dst" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		var err error
		if open {
			wire, err = s.AppendFrame(wire, OpContinuation, true, []byte("lo"))
		}
		more, err2 := s.AppendMessage(nil, Text, []byte("Hello, Hello"))
		if err = errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		l := receiverLog{}
		l.feed(r, append(wire, more...))
		if want := slices.Repeat([]string{`text "Hello, Hello"`}, 1+map[bool]int{true: 1}[open]); !slices.Equal(l.lines, want) {
			t.Errorf("in the middle of a message %v: heard %q", open, l.lines)
		}
		if open && more[1] >= 8 {
			t.Errorf("the second message does not refer to the first: %x", more)
		}
	}
}

// The length of a compressed frame is known when it is compressed: its header
// takes 2, 4 or 10 bytes, and what stands in dst stays.
func TestSenderAppendsCompressedFramesOfAllLengths(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		s, r := newDeflateSender(role, Compression{Threshold: -1, Effort: 2})
		message := senderNoise(150_000)
		for _, n := range []int{0, 1, 100, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 1000, 65500, 65520, 65530, 65535, 65536, 150_000} {
			was := bytes.Clone(message[:n])
			wire, err := s.AppendMessage([]byte("before"), Binary, message[:n])
			if err != nil || !bytes.HasPrefix(wire, []byte("before")) || !bytes.Equal(message[:n], was) {
				t.Fatalf("%s, %d bytes: %.20q, %v; or the message has changed", role, n, wire, err)
			}
			if got := senderWire(t, wire[6:]); !slices.Equal(got, []string{"binary*"}) {
				t.Errorf("%s, %d bytes: %q", role, n, got)
			}
			l := receiverLog{}
			if !l.feed(r, wire[6:]) || len(l.lines) != 1 || l.lines[0] != (&receiverLog{}).line(OpBinary, was) {
				t.Errorf("%s, %d bytes: %.200q", role, n, l.lines)
			}
		}
	}
}

// line is how the log shows a message.
func (l *receiverLog) line(op Opcode, data []byte) string {
	l.note(Event{Kind: DataReceived, Op: op, Final: true, Data: data})
	return l.lines[len(l.lines)-1]
}

// senderNoise cannot be compressed within any window.
func senderNoise(n int) []byte {
	b, x := make([]byte, n), uint64(1)
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	return b
}

// A message that somebody else has compressed for all is in the window of each.
func TestSenderAdoptsPreparedMessages(t *testing.T) {
	for _, takeover := range []bool{true, false} {
		s, r := newDeflateSender(RoleServer, Compression{Threshold: -1, ServerNoContextTakeover: !takeover, ServerMaxWindowBits: 10, Effort: 2})
		if got := s.deflateSetting(); got != (deflateSetting{10, 2}) {
			t.Errorf("the setting is %+v", got)
		}
		prepared, _ := newDeflateSender(RoleServer, Compression{Threshold: -1, ServerMaxWindowBits: 10})
		wire, _ := prepared.AppendMessage(nil, Text, []byte("Hello, Hello"))
		s.adopt([]byte("Hello, Hello"))
		more, err := s.AppendMessage(nil, Text, []byte("Hello, Hello"))
		if short := len(more) < len(wire); err != nil || short != takeover {
			t.Errorf("takeover %v: %x behind %x, %v", takeover, more, wire, err)
		}
		l := receiverLog{}
		l.feed(r, append(wire, more...))
		if !slices.Equal(l.lines, []string{`text "Hello, Hello"`, `text "Hello, Hello"`}) {
			t.Errorf("takeover %v: heard %q", takeover, l.lines)
		}
	}
}

// At rest a Sender has its window only; what it sends next refers to that.
func TestSenderRestsBetweenCalls(t *testing.T) {
	s, r := newDeflateSender(RoleServer, Compression{Threshold: -1})
	message := bytes.Repeat([]byte("0123456789 and so on, "), 20)
	var wire []byte
	var sizes []int
	for i := range 3 {
		start := len(wire)
		wire, _ = s.AppendFrame(wire, OpText, false, message[:100])
		s.Rest()
		if s.deflater.table != nil || s.deflater.own != nil {
			t.Errorf("message %d: the table is kept", i)
		}
		wire, _ = s.AppendFrame(wire, OpContinuation, true, message[100:])
		s.Rest()
		sizes = append(sizes, len(wire)-start)
	}
	if out, err := receiverOut(r, wire); out != 3*len(message) || err != nil {
		t.Errorf("%d bytes arrived, want %d: %v", out, 3*len(message), err)
	}
	if sizes[1] >= sizes[0] || sizes[2] > sizes[1] {
		t.Errorf("the messages took %d bytes", sizes)
	}
	NewSender(RoleServer, nil).Rest()
}

func TestSenderAllocatesNothingForCompressedMessages(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		s, _ := newDeflateSender(role, Compression{Threshold: -1})
		message, dst := bytes.Repeat([]byte("0123456789abcdef, "), 100), make([]byte, 0, 8192)
		send := func() {
			if b, err := s.AppendMessage(dst, Text, message); err != nil || &b[0] != &dst[:1][0] {
				t.Errorf("%d bytes, in memory of their own, or %v", len(b), err)
			}
		}
		for range 50 { // until the window is full
			send()
		}
		if got := testing.AllocsPerRun(100, send); got != 0 {
			t.Errorf("%s: %v allocations", role, got)
		}
	}
}

// Who has not asked Check gets the nearest window that there is.
func TestSenderStandsImpossibleWindows(t *testing.T) {
	random := senderNoise(2_000)
	message := slices.Concat(random, make([]byte, 43_000), random, make([]byte, 3_000))
	for _, bits := range []int{-1, 1, 7, 16, 17, 40, 64} {
		c := Compression{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits, Threshold: -1}
		s, r := newDeflateSender(RoleServer, c)
		wire, err := s.AppendMessage(nil, Binary, message)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for ev := (Event{}); !ev.Final; {
			var n int
			if ev, n, err = r.Next(wire); err != nil {
				t.Fatal(err)
			}
			wire, got = wire[n:], append(got, ev.Data...)
		}
		if !bytes.Equal(got, message) {
			t.Errorf("%d bits: something else came out", bits)
		}
	}
}
