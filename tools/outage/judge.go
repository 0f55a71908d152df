package main

import (
	"errors"
	"fmt"
	"time"
)

// Bounds are what the trials demand.
type bounds struct {
	loss     time.Duration // from kill -9 to the report of the slowest client
	pause    time.Duration // from the loss of the last client to the server's return
	back     time.Duration // from then to the return of the last client
	window   time.Duration // in which no more than share of the clients return
	share    float64
	farewell time.Duration // from SIGTERM to 1001 at the slowest client
}

// The pause follows from the default Backoff, whose waits are random up to 1, 2, 4, 8, 16, 30, 30 … s. A simulation of
// 10,000 outages with 1,000 clients each:
//
//	pause   most clients in any half second   last one back after
//	        on average     in the worst run   on average   30 s less 0.3 s or more
//	1 s     30 %           34 %                9 s         1 run of 2,000
//	2 s     29 %           34 %               15 s         1 of 700
//	3 s     17 %           20 %               20 s         1 of 300
//	6 s     10 %           12 %               28 s         1 of 10
//	15 s     6 %            7 %               29 s         1 of 2
//
// A short pause finds most clients in their first waits, and these are close together. With a long one somebody draws
// nearly all of the longest wait, which begins before the return and so ends less than 30 s after it; the time to connect
// has to fit in behind. 3 s leaves room in both directions.
var required = bounds{
	loss:     2 * time.Second,
	pause:    3 * time.Second,
	back:     30 * time.Second,
	window:   500 * time.Millisecond,
	share:    0.25,
	farewell: time.Second,
}

// peak returns the most events that lie in one window of time, wherever that begins.
func peak(sorted []time.Duration, window time.Duration) int {
	most, first := 0, 0
	for last := range sorted {
		for sorted[last]-sorted[first] >= window {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// spread describes sorted times.
func spread(sorted []time.Duration) string {
	at := func(percent int) time.Duration { return sorted[(len(sorted)-1)*percent/100].Round(time.Millisecond) }
	return fmt.Sprintf("first %v, median %v, 99 %% %v, last %v", at(0), at(50), at(99), at(100))
}

// checkLast fails when the last of the sorted times is beyond the bound.
func checkLast(sorted []time.Duration, bound time.Duration) error {
	if last := sorted[len(sorted)-1]; last > bound {
		return fmt.Errorf("the last client needed %v, more than %v", last.Round(time.Millisecond), bound)
	}
	return nil
}

// checkPeak fails when too many clients are back in the same moment.
func (b bounds) checkPeak(sorted []time.Duration) error {
	if n := peak(sorted, b.window); float64(n) > b.share*float64(len(sorted)) {
		return fmt.Errorf("%d of %d clients are back within %v, more than %v of them", n, len(sorted), b.window, b.share)
	}
	return nil
}

// errLate says that a trial fails on a machine that had no time for it.
var errLate = errors.New("the machine was late")

// checkReturn wants the clients back in time and not all at once. due is when they were to connect by the waits that
// Backoff has chosen: when these keep to the bounds, but what came of them does not, the error wraps errLate.
func (b bounds) checkReturn(back, due []time.Duration) error {
	judge := func(sorted []time.Duration) error { return errors.Join(checkLast(sorted, b.back), b.checkPeak(sorted)) }
	err := judge(back)
	if err != nil && judge(due) == nil {
		return fmt.Errorf("%w: %w", errLate, err)
	}
	return err
}
