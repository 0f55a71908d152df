package main

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"

	"barewire.example/websocket"
)

// What may wait for a member that takes messages more slowly than they come.
// A message that is larger than maxQueuedBytes may wait alone.
const (
	maxQueued      = 256
	maxQueuedBytes = 1 << 20
	smallQueue     = 32 // messages for which a member keeps memory while it is idle
)

// patience is how long a member may take nothing from a full queue.
const patience = time.Second

// broadcast sends each message to everybody in the room.
func (s *server) broadcast(v *visit) error {
	m := s.room.join(v)
	defer s.room.leave(m)
	return v.each(func(t websocket.MessageType, p []byte) {
		s.room.send(websocket.Message{Type: t, Data: bytes.Clone(p)})
	})
}

// A room holds the members of a broadcast. All of them get the messages in the
// same order, and share one copy of each.
type room struct {
	mu      sync.Mutex // held while a message is queued for all; taken before a member's
	members map[*member]struct{}
}

func (r *room) join(v *visit) *member {
	m := &member{conn: v.conn, log: v.log, wake: make(chan struct{}, 1)}
	go m.write()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members == nil {
		r.members = make(map[*member]struct{})
	}
	r.members[m] = struct{}{}
	return m
}

// leave takes a member out whose connection is over.
func (r *room) leave(m *member) {
	r.mu.Lock()
	delete(r.members, m)
	r.mu.Unlock()
	m.stop()
}

// send queues a message for every member. When somebody's queue is full, the
// sender waits until there is place again; who makes no progress is expelled. So
// a burst slows its sender down and harms nobody, and a member that is stuck costs
// the others patience, once.
func (r *room) send(msg websocket.Message) {
	for full := r.offer(msg); full != nil; full = r.offer(msg) {
		if !full.moves() {
			r.expel(full)
		}
	}
}

// offer queues a message for all members, or for none if one has no place for
// it, which it returns.
func (r *room) offer(msg websocket.Message) (full *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.members {
		if !m.hasPlace(len(msg.Data)) {
			return m
		}
	}
	for m := range r.members {
		m.put(msg)
	}
	return nil
}

// expel closes the connection of a member that is too slow.
func (r *room) expel(m *member) {
	r.mu.Lock()
	_, inside := r.members[m]
	delete(r.members, m)
	r.mu.Unlock()
	if inside { // and not expelled by another sender
		m.stop()
		m.log.Warn("too slow for the broadcast")
		// It takes as long as the member takes to answer, or CloseTimeout.
		go m.conn.Close(websocket.CloseTryAgainLater, "too slow for the broadcast")
	}
}

// A member is a connection with a queue in front of it.
type member struct {
	conn *websocket.Conn
	log  *slog.Logger

	mu    sync.Mutex
	queue []websocket.Message
	bytes int           // in the queue
	over  bool          // nothing is queued any more
	wake  chan struct{} // tells the writer that the queue is not empty, or by its end that it is over
	space chan struct{} // closed when the queue has been emptied; nil when nobody waits for that
}

// hasPlace reports whether a message of n bytes may be queued.
func (m *member) hasPlace(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	waiting := len(m.queue)
	return m.over || waiting == 0 || waiting < maxQueued && m.bytes+n <= maxQueuedBytes
}

// put queues a message for which there is place.
func (m *member) put(msg websocket.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	m.queue = append(m.queue, msg)
	m.bytes += len(msg.Data)
	select {
	case m.wake <- struct{}{}:
	default: // it has not looked since it was told
	}
}

// moves waits for the writer to take what is queued, or for the end of the
// member, and returns false when that takes too long.
func (m *member) moves() bool {
	m.mu.Lock()
	if len(m.queue) == 0 {
		m.mu.Unlock()
		return true
	}
	if m.space == nil {
		m.space = make(chan struct{})
	}
	space := m.space
	m.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-space:
		return true
	case <-timer.C:
		return false
	}
}

// emptied tells those who wait for it that the queue is empty. The caller has
// the lock.
func (m *member) emptied() {
	if m.space != nil {
		close(m.space)
		m.space = nil
	}
}

// write sends what is queued, all that is waiting at once. It ends when the
// queue does.
func (m *member) write() {
	var batch []websocket.Message
	for range m.wake {
		batch = m.take(batch)
		if len(batch) == 0 {
			continue // what it was told of went with the last batch
		}
		if m.conn.WriteBatch(context.Background(), batch...) != nil {
			m.stop()
			return
		}
		clear(batch) // lets go of the payloads
	}
}

// take empties the queue, for which spare is used next.
func (m *member) take(spare []websocket.Message) []websocket.Message {
	if cap(spare) > smallQueue {
		spare = nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	batch := m.queue
	m.queue, m.bytes = spare[:0], 0
	m.emptied()
	return batch
}

// stop ends the queue and its writer.
func (m *member) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.over {
		m.over, m.queue = true, nil
		close(m.wake)
		m.emptied()
	}
}
