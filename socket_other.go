// This file stands for socket_unix.go on other systems.

//go:build !unix

package websocket

import "errors"

const rawSockets = false

func writeSocket(uintptr, []byte) (n int, err error) { return 0, errors.ErrUnsupported }

func readSocket(uintptr, []byte) (n int, again bool, err error) {
	return 0, false, errors.ErrUnsupported
}
