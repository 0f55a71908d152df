package main

import (
	"context"
	"fmt"
	"sync"
)

// A mailbox keeps reports by the names of their checks, until they are taken.
type mailbox struct {
	mu      sync.Mutex
	reports map[string]report
	err     error         // why no more will come; nil until then
	changed chan struct{} // closed, and replaced, at each change
}

func newMailbox() *mailbox {
	return &mailbox{reports: map[string]report{}, changed: make(chan struct{})}
}

// put adds a report. A second one of the same name shows in the error of the first.
func (m *mailbox) put(r report) {
	m.change(func() {
		if _, twice := m.reports[r.Name]; twice {
			r.Error = "there is a second report of the same name"
		}
		m.reports[r.Name] = r
	})
}

func (m *mailbox) end(err error) { m.change(func() { m.err = err }) }

func (m *mailbox) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

// look returns the report of this name, if it is there, and a channel that is closed when there may be more to see.
func (m *mailbox) look(name string) (r report, found bool, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found = m.reports[name]
	delete(m.reports, name)
	return r, found, m.changed, m.err
}

// take waits for the report of this name.
func (m *mailbox) take(ctx context.Context, name string) (report, error) {
	for {
		r, found, changed, err := m.look(name)
		if found {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return report{}, fmt.Errorf("no report: %w", context.Cause(ctx))
		}
	}
}
