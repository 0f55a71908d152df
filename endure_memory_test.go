// This file looks at the memory of connections that have had one large message and
// are idle again. It is not about how memory grows: read_memory_test.go is.

package websocket

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"
)

// enduredLarge is the size of a large message; others are smaller, as the race
// detector looks at each byte.
const enduredLarge = 16 << 20

// enduredHeap is what may stay, in bytes, when a tenth of the heap is less. It is
// much less than the message, and more than the runtime's own needs vary.
const enduredHeap = 1 << 20

// largePasses are the ways to pass a large message from one end to the other.
var largePasses = map[string]func(from, to *Conn, size int) error{
	"write-read": func(from, to *Conn, size int) error {
		wrote := startLarge(from, size)
		_, _, err := to.Read(background)
		return errors.Join(err, <-wrote)
	},
	"writer-reader": func(from, to *Conn, size int) error {
		wrote := started(func() error { return streamZeros(from, size) })
		_, r, err := to.NextReader(background)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		return errors.Join(err, <-wrote)
	},
	"prepared-append": func(from, to *Conn, size int) error {
		wrote := started(func() error {
			return from.WritePrepared(background, Prepare(Message{Type: Binary, Data: make([]byte, size)}))
		})
		_, _, err := to.AppendRead(background, []byte("in front"))
		return errors.Join(err, <-wrote)
	},
	"reader-that-leaves": func(from, to *Conn, size int) error {
		wrote := startLarge(from, size)
		_, r, err := to.NextReader(background)
		if err == nil {
			_, err = io.ReadFull(r, make([]byte, 1<<20))
		}
		next := started(func() error { return from.Write(background, Text, []byte("next")) })
		_, _, behind := to.Read(background)
		return errors.Join(err, behind, <-wrote, <-next)
	},
	"interrupted": func(from, to *Conn, size int) error {
		wrote := startLarge(from, size)
		for range 10 {
			ctx, cancel := context.WithTimeout(background, time.Millisecond)
			_, _, err := to.AppendRead(ctx, []byte("in front"))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				return errors.Join(err, <-wrote)
			}
		}
		_, _, err := to.Read(background)
		return errors.Join(err, <-wrote)
	},
}

func startLarge(c *Conn, size int) <-chan error {
	return started(func() error { return c.Write(background, Binary, make([]byte, size)) })
}

// idleHeap is liveHeap when the connections wait for messages, which is when they
// give their buffers back.
func idleHeap(conns ...*Conn) int {
	for _, c := range conns {
		for c.in.buf != nil && c.Err() == nil { // not before the read has begun to wait
			ctx, cancel := context.WithTimeout(background, time.Millisecond)
			c.Read(ctx)
			cancel()
		}
	}
	return liveHeap()
}

// buffers are pooled, and none is larger than it was asked to be. What was
// needed for one large message, a collection takes.
func TestEndureLargeMessagesLeaveNoMemory(t *testing.T) {
	t.Run("compressed", func(t *testing.T) {
		testLarge(t, Options{Compression: &Compression{}}, largePasses["write-read"], enduredLarge/8)
	})
	for name, pass := range largePasses {
		t.Run(name, func(t *testing.T) { testLarge(t, Options{}, pass, enduredLarge/4) })
	}
	for name, o := range map[string]Options{
		"largest":       {},
		"large-buffers": {ReadBuffer: enduredLarge, WriteBuffer: enduredLarge},
	} {
		t.Run(name, func(t *testing.T) { testLarge(t, o, largePasses["write-read"], enduredLarge) })
	}
}

// testLarge passes a message of the size to the client, and a smaller one back,
// since masking takes the race detector longer.
func testLarge(t *testing.T, o Options, pass func(from, to *Conn, size int) error, size int) {
	o.MaxMessageSize, o.WriteTimeout = -1, testPatience
	ours, theirs := loopback(t)
	client, _ := newTestConnOn(t, RoleClient, o, ends{ours, theirs})
	server, _ := newTestConnOn(t, RoleServer, o, ends{theirs, ours})
	for _, pair := range [][2]*Conn{{client, server}, {server, client}} { // what is made once is made now
		wantNil(t, "Write", pair[0].Write(background, Text, []byte("small")))
		reads(t, pair[1]).want("a small message", Text, "small")
	}
	before := idleHeap(client, server)
	wantNil(t, "to the client", pass(server, client, size))
	wantNil(t, "to the server", pass(client, server, enduredLarge/8))
	if after := idleHeap(client, server); after > before+max(before/10, enduredHeap) {
		t.Errorf("%d bytes are in use, %d were", after, before)
	}
	runtime.KeepAlive([]*Conn{client, server})
}
