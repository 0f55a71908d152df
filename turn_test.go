package websocket

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

func TestTurnServesWaitersInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn turn
		var order []int // guarded by turn
		turn.lock(nil, nil)
		for i := range 5 {
			go func() {
				turn.lock(nil, nil)
				order = append(order, i)
				turn.unlock()
			}()
			synctest.Wait()
		}
		turn.unlock()
		synctest.Wait()
		for i, who := range order {
			if i != who {
				t.Fatalf("order = %v", order)
			}
		}
		if len(order) != 5 || turn.n.Load() != 0 {
			t.Fatalf("order = %v, count = %d", order, turn.n.Load())
		}
	})
}

func TestTurnIsTriedWithoutWaiting(t *testing.T) {
	var turn turn
	if !turn.tryLock() {
		t.Fatal("a free turn was refused")
	}
	if turn.tryLock() {
		t.Fatal("a turn was given twice")
	}
	turn.unlock()
	if !turn.lock(nil, nil) {
		t.Fatal("a turn was refused after its return")
	}
	if turn.tryLock() {
		t.Fatal("a turn was given twice")
	}
}

func TestTurnCostsNothingUncontended(t *testing.T) {
	var turn turn
	stop := make(chan struct{})
	if n := testing.AllocsPerRun(100, func() { turn.lock(stop, nil); turn.unlock() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTurnWaitersGiveUp has waiters give up in every place of the line, on
// either channel.
func TestTurnWaitersGiveUp(t *testing.T) {
	for leaver := range 3 {
		for second := range 2 {
			synctest.Test(t, func(t *testing.T) {
				var turn turn
				var stops [3][2]chan struct{}
				var got [3]bool
				turn.lock(nil, nil)
				for i := range stops {
					stops[i] = [2]chan struct{}{make(chan struct{}), make(chan struct{})}
					go func() {
						if turn.lock(stops[i][0], stops[i][1]) {
							got[i] = true
							turn.unlock()
						}
					}()
					synctest.Wait()
				}
				close(stops[leaver][second])
				synctest.Wait()
				turn.unlock()
				synctest.Wait()
				want := [3]bool{true, true, true}
				want[leaver] = false
				if got != want || !turn.tryLock() {
					t.Errorf("waiter %d gave up: got = %v, count = %d", leaver, got, turn.n.Load())
				}
			})
		}
	}
}

// TestTurnGivingUpDoesNotWaitForOthers has one waiter give up while the turn is
// being handed over, which it is by hand here: between the two steps of unlock
// somebody else comes, is faster, and keeps the turn until the first one is gone.
// Should that wait for the turn, the bubble is deadlocked.
func TestTurnGivingUpDoesNotWaitForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			var turn turn
			turn.lock(nil, nil)
			stop, left := make(chan struct{}), make(chan struct{})
			go func() {
				if turn.lock(stop, nil) {
					turn.unlock()
				}
				close(left)
			}()
			go func() { // lock, which counts first; this one does later
				<-turn.channel()
				<-left
				turn.unlock()
			}()
			synctest.Wait()
			turn.n.Add(-1)
			close(stop)
			for range 100 {
				runtime.Gosched() // the first one sees nobody
			}
			turn.n.Add(1)
			turn.channel() <- struct{}{}
			synctest.Wait()
			if n := turn.n.Load(); n != 0 {
				t.Fatalf("%d are still counted", n)
			}
		}
	})
}

// TestTurnIsPassedOnByWhoGivesUp hands the turn, by hand again, to a waiter who
// is giving up and the only one.
func TestTurnIsPassedOnByWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			var turn turn
			turn.lock(nil, nil)
			stop, got := make(chan struct{}), make(chan bool, 1)
			go func() { got <- turn.lock(stop, nil) }()
			synctest.Wait()
			turn.n.Add(-1)
			close(stop)
			for range 100 {
				runtime.Gosched()
			}
			turn.channel() <- struct{}{}
			if <-got || !turn.tryLock() {
				t.Fatalf("%d are still counted", turn.n.Load())
			}
		}
	})
}

// TestTurnExcludesUnderStress has many goroutines lock, try and give up at
// once. The race detector sees two in the turn, and the bubble a lost wakeup.
func TestTurnExcludesUnderStress(t *testing.T) {
	const goroutines, rounds = 16, 2_000
	synctest.Test(t, func(t *testing.T) {
		var turn turn
		var inside, locked, gaveUp int // guarded by turn, but the last
		var mu sync.Mutex              // guards gaveUp
		enter := func() {
			if inside++; inside != 1 {
				t.Errorf("%d are in the turn", inside)
			}
			runtime.Gosched() // so that the others come meanwhile
			locked++
			inside--
			turn.unlock()
		}
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				for i := range rounds {
					stop := make(chan struct{})
					if (g+i)%3 == 0 {
						go close(stop)
					}
					switch {
					case (g+i)%7 == 0 && !turn.tryLock(), (g+i)%7 != 0 && !turn.lock(stop, nil):
						mu.Lock()
						gaveUp++
						mu.Unlock()
					default:
						enter()
					}
				}
			})
		}
		all.Wait()
		if locked+gaveUp != goroutines*rounds || gaveUp == 0 || turn.n.Load() != 0 {
			t.Errorf("%d locked, %d gave up, %d are counted", locked, gaveUp, turn.n.Load())
		}
	})
}
