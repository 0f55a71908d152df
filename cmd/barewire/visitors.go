// This file waits for the goroutines that talk with clients. The connections
// themselves are in the server's websocket.Group, which lets them go as soon as they
// are over; then there is still something to be logged.

package main

import (
	"context"
	"sync"
	"time"
)

// A lobby counts who is inside. The zero value is empty.
type lobby struct {
	mu     sync.Mutex
	inside int
	empty  chan struct{} // closed when the last has left; nil unless somebody waits
}

func (l *lobby) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside++
}

func (l *lobby) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside--
	if l.inside == 0 && l.empty != nil {
		close(l.empty)
		l.empty = nil
	}
}

// wait waits until nobody is inside, and returns false when ctx ends before.
func (l *lobby) wait(ctx context.Context) bool {
	l.mu.Lock()
	if l.inside == 0 {
		l.mu.Unlock()
		return true
	}
	if l.empty == nil {
		l.empty = make(chan struct{})
	}
	empty := l.empty
	l.mu.Unlock()
	select {
	case <-empty:
		return true
	case <-ctx.Done():
		return false
	}
}

// dismiss lets nobody in any more, closes all connections at the same time and
// waits for everybody to leave. It cuts connections off, and returns false, when
// that takes longer than patience.
func (s *server) dismiss(patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	inTime := s.group.Shutdown(ctx) == nil
	// No connection is open any more, so this is soon done, unless nobody
	// takes the log.
	last, cancel := context.WithTimeout(context.Background(), patience+closeGrace)
	defer cancel()
	return s.visitors.wait(last) && inTime
}
