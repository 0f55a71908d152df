// This file tests writes that are stopped: by their context, a timeout, a
// broken transport, or the end of the connection.

package websocket

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stall makes the peer take nothing any more, or again.
func (p *testPeer) stall(stalled bool) {
	p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = stalled })
}

// writeTakes writes and wants it to take exactly so long.
func writeTakes(t *testing.T, c *Conn, ctx context.Context, want time.Duration) error {
	t.Helper()
	start := time.Now()
	err := c.Write(ctx, Text, []byte("x"))
	if took := time.Since(start); took != want {
		t.Errorf("Write took %v, want %v; it returned %v", took, want, err)
	}
	return err
}

// wantLost wants the connection to be over because of a cause, which every
// method tells.
func wantLost(t *testing.T, c *Conn, err, cause error) {
	t.Helper()
	wantCloseError(t, "the write", err, CloseError{Code: CloseAbnormal})
	if !errors.Is(err, cause) {
		t.Errorf("the write: %v, want %v", err, cause)
	}
	<-c.Done()
	if c.Err() != err {
		t.Errorf("Err: %v, but the write: %v", c.Err(), err)
	}
	if _, _, again := c.Read(t.Context()); again != err {
		t.Errorf("Read: %v, but the write: %v", again, err)
	}
	for range 3 {
		if again := c.Write(t.Context(), Text, nil); again != err {
			t.Errorf("the next write: %v, the first: %v", again, err)
		}
	}
}

// TestWriteWaitingForItsTurnGivesUp: R-17, where nothing of the frame is on its
// way yet.
func TestWriteWaitingForItsTurnGivesUp(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.stall(true)
		wait := p.meanwhile(func() {
			if err := c.Write(t.Context(), Text, []byte("first")); err != nil {
				t.Errorf("the first write: %v", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := writeTakes(t, c, ctx, time.Second)
		if !errors.Is(err, context.DeadlineExceeded) || !isTimeout(err) {
			t.Errorf("Write: %v", err)
		}
		if err := writeTakes(t, c, ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Write with a context that has ended: %v", err)
		}
		if _, err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ping: %v", err)
		}
		p.stall(false)
		p.wantFrame("the first is not harmed", OpText, "first")
		wait()
		if err := writeTakes(t, c, t.Context(), 0); err != nil {
			t.Error(err)
		}
		p.wantFrame("the connection is not harmed", OpText, "x")
		p.wantIdle("who gave up sends nothing")
	})
}

// TestWriteCutByItsContextFailsTheConnection, because part of the frame may be
// on its way.
func TestWriteCutByItsContextFailsTheConnection(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.stall(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantLost(t, c, writeTakes(t, c, ctx, time.Second), context.DeadlineExceeded)
	})
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.stall(true)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		wantLost(t, c, writeTakes(t, c, ctx, 2*time.Second), context.Canceled)
	})
}

// TestWriteEndsWithItsContextBetweenTransportWrites ends the context when the
// write has begun and the transport has not been called yet. A deadline of
// WriteTimeout must not replace the context's.
func TestWriteEndsWithItsContextBetweenTransportWrites(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.stall(true)
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		if err := c.beginWrite(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		wantLost(t, c, c.endWrite(ctx, c.send(OpText, true, nil)), context.Canceled)
		if took := time.Since(start); took != 0 {
			t.Errorf("the write took %v", took)
		}
	})
}

// TestWriteIsNotKeptByOthersPongs: what is owed to a peer that takes nothing is
// not the caller's business.
func TestWriteIsNotKeptByOthersPongs(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		go c.Read(context.Background())
		p.stall(true)
		wrote := make(chan error)
		go func() { wrote <- c.Write(t.Context(), Text, []byte("x")) }()
		synctest.Wait()
		p.write(OpPing, true, "never answered")
		synctest.Wait()
		start := time.Now()
		p.sim.peer.tune(func(k *simKnobs) {
			k.stallWrites = false
			k.capacity = Header{Length: 1, Masked: c.role == RoleClient}.Size() + 1
		})
		if err := <-wrote; err != nil || time.Since(start) != 0 {
			t.Errorf("Write: %v after %v", err, time.Since(start))
		}
	})
}

