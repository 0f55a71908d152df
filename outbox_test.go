package websocket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// writeLog is the writing half of a transport. It keeps what it is given.
type writeLog struct {
	transport
	writes [][]byte
	kept   [][]byte // the slices themselves
	by     []time.Time
}

func (l *writeLog) Write(p []byte) (int, error) {
	l.writes = append(l.writes, bytes.Clone(p))
	l.kept = append(l.kept, p)
	return len(p), nil
}

func (l *writeLog) SetWriteDeadline(t time.Time) error {
	l.by = append(l.by, t)
	return nil
}

func newTestOutbox(size int, timeout time.Duration) (*outbox, *writeLog, *watch) {
	l := &writeLog{}
	o := &outbox{}
	o.init(l, nil, size, timeout)
	return o, l, &watch{setDeadline: l.SetWriteDeadline}
}

// outboxFrames are frames around the size of a buffer of 256 bytes.
var outboxFrames = []int{0, 1, 100, 125, 126, 240, 250, 251, 252, 253, 254, 255, 256, 257, 300, 512, 1000, 10_000}

// TestOutboxWritesFramesExactly sends frames alone and together, and compares
// every byte with the obvious encoding.
func TestOutboxWritesFramesExactly(t *testing.T) {
	for _, masked := range []bool{false, true} {
		for _, vectored := range []bool{false, true} {
			testOutbox(t, masked, vectored, true)
			testOutbox(t, masked, vectored, false)
		}
	}
}

func testOutbox(t *testing.T, masked, vectored, batch bool) {
	o, l, w := newTestOutbox(256, -1)
	o.vectored = vectored
	key := testMaskKeys('K')
	var want []byte
	o.open(w)
	for _, n := range outboxFrames {
		h := Header{Fin: n%2 == 0, Opcode: OpBinary, Length: uint64(n), Masked: masked}
		if masked {
			h.MaskKey = key()
		}
		payload := []byte(testPayload(n))
		want = appendFrame(want, h, payload)
		o.frame(h, payload)
		if string(payload) != testPayload(n) {
			t.Errorf("a payload of %d bytes was changed", n)
		}
		if !batch {
			o.close()
			o.open(w)
		}
	}
	if err := o.close(); err != nil || o.b != nil || o.buf != nil {
		t.Errorf("close: %v; buffer %v", err, o.buf)
	}
	if !bytes.Equal(bytes.Join(l.writes, nil), want) {
		t.Errorf("masked=%v vectored=%v batch=%v: wrong bytes", masked, vectored, batch)
	}
}

func TestOutboxWritesAsRarelyAsItCan(t *testing.T) {
	tests := []struct {
		name             string
		masked, vectored bool
		frames           []int
		want             []int
	}{
		{"nothing", false, false, nil, nil},
		{"small", false, false, []int{5}, []int{7}},
		{"small-masked", true, false, []int{5}, []int{11}},
		{"several", false, false, []int{5, 0, 100}, []int{7 + 2 + 102}},
		{"just-full", false, false, []int{252}, []int{256}},
		{"just-full-masked", true, false, []int{248}, []int{256}},
		{"full-of-several", true, true, []int{122, 122}, []int{256}},
		{"one-does-not-fit", false, false, []int{200, 60}, []int{204, 62}},
		{"large", false, false, []int{1000}, []int{256, 748}},
		{"large-in-place", false, true, []int{1000}, []int{4, 1000}},
		{"large-masked", true, true, []int{1000}, []int{256, 256, 256, 240}},
		{"small-behind-large", true, false, []int{1000, 5}, []int{256, 256, 256, 251}},
		{"small-in-front-of-large", false, true, []int{5, 1000, 5}, []int{7, 4, 1000, 7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, l, w := newTestOutbox(256, -1)
			o.vectored = tt.vectored
			o.open(w)
			payload := []byte(testPayload(1000))
			for _, n := range tt.frames {
				o.frame(Header{Fin: true, Opcode: OpBinary, Length: uint64(n), Masked: tt.masked}, payload[:n])
			}
			o.close()
			var got []int
			for _, p := range l.writes {
				got = append(got, len(p))
			}
			if len(got) != len(tt.want) {
				t.Fatalf("writes of %v bytes, want %v", got, tt.want)
			}
			for i, n := range tt.want {
				if got[i] != n {
					t.Fatalf("writes of %v bytes, want %v", got, tt.want)
				}
				if n == len(payload) && &l.kept[i][0] != &payload[0] {
					t.Error("the payload was copied")
				}
			}
		})
	}
}

