// These tests tell a peer that is slow from a queue that a burst has filled.

package websocket

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A burst that comes faster than the queue's goroutine runs is no reason to give up
// a peer that takes all of it.
func TestQueueTakesBursts(t *testing.T) {
	for _, policy := range []SlowPolicy{Disconnect, DropOldest, DropNewest} {
		eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
			q := NewQueue(c, QueueOptions{MaxMessages: 1, Policy: policy})
			sent := make(chan error, 1)
			go func() {
				var err error
				for i := range 1000 {
					err = errors.Join(err, q.Send(background, textMessage(fmt.Sprint(i))))
				}
				sent <- err
			}()
			for i := range 1000 {
				p.wantTexts("one of the burst", fmt.Sprint(i))
			}
			wantNil(t, "Send", <-sent)
		})
	}
}

// Senders wait only while something moves, and not for long.
func TestQueueHasLittlePatience(t *testing.T) {
	for _, c := range []struct {
		moved, full, filled time.Duration
		sent                int64
		want                time.Duration
	}{
		{0, 0, 0, 0, 100 * time.Millisecond},
		{99 * time.Millisecond, 500 * time.Millisecond, 0, 0, time.Millisecond},
		{100 * time.Millisecond, 100 * time.Millisecond, 0, 0, 0},
		{100 * time.Millisecond, 100 * time.Millisecond, 0, 1, 100 * time.Millisecond},
		{0, 995 * time.Millisecond, 0, 0, 5 * time.Millisecond},
		{0, time.Second, 0, 1, 0},
		{0, 0, 995 * time.Millisecond, 1, 5 * time.Millisecond},
		{0, 0, time.Minute, 1, fullGrace - time.Minute},
		{time.Hour, time.Hour, time.Hour, 0, moveGrace - time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			q := Queue{conn: new(Conn), moved: now.Add(-c.moved), full: now.Add(-c.full), filled: now.Add(-c.filled)}
			q.conn.out.sent.Store(c.sent)
			if got := q.patience(); got != c.want {
				t.Errorf("%v: patience for %v", c, got)
			}
			q.opts.Policy = Block
			if got := q.patience(); got != 0 {
				t.Errorf("Block: patience for %v", got)
			}
		})
	}
}

// What filled slowly was not filled by a burst, but the queue may have been busy for
// long and yet empty a moment ago.
func TestQueueHasPatienceWithBurstsOnly(t *testing.T) {
	for name, reads := range map[string]struct {
		size int64
		wait time.Duration
	}{"stuck": {0, 0}, "a-little": {100, 0}, "the-first-message": {1002, moveGrace}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := newTestConn(t, RoleServer, Options{WriteTimeout: -1})
				p.sim.peer.tune(func(k *simKnobs) { k.capacity = 500 })
				q := NewQueue(c, QueueOptions{MaxMessages: 1, Policy: DropNewest})
				m := Message{Type: Binary, Data: make([]byte, 998)}
				wantNil(t, "being written", q.Send(background, m))
				synctest.Wait()
				wantNil(t, "waiting", q.Send(background, m))
				<-time.After(time.Minute)
				_, err := io.CopyN(io.Discard, p.conn, reads.size)
				wantNil(t, "reading", err)
				synctest.Wait()
				if reads.wait > 0 {
					wantNil(t, "waiting in place of the second, which is being written", q.Send(background, m))
				}
				begin := time.Now()
				wantIs(t, "one too many", q.Send(background, m), ErrSlowConsumer)
				if took := time.Since(begin); took != reads.wait {
					t.Errorf("the sender waited for %v, want %v", took, reads.wait)
				}
			})
		})
	}
}

// A peer that always takes a little sets nobody's pace for longer than a second,
// until it has taken everything.
func TestQueueLosesPatienceWithWhoIsSlow(t *testing.T) {
	eachRole(t, Options{WriteTimeout: -1}, func(t *testing.T, c *Conn, p *testPeer) {
		q := NewQueue(c, QueueOptions{MaxMessages: 60, Policy: DropNewest})
		var slow atomic.Bool
		go func() {
			buf := make([]byte, 16<<10)
			for err := error(nil); err == nil; {
				if slow.Load() {
					<-time.After(moveGrace - 1)
				}
				_, err = p.conn.Read(buf)
			}
		}()
		p.sim.peer.tune(func(k *simKnobs) { k.capacity = 16 << 10 })
		for range 2 {
			slow.Store(true)
			begin := time.Now()
			for q.Send(background, Message{Type: Binary, Data: make([]byte, 1<<10)}) == nil {
			}
			if took := time.Since(begin); took < fullGrace || took > fullGrace+2*moveGrace {
				t.Errorf("senders waited for %v", took)
			}
			slow.Store(false)
			wantNil(t, "Flush", q.Flush(background))
			synctest.Wait()
		}
	})
}
