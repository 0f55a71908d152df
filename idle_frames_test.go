// This file tests that IdleTimeout knows frames that take long from frames that
// say nothing.

package websocket

import (
	"io"
	"testing"
	"time"
)

// The last piece of a frame counts, not its first.
func TestIdleBeginsBehindALargeFrame(t *testing.T) {
	eachRole(t, idling, func(t *testing.T, c *Conn, p *testPeer) {
		startRead(c)
		const size = 640 << 10
		wrote := started(func() error { return c.Write(background, Binary, make([]byte, size)) })
		for got := 0; got < size; got += 32 << 10 {
			<-time.After(990 * time.Millisecond)
			if _, err := io.ReadFull(p.conn, make([]byte, 32<<10)); err != nil {
				t.Fatalf("after %d bytes: %v", got, err)
			}
		}
		wantNil(t, "Write", <-wrote)
		<-time.After(8 * time.Second)
		if err := c.Err(); err != nil || c.closing.Load() {
			t.Errorf("8 s behind the last piece it is being closed: %v", err)
		}
		c.CloseNow()
	})
}

// A pong that is not taken is no use of the connection.
func TestIdleIsNotPutOffByAPong(t *testing.T) {
	o := idling
	o.WriteTimeout, o.CloseTimeout = -1, time.Second
	eachRole(t, o, func(t *testing.T, c *Conn, p *testPeer) {
		startRead(c)
		p.stall(true)
		p.write(OpPing, true, "x")
		select {
		case <-c.Done():
		case <-time.After(time.Hour):
			t.Error("a peer that says nothing for an hour is not idle")
		}
		c.CloseNow()
	})
}

// A large message that leaves slowly is a use of the connection.
func TestIdleSparesALongWrite(t *testing.T) {
	eachRole(t, Options{IdleTimeout: 10 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		wrote := started(func() error { return c.Write(background, Binary, make([]byte, 2<<20)) })
		ended := p.meanwhile(func() {
			b := make([]byte, 32<<10)
			for {
				<-time.After(time.Second)
				if _, err := p.conn.Read(b); err != nil {
					return
				}
			}
		})
		if err := <-wrote; err != nil {
			t.Errorf("Write = %v after %v", err, time.Since(start))
		}
		c.CloseNow()
		ended()
	})
}
