// This file pools the buffers of all connections, so that one which is idle
// holds none.

package websocket

import (
	"math/bits"
	"sync"
)

// pools holds buffers by size: pools[i] those of 1<<i bytes.
var pools [bits.UintSize]sync.Pool

// getBuffer returns a buffer of at least n bytes, n > 0. Its content is
// whatever its last user left.
func getBuffer(n int) *[]byte {
	class := bits.Len(uint(n - 1))
	if b, ok := pools[class].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 1<<class)
	return &b
}

// putBuffer takes back a buffer of getBuffer's.
func putBuffer(b *[]byte) {
	pools[bits.Len(uint(len(*b)-1))].Put(b)
}
