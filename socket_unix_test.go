//go:build unix

package websocket

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
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