// TestOutboxKnowsWhoHasWritev: for others a vector would be two writes.
func TestOutboxKnowsWhoHasWritev(t *testing.T) {
	for _, pair := range streamPairs(t) {
		o := &outbox{}
		if o.init(pair.ours, nil, 256, 0); o.vectored != pair.raw {
			t.Errorf("%s: vectored = %v", pair.name, o.vectored)
		}
	}
}

// TestOutboxKeepsNothing looks for payloads behind the write.
func TestOutboxKeepsNothing(t *testing.T) {
	o, _, w := newTestOutbox(256, -1)
	o.vectored = true
	o.open(w)
	o.frame(Header{Length: 1000}, make([]byte, 1000))
	if o.vectors[0] != nil || o.vectors[1] != nil || o.buffers != nil {
		t.Error("the payload is kept")
	}
	o.close()
}

func TestOutboxErrorIsFinal(t *testing.T) {
	boom := errors.New("boom")
	for _, vectored := range []bool{false, true} {
		_, server := newPipe()
		o := &outbox{}
		o.init(server, nil, 256, time.Second)
		o.vectored = vectored
		w := &watch{setDeadline: server.SetWriteDeadline}
		server.failAfter(simWrite, 2, 1, boom)
		o.open(w)
		for range 5 {
			for _, n := range []int{10, 1000} {
				o.frame(Header{Length: uint64(n)}, make([]byte, n))
			}
		}
		if err := o.close(); err != boom || o.buf != nil {
			t.Errorf("vectored=%v: close: %v", vectored, err)
		}
		sent := len(server.sent())
		o.open(w)
		o.frame(Header{}, nil)
		if err := o.close(); err != boom || len(server.sent()) != sent {
			t.Errorf("vectored=%v: afterwards: %v, %d bytes more", vectored, err, len(server.sent())-sent)
		}
	}
}

func TestOutboxRefusesShortWrites(t *testing.T) {
	_, server := newPipe()
	o := &outbox{}
	o.init(server, nil, 256, -1)
	server.failAfter(simWrite, 1, 1, nil)
	o.open(&watch{})
	o.frame(Header{Length: 10}, make([]byte, 10))
	if err := o.close(); err != io.ErrShortWrite {
		t.Errorf("close: %v", err)
	}
}

func TestOutboxNeedsADeadline(t *testing.T) {
	boom := errors.New("boom")
	for _, vectored := range []bool{false, true} {
		o, l, _ := newTestOutbox(256, time.Second)
		o.vectored = vectored
		o.open(&watch{setDeadline: func(time.Time) error { return boom }})
		o.frame(Header{Length: 1000}, make([]byte, 1000))
		if err := o.close(); err != boom || len(l.writes) > 0 {
			t.Errorf("vectored=%v: close: %v; %d writes", vectored, err, len(l.writes))
		}
	}
}

// TestOutboxMovesItsDeadlineRarely: at least the timeout is left to every
// write, and at most a quarter more.
func TestOutboxMovesItsDeadlineRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, l, w := newTestOutbox(256, 10*time.Second)
		for range 1000 {
			o.open(w)
			o.frame(Header{Length: 1}, []byte("x"))
			o.close()
			if left := time.Until(l.by[len(l.by)-1]); left < 10*time.Second || left > 12500*time.Millisecond {
				t.Fatalf("%v are left", left)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(l.by); n > 1000*100/2500+1 {
			t.Errorf("the deadline was set %d times in 100 s", n)
		}
	})
}

