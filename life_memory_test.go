// This file tests what a peer can make a connection hold, or do, by sending a lot
// of little, or by taking nothing: rows S-21 to S-24 and S-26 of the list of
// hostile inputs. Work is counted and sizes are looked at; nothing is timed by
// the clock on the wall. life_allocs_test.go counts allocations besides.

package websocket

import (
	"math"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A lifeSource is an end of which the peer has written a block many times. It
// counts the calls that it gets.
type lifeSource struct {
	*simConn
	block []byte
	times int // how often the block is still to be read
	most  int // bytes a Read

	rest          []byte // of the block that is being read
	reads, writes atomic.Int32
}

func (s *lifeSource) Read(p []byte) (n int, err error) {
	s.reads.Add(1)
	p = p[:min(len(p), s.most)]
	for n < len(p) && (len(s.rest) > 0 || s.times > 0) {
		if len(s.rest) == 0 {
			s.rest = s.block
			s.times--
		}
		m := copy(p[n:], s.rest)
		s.rest = s.rest[m:]
		n += m
	}
	if n > 0 {
		return n, nil
	}
	return s.simConn.Read(p)
}

func (s *lifeSource) Write(p []byte) (int, error) {
	s.writes.Add(1)
	return s.simConn.Write(p)
}

// newLifeConn returns a Conn whose transport is a lifeSource with nothing in it.
func newLifeConn(t *testing.T, role Role, o Options) (*Conn, *testPeer, *lifeSource) {
	t.Helper()
	client, server := newPipe()
	if role == RoleClient {
		client, server = server, client
	}
	s := &lifeSource{simConn: server, most: math.MaxInt}
	c, p := newTestConnOn(t, role, o, ends{s, client})
	t.Cleanup(func() { checkSent(t, role, server.sent(), o.Compression) })
	return c, p, s
}

// S-21: a message of fragments that carry nothing, or next to nothing, ends at
// MaxFrames.
func TestLifeFragmentFloodEndsAtTheCap(t *testing.T) {
	for name, payload := range map[string]string{"0-bytes": "", "1-byte": "x"} {
		t.Run(name, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				c, p, s := newLifeConn(t, role, Options{})
				s.block, s.times = p.frame(OpContinuation, false, payload), DefaultMaxFrames
				s.rest = p.frame(OpBinary, false, payload)
				read := startRead(c)
				p.wantClose("one frame too many", ClosePolicyViolation, RuleTooManyFrames.Text())
				p.wantEOF("nothing follows the Close")
				p.conn.Close()
				wantIs(t, "Read", <-read, ErrTooManyFrames)
				<-c.Done()
			})
		})
	}
}

// S-21: the limit on messages is for the sum of their fragments, and is met by
// the header of the one that is too much.
func TestLifeFragmentsAddUp(t *testing.T) {
	eachRole(t, Options{MaxMessageSize: 1000}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, false, strings.Repeat("a", 500))
		p.write(OpContinuation, false, strings.Repeat("b", 500))
		p.write(OpContinuation, false, "")
		read := startRead(c)
		p.wantIdle("as much as is allowed")
		p.writeBytes(p.frame(OpContinuation, true, "c")[:2])
		if p.role == RoleClient {
			p.writeBytes(make([]byte, 4)) // the header's masking key
		}
		p.wantClose("a byte too much is announced", CloseTooBig, RuleTooBig.Text())
		p.conn.Close()
		wantIs(t, "Read", <-read, ErrTooBig)
	})
}

// S-21: a message that comes a byte at a time holds no more memory than one that
// comes at once.
func TestLifeMessageInSegmentsOfOneByte(t *testing.T) {
	const size, slack = 1 << 20, 64 << 10
	synctest.Test(t, func(t *testing.T) {
		c, p, s := newLifeConn(t, RoleServer, Options{})
		payload := testPayload(size)
		s.block, s.times, s.most = p.frame(OpBinary, true, payload), 1, 1
		_, data, err := c.Read(t.Context())
		if err != nil || string(data) != payload {
			t.Fatalf("Read = %s, %v", abridge(string(data)), err)
		}
		if n := cap(data) - size; n > slack {
			t.Errorf("%d bytes are held besides the message", n)
		}
		if c.partial != nil {
			t.Error("there is another copy of the message")
		}
	})
}

// S-22: pings without end to a client whose pongs nobody takes. Ten times 131,072
// of them hold no more than twice: 16 pongs are kept, and no goroutine waits but
// the reader and the one that tries to pay.
func TestLifePingFloodHoldsNoMore(t *testing.T) {
	const pings = 131_072
	synctest.Test(t, func(t *testing.T) {
		twice, tenfold := lifePingFlood(t, RoleClient, 2*pings), lifePingFlood(t, RoleClient, 10*pings)
		// A fifth more, and what the test itself may have left. One byte kept
		// for each ping would be more.
		if limit := twice + twice/5 + 512<<10; tenfold > limit {
			t.Errorf("the heap has %d bytes, want at most %d", tenfold, limit)
		}
	})
}

