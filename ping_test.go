// These are the tests of Conn.Ping. Those of the answers to the peer's pings
// are in ping_pong_test.go.

package websocket

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A pingResult is what Ping returns.
type pingResult struct {
	rtt time.Duration
	err error
}

func startPing(ctx context.Context, c *Conn) <-chan pingResult {
	return started(func() pingResult {
		rtt, err := c.Ping(ctx)
		return pingResult{rtt, err}
	})
}

// wantPong wants a Ping to return the time that its pong took.
func wantPong(t *testing.T, why string, pinged <-chan pingResult, rtt time.Duration) {
	t.Helper()
	if got := <-pinged; got.err != nil || got.rtt != rtt {
		t.Fatalf("%s: Ping = %v, %v; want %v", why, got.rtt, got.err, rtt)
	}
}

// readPing returns the payload of the ping that comes next.
func (p *testPeer) readPing(why string) (payload string) {
	p.t.Helper()
	h, payload := p.readFrame(why)
	if h.Opcode != OpPing || !h.Fin {
		p.t.Fatalf("%s: got %v %q, want a ping", why, h.Opcode, payload)
	}
	return payload
}

// eachReader runs a test with both ways to receive a pong.
func eachReader(t *testing.T, f func(t *testing.T, c *Conn, p *testPeer)) {
	t.Run("without-reader", func(t *testing.T) { eachRole(t, Options{}, f) })
	t.Run("with-reader", func(t *testing.T) {
		eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
			startRead(c)
			synctest.Wait()
			f(t, c, p)
		})
	})
}

func TestPingMeasuresTheTimeToItsPong(t *testing.T) {
	eachReader(t, func(t *testing.T, c *Conn, p *testPeer) {
		pinged := startPing(background, c)
		payload := p.readPing("the ping")
		time.Sleep(3 * time.Second)
		p.write(OpPong, true, payload)
		wantPong(t, "answered after 3 s", pinged, 3*time.Second)
		if n := len(c.pings.waiting); n != 0 {
			t.Fatalf("%d pings still wait", n)
		}
	})
}

func TestPingAnswersPingsWhileItWaits(t *testing.T) {
	eachReader(t, func(t *testing.T, c *Conn, p *testPeer) {
		pinged := startPing(background, c)
		payload := p.readPing("the ping")
		p.write(OpPing, true, "from the peer")
		p.wantFrame("both ping", OpPong, "from the peer")
		p.write(OpPong, true, payload)
		wantPong(t, "answered", pinged, 0)
	})
}

func TestPingSeveralAtOnce(t *testing.T) {
	eachReader(t, func(t *testing.T, c *Conn, p *testPeer) {
		const n = 20
		var pinged []<-chan pingResult
		var payloads []string
		for range n {
			pinged = append(pinged, startPing(background, c))
			payloads = append(payloads, p.readPing("a ping"))
		}
		if slices.Sort(payloads); len(slices.Compact(payloads)) != n {
			t.Fatal("two pings cannot be told apart")
		}
		for i := range n {
			time.Sleep(time.Second)
			p.write(OpPong, true, payloads[n-1-i])
			synctest.Wait()
			wantPong(t, "the newest first", pinged[n-1-i], time.Duration(i+1)*time.Second)
		}
	})
}

// A pong that has come counts, whatever comes behind it.
func TestPingIsAnsweredThoughTheConnectionEnds(t *testing.T) {
	eachReader(t, func(t *testing.T, c *Conn, p *testPeer) {
		for range 20 {
			pinged := startPing(background, c)
			p.write(OpPong, true, p.readPing("a ping"))
			wantPong(t, "answered", pinged, 0)
		}
		pinged := startPing(background, c)
		p.writeBytes(slices.Concat(p.frame(OpPong, true, p.readPing("the last")), p.frame(OpClose, true, "")))
		p.conn.Close()
		wantPong(t, "the pong came before the Close", pinged, 0)
	})
}

