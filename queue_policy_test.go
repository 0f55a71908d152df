// These are the tests of what a Queue does when it is full, by policy, and of
// how a peer that is too slow is told.

package websocket

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A policyCase fills a queue that has place for three messages or 100 bytes.
type policyCase struct {
	name    string
	policy  SlowPolicy
	sizes   []int // of the messages that are sent, in order
	refused []int // which of them get ErrSlowConsumer
	lost    []int // which of them do not arrive
}

var policyCases = []policyCase{
	{"messages-fit", DropNewest, []int{1, 1, 1}, nil, nil},
	{"newest-by-messages", DropNewest, []int{1, 2, 3, 4, 5}, []int{3, 4}, []int{3, 4}},
	{"newest-by-bytes", DropNewest, []int{50, 50, 1, 0}, []int{2}, []int{2}},
	{"newest-large-alone", DropNewest, []int{101, 0, 1}, []int{1, 2}, []int{1, 2}},
	{"newest-large-not-behind-others", DropNewest, []int{1, 101, 1}, []int{1}, []int{1}},
	{"oldest-by-messages", DropOldest, []int{1, 2, 3, 4, 5}, nil, []int{0, 1}},
	{"oldest-by-bytes", DropOldest, []int{40, 30, 30, 31}, nil, []int{0}},
	{"oldest-several-for-one", DropOldest, []int{40, 30, 30, 71}, nil, []int{0, 1, 2}},
	{"oldest-large-alone", DropOldest, []int{1, 2, 101}, nil, []int{0, 1}},
	{"oldest-behind-large", DropOldest, []int{101, 1, 2}, nil, []int{0}},
}

func (tt policyCase) options() QueueOptions {
	return QueueOptions{MaxMessages: 3, MaxBytes: 100, Policy: tt.policy}
}

func TestQueuePoliciesThatDrop(t *testing.T) {
	for _, tt := range policyCases {
		t.Run(tt.name, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				told := 0
				hooks := &Hooks{Dropped: func(c *Conn, n int) { told += n }}
				q, p := newStalledQueue(t, role, tt.options(), Options{Hooks: hooks})
				var arrive []string
				for i, size := range tt.sizes {
					text := testPayload(size)
					if err := q.Send(background, textMessage(text)); (err != nil) != slices.Contains(tt.refused, i) || err != nil && err != ErrSlowConsumer {
						t.Errorf("message %d: %v", i, err)
					}
					if !slices.Contains(tt.lost, i) {
						arrive = append(arrive, text)
					}
				}
				if n := int(q.Dropped()); n != len(tt.lost) || told != n {
					t.Errorf("%d dropped, %d told, want %d", n, told, len(tt.lost))
				}
				p.stall(false)
				p.wantTexts("before", "first")
				p.wantTexts("what was not dropped", arrive...)
				queueTexts(t, q, "there is place again")
				p.wantTexts("it goes on", "there is place again")
				p.wantIdle("nothing else")
			})
		})
	}
}

// With the defaults, 256 messages or 1 MiB may wait.
func TestQueueDefaultsAreBounded(t *testing.T) {
	for size, want := range map[int]int{0: 256, 1: 256, 4096: 256, 4097: 255, 100_000: 10, 1 << 20: 1, 2 << 20: 1} {
		synctest.Test(t, func(t *testing.T) {
			q, _ := newStalledQueue(t, RoleServer, QueueOptions{}, Options{})
			m := Prepare(Message{Type: Binary, Data: make([]byte, size)})
			sent := 0
			for q.SendPrepared(background, m) == nil {
				sent++
				wantWaiting(t, q, sent, sent*size)
			}
			if sent != want {
				t.Errorf("%d messages of %d bytes waited, want %d", sent, size, want)
			}
			if n := int(q.Dropped()); n != sent+1 {
				t.Errorf("%d were dropped, want %d", n, sent+1)
			}
		})
	}
}

