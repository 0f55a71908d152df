// This file is the lock of the two halves of a Conn: a mutex whose waiters can
// give up, which is what a context asks for. It is also how others wait for
// something to change.

package websocket

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A turn is a mutex. Those who wait for it are served in order and may give
// up. An uncontended turn costs two atomic additions and no memory.
type turn struct {
	n    atomic.Int32  // the holder and those who wait
	once sync.Once     // makes wake
	wake chan struct{} // hands the turn over; holds one token at most

	passed news // see leave; belongs to the holder
}

func (t *turn) channel() chan struct{} {
	t.once.Do(func() { t.wake = make(chan struct{}, 1) })
	return t.wake
}

// tryLock takes the turn if it is free.
func (t *turn) tryLock() bool { return t.n.CompareAndSwap(0, 1) }

// lock waits for the turn. It returns false, without the turn, when one of the
// channels is closed first. The channels may be nil.
func (t *turn) lock(stop, stop2 <-chan struct{}) bool {
	if t.n.Add(1) == 1 {
		return true
	}
	select {
	case <-t.channel():
		return true
	case <-stop:
	case <-stop2:
	}
	t.giveUp()
	return false
}

// giveUp takes a waiter out of the count. When nobody else is counted, the
// last holder is handing the turn to this waiter, which has to take it and pass
// it on. It must not block for it: who comes now may be first.
func (t *turn) giveUp() {
	for {
		if n := t.n.Load(); n > 1 {
			if t.n.CompareAndSwap(n, n-1) {
				return
			}
			continue
		}
		select {
		case <-t.channel():
			t.unlock()
			return
		default:
			runtime.Gosched() // the holder is between the two steps of unlock
		}
	}
}

// unlock hands the turn to the next waiter, if there is one.
func (t *turn) unlock() {
	t.passed.tell()
	t.pass()
}

// leave is unlock for a holder who could do nothing. It returns a channel that
// is closed when a later holder, who could, gives the turn up.
func (t *turn) leave() (passed <-chan struct{}) {
	passed = t.passed.next()
	t.pass()
	return passed
}

func (t *turn) pass() {
	if t.n.Add(-1) > 0 {
		t.channel() <- struct{}{}
	}
}

// News tell those who wait for it that something has changed. Its owner guards
// them. When nobody waits there is no channel.
type news struct{ c chan struct{} }

// next returns a channel that is closed by the next tell.
func (n *news) next() <-chan struct{} {
	if n.c == nil {
		n.c = make(chan struct{})
	}
	return n.c
}

// nextUnless is next for who has nothing to wait for if it is so already.
func (n *news) nextUnless(already bool) <-chan struct{} {
	c := n.next()
	if already {
		n.tell()
	}
	return c
}

func (n *news) tell() {
	if n.c != nil {
		close(n.c)
		n.c = nil
	}
}
