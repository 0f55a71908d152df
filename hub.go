// This file sends each message to everybody who wants it. While it sends it holds
// no lock but that of the topic's order, and it waits for peers no longer than Queue
// does.

package websocket

import (
	"context"
	"slices"
	"sync"
)

// A Hub sends messages to the connections that have joined a topic. Each of them
// has one Queue for all topics, so a peer that is slow or stuck costs the others no
// more than the moment that Queue tells of. All members of a topic get its messages
// in the same order. The zero value is ready for use; it must not be copied, and
// Queue not changed, once it is used. Its methods may be called from any goroutine,
// and from the loop over a connection's messages. A program needs one Hub, with a
// topic for each room: a Hub knows a connection that has joined until that is over.
type Hub struct {
	// Queue bounds what waits for each connection, and says what happens when
	// more would have to. With the policy Block, Publish waits too, for WriteTimeout
	// at most if a peer takes nothing.
	Queue QueueOptions

	mu      sync.Mutex
	members map[*Conn]*member
	topics  map[string]*topic
}

// A member is a connection that has joined. Hub.mu guards it.
type member struct {
	conn   *Conn
	queue  *Queue
	topics []*topic
}

// A topic exists as long as it has members.
type topic struct {
	name  string
	order sync.Mutex // held by who publishes; taken before Hub.mu

	members map[*member]int // with the place of each in list; guarded by Hub.mu, as list is
	list    []*member

	round []*member // of who has order: those who get the message
}

// Join has the connection get what is published on these topics from now on. It
// leaves by itself when it is over; then Join returns its error. To join twice is to
// join once.
func (h *Hub) Join(c *Conn, topics ...string) error {
	if err := c.Err(); err != nil {
		return err
	}
	if h.join(c, topics) {
		c.whenOver(func() { h.forget(c) })
	}
	return c.Err()
}

func (h *Hub) join(c *Conn, topics []string) (isNew bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members[c]
	if isNew = m == nil; isNew {
		m = &member{conn: c, queue: NewQueue(c, h.Queue)}
		if h.members == nil {
			h.members, h.topics = make(map[*Conn]*member), make(map[string]*topic)
		}
		h.members[c] = m
	}
	for _, name := range topics {
		t := h.topics[name]
		if t == nil {
			t = &topic{name: name, members: make(map[*member]int)}
			h.topics[name] = t
		}
		if _, inside := t.members[m]; !inside {
			t.members[m] = len(t.list)
			t.list = append(t.list, m)
			m.topics = append(m.topics, t)
		}
	}
	return isNew
}

// Leave has the connection get no more of what is published on these topics, or
// on any if none is named. What waits in its queue is still sent, and so may be
// what is being published at this moment.
func (h *Hub) Leave(c *Conn, topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave(c, topics)
}

// forget takes a connection out that is over.
func (h *Hub) forget(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave(c, nil)
	delete(h.members, c)
}

func (h *Hub) leave(c *Conn, topics []string) {
	m := h.members[c]
	if m == nil {
		return
	}
	m.topics = slices.DeleteFunc(m.topics, func(t *topic) bool {
		gone := len(topics) == 0 || slices.Contains(topics, t.name)
		if gone {
			h.remove(m, t)
		}
		return gone
	})
}

// remove takes a member out of a topic, and moves the last one to its place.
func (h *Hub) remove(m *member, t *topic) {
	at, last := t.members[m], len(t.list)-1
	t.list[at] = t.list[last]
	t.members[t.list[at]] = at
	t.list[last] = nil
	t.list = t.list[:last]
	delete(t.members, m)
	if last == 0 {
		delete(h.topics, t.name)
	}
}

// Members returns how many connections have joined the topic.
func (h *Hub) Members(topic string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[topic]; t != nil {
		return len(t.list)
	}
	return 0
}

// QueueOf returns the queue of a connection that has joined, be it no topic, and
// else nil. What is sent on it stands in order with what is published.
func (h *Hub) QueueOf(c *Conn) *Queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.members[c]; m != nil {
		return m.queue
	}
	return nil
}

// Publish sends a message to all members of a topic but those in except, such as
// the one that it came from. It returns to how many it was sent, or for how many it
// waits now, and how many messages were thrown away for it, this one or others. A
// message that must not be sent (see Conn.Write) goes to nobody. m.Data is copied.
func (h *Hub) Publish(topic string, m Message, except ...*Conn) (sent, dropped int) {
	return h.PublishPrepared(topic, Prepare(m), except...)
}

// PublishPrepared is Publish for a message that goes to several topics.
func (h *Hub) PublishPrepared(topic string, p *Prepared, except ...*Conn) (sent, dropped int) {
	h.mu.Lock()
	t := h.topics[topic]
	h.mu.Unlock()
	if t == nil || p.check() != nil {
		return 0, 0
	}
	t.order.Lock()
	defer t.order.Unlock()
	defer func() { clear(t.round) }()
	h.mu.Lock()
	t.round = append(t.round[:0], t.list...)
	h.mu.Unlock()
	late := t.round[:0] // those that have to be waited for
	for _, m := range t.round {
		if slices.Contains(except, m.conn) {
			continue
		}
		wait, lost, err := m.queue.offer(p)
		dropped += lost
		switch {
		case wait.place != nil:
			late = append(late, m)
		case err == nil:
			sent++
		}
	}
	for _, m := range late {
		lost, err := m.queue.send(context.Background(), p)
		dropped += lost
		if err == nil {
			sent++
		}
	}
	return sent, dropped
}
