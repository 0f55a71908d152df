// These are the tests of Conn.CloseWrite.

package websocket

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestConnCloseWriteLeavesMessagesToBeRead(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		if err := c.CloseWrite(CloseNormal, "that is all"); err != nil {
			t.Fatal(err)
		}
		p.wantClose("ours", CloseNormal, "that is all")
		for i := range 100 {
			p.write(OpText, true, fmt.Sprint("answer ", i))
		}
		p.writeClose(CloseNormal, "")
		for i := range 100 {
			reads(t, c).want("an answer", Text, fmt.Sprint("answer ", i))
		}
		_, _, err := c.Read(background)
		wantCloseError(t, "the end", err, CloseError{Code: CloseNormal})
		p.wantTeardown("in order")
	})
}

// A reader that was there before gets all of them too.
func TestConnCloseWriteDoesNotTakeAReadersTurn(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		got := started(func() (n int) {
			for range c.Messages(background) {
				n++
			}
			return n
		})
		c.CloseWrite(CloseGoingAway, "")
		p.wantClose("ours", CloseGoingAway, "")
		for range 100 {
			p.write(OpBinary, true, "x")
		}
		p.writeClose(CloseGoingAway, "")
		if n := <-got; n != 100 {
			t.Errorf("%d of 100 messages were read", n)
		}
		p.wantTeardown("in order")
	})
}

func TestConnCloseWriteEndsWriting(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		c.CloseWrite(CloseNormal, "")
		p.wantClose("ours", CloseNormal, "")
		if err := c.Write(background, Text, nil); err != ErrClosed {
			t.Errorf("Write = %v", err)
		}
		if err := c.CloseWrite(CloseNormal, ""); err != ErrClosed {
			t.Errorf("the second CloseWrite = %v", err)
		}
		p.write(OpText, true, "read")
		reads(t, c).want("a message", Text, "read")
		closed := startClose(c, CloseNormal, "")
		p.write(OpText, true, "dropped")
		p.writeClose(CloseNormal, "")
		if err := <-closed; err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

func TestConnCloseWriteIsBounded(t *testing.T) {
	eachRole(t, Options{CloseTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		start := time.Now()
		c.CloseWrite(CloseNormal, "")
		_, _, err := c.Read(background)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("ended after %v", d)
		}
		wantCloseError(t, "nobody answers", err, CloseError{Code: CloseAbnormal})
	})
}

func TestConnCloseWriteRefusesWhatMustNotBeSent(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for _, code := range []CloseCode{0, 999, CloseAbnormal, 1015, 5000} {
			if err := c.CloseWrite(code, ""); err != ErrCloseCode {
				t.Errorf("%v: %v", code, err)
			}
		}
		if err := c.CloseWrite(CloseNormal, "\xff"); err != ErrInvalidUTF8 {
			t.Errorf("a bad reason: %v", err)
		}
		p.wantIdle("nothing was sent")
		c.CloseNow()
		if err := c.CloseWrite(CloseNormal, ""); !errors.Is(err, ErrClosed) {
			t.Errorf("behind the end: %v", err)
		}
	})
}
