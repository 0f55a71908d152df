// These are the tests of the answers to the peer's pings: the reader never
// waits for them to be sent, and none is lost.

package websocket

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pings returns pings that carry the numbers from first to last.
func (p *testPeer) pings(first, last int) (frames []byte) {
	for i := first; i <= last; i++ {
		frames = append(frames, p.frame(OpPing, true, strconv.Itoa(i))...)
	}
	return frames
}

// readPong returns the next data frame's payload, or "" after a pong, which it
// adds to pongs.
func (p *testPeer) readPong(why string, pongs *[]string) (data string) {
	p.t.Helper()
	h, payload := p.readFrame(why)
	if h.Opcode == OpPong {
		*pongs = append(*pongs, payload)
		return ""
	}
	return payload
}

// Reading never waits for writing: with a peer that takes nothing, messages
// still come through. At most 16 pongs are kept, besides the one that is being
// written, and the newest ping has its answer (§5.5.3).
func TestPingAnswersDoNotHoldTheReader(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ours := p.sim.peer
		ours.tune(func(k *simKnobs) { k.stallWrites = true })
		start := time.Now()
		for i := range 40 {
			p.writeBytes(slices.Concat(p.pings(i, i), p.frame(OpText, true, "message")))
			reads(t, c).want("while no pong can be sent", Text, "message")
			synctest.Wait()
		}
		simWantElapsed(t, start, 0)
		ours.tune(func(k *simKnobs) { k.stallWrites = false })
		for i := range 16 {
			p.wantFrame("in order", OpPong, strconv.Itoa(i))
		}
		p.wantFrame("the newest", OpPong, "39")
		p.wantIdle("no more were kept")
	})
}

// Up to 16 unanswered pings all have their answers, in order (Autobahn 2.10).
func TestPingAnswersKeepTheirOrder(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		startRead(c)
		p.writeBytes(p.pings(1, 16))
		for i := range 16 {
			p.wantFrame("in order", OpPong, strconv.Itoa(i+1))
		}
	})
}

// What is answered to a message that came behind a ping comes behind its pong.
func TestPingIsAnsweredBeforeLaterMessages(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		echo := started(func() error { return echoAll(c) })
		for i := range 200 {
			p.writeBytes(slices.Concat(p.pings(i, i), p.frame(OpText, true, "echo")))
			p.wantFrame("first its pong", OpPong, strconv.Itoa(i))
			p.wantFrame("then the echo", OpText, "echo")
		}
		p.conn.Close()
		<-echo
	})
}

// echoAll sends every message back until there is an error.
func echoAll(c *Conn) error {
	for {
		typ, data, err := c.Read(background)
		if err == nil {
			err = c.Write(background, typ, data)
		}
		if err != nil {
			return err
		}
	}
}

// Pongs go between the fragments of a message that is being written, also when
// its writer pauses.
func TestPingIsAnsweredBetweenFragments(t *testing.T) {
	eachRole(t, Options{WriteBuffer: 256}, func(t *testing.T, c *Conn, p *testPeer) {
		startRead(c)
		w, err := c.NextWriter(background, Binary)
		wantNil(t, "NextWriter", err)
		w.Write(make([]byte, 257))
		p.readFrame("the first fragment")
		p.write(OpPing, true, "between")
		p.wantFrame("while the writer pauses", OpPong, "between")
		wantNil(t, "Close", w.Close())
		if h, _ := p.readFrame("the last fragment"); h.Opcode != OpContinuation || !h.Fin {
			t.Fatalf("got %+v, want the last fragment", h)
		}
	})
}

// S-23: a ping whose answer cannot be sent fails the connection at WriteTimeout.
func TestPingToStalledPeerEndsAtWriteTimeout(t *testing.T) {
	eachRole(t, Options{WriteTimeout: 4 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		start := time.Now()
		p.write(OpPing, true, "x")
		err := <-startRead(c)
		wantCloseError(t, "Read", err, CloseError{Code: CloseAbnormal})
		if took := time.Since(start); took < 4*time.Second || took > 5*time.Second {
			t.Fatalf("it took %v, want 4 s and at most a quarter more", took)
		}
	})
}

// TestPingsAllHaveTheirAnswers has writers without a pause, and a peer that
// reads everything and leaves no more than 16 pings unanswered. Whoever is told to
// pay must do so, or else nobody does and the peer waits for ever.
func TestPingsAllHaveTheirAnswers(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		startRead(c)
		var writers sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for range 4 {
			writers.Go(func() { writeUntil(ctx, c) })
		}
		var pongs, want []string
		for round := range 50 {
			p.writeBytes(p.pings(round*16, round*16+15))
			for i := range 16 {
				want = append(want, strconv.Itoa(round*16+i))
			}
			for len(pongs) < len(want) {
				p.readPong(fmt.Sprintf("round %d", round), &pongs)
			}
		}
		stop()
		go drainPeer(p)
		writers.Wait()
		if !slices.Equal(pongs, want) {
			t.Fatalf("pongs are lost or out of order: %q", pongs)
		}
	})
}

// drainPeer reads and drops what still comes.
func drainPeer(p *testPeer) {
	for p.fill() == nil {
		p.got = nil
	}
}

// writeUntil writes messages until ctx ends.
func writeUntil(ctx context.Context, c *Conn) {
	for ctx.Err() == nil {
		c.Write(background, Text, []byte("message"))
	}
}