// TestOutboxTakesMoreThanItsBuffer: what is owed to the peer may be more than
// fits.
func TestOutboxTakesMoreThanItsBuffer(t *testing.T) {
	o, l, w := newTestOutbox(256, -1)
	owed := strings.Repeat("pong", 200)
	o.open(w)
	o.b = append(o.b, owed...)
	o.frame(Header{Fin: true, Opcode: OpText, Length: 300}, []byte(testPayload(300)))
	o.close()
	want := owed + string(appendFrame(nil, Header{Fin: true, Opcode: OpText, Length: 300}, []byte(testPayload(300))))
	if got := string(bytes.Join(l.writes, nil)); got != want {
		t.Errorf("got %s", abridge(got))
	}
	o.open(w)
	if cap(o.b) != 256 {
		t.Errorf("the next buffer has %d bytes", cap(o.b))
	}
	o.close()
}

// crypto/tls also writes to answer the peer, when no write of ours has moved the
// deadline.
func TestOutboxLeavesNoDeadlineBehindOnTLS(t *testing.T) {
	o, l, w := newTestOutbox(256, time.Second)
	o.init(struct {
		*writeLog
		netConner
	}{writeLog: l}, nil, 256, time.Second)
	for range 2 {
		o.open(w)
		o.frame(Header{Length: 1}, []byte("x"))
		wantNil(t, "close", o.close())
	}
	if n := len(l.by); n != 4 || l.by[2].IsZero() || !l.by[1].IsZero() || !l.by[3].IsZero() {
		t.Errorf("deadlines: %v", l.by)
	}
}

type netConner struct{}

func (netConner) NetConn() net.Conn { return nil }

// TestOutboxWritesSharedFramesExactly sends frames that need no copy, alone and
// together, behind what is owed to the peer.
func TestOutboxWritesSharedFramesExactly(t *testing.T) {
	var sizes [][]int
	for _, n := range append(outboxFrames, 70_000, 200_000, 5, maxWrite-1, maxWrite, maxWrite+1) {
		sizes = append(sizes, []int{n})
	}
	sizes = append(sizes, slices.Concat(sizes...), []int{5, 5, 5, 200_000}, []int{200_000, 5, 5, 5})
	for _, batch := range sizes {
		testOutboxShares(t, false, batch)
		testOutboxShares(t, true, batch)
	}
}

func testOutboxShares(t *testing.T, vectored bool, sizes []int) {
	o, l, w := newTestOutbox(256, -1)
	o.vectored = vectored
	o.open(w)
	o.b = append(o.b, "owed"...)
	want := []byte("owed")
	for _, n := range sizes {
		frame := []byte(testPayload(n))
		o.shared(frame)
		want = append(want, frame...)
	}
	wantNil(t, "close", o.close())
	if !bytes.Equal(bytes.Join(l.writes, nil), want) {
		t.Errorf("vectored=%v, frames of %d: wrong bytes", vectored, sizes)
	}
	if o.sent.Load() != int64(len(want)) {
		t.Errorf("vectored=%v, frames of %d: %d bytes were counted", vectored, sizes, o.sent.Load())
	}
	if o.lent != nil || o.buffers != nil {
		t.Errorf("vectored=%v, frames of %d: they are kept", vectored, sizes)
	}
}

// With writev none of them is copied, and without it small ones share a write.
func TestOutboxWritesSharedFramesAsRarelyAsItCan(t *testing.T) {
	small, large := make([]byte, 100), make([]byte, 1000)
	for vectored, want := range map[bool][]int{true: {100, 100, 100, 1000, 100}, false: {200, 100, 1000, 100}} {
		o, l, w := newTestOutbox(256, -1)
		o.vectored = vectored
		o.open(w)
		for _, frame := range [][]byte{small, small, small, large, small} {
			o.shared(frame)
			if vectored && len(l.writes) > 0 {
				t.Error("written before the end")
			}
		}
		wantNil(t, "close", o.close())
		var got []int
		for i, p := range l.kept {
			got = append(got, len(p))
			if vectored && &p[0] != &small[0] && &p[0] != &large[0] {
				t.Errorf("frame %d was copied", i)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("vectored=%v: writes of %d bytes, want %d", vectored, got, want)
		}
	}
}
