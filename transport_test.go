package websocket

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// streamPair is two ends of a stream, and whether a Conn asks ours before it
// takes a buffer.
type streamPair struct {
	name         string
	ours, theirs net.Conn
	raw          bool
}

// streamPairs returns every kind of transport.
func streamPairs(t *testing.T) []streamPair {
	tcp1, tcp2 := loopback(t)
	wrapped, wrapped2 := loopback(t)
	unix1, unix2 := unixPair(t)
	sim1, sim2 := newPipe()
	pairs := []streamPair{
		{"tcp", tcp1, tcp2, true},
		{"unix", unix1, unix2, true},
		{"wrapped-tcp", struct{ *net.TCPConn }{wrapped}, wrapped2, false},
		{"in-memory", sim1, sim2, false},
	}
	for _, pair := range pairs {
		t.Cleanup(func() { pair.ours.Close(); pair.theirs.Close() })
	}
	return pairs
}

func unixPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("unix", name); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func newInbox(t transport, early string) *inbox {
	in := &inbox{}
	in.init(t, 512, []byte(early))
	return in
}

func TestInboxReadsEveryTransport(t *testing.T) {
	for _, pair := range streamPairs(t) {
		t.Run(pair.name, func(t *testing.T) {
			in := newInbox(pair.ours, "")
			if (in.raw != nil) != (pair.raw && rawSockets) {
				t.Fatalf("raw reads: %v", in.raw != nil)
			}
			pair.theirs.Write([]byte("first"))
			got := ""
			for idle := true; len(got) < len("first"); idle = false {
				if err := in.fill(idle); err != nil {
					t.Fatal(err)
				}
				got += string(in.data)
				in.data = nil
			}
			pair.theirs.Write([]byte("straight"))
			p := make([]byte, len("straight"))
			if _, err := io.ReadFull(readerFunc(in.read), p); err != nil || got+string(p) != "firststraight" || in.direct != nil {
				t.Fatalf("got %q and %q, %v", got, p, err)
			}
			pair.theirs.Close()
			if err := in.fill(true); err != io.EOF || len(in.data) > 0 {
				t.Errorf("at the end: %q, %v", in.data, err)
			}
			if n, err := in.read(p); n != 0 || err != io.EOF {
				t.Errorf("at the end: %d, %v", n, err)
			}
		})
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestInboxHoldsNoBufferWhileASocketIsEmpty looks when the socket has said that
// it has nothing, in both ways of reading.
func TestInboxHoldsNoBufferWhileASocketIsEmpty(t *testing.T) {
	for _, pair := range streamPairs(t) {
		if !pair.raw || !rawSockets {
			continue
		}
		t.Run(pair.name, func(t *testing.T) {
			in := newInbox(pair.ours, "early")
			in.data = in.data[5:]
			waits := 0
			ready := in.ready
			in.ready = func(fd uintptr) bool {
				done := ready(fd)
				if !done {
					waits++
					if in.buf != nil || in.data != nil {
						t.Error("a buffer is held during the wait")
					}
					pair.theirs.Write([]byte("x"))
				}
				return done
			}
			for range 3 {
				if err := in.fill(false); err != nil || string(in.data) != "x" {
					t.Fatalf("%q, %v", in.data, err)
				}
				in.data = in.data[1:]
			}
			if n, err := in.read(make([]byte, 8)); n != 1 || err != nil || waits != 4 {
				t.Errorf("read = %d, %v; %d waits", n, err, waits)
			}
		})
	}
}

func TestInboxHoldsNoBufferWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := newPipe()
		defer client.Close()
		defer server.Close()
		in := newInbox(server, "")
		for _, idle := range []bool{true, false, true} {
			go in.fill(idle)
			synctest.Wait()
			if held := in.buf != nil; held == idle {
				t.Errorf("idle = %v: a buffer is held: %v", idle, held)
			}
			client.Write([]byte("x"))
			synctest.Wait()
			if string(in.data) != "x" {
				t.Errorf("data = %q", in.data)
			}
		}
	})
}

// TestInboxKeepsBytesThatComeWithAnError: io.Reader may return both.
func TestInboxKeepsBytesThatComeWithAnError(t *testing.T) {
	boom := errors.New("boom")
	for _, idle := range []bool{true, false} {
		client, server := newPipe()
		client.Write([]byte("last"))
		server.failAfter(simRead, 1, 4, boom)
		in := newInbox(server, "")
		if err := in.fill(idle); err != nil || string(in.data) != "last" {
			t.Errorf("idle = %v: %q, %v", idle, in.data, err)
		}
		server.fail(simRead, 1, boom)
		if err := in.fill(idle); err != boom || len(in.data) > 0 {
			t.Errorf("idle = %v: %q, %v", idle, in.data, err)
		}
	}
}

func TestInboxIsInterruptedByADeadline(t *testing.T) {
	for _, pair := range streamPairs(t) {
		t.Run(pair.name, func(t *testing.T) {
			in := newInbox(pair.ours, "")
			pair.ours.SetReadDeadline(time.Unix(1, 0))
			var timeout net.Error
			if err := in.fill(false); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("fill: %v", err)
			}
			if _, err := in.read(make([]byte, 8)); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("read: %v", err)
			}
			pair.ours.SetReadDeadline(time.Time{})
			pair.theirs.Write([]byte("x"))
			if err := in.fill(false); err != nil || string(in.data) != "x" {
				t.Errorf("after the deadline: %q, %v", in.data, err)
			}
			pair.ours.Close()
			if err := in.fill(false); err == nil || errors.Is(err, syscall.EBADF) {
				t.Errorf("closed: %v", err)
			}
		})
	}
}