// newDismissed returns a queue that has just become too full. Of its connection
// nothing has been taken yet.
func newDismissed(t *testing.T, role Role, o Options) (*Queue, *testPeer) {
	t.Helper()
	q, p := newStalledQueue(t, role, QueueOptions{MaxMessages: 2}, o)
	queueTexts(t, q, "second", "third")
	wantIs(t, "the one too many", q.Send(background, textMessage("fourth")), ErrSlowConsumer)
	wantWaiting(t, q, 0, 0)
	wantIs(t, "all that follow", q.Send(background, textMessage("fifth")), ErrSlowConsumer)
	wantIs(t, "Flush", q.Flush(background), ErrSlowConsumer)
	return q, p
}

// wantDismissed wants the connection to be over after so long.
func wantDismissed(t *testing.T, c *Conn, begin time.Time, after time.Duration) {
	t.Helper()
	<-c.Done()
	if took := time.Since(begin); took != after {
		t.Errorf("it took %v, want %v", took, after)
	}
	wantIs(t, "Err", c.Err(), ErrSlowConsumer)
	wantCloseError(t, "Err", c.Err(), CloseError{Code: CloseTryAgainLater, Reason: "too slow"})
}

// A peer that is stuck does not take the Close either, and gets 100 ms.
func TestQueueDisconnectsWhoIsStuck(t *testing.T) {
	for _, policy := range []SlowPolicy{Disconnect, 99} {
		inEachRole(t, func(t *testing.T, role Role) {
			var told []int
			hooks := &Hooks{Dropped: func(c *Conn, n int) { told = append(told, n) }}
			begin := time.Now()
			q, _ := newStalledQueue(t, role, QueueOptions{MaxMessages: 1, Policy: policy}, Options{Hooks: hooks})
			queueTexts(t, q, "second")
			read := startRead(q.conn)
			wantIs(t, "the one too many", q.Send(background, textMessage("third")), ErrSlowConsumer)
			wantDismissed(t, q.conn, begin, moveGrace+slowGrace)
			wantIs(t, "Read", <-read, ErrSlowConsumer)
			wantIs(t, "Send afterwards", q.Send(background, textMessage("x")), ErrSlowConsumer)
			synctest.Wait()
			if len(told) != 1 || told[0] != 2 || q.Dropped() != 2 {
				t.Errorf("told of %d messages, %d dropped", told, q.Dropped())
			}
			if n := drains(); n != 0 {
				t.Errorf("%d goroutines", n)
			}
		})
	}
}

// One that wakes up in time gets the Close, behind what was being written.
func TestQueueTellsWhoIsOnlySlow(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		begin := time.Now()
		q, p := newDismissed(t, role, Options{})
		time.Sleep(slowGrace - 1)
		p.stall(false)
		p.wantTexts("it was being written", "first")
		p.wantClose("the reason", CloseTryAgainLater, "too slow")
		p.wantIdle("nothing that waited")
		p.writeClose(CloseTryAgainLater, "too slow")
		p.conn.Close()
		wantDismissed(t, q.conn, begin, moveGrace+slowGrace-1)
	})
}

// One that takes the Close and does not answer has CloseTimeout, as ever.
func TestQueueWaitsForTheAnswerToItsClose(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		begin := time.Now()
		q, p := newDismissed(t, role, Options{CloseTimeout: 7 * time.Second})
		p.stall(false)
		p.wantTexts("it was being written", "first")
		p.wantClose("the reason", CloseTryAgainLater, "too slow")
		wantDismissed(t, q.conn, begin, moveGrace+7*time.Second)
	})
}

func TestQueueBlockWaitsForPlace(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{MaxMessages: 3, MaxBytes: 10, Policy: Block}, Options{WriteTimeout: -1})
		queueTexts(t, q, "12345", "67890")
		sent := started(func() error { return q.Send(background, textMessage("abc")) })
		time.Sleep(time.Hour)
		select {
		case err := <-sent:
			t.Fatalf("Send returned %v without place", err)
		default:
		}
		wantWaiting(t, q, 2, 10)
		p.stall(false)
		wantNil(t, "Send", <-sent)
		p.wantTexts("in order", "first", "12345", "67890", "abc")
		if n := q.Dropped(); n != 0 {
			t.Errorf("%d dropped", n)
		}
	})
}

