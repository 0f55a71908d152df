// These tests tell a peer that is slow from a queue that a burst has filled.

package websocket

import (
	"errors"
	"fmt"
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
		moved, full time.Duration
		sent        int64
		want        time.Duration
	}{
		{0, 0, 0, 100 * time.Millisecond},
		{99 * time.Millisecond, 500 * time.Millisecond, 0, time.Millisecond},
		{100 * time.Millisecond, 100 * time.Millisecond, 0, 0},
		{100 * time.Millisecond, 100 * time.Millisecond, 1, 100 * time.Millisecond},
		{0, 995 * time.Millisecond, 0, 5 * time.Millisecond},
		{0, time.Second, 1, 0},
		{time.Hour, time.Hour, 0, moveGrace - time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			q := Queue{conn: new(Conn), moved: now.Add(-c.moved), full: now.Add(-c.full)}
			q.conn.out.sent.Store(c.sent)
			if got := q.patience(); got != c.want {
				t.Errorf("moved %v ago, full for %v, %d bytes sent since: patience for %v, want %v", c.moved, c.full, c.sent, got, c.want)
			}
			q.opts.Policy = Block
			if got := q.patience(); got != 0 {
				t.Errorf("Block: patience for %v", got)
			}
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