// lifePingFlood sends n pings, which must all be read, and returns how much the
// heap has then.
func lifePingFlood(t *testing.T, role Role, n int) (heap int) {
	t.Helper()
	const each = 64
	goroutines := runtime.NumGoroutine()
	c, p, s := newLifeConn(t, role, Options{})
	for range each {
		s.block = append(s.block, p.frame(OpPing, true, "are you there?")...)
	}
	s.times = n / each
	p.stall(true)
	read := startRead(c)
	synctest.Wait()
	if s.times > 0 || len(s.rest) > 0 || c.Err() != nil {
		t.Fatalf("%d blocks of pings were not read: %v", s.times, c.Err())
	}
	c.owedMu.Lock()
	owed, held := c.sender.owed.n, cap(c.sender.owed.pongs)
	c.owedMu.Unlock()
	if most := 2 * maxOwedPongs * (1 + MaxControlPayload); owed != maxOwedPongs || held > most {
		t.Errorf("%d pongs are owed in %d bytes, want %d in %d at most", owed, held, maxOwedPongs, most)
	}
	if n := runtime.NumGoroutine() - goroutines; n > 4 {
		t.Errorf("there are %d goroutines more", n)
	}
	if w := s.writes.Load(); w != 1 {
		t.Errorf("the transport was asked to write %d times, want once: it has not returned", w)
	}
	heap = heapInUse()
	c.CloseNow()
	<-read
	synctest.Wait()
	return heap
}

// S-23: a pong that the peer takes byte by byte, and then no more, is one call of
// the transport's Write, which ends at its deadline. Nobody asks again and again
// whether there is room.
func TestLifePongThroughANarrowWindow(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		c, p, s := newLifeConn(t, role, Options{WriteTimeout: 4 * time.Second})
		s.tune(func(k *simKnobs) { k.capacity = 1 })
		start := time.Now()
		read := startRead(c)
		p.write(OpPing, true, strings.Repeat("x", MaxControlPayload))
		for range 7 {
			time.Sleep(100 * time.Millisecond)
			if n, err := p.conn.Read(make([]byte, 10)); n != 1 || err != nil {
				t.Fatalf("Read = %d, %v", n, err)
			}
		}
		err := <-read
		wantAbnormal(t, "Read", err, os.ErrDeadlineExceeded)
		simWantElapsed(t, start, 5*time.Second) // a quarter more than WriteTimeout
		<-c.Done()
		if r, w := s.reads.Load(), s.writes.Load(); r > 5 || w != 1 {
			t.Errorf("the transport was asked to read %d times, and to write %d times", r, w)
		}
		if n := len(s.sent()); n != 8 {
			t.Errorf("%d bytes were sent, want 7 and the one that is in the window", n)
		}
	})
}

// S-26: the peer never reads and the application writes 1 GiB. The bytes that the
// transport takes are all that there is of it.
func TestLifeWriterToAPeerThatNeverReads(t *testing.T) {
	const messages, window = 1024, 64 << 10
	inEachRole(t, func(t *testing.T, role Role) {
		c, _, s := newLifeConn(t, role, Options{})
		message := make([]byte, 1<<20)
		start := time.Now()
		var first error
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range messages {
			err := c.Write(t.Context(), Binary, message)
			if first == nil {
				first = err
			}
			if err == nil || err != first {
				t.Fatalf("Write = %v, the first: %v", err, first)
			}
		}
		runtime.ReadMemStats(&after)
		wantLost(t, c, first, os.ErrDeadlineExceeded)
		// The first 64 KiB fit, so the deadline is that of the next write.
		if took := time.Since(start); took < defaultWriteTimeout || took > defaultWriteTimeout*5/4 {
			t.Errorf("it took %v", took)
		}
		if n := len(s.sent()); n > window {
			t.Errorf("%d bytes were sent", n)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%d bytes were allocated", n)
		}
	})
}

// S-24: pongs that nobody has asked for leave nothing behind: no buffer, no memory,
// no waiter, and an answer to none.
func TestLifePongFloodLeavesNothing(t *testing.T) {
	const pongs, each = 1_000_000, 64
	inEachRole(t, func(t *testing.T, role Role) {
		c, p, s := newLifeConn(t, role, Options{})
		for range each / 2 {
			s.block = append(s.block, p.frame(OpPong, true, "")...)
			s.block = append(s.block, p.frame(OpPong, true, "12345678")...)
		}
		before := heapInUse()
		s.times = pongs / each
		read := started(func() error { _, _, err := c.Read(background); return err })
		synctest.Wait()
		if s.times > 0 || len(s.rest) > 0 || c.Err() != nil {
			t.Fatalf("%d blocks of pongs were not read: %v", s.times, c.Err())
		}
		if n := heapInUse() - before; n > 512<<10 {
			t.Errorf("the heap has grown by %d bytes", n)
		}
		if c.in.buf != nil || c.out.buf != nil || len(c.pings.waiting) > 0 {
			t.Error("a buffer or a ping is held")
		}
		p.wantIdle("§5.5.3: no answer is expected")
		p.write(OpText, true, "the end")
		wantNil(t, "Read", <-read)
	})
}
