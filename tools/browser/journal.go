package main

import (
	"context"
	"slices"
	"sync"
)

// A journal keeps what a process tells, in order, for those who wait for it and those who ask later.
type journal[T any] struct {
	mu      sync.Mutex
	entries []T
	err     error         // why nothing more will come; nil until then
	changed chan struct{} // closed, and replaced, at each change
}

func newJournal[T any]() *journal[T] { return &journal[T]{changed: make(chan struct{})} }

func (j *journal[T]) add(entry T) { j.change(func() { j.entries = append(j.entries, entry) }) }

func (j *journal[T]) end(err error) { j.change(func() { j.err = err }) }

func (j *journal[T]) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
	close(j.changed)
	j.changed = make(chan struct{})
}

// state returns all there is, a channel that is closed when there is more, and the error it ended with, if any.
func (j *journal[T]) state() (entries []T, changed <-chan struct{}, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clip(j.entries), j.changed, j.err
}

// wait returns the first entry that matches, as soon as there is one.
func (j *journal[T]) wait(ctx context.Context, matches func(T) bool) (entry T, err error) {
	for {
		entries, changed, err := j.state()
		if i := slices.IndexFunc(entries, matches); i >= 0 {
			return entries[i], nil
		}
		if err != nil {
			return entry, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return entry, context.Cause(ctx)
		}
	}
}
