package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"barewire.example/websocket"
)

// mustEnter enters a room in which there has to be place, without a session.
func mustEnter(t *testing.T, c *chatRooms, name string) *chatPlace {
	t.Helper()
	p, err := c.enter(name, chatGuest{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// known returns the room of this name, or nil when it is forgotten.
func known(c *chatRooms, name string) *chatRoom {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rooms[name]
}

// Time is that of a synctest bubble.

func TestChatRoomIsForgottenAnHourAfterItsLastGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c chatRooms
		p := mustEnter(t, &c, "r")
		r := p.room
		if mustEnter(t, &c, "r").room != r {
			t.Fatal("there are two rooms of a name")
		}
		c.exit(p)
		time.Sleep(2 * roomMemory)
		if mustEnter(t, &c, "r").room != r {
			t.Fatal("a room was forgotten while somebody was in it")
		}
		c.exit(p)
		c.exit(p)
		for range 3 { // each visit prolongs the time
			time.Sleep(roomMemory - time.Nanosecond)
			if mustEnter(t, &c, "r").room != r {
				t.Fatal("the room was forgotten too early")
			}
			c.exit(p)
		}
		time.Sleep(roomMemory)
		synctest.Wait()
		if known(&c, "r") != nil {
			t.Error("the room is still remembered")
		}
		if again := mustEnter(t, &c, "r").room; again == r || again.epoch == r.epoch {
			t.Error("the new room has the epoch of the old one")
		}
	})
}

// A timer may have fired when somebody comes: its function waits for the lock,
// and finds that everything has changed.
func TestChatRoomSurvivesATimerThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c chatRooms
		p := mustEnter(t, &c, "r")
		r := p.room
		late := c.forgetting(r)
		if late(); known(&c, "r") != r {
			t.Error("the room was forgotten while somebody was in it")
		}
		c.exit(p)
		time.Sleep(roomMemory - time.Nanosecond)
		if late(); known(&c, "r") != r {
			t.Error("the room was forgotten too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait() // it is forgotten now
		again := mustEnter(t, &c, "r")
		c.exit(again)
		if late(); known(&c, "r") != again.room {
			t.Error("the room was taken for an older one of its name")
		}
	})
}

func TestChatRoomsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c chatRooms
		for i := range maxChatRooms {
			mustEnter(t, &c, fmt.Sprint(i))
		}
		_, err := c.enter("one more", chatGuest{})
		he := (*websocket.HandshakeError)(nil)
		if !errors.As(err, &he) || he.Status != 503 || !errors.Is(err, websocket.RuleUnavailable) {
			t.Fatalf("one room more is refused with %v", err)
		}
		if mustEnter(t, &c, "5"); len(c.rooms) != maxChatRooms {
			t.Fatalf("%d rooms", len(c.rooms))
		}
		c.exit(&chatPlace{room: c.rooms["5"]})
		for _, name := range []string{"5", "6", "7", "8"} { // left one after the other
			if name != "7" && name != "8" {
				c.rooms[name].said = 1
			}
			c.exit(&chatPlace{room: c.rooms[name]})
			time.Sleep(time.Second)
		}
		for i, evicted := range []string{"7", "8", "5", "6"} { // those where nothing was said go first
			mustEnter(t, &c, fmt.Sprint("new ", i))
			if c.rooms[evicted] != nil || len(c.rooms) != maxChatRooms {
				t.Errorf("%s was not evicted, or there are too many rooms: %d", evicted, len(c.rooms))
			}
		}
		if _, err := c.enter("one more", chatGuest{}); err == nil {
			t.Error("a room with people in it was evicted")
		}
	})
}

func TestChatRoomHoldsSoManyMembers(t *testing.T) {
	var c chatRooms
	r := mustEnter(t, &c, "r")
	for range maxChatMembers - 1 {
		mustEnter(t, &c, "r")
	}
	if _, err := c.enter("r", chatGuest{}); !errors.Is(err, websocket.RuleUnavailable) {
		t.Errorf("one member more: %v", err)
	}
	mustEnter(t, &c, "other")
	c.exit(r)
	mustEnter(t, &c, "r")
}

// n who come to a large room must not cost n² names.
func TestChatRoomListsItsMembersWhileTheyAreFew(t *testing.T) {
	r := newChatRoom(new(websocket.Hub), "r")
	for i := range maxChatListed + 1 {
		name := fmt.Sprint(i)
		r.members[name] = &chatMember{name: name}
		if p := r.presence("join", name); (p.Members == nil) != (i >= maxChatListed) {
			t.Errorf("with %d members %d are listed", i+1, len(p.Members))
		}
	}
}

func TestChatRoomRemembersTheLastMessages(t *testing.T) {
	p := start(t, "-quiet")
	ann := p.join("r", "ann")
	for i := range 60 {
		ann.say(fmt.Sprint("message ", i+1))
		ann.wantEvents(fmt.Sprintf(`{"type":"receipt","n":%d}`, i+1))
	}
	history := p.chat("r", "bob").event()["history"].([]any)
	if len(history) != maxChatHistory {
		t.Fatalf("%d messages, want %d", len(history), maxChatHistory)
	}
	for i, m := range history {
		if m := m.(map[string]any); m["n"] != float64(11+i) || m["text"] != fmt.Sprint("message ", 11+i) || m["from"] != "ann" {
			t.Errorf("message %d is %v", i, m)
		}
	}
}

func TestChatRoomRemembersSoManyBytes(t *testing.T) {
	r := newChatRoom(nil, "r")
	plain := strings.Repeat("x", maxChatText)
	add := func(n int, text string) {
		for range n {
			r.remember(encodeChat(chatMessage{Type: "message", N: 1 << 40, From: strings.Repeat("\U0001f600", maxChatName), Text: text, Time: chatTime}).Data)
		}
	}
	if add(2*maxChatHistory, plain); len(r.history) != maxChatHistory {
		t.Errorf("%d messages of plain text are remembered, want %d", len(r.history), maxChatHistory)
	}
	escaped := strings.Repeat("\x01", maxChatText) // six times as long in JSON
	add(2*maxChatHistory, escaped)
	size := 0
	for _, m := range r.history {
		size += len(m)
	}
	if size != r.historyBytes || size > maxChatHistoryBytes || size < maxChatHistoryBytes-6*maxChatText-1000 {
		t.Errorf("%d messages of %d bytes are remembered, counted as %d", len(r.history), size, r.historyBytes)
	}
	welcome := encodeChat(chatWelcome{Type: "welcome", History: r.history}).Data
	if !json.Valid(welcome) || len(welcome) > maxChatHistoryBytes+1000 {
		t.Errorf("the welcome has %d bytes", len(welcome))
	}
}

func TestChatRoomRefusesAConnectionThatIsOver(t *testing.T) {
	p := &pipeServer{t: t, server: &server{flags: &serveFlags{quiet: true}}}
	p.server.log = p.server.flags.newLogger(&p.log)
	c, conn := p.connect(p.server.echo)
	c.close(websocket.CloseNormal, "")
	<-conn.Done()
	r := newChatRoom(&p.server.hub, "r")
	place := &chatPlace{room: r, guest: chatGuest{name: "ann"}}
	if m, err := place.join(conn); m != nil || err == nil || len(r.members) != 0 {
		t.Errorf("joined as %v, %v", m, err)
	}
}
