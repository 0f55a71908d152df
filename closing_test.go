// These are the tests of Conn.Close: who may call it when, what it sends and
// what it returns. What the peer does meanwhile is in closing_peer_test.go.

package websocket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// background is the context of calls that nothing interrupts.
var background = context.Background()

// started runs f in a goroutine; what it returns will come from the channel.
func started[T any](f func() T) <-chan T {
	result := make(chan T, 1)
	go func() { result <- f() }()
	return result
}

// startClose runs Conn.Close in a goroutine.
func startClose(c *Conn, code CloseCode, reason string) <-chan error {
	return started(func() error { return c.Close(code, reason) })
}

// startRead reads until there is an error.
func startRead(c *Conn) <-chan error {
	return started(func() (err error) {
		for err == nil {
			_, _, err = c.Read(background)
		}
		return err
	})
}

// wantTeardown wants TCP to end as §7.1.1 has it: the server ends its bytes
// first, and then waits for the end of the client's; the client waits for the
// server.
func (p *testPeer) wantTeardown(why string) {
	p.t.Helper()
	synctest.Wait()
	p.sim.CloseWrite()
	p.wantEOF(why)
	synctest.Wait()
	want := []string{"server close-write", "client close"}
	if p.role == RoleClient {
		want = []string{"server close-write", "client close-write", "server close"}
	}
	if got := p.sim.closes(); !slices.Equal(got, want) {
		p.t.Fatalf("%s: TCP was closed by %q, want %q", why, got, want)
	}
}

// wantNil wants a call to have returned nil.
func wantNil(t *testing.T, why string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", why, err)
	}
}

func wantIs(t *testing.T, why string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %v", why, err, want)
	}
}

// wantAbnormal wants the connection to have ended without a Close, because of
// cause.
func wantAbnormal(t *testing.T, why string, err, cause error) {
	t.Helper()
	wantCloseError(t, why, err, CloseError{Code: CloseAbnormal})
	wantIs(t, why, err, cause)
	if errors.Is(err, io.EOF) {
		t.Fatalf("%s: %v looks like an orderly end", why, err)
	}
}

func TestConnCloseAlone(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		closed := startClose(c, CloseGoingAway, "bye")
		p.wantClose("the Close that was asked for", CloseGoingAway, "bye")
		p.write(OpText, true, "dropped")
		p.write(OpPing, true, "x")
		p.wantFrame("§5.5.2 excuses only who has received a Close", OpPong, "x")
		p.writeClose(CloseNormal, "too")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
		wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseNormal, Reason: "too"})
		if _, _, err := c.Read(background); err != c.Err() {
			t.Fatalf("Read = %v, want %v", err, c.Err())
		}
	})
}

func TestConnCloseWithConcurrentReader(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		read := startRead(c)
		synctest.Wait()
		closed := startClose(c, CloseNormal, "")
		p.wantClose("the Close that was asked for", CloseNormal, "")
		p.write(OpText, true, "for the reader")
		p.write(OpText, true, "for nobody")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
		wantCloseError(t, "Read", <-read, CloseError{Code: CloseNormal})
	})
}

func TestConnCloseBetweenTwoReads(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeBytes(slices.Concat(p.frame(OpText, true, "one"), p.frame(OpText, true, "two"), p.frame(OpText, false, "thr")))
		reads(t, c).want("before Close", Text, "one")
		closed := startClose(c, CloseNormal, "")
		p.wantClose("the Close that was asked for", CloseNormal, "")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
		_, _, err := c.Read(background)
		wantCloseError(t, "Read behind Close", err, CloseError{Code: CloseNormal})
	})
}

func TestConnCloseDropsHalfReadMessage(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, false, "half")
		_, r, err := c.NextReader(background)
		wantNil(t, "NextReader", err)
		r.Read(make([]byte, 2))
		closed := startClose(c, CloseNormal, "")
		p.wantClose("the Close that was asked for", CloseNormal, "")
		p.write(OpContinuation, true, "other half")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
		_, err = r.Read(make([]byte, 2))
		wantCloseError(t, "the message's reader", err, CloseError{Code: CloseNormal})
	})
}

