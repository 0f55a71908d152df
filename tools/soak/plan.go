package main

import (
	"math/rand/v2"
	"time"
)

// A plan is what the proxy does to one connection. It tells the proxy all that it needs to know, so it is sent to it, as
// JSON in a line in front of the handshake.
type plan struct {
	To      string        // where the connection leads
	Latency time.Duration // before each piece, in both directions
	Slice   int           // bytes of the longest piece, 0 for no slicing
	Seed    uint64        // of how long pieces are

	// Cut is how many bytes of the server's get through before the connection is cut off, or 0. Reset does it by a RST.
	Cut   int64
	Reset bool

	// StallAt is how many bytes of the server's get through before nothing at all does, for Stall.
	StallAt int64
	Stall   time.Duration
}

// An outcome is what must become of a connection.
type outcome uint8

const (
	kept     outcome = iota // it stays until one side closes it
	unopened                // there is no answer to the handshake
	lost                    // 1006
	dead                    // 1006, because the peer is silent
)

func (o outcome) String() string { return [...]string{"kept", "unopened", "lost", "dead"}[o] }

const (
	shortAnswer = 100 // bytes: no answer to a handshake is shorter
	longAnswer  = 500 // nor longer

	maxLatency = 50 * time.Millisecond

	// In a short stall pings may be sent, and are answered behind it. In a long one both sides give up, long before it ends.
	shortStall = 2 * keepAlive
	longStall  = 3 * (keepAlive + pongTimeout)
)

func (p plan) outcome() outcome {
	switch {
	case p.Cut > 0 && p.Cut < shortAnswer:
		return unopened
	case p.Cut > 0:
		return lost
	case p.Stall > keepAlive+pongTimeout:
		return dead
	}
	return kept
}

// limit is how large a message may be, that it gets through in a reasonable time.
func (p plan) limit() int {
	if p.Slice > 0 {
		return 512
	}
	return 32 << 10
}

// makePlan chooses. Half of the connections are kept.
func makePlan(rng *rand.Rand) plan {
	p := plan{Seed: rng.Uint64()}
	if rng.IntN(2) == 0 {
		p.Latency = time.Duration(rng.Int64N(int64(maxLatency)))
	}
	if rng.IntN(4) == 0 {
		p.Slice, p.Latency = 10, 0
	}
	later := longAnswer + rng.Int64N(4<<10)
	switch rng.IntN(10) {
	case 0, 1:
		p.StallAt, p.Stall = later, time.Duration(rng.Int64N(int64(shortStall)))
	case 2:
		p.StallAt, p.Stall = later, longStall
	case 3:
		p.Cut = 1 + rng.Int64N(shortAnswer-1)
		p.Reset = rng.IntN(2) == 0
	case 4:
		p.Cut, p.Reset = later, true
	case 5:
		p.Cut = later
	}
	return p
}
