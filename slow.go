// This file says what can be done about a peer that takes messages more slowly than
// they come. Queue does it.

package websocket

import (
	"errors"
	"fmt"
)

// ErrSlowConsumer is returned for a message that a Queue has thrown away because
// it was full. With the policy Disconnect it is also why the connection ended, as
// a CloseError with CloseTryAgainLater.
var ErrSlowConsumer = errors.New("websocket: peer takes messages more slowly than they come")

// A SlowPolicy says what a Queue does with a message for which it has no place.
type SlowPolicy uint8

// The policies.
const (
	// Disconnect closes the connection with CloseTryAgainLater: the peer
	// should come back and begin anew, rather than miss something unawares.
	Disconnect SlowPolicy = iota

	// DropOldest throws away what has waited for longest: for feeds of which
	// only the newest state matters.
	DropOldest

	// DropNewest throws the message away.
	DropNewest

	// Block has the sender wait for place. The slowest receiver sets the pace
	// then, and one that takes nothing stops all until WriteTimeout gives it up.
	Block
)

// String returns "disconnect", "drop-oldest", "drop-newest" or "block".
func (p SlowPolicy) String() string {
	if int(p) < len(slowPolicies) {
		return slowPolicies[p]
	}
	return fmt.Sprintf("SlowPolicy(%d)", uint8(p))
}

var slowPolicies = [...]string{"disconnect", "drop-oldest", "drop-newest", "block"}

// MarshalText is String for known policies.
func (p SlowPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what String returns.
func (p *SlowPolicy) UnmarshalText(text []byte) error {
	for i, name := range slowPolicies {
		if name == string(text) {
			*p = SlowPolicy(i)
			return nil
		}
	}
	return fmt.Errorf("websocket: no policy %q: must be disconnect, drop-oldest, drop-newest or block", text)
}

// QueueOptions bound what waits for one connection.
type QueueOptions struct {
	// MaxMessages and MaxBytes are how many messages, and bytes of payload, may
	// wait. Defaults 256 and 1 MiB. A message that is larger than MaxBytes may
	// wait alone. Up to 64 KiB, or one message, that are being written come on
	// top. Payloads are shared between the queues of a Hub.
	MaxMessages, MaxBytes int

	// Policy says what happens when more would have to wait.
	Policy SlowPolicy
}

const (
	defaultQueueMessages = 256
	defaultQueueBytes    = 1 << 20
)

func (o QueueOptions) normal() QueueOptions {
	if o.MaxMessages <= 0 {
		o.MaxMessages = defaultQueueMessages
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultQueueBytes
	}
	return o
}
