// This file reads from and writes to a socket without waiting, where the system
// lets us.

//go:build unix

package websocket

import (
	"io"
	"os"
	"syscall"
)

const rawSockets = true

// readSocket reads what the socket has. again says that it has nothing yet.
func readSocket(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p)
		if err != syscall.EINTR {
			break
		}
	}
	switch {
	case err == syscall.EAGAIN:
		return 0, true, nil
	case err != nil:
		return 0, false, os.NewSyscallError("read", err)
	case n == 0:
		return 0, false, io.EOF
	}
	return n, false, nil
}

// writeSocket writes what the socket takes, which may be nothing.
func writeSocket(fd uintptr, p []byte) (n int, err error) {
	for {
		n, err = syscall.Write(int(fd), p)
		if err != syscall.EINTR {
			break
		}
	}
	switch {
	case err == syscall.EAGAIN:
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("write", err)
	}
	return n, nil
}
