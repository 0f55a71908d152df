//go:build unix

package websocket

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// withSocket runs f with the descriptor of a socket.
func withSocket(t *testing.T, c syscall.Conn, f func(fd uintptr)) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(f); err != nil {
		t.Fatal(err)
	}
}

func TestSocketIsReadWithoutWaiting(t *testing.T) {
	ours, theirs := loopback(t)
	defer ours.Close()
	p := make([]byte, 8)
	withSocket(t, ours, func(fd uintptr) {
		if n, again, err := readSocket(fd, p); n != 0 || !again || err != nil {
			t.Errorf("nothing there: %d, %v, %v", n, again, err)
		}
	})
	theirs.Write([]byte("hello"))
	theirs.Close()
	if err := awaitReadable(ours); err != nil {
		t.Fatal(err)
	}
	withSocket(t, ours, func(fd uintptr) {
		if n, again, err := readSocket(fd, p); string(p[:n]) != "hello" || again || err != nil {
			t.Errorf("hello: %q, %v, %v", p[:n], again, err)
		}
	})
	if err := awaitReadable(ours); err != nil {
		t.Fatal(err)
	}
	withSocket(t, ours, func(fd uintptr) {
		if n, again, err := readSocket(fd, p); n != 0 || again || err != io.EOF {
			t.Errorf("at the end: %d, %v, %v", n, again, err)
		}
	})
}

// awaitReadable waits until there is something to read, and takes none of it.
func awaitReadable(c syscall.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		var p [1]byte
		_, _, err := syscall.Recvfrom(int(fd), p[:], syscall.MSG_PEEK)
		return err != syscall.EAGAIN
	})
}

func TestSocketErrorsNameTheCall(t *testing.T) {
	n, again, err := readSocket(^uintptr(0), make([]byte, 8))
	if call := (*os.SyscallError)(nil); n != 0 || again || !errors.As(err, &call) || call.Syscall != "read" || !errors.Is(err, syscall.EBADF) {
		t.Errorf("no descriptor: %d, %v, %v", n, again, err)
	}
}

func TestSocketIsWrittenWithoutWaiting(t *testing.T) {
	ours, theirs := loopback(t)
	defer ours.Close()
	defer theirs.Close()
	wantNil(t, "SetWriteBuffer", ours.SetWriteBuffer(1))
	p := make([]byte, 16<<20)
	total := 0
	for n := 1; n > 0; total += n { // up to a write of nothing
		withSocket(t, ours, func(fd uintptr) {
			var err error
			if n, err = writeSocket(fd, p); n == len(p) || err != nil {
				t.Errorf("%d bytes were taken: %v", n, err)
			}
		})
	}
	if n, err := io.CopyN(io.Discard, theirs, int64(total)); total == 0 || err != nil {
		t.Errorf("%d of %d bytes came: %v", n, total, err)
	}
}

func TestSocketWriteErrorsNameTheCall(t *testing.T) {
	n, err := writeSocket(^uintptr(0), make([]byte, 8))
	if call := (*os.SyscallError)(nil); n != 0 || !errors.As(err, &call) || call.Syscall != "write" || !errors.Is(err, syscall.EBADF) {
		t.Errorf("no descriptor: %d, %v", n, err)
	}
}

// newTryOutbox returns an outbox on a socket that takes little, with the socket's
// ends.
func newTryOutbox(t *testing.T) (o *outbox, ours, theirs *net.TCPConn) {
	t.Helper()
	ours, theirs = loopback(t)
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	wantNil(t, "SetWriteBuffer", ours.SetWriteBuffer(1))
	raw, err := ours.SyscallConn()
	wantNil(t, "SyscallConn", err)
	o = &outbox{}
	o.init(ours, raw, 256, time.Hour)
	return o, ours, theirs
}

func TestOutboxTriesWithoutWaiting(t *testing.T) {
	o, ours, theirs := newTryOutbox(t)
	deadlines := 0
	w := &watch{setDeadline: func(by time.Time) error { deadlines++; return ours.SetWriteDeadline(by) }}
	frame := []byte(testPayload(16 << 20))
	n := o.try(w, frame)
	if n == 0 || n == len(frame) || o.err != nil {
		t.Fatalf("%d of %d bytes were taken; %v", n, len(frame), o.err)
	}
	for m := 1; m > 0; n += m { // up to a try of which the socket takes nothing
		m = o.try(w, frame)
	}
	wantNil(t, "a full socket is no error", o.err)
	if sent := o.sent.Load(); sent != int64(n) {
		t.Errorf("%d of %d bytes were counted", sent, n)
	}
	if o.probe.p != nil {
		t.Error("the frame is kept")
	}
	if deadlines != 1 {
		t.Errorf("the deadline was set %d times", deadlines)
	}
	_, err := io.CopyN(io.Discard, theirs, int64(n))
	wantNil(t, "what was taken is there", err)
}

