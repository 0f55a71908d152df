// This file holds the rooms of /chat: who is there, what was said last, and in
// which order. A room is remembered for a while when nobody is in it any more.

package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"barewire.example/websocket"
)

const (
	maxChatRooms   = 250       // with what each remembers, 64 MiB
	maxChatMembers = 1000      // of a room
	maxChatListed  = 100       // up to so many, joins and leaves list all; more would cost n² names when n come
	roomMemory     = time.Hour // for which an empty room is remembered

	// What a room remembers. 50 messages of 4 KiB fit, unless JSON has to
	// escape much of them.
	maxChatHistory      = 50
	maxChatHistoryBytes = 256 << 10
)

// chatTime is RFC 3339 with milliseconds, always with as many digits.
const chatTime = "2006-01-02T15:04:05.000Z07:00"

// chatRooms are all rooms, by name.
type chatRooms struct {
	hub *websocket.Hub

	mu    sync.Mutex // taken while no room's is held
	rooms map[string]*chatRoom
}

// A chatRoom numbers what is said in it.
type chatRoom struct {
	hub   *websocket.Hub
	name  string
	epoch string // tells it from another room of this name, at another time

	mu           sync.Mutex // held while something is published, so that all hear it in one order
	members      map[string]*chatMember
	said         int64             // how many messages
	history      []json.RawMessage // the last of them, oldest first
	historyBytes int

	// chatRooms.mu guards these.
	guests int         // members, and those who are about to come or have just left
	quiet  bool        // nothing was said, as far as those know who have left
	since  time.Time   // when the last guest went
	forget *time.Timer // nil while there are guests
}

// A chatMember is a client in a room.
type chatMember struct {
	room  *chatRoom
	name  string
	conn  *websocket.Conn
	queue *websocket.Queue
}

// enter returns a room for somebody who calls exit at the end. There is no place
// in a full room, and no new room when there are too many with people in them.
func (c *chatRooms) enter(name string) (*chatRoom, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[name]
	if r == nil {
		if len(c.rooms) >= maxChatRooms && !c.evict() {
			return nil, noPlace("there are too many rooms")
		}
		r = newChatRoom(c.hub, name)
		if c.rooms == nil {
			c.rooms = make(map[string]*chatRoom)
		}
		c.rooms[name] = r
	}
	if r.guests >= maxChatMembers {
		return nil, noPlace("the room is full")
	}
	r.guests++
	if r.forget != nil {
		r.forget.Stop()
		r.forget = nil
	}
	return r, nil
}

// noPlace refuses a client for now.
func noPlace(why string) error {
	return &websocket.HandshakeError{
		Rule: websocket.RuleUnavailable, Status: http.StatusServiceUnavailable,
		Detail: why, Header: http.Header{"Retry-After": {"60"}},
	}
}

func newChatRoom(hub *websocket.Hub, name string) *chatRoom {
	var epoch [8]byte
	rand.Read(epoch[:]) // never fails
	return &chatRoom{
		hub: hub, name: name, epoch: hex.EncodeToString(epoch[:]),
		members: make(map[string]*chatMember),
		history: []json.RawMessage{}, // in JSON an empty list, not null
		quiet:   true,
	}
}

// exit says that a guest has gone. An empty room will be forgotten.
func (c *chatRooms) exit(r *chatRoom) {
	r.mu.Lock()
	quiet := r.said == 0
	r.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	r.quiet = r.quiet && quiet
	if r.guests--; r.guests > 0 {
		return
	}
	r.since = time.Now()
	r.forget = time.AfterFunc(roomMemory, c.forgetting(r))
}

// forgetting returns what a timer of an empty room does. Stop may come too late for
// it, and somebody may have been there since.
func (c *chatRooms) forgetting(r *chatRoom) func() {
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if r.guests == 0 && time.Since(r.since) >= roomMemory && c.rooms[r.name] == r {
			delete(c.rooms, r.name)
		}
	}
}

// evict forgets an empty room before its time: one in which nothing was said if
// there is one, and otherwise the one that is empty for longest. The caller has the
// lock.
func (c *chatRooms) evict() bool {
	var oldest *chatRoom
	for _, r := range c.rooms {
		if r.guests == 0 && (oldest == nil || r.lessMissed(oldest)) {
			oldest = r
		}
	}
	if oldest == nil {
		return false
	}
	oldest.forget.Stop()
	delete(c.rooms, oldest.name)
	return true
}

func (r *chatRoom) lessMissed(other *chatRoom) bool {
	if r.quiet != other.quiet {
		return r.quiet
	}
	return r.since.Before(other.since)
}

// topic is what the room is called on the hub.
func (r *chatRoom) topic() string { return "chat " + r.name }

// join adds a member, welcomes it, and tells the others.
func (r *chatRoom) join(c *websocket.Conn, wanted string) (*chatMember, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.hub.Join(c, r.topic()); err != nil {
		return nil, err
	}
	m := &chatMember{room: r, name: r.freeName(wanted), conn: c, queue: r.hub.QueueOf(c)}
	if m.queue == nil { // it has ended just now
		return nil, c.Err()
	}
	r.members[m.name] = m
	m.send(chatWelcome{Type: "welcome", Room: r.name, Name: m.name, Epoch: r.epoch, Members: r.names(), History: r.history})
	r.tell(r.presence("join", m.name), c)
	return m, nil
}

// leave takes a member out and tells the others.
func (r *chatRoom) leave(m *chatMember) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hub.Leave(m.conn, r.topic())
	delete(r.members, m.name)
	r.tell(r.presence("leave", m.name), m.conn)
}

// presence is what the others are told when a member has come or gone.
func (r *chatRoom) presence(what, name string) chatPresence {
	p := chatPresence{Type: what, Name: name}
	if len(r.members) <= maxChatListed {
		p.Members = r.names()
	}
	return p
}

// say tells everybody else what a member says, and the member that it was said.
func (r *chatRoom) say(m *chatMember, id *string, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said++
	now := time.Now().UTC().Format(chatTime)
	message := chatMessage{Type: "message", N: r.said, From: m.name, Text: text, Time: now}
	r.remember(r.tell(message, m.conn))
	m.send(chatReceipt{Type: "receipt", ID: id, N: r.said, Time: now})
}

// tell sends something to everybody but one, and returns it as it was sent.
func (r *chatRoom) tell(v any, but *websocket.Conn) []byte {
	m := encodeChat(v)
	r.hub.Publish(r.topic(), m, but)
	return m.Data
}

func (r *chatRoom) remember(message []byte) {
	r.history = append(r.history, message)
	r.historyBytes += len(message)
	for len(r.history) > maxChatHistory || r.historyBytes > maxChatHistoryBytes {
		r.historyBytes -= len(r.history[0])
		r.history = slices.Delete(r.history, 0, 1)
	}
}

// freeName returns the name that is wanted, with the first number behind it that
// makes it unique.
func (r *chatRoom) freeName(wanted string) string {
	name := wanted
	for n := 2; r.members[name] != nil; n++ {
		name = fmt.Sprintf("%s %d", wanted, n)
	}
	return name
}

func (r *chatRoom) names() []string { return slices.Sorted(maps.Keys(r.members)) }
