package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// receiverDeflated returns messages as compress/flate makes them: payloads as
// they go into frames (7692 §7.2.1).
func receiverDeflated(t testing.TB, messages ...string) (payloads []string) {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	for _, m := range messages {
		out.Reset()
		if err == nil {
			_, err = w.Write([]byte(m))
		}
		if err = errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, strings.TrimSuffix(out.String(), inflateTail))
	}
	return payloads
}

// receiverCompressed returns a compressed message in n frames.
func receiverCompressed(role Role, op Opcode, payload string, n int) (wire []byte) {
	for i := range n {
		piece := payload[i*len(payload)/n : (i+1)*len(payload)/n]
		wire = append(wire, receiverWire(role, Header{Fin: i == n-1, RSV1: i == 0, Opcode: op, Length: uint64(len(piece))}, piece)...)
		op = OpContinuation
	}
	return wire
}

func newDeflateReceiver(role Role, limits Limits) *Receiver {
	r := NewReceiver(role, limits)
	r.SetCompression(&Compression{})
	return r
}

// receiverOut feeds wire and counts what comes out.
func receiverOut(r *Receiver, wire []byte) (out int, err error) {
	for {
		ev, n, err := r.Next(wire)
		if out += len(ev.Data); err != nil || ev.Kind == NeedMore {
			return out, err
		}
		wire = wire[n:]
	}
}

// receiverBomb returns 65232 bytes that inflate to 64 MiB of zeros: after the
// codes, two bits stand for 258 bytes.
func receiverBomb() string {
	return "\xec\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xaf\xee\x08\x0a" + strings.Repeat("\x00", 65216) + "\xb8\x0b"
}

// Z-21, S-11: what is behind the limit does not come out, and takes no memory.
func TestReceiverRefusesBombs(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		for _, frames := range []int{1, 1000} {
			r := newDeflateReceiver(role, Limits{MaxFrames: 1000})
			wire := receiverCompressed(role, OpBinary, receiverBomb(), frames)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			out, err := receiverOut(r, wire)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, RuleTooBig) || out > DefaultMaxMessageSize || out < DefaultMaxMessageSize-2*inflateChunk {
				t.Errorf("%s, %d frames: %d bytes, %v", role, frames, out, err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 128<<10 {
				t.Errorf("%s, %d frames: %d bytes were allocated", role, frames, used)
			}
		}
	}
}

// Z-22: exactly the limit is accepted and one byte more is not, wherever the
// chunks and the frames end.
func TestReceiverLimitsWhatComesOut(t *testing.T) {
	for _, limit := range []int{1, 2, 257, 258, 259, inflateChunk - 1, inflateChunk, inflateChunk + 1, inflateChunk + 258, 3 * inflateChunk, 1 << 20} {
		message := string(senderNoise(min(limit, 3000)))
		message += strings.Repeat("x", limit+1-len(message))
		payloads := append(receiverDeflated(t, message[:limit]), receiverDeflated(t, message)...)
		for _, frames := range []int{1, 2, 1000} {
			r := newDeflateReceiver(RoleServer, Limits{MaxMessageSize: int64(limit)})
			if out, err := receiverOut(r, receiverCompressed(RoleServer, OpBinary, payloads[0], frames)); err != nil || out != limit || !r.idle() {
				t.Errorf("limit %d in %d frames: %d bytes, %v", limit, frames, out, err)
			}
			r = newDeflateReceiver(RoleServer, Limits{MaxMessageSize: int64(limit)})
			if out, err := receiverOut(r, receiverCompressed(RoleServer, OpBinary, payloads[1], frames)); !errors.Is(err, RuleTooBig) || out > limit {
				t.Errorf("limit %d and one byte more in %d frames: %d bytes, %v", limit, frames, out, err)
			}
		}
	}
}

// Z-23, Z-24: blocks of which nothing comes count as bytes on the wire.
func TestReceiverLimitsEmptyBlocks(t *testing.T) {
	const limit = 4096
	for _, frames := range []int{1, 900} {
		wire := int((&Limits{MaxMessageSize: limit}).wire(true, frames-1))
		payload := strings.Repeat("\x00\x00\x00\xff\xff", wire/5) + "\x00"
		r := newDeflateReceiver(RoleClient, Limits{MaxMessageSize: limit})
		if out, err := receiverOut(r, receiverCompressed(RoleClient, OpText, payload, frames)); err != nil || out != 0 || !r.idle() {
			t.Errorf("%d bytes in %d frames: %d, %v", len(payload), frames, out, err)
		}
		more := strings.Repeat("\x00\x00\x00\xff\xff", wire/5+1) + "\x00"
		if out, err := receiverOut(r, receiverCompressed(RoleClient, OpText, more, frames)); !errors.Is(err, RuleTooBig) || out != 0 {
			t.Errorf("%d bytes in %d frames: %d, %v", len(more), frames, out, err)
		}
	}
}

// S-11: one bomb after another takes no more than one.
func TestReceiverBombsLeaveNothingBehind(t *testing.T) {
	bomb := receiverBomb()[:2000] // of which 2 MiB come
	wire := receiverCompressed(RoleClient, OpBinary, bomb, 1)
	r := newDeflateReceiver(RoleClient, Limits{})
	receiverOut(r, wire)
	f := r.inflater
	got := testing.AllocsPerRun(20, func() {
		*r = Receiver{role: RoleClient, limits: r.limits, inflater: f}
		f.init(15, true)
		if out, err := receiverOut(r, wire); !errors.Is(err, RuleTooBig) || out > DefaultMaxMessageSize {
			t.Errorf("%d bytes, %v", out, err)
		}
	})
	if got > 20 {
		t.Errorf("%v allocations for a bomb", got)
	}
}

