// This file is what can be set of a connection.

package websocket

import (
	"cmp"
	"log/slog"
	"time"
)

// Options are what servers and clients have in common. The zero value is
// ready for use and safe against hostile peers.
type Options struct {
	// Subprotocols are what this side speaks. A client offers them in order
	// of preference, a server agrees to the first that was offered (§1.9).
	Subprotocols []string

	// MaxMessageSize is the largest message to be accepted, in bytes. Default
	// DefaultMaxMessageSize; negative for no limit. A larger message fails the
	// connection with CloseTooBig: on its header alone, or if it is compressed
	// as soon as too much has come out (§10.4). See also Limits.MaxMessageSize.
	MaxMessageSize int64

	// MaxFrames is the most frames of which a message may consist. Default
	// DefaultMaxFrames; negative for no limit. More fail the connection with
	// ClosePolicyViolation.
	MaxFrames int

	// Compression offers permessage-deflate to servers and accepts it from
	// clients (RFC 7692). By default there is none: it takes time and memory,
	// and it must not be used for everything; see Compression. MaxMessageSize
	// holds for what comes out.
	Compression *Compression

	// WriteTimeout is how long the transport may take for a frame, and for
	// each 64 KiB of a large one; up to a quarter more may pass. Default 10 s;
	// negative for no limit. A peer that takes too long is given up. On Linux a
	// full socket says that it takes nothing until a third of its buffer, of up to
	// 4 MiB, is free again; over TLS a slow peer has to read that much in the time.
	WriteTimeout time.Duration

	// KeepAlive is how long the peer may be silent before it is sent a ping,
	// and PongTimeout how long it may then go on to be, before the connection
	// is given up with ErrPeerDead. Whatever arrives counts as an answer. The
	// pong comes when the peer has read all that was sent before the ping.
	// Defaults 30 s and 30 s; a negative KeepAlive turns this off. Nobody has
	// to read for it: it takes what comes before the next message, also a
	// Close, which it answers, so that nothing can be sent any more. But while
	// the next message waits to be read no death is noticed, and a peer that
	// does not take what is being sent is left to WriteTimeout.
	KeepAlive, PongTimeout time.Duration

	// IdleTimeout closes a connection with CloseGoingAway on which for so long
	// no message, nor a piece of one, was read or written. Pings and pongs do not
	// count. By default, and when it is negative, a connection may be idle for
	// ever.
	IdleTimeout time.Duration

	// CloseTimeout bounds everything that follows the first Close frame, or
	// the first error: sending ours, waiting for the peer's, and for the end
	// of its bytes. Default 5 s.
	CloseTimeout time.Duration

	// ReadBuffer and WriteBuffer are sizes of buffers in bytes, rounded up to
	// a power of two. Defaults 8 KiB and 8 KiB. The buffers are pooled: a
	// connection has one only while it is busy. A frame of up to WriteBuffer
	// bytes is copied and leaves in one write; NextWriter makes such frames.
	ReadBuffer, WriteBuffer int

	// Hooks are told what happens on connections, for metrics. Default none.
	Hooks *Hooks

	// Logger is told of connections that fail because the peer broke a rule
	// (§7.1.7), at level Info. By default they are not logged: the reads tell.
	// Panics of handlers, failing accepts and settings that cannot work are
	// logged in any case, with slog.Default() if need be.
	Logger *slog.Logger
}

const (
	defaultWriteTimeout = 10 * time.Second
	defaultKeepAlive    = 30 * time.Second
	defaultPongTimeout  = 30 * time.Second
	defaultCloseTimeout = 5 * time.Second
	defaultBuffer       = 8 << 10
	minBuffer           = 256
	maxBuffer           = 16 << 20
	maxTimeout          = 100 * 365 * 24 * time.Hour // what is longer is meant to be for ever
)

// normal replaces zero values by the defaults.
func (o Options) normal() Options {
	if o.WriteTimeout == 0 {
		o.WriteTimeout = defaultWriteTimeout
	}
	if o.WriteTimeout > maxTimeout {
		o.WriteTimeout = -1
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = defaultKeepAlive
	}
	if o.PongTimeout <= 0 {
		o.PongTimeout = defaultPongTimeout
	}
	if o.CloseTimeout <= 0 {
		o.CloseTimeout = defaultCloseTimeout
	}
	for _, size := range []*int{&o.ReadBuffer, &o.WriteBuffer} {
		if *size == 0 {
			*size = defaultBuffer
		}
		*size = min(max(*size, minBuffer), maxBuffer)
	}
	return o
}

// logger returns where to log what nobody else would tell.
func (o *Options) logger() *slog.Logger { return cmp.Or(o.Logger, slog.Default()) }
