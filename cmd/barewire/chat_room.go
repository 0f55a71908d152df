// This file is a room of /chat: who is there, what was said last, and in which order.

package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"barewire.example/websocket"
)

const (
	maxChatListed = 100 // up to so many, joins and leaves list all; more would cost n² names when n come

	// What a room remembers. 50 messages of 4 KiB fit, unless JSON has to
	// escape much of them.
	maxChatHistory      = 50
	maxChatHistoryBytes = 256 << 10
)

// chatTime is RFC 3339 with milliseconds, always with as many digits.
const chatTime = "2006-01-02T15:04:05.000Z07:00"

// A chatRoom numbers what is said in it.
type chatRoom struct {
	hub   *websocket.Hub
	name  string
	epoch string // tells it from another room of this name, at another time

	mu           sync.Mutex                // held while something is published, so that all hear it in one order
	members      map[string]*chatMember    // by what their names look like
	sessions     map[chatGuest]*chatMember // those that have one
	said         int64                     // how many messages
	history      []json.RawMessage         // the last of them, oldest first
	historyBytes int

	// chatRooms.mu guards these.
	guests int               // members, and those who are about to come or have just left; one for each session
	own    map[chatGuest]int // connections of those that have a session
	quiet  bool              // nothing was said, as far as those know who have left
	since  time.Time         // when the last guest went
	forget *time.Timer       // nil while there are guests
}

// A chatMember is a connection in a room.
type chatMember struct {
	*chatPlace
	name  string // the guest's, perhaps with a number behind it
	look  string // of the name
	conn  *websocket.Conn
	queue *websocket.Queue
}

func newChatRoom(hub *websocket.Hub, name string) *chatRoom {
	var epoch [8]byte
	rand.Read(epoch[:]) // never fails
	return &chatRoom{
		hub: hub, name: name, epoch: hex.EncodeToString(epoch[:]),
		members: make(map[string]*chatMember), sessions: make(map[chatGuest]*chatMember), own: make(map[chatGuest]int),
		history: []json.RawMessage{}, // in JSON an empty list, not null
		quiet:   true,
	}
}

// topic is what the room is called on the hub.
func (r *chatRoom) topic() string { return "chat " + r.name }

// errChatReplaced is returned to a connection that came too late.
var errChatReplaced = errors.New("session has a newer connection")

// join makes a connection a member, welcomes it, and tells the others. If it takes
// the place of an older one of its session, nobody has come or gone, and the others
// are told nothing.
func (p *chatPlace) join(c *websocket.Conn) (*chatMember, error) {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.sessions[p.guest]
	if old != nil && old.turn > p.turn { // which has overtaken this one on the way here
		return nil, errChatReplaced
	}
	if err := r.hub.Join(c, r.topic()); err != nil {
		return nil, err
	}
	m := &chatMember{chatPlace: p, conn: c, queue: r.hub.QueueOf(c)}
	if m.queue == nil { // it has ended just now
		return nil, c.Err()
	}
	if old == nil {
		m.name = r.freeName(p.guest.name)
	} else {
		m.name = old.name
		old.dismiss()
	}
	m.look = chatLook(m.name)
	r.members[m.look] = m
	if p.guest.session != "" {
		r.sessions[p.guest] = m
	}
	m.send(chatWelcome{Type: "welcome", Room: r.name, Name: m.name, Epoch: r.epoch, Members: r.names(), History: r.history})
	if old == nil {
		r.tell(r.presence("join", m.name), c)
	}
	return m, nil
}

// dismiss closes a connection that another one replaces. Its peer is probably dead,
// and then CloseTimeout may pass before the Close is sent, or given up: nobody waits
// for that. The visit goes on reading and sees the end.
func (m *chatMember) dismiss() {
	m.room.hub.Leave(m.conn, m.room.topic())
	go m.conn.CloseWrite(chatReplaced, chatReplacedReason)
}

// isPresent reports whether a member has neither left nor been replaced. The caller
// has the lock of the room.
func (m *chatMember) isPresent() bool { return m.room.members[m.look] == m }

// leave takes a member out and tells the others.
func (m *chatMember) leave() {
	r := m.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if !m.isPresent() {
		return
	}
	r.hub.Leave(m.conn, r.topic())
	delete(r.members, m.look)
	delete(r.sessions, m.guest)
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

// say tells everybody else what a member says, and the member that it was said. A
// member that was replaced has no say: the welcome of the new one has told what came
// of all that the old one has sent.
func (r *chatRoom) say(m *chatMember, id *string, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !m.isPresent() {
		return
	}
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
// makes it look unlike all others.
func (r *chatRoom) freeName(wanted string) string {
	name := wanted
	for n := 2; r.members[chatLook(name)] != nil; n++ {
		name = fmt.Sprintf("%s %d", wanted, n)
	}
	return name
}

func (r *chatRoom) names() []string {
	names := make([]string, 0, len(r.members))
	for _, m := range r.members {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return names
}