// TestWriteTimeout: R-06. The deadline is a quarter further away than promised
// at most, and is not moved for every write.
func TestWriteTimeout(t *testing.T) {
	const second = time.Second
	tests := []struct {
		idle, want time.Duration
	}{
		{0, 12500 * time.Millisecond},
		{2 * second, 10500 * time.Millisecond},
		{2500 * time.Millisecond, 10 * second},
		{2600 * time.Millisecond, 12500 * time.Millisecond},
		{time.Hour, 12500 * time.Millisecond},
	}
	for _, tt := range tests {
		eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
			if err := writeTakes(t, c, t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			time.Sleep(tt.idle)
			p.stall(true)
			wantLost(t, c, writeTakes(t, c, context.Background(), tt.want), os.ErrDeadlineExceeded)
		})
	}
	eachRole(t, Options{WriteTimeout: -1}, func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.fail(simSetDeadline, 1, errors.New("no deadline should be set"))
		p.stall(true)
		time.AfterFunc(time.Hour, func() { p.stall(false) })
		if err := writeTakes(t, c, context.Background(), time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// lateConn ends the context of every write when it has taken all of it.
type lateConn struct {
	*simConn
	*interrupter
}

func (c lateConn) Write(p []byte) (int, error) {
	n, err := c.simConn.Write(p)
	c.interrupt()
	return n, err
}

func (c lateConn) SetWriteDeadline(t time.Time) error {
	err := c.simConn.SetWriteDeadline(t)
	c.saw(t)
	return err
}

// TestWriteSurvivesItsContextsEndAfterwards sees that a context which ends just
// when the write does neither fails it nor leaves a deadline to the next one.
func TestWriteSurvivesItsContextsEndAfterwards(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		late := lateConn{p.sim.peer, newInterrupter()}
		for i := range 10 {
			c.out.transport, c.writeWatch.setDeadline = late, late.SetWriteDeadline
			if err := c.Write(late.context(t), Text, []byte("x")); err != nil || late.times != i+1 {
				t.Fatalf("Write: %v after %d interruptions", err, late.times)
			}
			c.out.transport = p.sim.peer
			if err := c.Write(t.Context(), Text, []byte("y")); err != nil {
				t.Fatal(err)
			}
			p.wantFrame("it was taken", OpText, "x")
			p.wantFrame("no deadline is left", OpText, "y")
		}
		p.stall(true)
		time.AfterFunc(time.Hour, func() { p.stall(false) })
		if err := writeTakes(t, c, context.Background(), 12500*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("WriteTimeout does not hold any more: %v", err)
		}
	})
}

func TestWriteFailsWithItsTransport(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name  string
		fault func(ours *simConn)
		want  error
	}{
		{"first-write", func(ours *simConn) { ours.fail(simWrite, 1, boom) }, boom},
		{"third-write", func(ours *simConn) { ours.fail(simWrite, 3, boom) }, boom},
		{"cut-in-the-middle", func(ours *simConn) { ours.failAfter(simWrite, 3, 100, boom) }, boom},
		{"short-write", func(ours *simConn) { ours.failAfter(simWrite, 3, 100, nil) }, io.ErrShortWrite},
		{"deadline", func(ours *simConn) { ours.fail(simSetDeadline, 1, boom) }, boom},
		{"second-deadline", func(ours *simConn) { ours.fail(simSetDeadline, 2, boom) }, boom},
		{"reset", func(ours *simConn) { ours.resetAt(20_000) }, syscall.ECONNRESET},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				ours := p.sim.peer
				tt.fault(ours)
				var err error
				for range 10 {
					if err = c.Write(t.Context(), Binary, []byte(testPayload(5_000))); err != nil {
						break
					}
					time.Sleep(time.Minute) // so that the deadline is moved
				}
				wantCloseError(t, "the write", err, CloseError{Code: CloseAbnormal})
				if !errors.Is(err, tt.want) {
					t.Fatalf("Write: %v, want %v", err, tt.want)
				}
				sent := len(ours.sent())
				if again := c.Write(t.Context(), Text, nil); !errors.Is(again, tt.want) {
					t.Errorf("the next write: %v", again)
				}
				if n := len(ours.sent()); n != sent {
					t.Errorf("%d bytes were sent behind the failure", n-sent)
				}
			})
		})
	}
}

// TestWriteFailureLetsReadsGoOn: the peer may have said why it has gone.
func TestWriteFailureLetsReadsGoOn(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.write(OpText, true, "last words")
		p.writeClose(CloseGoingAway, "bye")
		p.sim.peer.fail(simWrite, 1, syscall.EPIPE)
		if err := c.Write(t.Context(), Text, nil); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write: %v", err)
		}
		reads(t, c).want("it came before", Text, "last words")
		p.sim.CloseWrite()
		_, _, err := c.Read(t.Context())
		wantCloseError(t, "it came before", err, CloseError{Code: CloseGoingAway, Reason: "bye", Remote: true})
	})
}

// TestWriteIsEndedByCloseNow has writes in every place when the transport is
// closed under them.
func TestWriteIsEndedByCloseNow(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.stall(true)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := c.Write(t.Context(), Text, nil); err != ErrClosed {
					t.Errorf("Write: %v", err)
				}
			})
		}
		synctest.Wait()
		c.CloseNow()
		all.Wait()
		if err := c.Write(t.Context(), Text, nil); err != ErrClosed {
			t.Errorf("Write afterwards: %v", err)
		}
		if err := c.WriteBatch(t.Context()); err != ErrClosed {
			t.Errorf("WriteBatch of nothing afterwards: %v", err)
		}
	})
}

// TestWriteTellsWhyTheConnectionEnded has the peer close first.
func TestWriteTellsWhyTheConnectionEnded(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeClose(CloseGoingAway, "bye")
		p.sim.CloseWrite()
		_, _, first := c.Read(t.Context())
		for range 3 {
			if err := c.Write(t.Context(), Text, nil); err != first {
				t.Errorf("Write: %v, but Read: %v", err, first)
			}
		}
	})
}
