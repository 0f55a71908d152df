// These are the tests of CloseRead.

package websocket

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestConnCloseReadAnswersPingsAndSeesTheClose(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		c.CloseRead()
		p.write(OpPing, true, "one")
		p.wantFrame("without a read", OpPong, "one")
		wantNil(t, "Write", c.Write(background, Text, []byte("out")))
		p.wantFrame("the connection is open for writing", OpText, "out")
		p.write(OpPing, true, "two")
		p.wantFrame("without a read", OpPong, "two")
		p.writeClose(CloseGoingAway, "bye")
		p.wantClose("without a read", CloseGoingAway, "")
		p.wantTeardown("both sides have sent a Close")
		<-c.Done()
		wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true})
	})
}

func TestConnCloseReadRefusesMessages(t *testing.T) {
	for name, fin := range map[string]bool{"message": true, "fragment": false} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				c.CloseRead()
				p.write(OpText, fin, "unexpected")
				p.wantClose("nothing was expected", ClosePolicyViolation, "no message was expected")
				p.writeClose(ClosePolicyViolation, "")
				p.wantTeardown("both sides have sent a Close")
				<-c.Done()
				wantCloseError(t, "Err", c.Err(), CloseError{Code: ClosePolicyViolation})
			})
		})
	}
}

func TestConnCloseReadWaitsForTheReaderInProgress(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		read := started(func() error { _, _, err := c.Read(background); return err })
		synctest.Wait()
		c.CloseRead()
		p.write(OpText, true, "for the reader")
		wantNil(t, "the Read in progress", <-read)
		p.wantIdle("the message was expected")
		p.write(OpText, true, "for nobody")
		p.wantClose("nothing was expected", ClosePolicyViolation, "no message was expected")
	})
}

func TestConnCloseReadTakesTheMessageInProgressAway(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, true, "half of it")
		_, r, err := c.NextReader(background)
		wantNil(t, "NextReader", err)
		r.Read(make([]byte, 4))
		c.CloseRead()
		synctest.Wait()
		p.writeClose(CloseNormal, "")
		p.conn.Close()
		n, err := r.Read(make([]byte, 4))
		wantCloseError(t, "the message's reader", err, CloseError{Code: CloseNormal, Remote: true})
		if n != 0 {
			t.Fatalf("%d bytes were read", n)
		}
	})
}

func TestConnCloseReadEndsWithTheConnection(t *testing.T) {
	for name, end := range map[string]func(c *Conn, p *testPeer){
		"close-now": func(c *Conn, p *testPeer) { c.CloseNow() },
		"eof":       func(c *Conn, p *testPeer) { p.conn.Close() },
		"close":     func(c *Conn, p *testPeer) { c.Close(CloseNormal, "") },
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				c.CloseRead()
				c.CloseRead() // harmless
				synctest.Wait()
				end(c, p)
				<-c.Done()
				testSameError(t, c)
			})
		})
	}
}

func TestConnCloseReadLetsPingsThrough(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		c.CloseRead()
		var rtt time.Duration
		pinged := started(func() (err error) { rtt, err = c.Ping(background); return err })
		_, payload := p.readFrame("a ping")
		time.Sleep(time.Second)
		p.write(OpPong, true, payload)
		wantNil(t, "Ping", <-pinged)
		if rtt != time.Second {
			t.Fatalf("rtt = %v, want 1s", rtt)
		}
	})
}
