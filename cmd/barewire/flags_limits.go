// This file is the flags of serve that bound connections: how many there are, how
// long each may take for what, and what may wait for it.

package main

import (
	"errors"
	"flag"
	"math"
	"time"

	"barewire.example/websocket"
)

// limitFlags are these flags.
type limitFlags struct {
	conns, connsPerAddr int
	queueLength         number
	queueBytes          byteSize
	slow                websocket.SlowPolicy

	keepAlive, pong, write, idle, close span
}

const limitUsage = `What others say on /broadcast and /chat waits for a client that takes it too slowly,
up to -queue and -queue-bytes. Then -slow decides: disconnect closes with 1013,
drop-oldest and drop-newest throw messages away (of a chat, also receipts), and block
lets who sends wait until there is place; so the slowest client sets the pace. With
disconnect a burst that is larger than the queue removes those who cannot keep up.

More connections than -max-conns, or from one IP address (or IPv6 network of 64 bits)
than -max-conns-per-addr, get 503 with Retry-After. Behind a reverse proxy all have
its address.

`

// add adds the flags to fs.
func (f *limitFlags) add(fs *flag.FlagSet) {
	f.queueLength, f.queueBytes = number{256, 1, math.MaxInt32}, 16<<20 // several messages of -max-message
	f.keepAlive, f.pong = span{30 * time.Second, true}, span{30 * time.Second, false}
	f.write, f.idle = span{10 * time.Second, true}, span{0, true}
	f.close = span{5 * time.Second, false}
	fs.IntVar(&f.conns, "max-conns", 0, "most connections at once, a `number`; 0 for no limit, which is the default")
	fs.IntVar(&f.connsPerAddr, "max-conns-per-addr", 0, "most connections from one address, a `number`; 0 for no limit, which is the default")
	fs.Var(&f.queueLength, "queue", "most `messages` that wait for a slow client on /broadcast or /chat")
	fs.Var(&f.queueBytes, "queue-bytes", "most `bytes` of them, also as 64KiB or 16MiB; a larger message may wait alone")
	fs.TextVar(&f.slow, "slow", websocket.Disconnect, "`policy` when more would have to wait: disconnect, drop-oldest, drop-newest or block")
	fs.Var(&f.keepAlive, "keepalive", "`time` for which a client may be silent before it gets a ping; 0 or off for no pings")
	fs.Var(&f.pong, "pong-timeout", "`time` that it may then go on to be silent, before it is given up")
	fs.Var(&f.write, "write-timeout", "`time` that a client may take for a frame, or for 64 KiB of a large one; 0 or off for no limit")
	fs.Var(&f.idle, "idle-timeout", "`time` without messages in either direction after which a connection is closed with 1001;\n0 or off for no limit, which is the default")
	fs.Var(&f.close, "close-timeout", "`time` for a closing handshake")
}

func (f *limitFlags) check() error {
	switch {
	case f.conns < 0:
		return errors.New("-max-conns must not be negative")
	case f.connsPerAddr < 0:
		return errors.New("-max-conns-per-addr must not be negative")
	case f.slow == websocket.Block && f.write.d == 0:
		// One client that takes nothing would stop all others for good.
		return errors.New("-slow block needs a -write-timeout")
	}
	return nil
}

// queue returns the options of the hub.
func (f *limitFlags) queue() websocket.QueueOptions {
	return websocket.QueueOptions{
		MaxMessages: f.queueLength.n,
		MaxBytes:    int(min(int64(f.queueBytes), math.MaxInt)),
		Policy:      f.slow,
	}
}

// set sets the options of connections.
func (f *limitFlags) set(o *websocket.Options) {
	o.KeepAlive, o.PongTimeout = f.keepAlive.option(), f.pong.option()
	o.WriteTimeout, o.IdleTimeout, o.CloseTimeout = f.write.option(), f.idle.option(), f.close.option()
}

// A span is a flag with a duration. 0 is "off", where that is possible.
type span struct {
	d        time.Duration
	optional bool
}

func (s *span) String() string {
	if s.d == 0 {
		return "off"
	}
	return s.d.String()
}

// maxSpan is ten years. Longer times would overflow when something is added to them.
const maxSpan = 87600 * time.Hour

// Set implements flag.Value. Less than a millisecond is no time for a peer to do
// anything in.
func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if text == "off" {
		d, err = 0, nil
	}
	switch {
	case err == nil && (d >= time.Millisecond && d <= maxSpan || d == 0 && s.optional):
		s.d = d
		return nil
	case s.optional:
		return errors.New("must be a time of 1ms to 87600h like 500ms, 30s or 5m, or off")
	}
	return errors.New("must be a time of 1ms to 87600h like 500ms, 30s or 5m")
}

// option returns the duration as websocket.Options want it, where 0 would stand for
// the default.
func (s *span) option() time.Duration {
	if s.d == 0 {
		return -1
	}
	return s.d
}
