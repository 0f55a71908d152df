package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A lateness tells how late the machine is with waking those who wait, in this process. A machine that keeps a timer waiting for
// long has no time for a server either.
type lateness struct {
	mu    sync.Mutex
	last  time.Time
	worst time.Duration
}

const (
	latenessPace = 10 * time.Millisecond
	tooLate      = 100 * time.Millisecond // a tenth of the shortest bound
)

// watch looks until ctx ends.
func (l *lateness) watch(ctx context.Context) {
	pace := time.NewTicker(latenessPace)
	defer pace.Stop()
	l.see(time.Now())
	for {
		select {
		case <-pace.C:
			l.see(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// see notes a time at which somebody was awake.
func (l *lateness) see(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() {
		l.worst = max(l.worst, now.Sub(l.last)-latenessPace)
	}
	l.last = now
}

// blame returns the error of a bound that was not kept, which wraps errLate if the machine has been late.
func (l *lateness) blame(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && l.worst > tooLate {
		return fmt.Errorf("%w, by %v: %w", errLate, l.worst.Round(time.Millisecond), err)
	}
	return err
}
