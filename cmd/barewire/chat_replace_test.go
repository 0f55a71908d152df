package main

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"barewire.example/websocket"
)

// A pipeChat is a room of /chat behind in-memory pipes, which take nothing that the
// client does not read.
type pipeChat struct{ pipeServer }

func newPipeChat(t *testing.T) *pipeChat {
	p := &pipeChat{pipeServer{t: t, server: &server{flags: &serveFlags{quiet: true}}}}
	p.server.log = p.server.flags.newLogger(&p.log)
	p.server.chats.hub = &p.server.hub
	return p
}

func (p *pipeChat) enter(name, session string) *chatPlace {
	p.t.Helper()
	place, err := p.server.chats.enter("r", chatGuest{name, session})
	if err != nil {
		p.t.Fatal(err)
	}
	return place
}

// visit opens a connection that has a place already.
func (p *pipeChat) visit(place *chatPlace) (*client, *websocket.Conn) {
	p.t.Helper()
	return p.connect(func(v *visit) error { return p.server.stay(v, place) })
}

// wantNobody wants the room to have forgotten everybody, once all have left.
func (p *pipeChat) wantNobody(r *chatRoom) {
	p.t.Helper()
	if !p.server.dismiss(testTimeout) {
		p.t.Error("somebody is left")
	}
	if r.guests != 0 || len(r.own)+len(r.members)+len(r.sessions) != 0 {
		p.t.Errorf("left are %d guests, %v, %v, %v", r.guests, r.own, r.members, r.sessions)
	}
	if n := p.server.hub.Members(r.topic()); n != 0 {
		p.t.Errorf("%d are on the hub", n)
	}
}

// Time is that of a synctest bubble.

const (
	watcherWelcome = `{"type":"welcome","room":"r","name":"watcher","members":["watcher"],"history":[]}`
	annWelcome     = `{"type":"welcome","room":"r","name":"ann","members":["ann","watcher"],"history":[]}`
	annJoin        = `{"type":"join","name":"ann","members":["ann","watcher"]}`
	annLeave       = `{"type":"leave","name":"ann","members":["watcher"]}`
)

// hears has ann say a text, the nth message, that the watcher hears.
func (watcher *client) hears(ann *client, n int, text string) {
	watcher.t.Helper()
	ann.say(text)
	ann.wantEvents(fmt.Sprintf(`{"type":"receipt","n":%d}`, n))
	watcher.wantEvents(fmt.Sprintf(`{"type":"message","n":%d,"from":"ann","text":%q}`, n, text))
}

// wantLast has ann leave the room, and then the watcher, who was the last.
func (p *pipeChat) wantLast(watcher, ann *client, r *chatRoom) {
	p.t.Helper()
	ann.close(websocket.CloseNormal, "")
	watcher.wantEvents(annLeave)
	watcher.close(websocket.CloseNormal, "")
	p.wantNobody(r)
}

func TestChatReplacesAtOnceWhoTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeChat(t)
		place := p.enter("watcher", "")
		watcher, _ := p.visit(place)
		watcher.wantEvents(watcherWelcome)
		_, stuck := p.visit(p.enter("ann", "s")) // it does not even read the welcome
		watcher.wantEvents(annJoin)
		began := time.Now()
		again, _ := p.visit(p.enter("ann", "s"))
		again.wantEvents(annWelcome)
		watcher.hears(again, 1, "here I am")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the old connection was waited for: %v", waited)
		}

		<-stuck.Done() // after CloseTimeout
		synctest.Wait()
		if waited := time.Since(began); waited == 0 || waited > 10*time.Second {
			t.Errorf("the old connection ends after %v", waited)
		}
		watcher.hears(again, 2, "still here")
		p.wantLast(watcher, again, place.room)
	})
}

// The connection that was accepted first may be the last to get into the room. It is
// the older one nevertheless.
func TestChatReplacesWhoIsOvertakenOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeChat(t)
		watcher, _ := p.visit(p.enter("watcher", ""))
		watcher.wantEvents(watcherWelcome)
		older, newer := p.enter("ann", "s"), p.enter("ann", "s")
		again, _ := p.visit(newer)
		again.wantEvents(annWelcome)
		watcher.wantEvents(annJoin)
		old, _ := p.visit(older)
		old.wantClose(chatReplaced) // and no welcome: see below
		watcher.hears(again, 1, "mine")
		if _, err := older.join(nil); !errors.Is(err, errChatReplaced) {
			t.Errorf("the older connection joins: %v", err)
		}
		p.wantLast(watcher, again, older.room)
	})
}

