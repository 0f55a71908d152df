package main

import (
	"sync"
	"time"

	"barewire.example/websocket"
)

// A roster knows all WebSocket connections, so that a shutdown can end them:
// http.Server forgets a connection when it is hijacked. A connection that shall
// have an upgrade enters, is added when it has one, and leaves at the end.
type roster struct {
	mu     sync.Mutex
	closed bool
	conns  map[*websocket.Conn]struct{}
	inside sync.WaitGroup // from entering to leaving
}

// enter returns false when the server is shutting down.
func (r *roster) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.inside.Add(1)
	}
	return !r.closed
}

// add notes a connection of somebody who has entered.
func (r *roster) add(c *websocket.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		r.conns = make(map[*websocket.Conn]struct{})
	}
	r.conns[c] = struct{}{}
	if r.closed {
		go farewell(c)
	}
}

// leave takes a connection out. c is nil when there was no upgrade.
func (r *roster) leave(c *websocket.Conn) {
	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
	r.inside.Done()
}

func (r *roster) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// farewell takes as long as the peer takes to answer.
func farewell(c *websocket.Conn) { c.Close(websocket.CloseGoingAway, "server is shutting down") }

// dismiss lets nobody in any more, closes all connections at the same time and
// waits for everybody to leave. It cuts connections off, and returns false, when
// that takes longer than patience.
func (r *roster) dismiss(patience time.Duration) bool {
	r.mu.Lock()
	r.closed = true
	for c := range r.conns {
		go farewell(c)
	}
	r.mu.Unlock()
	empty := make(chan struct{})
	go func() {
		r.inside.Wait()
		close(empty)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-empty:
		return true
	case <-timer.C:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.CloseNow()
	}
	return false
}