// What a Receiver has not consumed it leaves as it was, so that it may be given
// again from somewhere else; and what it lends may be overwritten.
func TestReceiverLeavesWhatItHasNotConsumedMasked(t *testing.T) {
	messages := []string{strings.Repeat("0123456789", 5000), "short", strings.Repeat("x", 20000), string(deflateRandom(rand.New(rand.NewPCG(1, 2)), 9000))}
	var wire []byte
	for i, payload := range receiverDeflated(t, messages...) {
		wire = append(wire, receiverCompressed(RoleServer, OpBinary, payload, 1+i%3)...)
	}
	random := rand.New(rand.NewPCG(3, 4))
	r, got, message, left := newDeflateReceiver(RoleServer, Limits{}), []string(nil), []byte(nil), 0
	for at := 0; at < len(wire); {
		b := bytes.Clone(wire[at:min(at+1+random.IntN(3000), len(wire))])
		ev, n, err := r.Next(b)
		if err != nil || !bytes.Equal(b[n:], wire[at+n:at+len(b)]) {
			t.Fatalf("at byte %d: %v; what was not consumed has changed", at+n, err)
		}
		if at += n; n < len(b) && ev.Kind == DataReceived && r.inFrame {
			left++
		}
		if message = append(message, ev.Data...); ev.Kind == DataReceived && ev.Final {
			got, message = append(got, string(message)), nil
		}
		clear(ev.Data)
		inflateScribble(b)
	}
	for range 8 { // the last bytes may hold more than one event
		if ev, _, _ := r.Next(nil); ev.Kind == DataReceived {
			t.Errorf("another event behind the last byte: %+v", ev)
		}
	}
	if strings.Join(got, "|") != strings.Join(messages, "|") || left == 0 {
		t.Errorf("%d messages, which are not those that were sent; %d times something was left", len(got), left)
	}
}

// With compression no byte of a message is where the caller has read it to.
func TestReceiverWantsNothingOfCompressedMessages(t *testing.T) {
	r := newDeflateReceiver(RoleClient, Limits{})
	wire := receiverCompressed(RoleClient, OpText, "\xf2\x48\xcd\xc9\xc9\x07\x00", 3)
	for i := range wire {
		if r.Want() != 0 {
			t.Errorf("Want() = %d in front of byte %d", r.Want(), i)
		}
		r.Next(wire[i : i+1])
	}
	if r.Next([]byte("\x82\x05")); r.Want() != 5 {
		t.Errorf("Want() = %d of a plain message", r.Want())
	}
}

func TestReceiverShowsEachCompressedFrame(t *testing.T) {
	r := newDeflateReceiver(RoleServer, Limits{})
	r.EachFrame = true
	payload := receiverDeflated(t, strings.Repeat("x", 3*inflateChunk))[0]
	wire := receiverCompressed(RoleServer, OpText, payload, 2)
	var frames, data int
	for {
		ev, n, err := r.Next(wire)
		if err != nil {
			t.Fatal(err)
		}
		switch wire = wire[n:]; ev.Kind {
		case FrameStart:
			if frames++; ev.Op != OpText || ev.Header.RSV1 != (frames == 1) || len(ev.Data) != 0 {
				t.Errorf("frame %d: %+v", frames, ev)
			}
		case DataReceived:
			if data += len(ev.Data); ev.Op != OpText || ev.Final != (data == 3*inflateChunk && r.idle()) {
				t.Errorf("behind %d bytes: %+v", data, ev)
			}
		case NeedMore:
			if frames != 2 || data != 3*inflateChunk || len(wire) > 0 {
				t.Errorf("%d frames, %d bytes; %x is left", frames, data, wire)
			}
			return
		}
	}
}

// A Receiver at rest holds the window and nothing else; in the middle of a message
// Rest does nothing.
func TestReceiverRestsBetweenMessages(t *testing.T) {
	r := newDeflateReceiver(RoleClient, Limits{})
	wire := receiverCompressed(RoleClient, OpText, "\xf2\x48\xcd\xc9\xc9\x07\x00", 1)
	for cut := range len(wire) + 1 {
		receiverOut(r, bytes.Clone(wire[:cut]))
		r.Rest()
		if held := r.inflater.s != nil; held != (cut > 2 && cut < len(wire)) || r.inflater.spare != nil {
			t.Errorf("behind %d bytes: in the middle %v, spare %v", cut, held, r.inflater.spare != nil)
		}
		if out, err := receiverOut(r, bytes.Clone(wire[cut:])); err != nil || out > 5 || !r.idle() {
			t.Errorf("rest behind %d bytes: %d, %v", cut, out, err)
		}
	}
	if out, err := receiverOut(r, []byte("\xc1\x05\xf2\x00\x11\x00\x00")); out != 5 || err != nil {
		t.Errorf("the window is gone: %d, %v", out, err)
	}
	NewReceiver(RoleClient, Limits{}).Rest()
}

func TestReceiverAllocatesNothingForCompressedMessages(t *testing.T) {
	for _, message := range []string{"Hello", strings.Repeat("0123456789", 3000)} {
		payload := receiverDeflated(t, message)[0]
		r := newDeflateReceiver(RoleServer, Limits{})
		wire := receiverCompressed(RoleServer, OpText, payload, 2)
		buf := make([]byte, len(wire))
		for range 20 { // until the window is full
			copy(buf, wire)
			receiverOut(r, buf)
		}
		got := testing.AllocsPerRun(100, func() {
			copy(buf, wire)
			if out, err := receiverOut(r, buf); out != len(message) || err != nil {
				t.Fatalf("%d bytes, %v", out, err)
			}
		})
		if got != 0 {
			t.Errorf("%d bytes: %v allocations", len(message), got)
		}
	}
}
