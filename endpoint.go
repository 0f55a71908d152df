// This file glues a Receiver and a Sender together for those who do their own
// I/O: event loops, tests, fuzzers, tools. It also holds the states of a
// connection (§7).

package websocket

import (
	"fmt"
	"io"
)

// A State is where a connection stands. It follows from two latches (Close
// sent, Close received) and from how the input ended.
type State uint8

// The states. Messages are sent in StateOpen, and perhaps one that is under way is
// finished in StateAnswering (§5.5.1).
const (
	StateOpen      State = iota // neither side has sent a Close
	StateClosing                // we have sent a Close: wait for the peer's, but not forever (§7.1.2)
	StateAnswering              // the peer has sent a Close: we owe ours (§5.5.1)
	StateClosed                 // both have: the server closes TCP, the client waits for it (§7.1.1)
	StateFailed                 // the peer broke a rule: we owe a Close and discard what comes (§7.1.7)
	StateLost                   // the input ended without a Close: 1006 (§7.1.5)
)

var stateNames = [...]string{"open", "closing", "answering", "closed", "failed", "lost"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// latches is all that the state of a connection depends on.
type latches struct{ sent, received, broken, ended bool }

func (l latches) state() State {
	switch {
	case l.broken:
		return StateFailed
	case l.sent && l.received:
		return StateClosed
	case l.received:
		return StateAnswering
	case l.ended:
		return StateLost
	case l.sent:
		return StateClosing
	}
	return StateOpen
}

// Config is what an Endpoint is made from.
type Config struct {
	Limits

	// MaskKey returns the masking key of a frame that a client sends: fresh
	// and unpredictable on every call (§5.3, §10.3). Without it a client can
	// send nothing. Servers leave it nil.
	MaskKey func() [4]byte

	// Compression is what was agreed on for permessage-deflate, as
	// Compression.Accept or Confirm has returned it, or nil. It stands for
	// SetCompression of both halves.
	Compression *Compression
}

// An Endpoint is one side of a connection behind its opening handshake,
// without I/O, clock or goroutine. Give received bytes to Next; after each call,
// and after each EOF, send what AppendOwed returns. It is not safe for
// concurrent use.
type Endpoint struct {
	Receiver
	Sender
	ended bool
}

// NewEndpoint returns an Endpoint in StateOpen.
func NewEndpoint(role Role, c Config) *Endpoint {
	e := &Endpoint{}
	e.Receiver.init(role, c.Limits)
	e.Sender.init(role, c.MaskKey)
	e.Receiver.SetCompression(c.Compression)
	e.Sender.SetCompression(c.Compression)
	return e
}

// Next is Receiver.Next; what the event obliges us to is owed afterwards.
func (e *Endpoint) Next(b []byte) (Event, int, error) {
	known := e.Receiver.err != nil
	ev, n, err := e.Receiver.Next(b)
	if !known {
		e.answer(ev, err)
	}
	return ev, n, err
}

// Rest lets go the memory that only a busy connection needs, and with it the last
// event's Data: see Receiver.Rest and Sender.Rest.
func (e *Endpoint) Rest() {
	e.Receiver.Rest()
	e.Sender.Rest()
}

// EOF says that the peer's bytes have ended. It returns nil when that is in
// order, behind a Close or a broken rule, and else a *CloseError with
// CloseAbnormal.
func (e *Endpoint) EOF() error {
	e.ended = true
	if e.State() != StateLost {
		return nil
	}
	return &CloseError{Code: CloseAbnormal, cause: io.ErrUnexpectedEOF}
}

// State returns the state of the connection.
func (e *Endpoint) State() State {
	return latches{e.Sender.closed, e.Receiver.closed, e.Receiver.err != nil, e.ended}.state()
}