// A lateTransport is a socket of which each write has been waiting for too long,
// after a part of it. It has no writev, which would go past its Write.
type lateTransport struct {
	net.Conn
	part int
}

func (l *lateTransport) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p[:min(l.part, len(p))])
	l.part -= n
	return n, cmp.Or(err, os.ErrDeadlineExceeded)
}

// The rest of a write is tried once more when its time is up, and must be taken
// whole then.
func TestOutboxInsistsWhenTimeIsUp(t *testing.T) {
	message := testPayload(40 << 10)
	h := Header{Fin: true, Opcode: OpText, Length: uint64(len(message))}
	frame := string(appendFrame(nil, h, []byte(message)))
	for part := 0; part <= len(frame); part += len(frame) / 4 {
		for _, vectored := range []bool{false, true} {
			o, ours, theirs := newTryOutbox(t)
			wantNil(t, "SetWriteBuffer", ours.SetWriteBuffer(1<<20))
			late := &lateTransport{ours, part}
			o.transport, o.vectored = late, vectored
			o.open(&watch{setDeadline: ours.SetWriteDeadline})
			o.frame(h, []byte(message))
			wantNil(t, "close", o.close())
			ours.Close()
			got, err := io.ReadAll(theirs)
			if err != nil || string(got) != frame || o.sent.Load() != int64(len(got)) {
				t.Errorf("behind %d bytes: %d arrive, %d are counted, %v", part, len(got), o.sent.Load(), err)
			}
		}
	}
}

func TestOutboxDoesNotInsistInVain(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, o *outbox, w *watch){
		"full": func(t *testing.T, o *outbox, w *watch) {
			for o.try(w, make([]byte, 1<<20)) > 0 {
			}
		},
		"interrupted": func(t *testing.T, _ *outbox, w *watch) {
			ctx, cancel := context.WithCancel(background)
			wantNil(t, "begin", w.begin(ctx))
			cancel()
			waitUntil(t, "the watch to fire", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.fired })
		},
	} {
		o, ours, _ := newTryOutbox(t)
		w := &watch{setDeadline: ours.SetWriteDeadline}
		begin(t, o, w)
		o.transport = &lateTransport{Conn: ours}
		o.open(w)
		o.frame(Header{Fin: true, Opcode: OpText}, make([]byte, 16<<20)) // what is full may have a little place by now
		if err := o.close(); !errors.Is(err, os.ErrDeadlineExceeded) || name == "interrupted" && o.sent.Load() > 0 {
			t.Errorf("%s: %d bytes, %v", name, o.sent.Load(), err)
		}
	}
}

func TestOutboxTryFailsForGood(t *testing.T) {
	boom := errors.New("boom")
	for name, end := range map[string]func(o *outbox, ours *net.TCPConn, w *watch){
		"socket closed": func(_ *outbox, ours *net.TCPConn, _ *watch) { ours.Close() },
		"half closed":   func(_ *outbox, ours *net.TCPConn, _ *watch) { ours.CloseWrite() },
		"no deadline":   func(_ *outbox, _ *net.TCPConn, w *watch) { w.setDeadline = func(time.Time) error { return boom } },
		"failed before": func(o *outbox, _ *net.TCPConn, _ *watch) { o.err = boom },
	} {
		o, ours, theirs := newTryOutbox(t)
		w := &watch{setDeadline: ours.SetWriteDeadline}
		end(o, ours, w)
		if n := o.try(w, []byte("x")); n != 0 || o.err == nil {
			t.Errorf("%s: %d, %v", name, n, o.err)
		}
		err := o.err
		w.setDeadline = func(time.Time) error { return nil }
		if n := o.try(w, []byte("x")); n != 0 || o.err != err || o.sent.Load() != 0 {
			t.Errorf("%s: afterwards %d, %v", name, n, o.err)
		}
		ours.Close()
		if n, _ := io.Copy(io.Discard, theirs); n != 0 {
			t.Errorf("%s: %d bytes came", name, n)
		}
	}
}
