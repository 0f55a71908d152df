// These are the tests of pings where turns are handed over: neither a pong that
// is owed nor one that is waited for may be left to somebody who leaves.

package websocket

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A pong comes to be owed just when a writer gives up that was waiting for its
// turn. The turn is being handed to it, so that the reader leaves the payment to
// it.
func TestPingIsAnsweredWhenAWriterGivesUp(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for range 500 {
			ctx, cancel := context.WithCancel(t.Context())
			c.frameTurn.lock(nil, nil)
			wrote := started(func() error { return c.Write(ctx, Text, []byte("given up")) })
			synctest.Wait()
			cancel()
			c.yield()
			c.owe(Event{Kind: PingReceived, Data: []byte("x")}, nil)
			wantIs(t, "Write", <-wrote, context.Canceled)
			p.wantFrame("the pong", OpPong, "x")
		}
	})
}

// Several Pings wait with a message in their way. Nobody reads but the one who
// takes that message.
func TestPingGoesOnWhenTheMessageInItsWayIsRead(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, true, "in the way")
		var pinged []<-chan pingResult
		var pongs []byte
		for range 3 {
			pinged = append(pinged, startPing(background, c))
			pongs = append(pongs, p.frame(OpPong, true, p.readPing("a ping"))...)
		}
		p.writeBytes(pongs)
		time.Sleep(time.Second)
		reads(t, c).want("the message is whole", Text, "in the way")
		for _, result := range pinged {
			wantPong(t, "the message was read after 1 s", result, time.Second)
		}
	})
}

// The same with a message that is read piece by piece.
func TestPingGoesOnWhenTheReaderOfAMessageIsAtItsEnd(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeBytes(slices.Concat(p.frame(OpText, false, "one"), p.frame(OpContinuation, true, "two")))
		pinged := startPing(background, c)
		p.write(OpPong, true, p.readPing("the ping"))
		_, r, err := c.NextReader(background)
		wantNil(t, "NextReader", err)
		for _, want := range []string{"o", "n", "e", "t", "w", "o"} {
			time.Sleep(time.Second)
			piece := make([]byte, 1)
			if n, err := r.Read(piece); n != 1 || string(piece) != want || err != nil {
				t.Fatalf("Read = %d, %q, %v; want %q", n, piece, err, want)
			}
		}
		wantPong(t, "nothing was left of the message after 6 s", pinged, 6*time.Second)
	})
}