//
func TestConnCloseWithBlockedWriter(t *testing.T) {
	eachRole(t, Options{CloseTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		wrote := started(func() error { return c.Write(background, Text, []byte("stuck")) })
		synctest.Wait()
		start := time.Now()
		err := c.Close(CloseNormal, "")
		simWantElapsed(t, start, 3*time.Second)
		wantAbnormal(t, "Close", err, os.ErrDeadlineExceeded)
		if err := <-wrote; err == nil {
			t.Fatal("the blocked Write returned nil")
		}
		if sent := p.sim.peer.sent(); len(sent) > 0 {
			t.Fatalf("%q was sent", sent)
		}
	})
}

func TestConnCloseWithWriterThatMovesAgain(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ours := p.sim.peer
		ours.tune(func(k *simKnobs) { k.stallWrites = true })
		wrote := started(func() error { return c.Write(background, Text, []byte("slow")) })
		synctest.Wait()
		closed := startClose(c, CloseNormal, "")
		time.Sleep(2 * time.Second)
		ours.tune(func(k *simKnobs) { k.stallWrites = false })
		p.wantFrame("the message whose writing had begun", OpText, "slow")
		p.wantClose("and then the Close", CloseNormal, "")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
		wantNil(t, "Write", <-wrote)
	})
}

func TestConnCloseWithOpenMessageWriter(t *testing.T) {
	eachRole(t, Options{WriteBuffer: 256}, func(t *testing.T, c *Conn, p *testPeer) {
		w, err := c.NextWriter(background, Binary)
		wantNil(t, "NextWriter", err)
		w.Write(bytes.Repeat([]byte("x"), 300))
		if h, _ := p.readFrame("a full fragment"); h.Opcode != OpBinary || h.Fin {
			t.Fatalf("got %+v, want a first fragment", h)
		}
		closed := startClose(c, CloseNormal, "")
		p.wantClose("a Close goes between the fragments", CloseNormal, "")
		_, err = w.Write(bytes.Repeat([]byte("y"), 300))
		wantIs(t, "Write behind Close", err, ErrClosed)
		wantIs(t, "the writer's Close", w.Close(), ErrClosed)
		p.writeClose(CloseNormal, "")
		p.wantTeardown("nothing follows the Close")
		wantNil(t, "Close", <-closed)
	})
}

//
func TestConnCloseFromManyGoroutines(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		var closed []<-chan error
		for i := range 20 {
			closed = append(closed, startClose(c, 4000+CloseCode(i), ""))
		}
		if h, body := p.readFrame("one of the Closes"); h.Opcode != OpClose || len(body) != 2 {
			t.Fatalf("got %v %q", h.Opcode, body)
		}
		p.wantIdle("the others send nothing")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("both sides have sent a Close")
		for _, result := range closed {
			wantNil(t, "Close", <-result)
		}
		wantNil(t, "Close of what is closed", c.Close(CloseNormal, ""))
	})
}

// twoConns returns both ends as Conns.
func twoConns(t *testing.T, o Options, opts ...func(*simKnobs)) (client, server *Conn) {
	t.Helper()
	a, b := newPipe(opts...)
	client, _ = newTestConnOn(t, RoleClient, o, ends{a, b})
	server, _ = newTestConnOn(t, RoleServer, o, ends{b, a})
	return client, server
}

// TestConnCloseOfBothEndsAtOnce has latency, so that each end has sent its
// Close before it sees the other's.
func TestConnCloseOfBothEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := twoConns(t, Options{}, func(k *simKnobs) { k.latency = time.Second })
		first, second := startClose(client, 4001, "c"), startClose(server, 4002, "s")
		wantNil(t, "the client's Close", <-first)
		wantNil(t, "the server's Close", <-second)
		wantCloseError(t, "the client", client.Err(), CloseError{Code: 4002, Reason: "s"})
		wantCloseError(t, "the server", server.Err(), CloseError{Code: 4001, Reason: "c"})
	})
}