// TestPingPrefersItsPong has both ready when Ping looks: its pong and the end.
func TestPingPrefersItsPong(t *testing.T) {
	for i := range 100 {
		p := &ping{answered: make(chan struct{}), rtt: time.Second}
		c := newConn(noHalfClose{}, RoleServer, Options{KeepAlive: -1}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		close(p.answered)
		close(c.done)
		cancel()
		if rtt, err := c.pong(ctx, p); rtt != time.Second || err != nil {
			t.Fatalf("try %d: %v, %v", i, rtt, err)
		}
	}
}

// S-25: pongs that answer nothing do nothing.
func TestPingIgnoresOtherPongs(t *testing.T) {
	eachReader(t, func(t *testing.T, c *Conn, p *testPeer) {
		others := slices.Concat(p.frame(OpPong, true, ""), p.frame(OpPong, true, "unsolicited"), p.frame(OpPong, true, "12345678"),
			p.frame(OpPong, true, "\xff\xff\xff\xff\xff\xff\xff\xff"), p.frame(OpPong, true, "\x00\x00\x00\x00\x00\x00\x00\x00"))
		p.writeBytes(others)
		pinged := startPing(background, c)
		payload := p.readPing("the ping")
		p.writeBytes(others)
		p.write(OpPong, true, payload+"\x00")
		p.write(OpPong, true, payload[1:])
		time.Sleep(time.Second)
		p.write(OpPong, true, payload)
		wantPong(t, "only its own pong counts", pinged, time.Second)
	})
}

// S-25: the same pong 1000 times, before its waiter has left and after.
func TestPingIgnoresRepeatedPongs(t *testing.T) {
	eachReader(t, func(t *testing.T, c *Conn, p *testPeer) {
		pinged := startPing(background, c)
		payload := p.readPing("the ping")
		p.writeBytes(slices.Repeat(p.frame(OpPong, true, payload), 1000))
		wantPong(t, "the first counts", pinged, 0)
		p.writeBytes(slices.Repeat(p.frame(OpPong, true, payload), 1000))
		pinged = startPing(background, c)
		p.write(OpPong, true, p.readPing("another"))
		wantPong(t, "the connection is unharmed", pinged, 0)
	})
}

// A pong whose Ping has given up is one that nobody waits for.
func TestPingLeavesWhenItsContextEnds(t *testing.T) {
	eachReader(t, func(t *testing.T, c *Conn, p *testPeer) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		pinged := startPing(ctx, c)
		payload := p.readPing("the ping")
		wantIs(t, "Ping", (<-pinged).err, context.DeadlineExceeded)
		simWantElapsed(t, start, 2*time.Second)
		synctest.Wait()
		if n := len(c.pings.waiting); n != 0 {
			t.Fatalf("%d pings still wait", n)
		}
		p.write(OpPong, true, payload)
		pinged = startPing(background, c)
		p.write(OpPong, true, p.readPing("another"))
		wantPong(t, "the connection is unharmed", pinged, 0)
		if _, err := c.Ping(ctx); err == nil || c.Err() != nil {
			t.Fatalf("Ping with an ended context = %v, Err = %v", err, c.Err())
		}
		p.wantIdle("it sends nothing")
	})
}

func TestPingEndsWithTheConnection(t *testing.T) {
	for name, end := range map[string]func(c *Conn, p *testPeer){
		"close-now":   func(c *Conn, p *testPeer) { c.CloseNow() },
		"eof":         func(c *Conn, p *testPeer) { p.conn.Close() },
		"reset":       func(c *Conn, p *testPeer) { p.sim.reset() },
		"peer-closes": func(c *Conn, p *testPeer) { p.writeClose(CloseNormal, ""); p.sim.CloseWrite() },
		"broken-rule": func(c *Conn, p *testPeer) { p.write(3, true, ""); p.sim.CloseWrite() },
		"close":       func(c *Conn, p *testPeer) { c.Close(CloseNormal, "") },
	} {
		t.Run(name, func(t *testing.T) {
			eachReader(t, func(t *testing.T, c *Conn, p *testPeer) {
				pinged := startPing(background, c)
				p.readPing("the ping")
				end(c, p)
				err := (<-pinged).err
				<-c.Done()
				if err == nil || err != c.Err() {
					t.Fatalf("Ping = %v, Err = %v", err, c.Err())
				}
			})
		})
	}
}

func TestPingIsRefusedBehindOurClose(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		closed := startClose(c, CloseNormal, "")
		p.wantClose("our Close", CloseNormal, "")
		_, err := c.Ping(background)
		wantIs(t, "Ping", err, ErrClosed)
		p.conn.Close()
		<-closed
	})
}

// TestPingReadsNoFurtherThanTheNextMessage leaves the message whole to whoever
// reads next, in each shape that it can have.
func TestPingReadsNoFurtherThanTheNextMessage(t *testing.T) {
	long := fmt.Sprintf("%300d", 1)
	for name, message := range map[string]func(p *testPeer) (frames []byte, payload string){
		"small": func(p *testPeer) ([]byte, string) { return p.frame(OpText, true, "small"), "small" },
		"empty": func(p *testPeer) ([]byte, string) { return p.frame(OpText, true, ""), "" },
		"long":  func(p *testPeer) ([]byte, string) { return p.frame(OpText, true, long), long },
		"empty-fragment-first": func(p *testPeer) ([]byte, string) {
			return slices.Concat(p.frame(OpText, false, ""), p.frame(OpContinuation, true, "x")), "x"
		},
		"fragments": func(p *testPeer) ([]byte, string) {
			return slices.Concat(p.frame(OpText, false, "fra"), p.frame(OpContinuation, true, "gments")), "fragments"
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				frames, payload := message(p)
				p.writeBytes(frames)
				pinged := startPing(background, c)
				pong := p.frame(OpPong, true, p.readPing("the ping"))
				synctest.Wait()
				p.writeBytes(slices.Concat(pong, p.frame(OpText, true, "next")))
				reads(t, c).want("the message is whole", Text, payload)
				reads(t, c).want("and so is the next", Text, "next")
				wantPong(t, "its pong was read on the way", pinged, 0)
			})
		})
	}
}

// A Ping between the pieces of a message that somebody is reading.
func TestPingInTheMiddleOfAMessage(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, false, "one ")
		_, r, err := c.NextReader(background)
		wantNil(t, "NextReader", err)
		piece := make([]byte, 4)
		r.Read(piece)
		pinged := startPing(background, c)
		p.write(OpPong, true, p.readPing("the ping"))
		wantPong(t, "between two fragments", pinged, 0)
		p.write(OpContinuation, true, "two")
		rest, err := io.ReadAll(r)
		if string(piece) != "one " || string(rest) != "two" || err != nil {
			t.Fatalf("read %q, %q, %v", piece, rest, err)
		}
	})
}
