// This file holds the rooms of /chat together: which there are, and who has a place
// in them. A room is remembered for a while when nobody is in it any more.

package main

import (
	"net/http"
	"sync"
	"time"

	"barewire.example/websocket"
)

const (
	maxChatRooms   = 250       // with what each remembers, 64 MiB
	maxChatMembers = 1000      // of a room
	roomMemory     = time.Hour // for which an empty room is remembered
)

// chatRooms are all rooms, by name.
type chatRooms struct {
	hub *websocket.Hub

	mu      sync.Mutex // taken while no room's is held
	rooms   map[string]*chatRoom
	entered int64 // guests so far
}

// A chatGuest is who wants to be in a room. The session is a secret of the client's,
// by which its connections are known from others', or "". It is not shown to anybody.
type chatGuest struct{ name, session string }

// A chatPlace is that of a connection in a room, from before its handshake is
// answered to its end.
type chatPlace struct {
	room  *chatRoom
	guest chatGuest
	turn  int64 // higher for who came later
}

// enter returns a place in a room for somebody who calls exit at the end. There is
// none in a full room, unless for who has one there already, and no new room when
// there are too many with people in them.
func (c *chatRooms) enter(name string, g chatGuest) (*chatPlace, error) {
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
	if r.guests >= maxChatMembers && r.own[g] == 0 {
		return nil, noPlace("the room is full")
	}
	r.count(g)
	c.entered++
	if r.forget != nil {
		r.forget.Stop()
		r.forget = nil
	}
	return &chatPlace{room: r, guest: g, turn: c.entered}, nil
}

// count counts a connection. Of each session there is one member at most, so it is
// one guest. The caller has the lock of the rooms.
func (r *chatRoom) count(g chatGuest) {
	if r.own[g] == 0 {
		r.guests++
	}
	if g.session != "" {
		r.own[g]++
	}
}

// discount undoes count.
func (r *chatRoom) discount(g chatGuest) {
	if r.own[g] > 1 {
		r.own[g]--
		return
	}
	delete(r.own, g)
	r.guests--
}

// noPlace refuses a client for now.
func noPlace(why string) error {
	return &websocket.HandshakeError{
		Rule: websocket.RuleUnavailable, Status: http.StatusServiceUnavailable,
		Detail: why, Header: http.Header{"Retry-After": {"60"}},
	}
}

// exit gives a place up. An empty room will be forgotten.
func (c *chatRooms) exit(p *chatPlace) {
	r := p.room
	r.mu.Lock()
	quiet := r.said == 0
	r.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	r.quiet = r.quiet && quiet
	if r.discount(p.guest); r.guests > 0 {
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
