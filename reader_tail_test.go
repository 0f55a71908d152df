package websocket

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// A read that is interrupted while it drops the rest of a message leaves no
// reader behind that would go on behind the hole.
func TestReaderOfDroppedMessageStaysStale(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpBinary, false, "Hello")
		_, r, err := c.NextReader(background)
		wantNil(t, "NextReader", err)
		io.ReadFull(r, make([]byte, 2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = c.Read(ctx)
		wantIs(t, "Read", err, context.DeadlineExceeded)
		p.write(OpContinuation, true, " world")
		p.write(OpText, true, "next")
		if rest, err := io.ReadAll(r); err != errStaleReader || len(rest) > 0 {
			t.Errorf("the old reader gives %q, %v", rest, err)
		}
		reads(t, c).want("the rest was dropped", Text, "next")
	})
}

// CloseRead refuses a message at its first fragment. Nobody gets the rest for a
// whole message.
func TestReadGetsNoTailBehindCloseRead(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		c.CloseRead()
		synctest.Wait()
		read := startRead(c)
		synctest.Wait()
		p.write(OpBinary, false, "Hello")
		p.write(OpContinuation, true, " world")
		p.wantClose("no message was expected", ClosePolicyViolation, "no message was expected")
		p.writeClose(ClosePolicyViolation, "")
		p.conn.Close()
		if err := <-read; err == nil {
			t.Error("a part of the message was read")
		}
	})
}

// The rest of a message that was being read when CloseRead came is dropped.
func TestReadOfMessageInProgressEndsWithCloseRead(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpBinary, false, "Hello")
		_, _, err := c.NextReader(background)
		wantNil(t, "NextReader", err)
		c.CloseRead()
		p.write(OpContinuation, true, " world")
		p.wantIdle("the rest is no new message")
		p.write(OpText, true, "x")
		p.wantClose("this one is", ClosePolicyViolation, "no message was expected")
	})
}

// A stream goes on with the next message when somebody else has read one.
func TestStreamGoesOnBehindOtherReaders(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for _, payload := range []string{"ab", "c", "d"} {
			p.write(OpBinary, true, payload)
		}
		s := c.Stream(Binary)
		b := make([]byte, 1)
		s.Read(b)
		reads(t, c).want("somebody else's", Binary, "c")
		if n, err := s.Read(b); n != 1 || string(b) != "d" || err != nil {
			t.Errorf("Read = %d, %q, %v", n, b, err)
		}
	})
}