// Between its replacement and its Close a connection may be about to speak, or to
// leave.
func TestChatReplacesForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeChat(t)
		watcher, _ := p.visit(p.enter("watcher", ""))
		watcher.wantEvents(watcherWelcome)
		members, done := make(chan *chatMember), make(chan struct{})
		join := func(place *chatPlace) *client {
			c, _ := p.connect(func(v *visit) error {
				defer p.server.chats.exit(place)
				m, err := place.join(v.conn)
				members <- m
				<-done
				return err
			})
			return c
		}
		place := p.enter("ann", "s")
		oldClient := join(place)
		old := <-members
		oldClient.wantEvents(annWelcome)
		watcher.wantEvents(annJoin)
		againClient := join(p.enter("ann", "s"))
		again := <-members
		againClient.wantEvents(annWelcome)
		if n := p.server.hub.Members(place.room.topic()); n != 2 {
			t.Errorf("%d hear what is said, want 2", n)
		}

		old.take(websocket.Text, []byte("too late"))
		old.take(websocket.Text, []byte(`{"type":"message","id":"c1","text":"too late"}`))
		old.leave()
		if place.room.said != 0 || !again.isPresent() || place.room.sessions[place.guest] != again {
			t.Errorf("said %d, members %v, sessions %v", place.room.said, place.room.members, place.room.sessions)
		}
		again.take(websocket.Text, []byte("first"))
		againClient.wantEvents(`{"type":"receipt","n":1}`)
		watcher.wantEvents(`{"type":"message","n":1,"from":"ann","text":"first"}`)
		if m, end, ok := oldClient.next(); ok || end.Code != chatReplaced { // no receipt
			t.Errorf("the old one got %q, Close %v", m.Data, end.Code)
		}
		again.leave()
		again.leave() // once is enough
		watcher.wantEvents(annLeave)
		close(done)
		for _, c := range []*client{oldClient, againClient, watcher} {
			c.nc.Close()
		}
		p.wantNobody(place.room)
	})
}

func TestChatReplacesDuringAShutdown(t *testing.T) {
	p := newPipeChat(t)
	const n = 8
	begin := make(chan struct{})
	var room *chatRoom
	ended := make(chan bool, n)
	for i := range n {
		place := p.enter("ann", fmt.Sprint("s", i%2))
		room = place.room
		c, _ := p.connect(func(v *visit) error {
			<-begin
			return p.server.stay(v, place)
		})
		go func() {
			_, end, ok := c.next()
			for ok {
				_, end, ok = c.next()
			}
			c.nc.Write(c.endpoint.AppendOwed(nil)) // the server may be gone already
			ended <- end.Code == chatReplaced || end.Code == websocket.CloseGoingAway
		}()
	}
	close(begin)
	p.wantNobody(room)
	for range n {
		if !<-ended {
			t.Error("closed with another code")
		}
	}
}

func TestChatReplacesInAFullRoom(t *testing.T) {
	var c chatRooms
	var first *chatPlace
	mine := chatGuest{"ann", "s"}
	enter := func(g chatGuest, want bool) (p *chatPlace) {
		t.Helper()
		p, err := c.enter("r", g)
		if (err == nil) != want || err != nil && !errors.Is(err, websocket.RuleUnavailable) {
			t.Errorf("%v: %v", g, err)
		}
		return p
	}
	first = enter(mine, true)
	for i := range maxChatMembers - 2 {
		enter(chatGuest{fmt.Sprint(i), ""}, true)
	}
	other := enter(chatGuest{"other", ""}, true)
	for _, g := range []chatGuest{{"ann", ""}, {"0", ""}, {"ann", "other"}, {"bob", "s"}} {
		enter(g, false)
	}
	second, third := enter(mine, true), enter(mine, true)
	c.exit(other)
	enter(chatGuest{"other", ""}, true) // those that will be replaced take no place of others
	enter(chatGuest{"bob", ""}, false)
	c.exit(first)
	enter(chatGuest{"bob", ""}, false)
	c.exit(third)
	enter(chatGuest{"bob", ""}, false)
	c.exit(second)
	enter(chatGuest{"bob", ""}, true)
	enter(mine, false) // its place is taken now
}
