// This file is the bounds of what is accepted from a peer (§10.4). Receiver holds
// them.

package websocket

// Limits bounds what a Receiver accepts (§10.4). The zero value stands for the
// defaults, negative values for no limit but that of an int.
type Limits struct {
	// MaxMessageSize is the most bytes that a message may carry, all its frames
	// together. It is held against the lengths that headers announce. For a
	// compressed message it is held against what comes out; headers may announce
	// an eighth more, and 8 bytes for each frame. Default DefaultMaxMessageSize.
	MaxMessageSize int64

	// MaxFrames is the most frames that a message may consist of. Default
	// DefaultMaxFrames.
	MaxFrames int
}

// The limits that hold when none are set.
const (
	DefaultMaxMessageSize = 1 << 20 // 1 MiB
	DefaultMaxFrames      = 131072
)

const maxInt = int(^uint(0) >> 1)

// normal replaces zero and negative values by what they stand for.
func (l Limits) normal() Limits {
	switch {
	case l.MaxMessageSize == 0:
		l.MaxMessageSize = DefaultMaxMessageSize
	case l.MaxMessageSize < 0 || l.MaxMessageSize > int64(maxInt):
		l.MaxMessageSize = int64(maxInt) // a message is a []byte to the reader
	}
	switch {
	case l.MaxFrames == 0:
		l.MaxFrames = DefaultMaxFrames
	case l.MaxFrames < 0:
		l.MaxFrames = maxInt
	}
	return l
}

// wire returns how much the headers of a message may announce, of which this is
// the frame after so many. Compressed data can be larger than what comes out:
// fixed codes take 9 bits for a byte at most (1951 §3.2.6), and who flushes behind
// each frame adds 5 bytes and the ends of two blocks. What is larger than that has
// many tiny blocks in it, which give little but work.
func (l *Limits) wire(compressed bool, frames int) uint64 {
	most := uint64(l.MaxMessageSize)
	if compressed {
		most += most/8 + 64 + 8*uint64(frames)
	}
	return most
}