// Many senders wait, and each message arrives once, those of one sender in order.
func TestQueueBlockLosesNothing(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{MaxMessages: 2, Policy: Block}, Options{})
		const senders, each = 10, 50
		results := make(chan error, senders)
		for s := range senders {
			go func() {
				var err error
				for i := 0; i < each && err == nil; i++ {
					err = q.Send(background, Message{Type: Binary, Data: []byte{byte(s), byte(i)}})
				}
				results <- err
			}()
		}
		synctest.Wait()
		p.stall(false)
		p.wantTexts("before", "first")
		var next [senders]byte
		for range senders * each {
			_, got := p.readFrame("all of them")
			if s := got[0]; got[1] != next[s] {
				t.Fatalf("sender %d: message %d came for %d", s, got[1], next[s])
			}
			next[got[0]]++
		}
		for range senders {
			wantNil(t, "Send", <-results)
		}
	})
}

func TestQueueBlockEndsWithItsContext(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, p := newStalledQueue(t, role, QueueOptions{MaxMessages: 1, Policy: Block}, Options{})
		queueTexts(t, q, "second")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		err := q.Send(ctx, textMessage("gave up"))
		var timeout interface{ Timeout() bool }
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || took != time.Second {
			t.Errorf("Send: %v after %v", err, took)
		}
		p.stall(false)
		p.wantTexts("nothing was harmed", "first", "second")
		// There is place now, so a context that has ended does no harm.
		wantNil(t, "Send", q.Send(ctx, textMessage("third")))
		p.wantTexts("and it goes on", "third")
		p.wantIdle("nothing of who gave up")
	})
}

func TestQueueBlockEndsWithItsConnection(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, _ := newStalledQueue(t, role, QueueOptions{MaxMessages: 1, Policy: Block}, Options{})
		queueTexts(t, q, "second")
		var sent []<-chan error
		for range 10 {
			sent = append(sent, started(func() error { return q.Send(background, textMessage("never")) }))
		}
		begin := time.Now()
		for _, s := range sent { // WriteTimeout gives the peer up
			wantCloseError(t, "Send", <-s, CloseError{Code: CloseAbnormal})
		}
		if took := time.Since(begin); took < defaultWriteTimeout || took > defaultWriteTimeout*5/4 {
			t.Errorf("it took %v", took)
		}
	})
}

// Under a peer that takes nothing an application sends 1 GiB (S-26). Whatever the
// policy, no more than the bound is held, and but for Block the sender waits once.
func TestQueueHoldsNoMoreThanItsBound(t *testing.T) {
	for _, policy := range []SlowPolicy{Disconnect, DropOldest, DropNewest} {
		t.Run(policy.String(), func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				begin := time.Now()
				q, _ := newStalledQueue(t, role, QueueOptions{Policy: policy}, Options{})
				m := Prepare(Message{Type: Binary, Data: make([]byte, 1<<16)})
				for range 1 << 14 {
					q.SendPrepared(background, m)
					if n, bytes := q.Len(); n > 256 || bytes > 1<<20 {
						t.Fatalf("%d messages and %d bytes wait", n, bytes)
					}
				}
				if took := time.Since(begin); took != moveGrace {
					t.Errorf("the sender waited %v, want %v", took, moveGrace)
				}
			})
		})
	}
}

func TestQueuePolicyHasText(t *testing.T) {
	for _, p := range []SlowPolicy{Disconnect, DropOldest, DropNewest, Block} {
		text, err := p.MarshalText()
		wantNil(t, "MarshalText", err)
		got := SlowPolicy(77)
		if err := got.UnmarshalText(text); err != nil || got != p || string(text) != p.String() {
			t.Errorf("%v: %q gives %v, %v", p, text, got, err)
		}
	}
	got := DropNewest
	if err := got.UnmarshalText([]byte("drop")); err == nil || got != DropNewest {
		t.Errorf("an unknown policy: %v, %v", got, err)
	}
	if s := SlowPolicy(9).String(); s != "SlowPolicy(9)" {
		t.Errorf("%q", s)
	}
}