func TestConnCloseOfBothEndsAtOnceManyTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 2000 {
			a, b := newPipe()
			client, server := newConn(a, RoleClient, Options{}, nil), newConn(b, RoleServer, Options{}, nil)
			client.sender.maskKey = testMaskKeys('C')
			start := time.Now()
			read := startRead(client)
			first, second := startClose(client, 4001, ""), startClose(server, 4002, "")
			wantNil(t, "the client's Close", <-first)
			wantNil(t, "the server's Close", <-second)
			<-read
			simWantElapsed(t, start, 0)
			checkSent(t, RoleClient, a.sent(), nil)
			checkSent(t, RoleServer, b.sent(), nil)
		}
	})
}

func TestConnCloseRefusesCodesAndReasons(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		tests := []struct {
			code   CloseCode
			reason string
			want   error
		}{
			{0, "", ErrCloseCode}, {999, "", ErrCloseCode}, {1004, "", ErrCloseCode}, {CloseAbnormal, "", ErrCloseCode},
			{CloseNoStatus, "why", ErrCloseCode}, {CloseTLSHandshake, "", ErrCloseCode}, {1016, "", ErrCloseCode},
			{2999, "", ErrCloseCode}, {5000, "", ErrCloseCode}, {65535, "", ErrCloseCode},
			{CloseNormal, "\xff", ErrInvalidUTF8}, {CloseNormal, strings.Repeat("a", 200) + "\xe2\x82", ErrInvalidUTF8},
		}
		for _, test := range tests {
			if err := c.Close(test.code, test.reason); err != test.want {
				t.Fatalf("Close(%d, %q) = %v, want %v", test.code, test.reason, err, test.want)
			}
		}
		p.wantIdle("a refused Close sends nothing")
		p.write(OpText, true, "still")
		reads(t, c).want("the connection is unharmed", Text, "still")
		wantNil(t, "Write", c.Write(background, Text, []byte("here")))
		p.wantFrame("the connection is unharmed", OpText, "here")
		p.writeClose(CloseNormal, "")
		_, _, err := c.Read(background)
		wantCloseError(t, "a refused Close has not begun the closing", err, CloseError{Code: CloseNormal, Remote: true})
	})
}

func TestConnCloseLeavesMandatoryExtensionToClients(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		closed := startClose(c, CloseMandatoryExtension, "permessage-x")
		if p.role == RoleClient {
			wantIs(t, "§7.4.1: a server's Close", <-closed, ErrCloseCode)
			return
		}
		p.wantClose("a client's Close", CloseMandatoryExtension, "permessage-x")
		p.conn.Close()
		<-closed
	})
}

func TestConnCloseCutsTheReason(t *testing.T) {
	a := strings.Repeat("a", 121)
	for name, test := range map[string]struct{ reason, want string }{
		"fits":           {a + "bc", a + "bc"},
		"one-too-many":   {a + "bcd", a + "bc"},
		"rune-fits":      {a + "éx", a + "é"},
		"rune-is-cut":    {a + "béx", a + "b"},
		"3-bytes-cut-1":  {a + "b€", a + "b"},
		"3-bytes-cut-2":  {a + "€", a},
		"4-bytes":        {a + "😀", a},
		"much-too-long":  {strings.Repeat("€", 1000), strings.Repeat("€", 41)},
		"nothing":        {"", ""},
		"NUL-is-a-rune-": {"\x00", "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := newTestConn(t, RoleServer, Options{})
				closed := startClose(c, CloseNormal, test.reason)
				p.wantClose("as much as 123 bytes hold", CloseNormal, test.want)
				p.writeClose(CloseNormal, "")
				p.wantTeardown("both sides have sent a Close")
				wantNil(t, "Close", <-closed)
			})
		})
	}
}

func TestConnCloseWithoutStatus(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		closed := startClose(c, CloseNoStatus, "")
		p.wantFrame("an empty Close", OpClose, "")
		p.writeClose(CloseNoStatus, "")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
		wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseNoStatus})
	})
}
