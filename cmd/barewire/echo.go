package main

import (
	"context"
	"errors"
	"time"

	"barewire.example/websocket"
)

// echo sends each message back.
func (s *server) echo(v *visit) error {
	return v.each(func(t websocket.MessageType, p []byte) {
		// An error of Write is not looked at: what ends the writing ends the
		// reading, which knows more about it.
		v.conn.Write(context.Background(), t, p)
	})
}

// each calls f with each message, which is valid until f returns, and returns
// why there are no more.
func (v *visit) each(f func(t websocket.MessageType, p []byte)) error {
	var in intake
	defer in.release()
	for {
		t, p, err := in.read(v.conn)
		if err != nil {
			return err
		}
		v.received(t, p)
		f(t, p)
	}
}

const (
	smallIntake    = 4 << 10     // bytes that a connection may hold while it is idle
	intakePatience = time.Second // for which it may hold more
)

// An intake reads messages into memory that it uses again. A connection on
// which no large message has come for a while lets go of what is large: thousands
// of idle connections must not hold the size of the largest message that each
// has ever seen.
type intake struct {
	buf []byte

	// large ends when buf has been large for too long. It is nil while buf is
	// small. Reads can be interrupted at any byte, and cost nothing more as
	// long as they use the same context.
	large  context.Context
	cancel context.CancelFunc
	timer  *time.Timer // calls cancel
}

// read waits for a message, which is valid until the next call.
func (in *intake) read(c *websocket.Conn) (websocket.MessageType, []byte, error) {
	for {
		ctx := in.large
		if ctx == nil {
			ctx = context.Background()
		}
		t, p, err := c.AppendRead(ctx, in.buf[:0])
		if err == nil {
			in.keep(p)
			return t, p, nil
		}
		if !errors.Is(err, context.Canceled) {
			return 0, nil, err
		}
		in.release()
	}
}

// keep notes the memory of a message. Only large messages prolong the time for
// which large memory is held.
func (in *intake) keep(p []byte) {
	in.buf = p
	switch {
	case len(p) <= smallIntake:
	case in.large == nil:
		in.large, in.cancel = context.WithCancel(context.Background())
		in.timer = time.AfterFunc(intakePatience, in.cancel)
	default:
		in.timer.Reset(intakePatience)
	}
}

// release lets go of everything.
func (in *intake) release() {
	if in.large != nil {
		in.timer.Stop()
		in.cancel()
	}
	*in = intake{}
}
