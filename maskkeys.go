// This file is the source of a client's masking keys (§5.3).

package websocket

import (
	"crypto/rand"
	"sync"
)

// keyBlock is how many bytes of keys are read ahead: on many systems each read
// of random bytes is a system call, which costs more than the rest of a small
// frame.
const keyBlock = 512

// keySupply is a block of keys that nobody has used yet.
type keySupply struct {
	keys [keyBlock]byte
	used int
}

var keySupplies = sync.Pool{New: func() any { return &keySupply{used: keyBlock} }}

// freshMaskKey returns a key for one frame. §10.3: it comes from a cryptographic
// source, and no key tells anything about another. It can be called by many
// goroutines.
func freshMaskKey() (key [4]byte) {
	s := keySupplies.Get().(*keySupply)
	if s.used == keyBlock {
		rand.Read(s.keys[:]) // never fails
		s.used = 0
	}
	s.used += copy(key[:], s.keys[s.used:])
	keySupplies.Put(s)
	return key
}
