package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"barewire.example/websocket"
)

// All messages have come to everybody in the order of their numbers, none is
// missing and none is there twice, receipts included.
func TestChatKeepsTheOrder(t *testing.T) {
	p := start(t, "-quiet")
	const talkers, each = 4, 40 // in all, no more than a queue holds
	clients := make([]*client, talkers)
	for i := range clients {
		clients[i] = p.join("r", fmt.Sprint("c", i))
		for _, before := range clients[:i] {
			if e := before.event(); e["type"] != "join" {
				t.Fatalf("got %v", e)
			}
		}
	}
	heard := make([][]string, talkers)
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			for k := range each {
				c.say(fmt.Sprintf(`{"type":"message","id":"c%d %d","text":"c%d %[2]d"}`, i, k, i))
			}
			for n := 1; n <= talkers*each; n++ {
				e := c.event()
				if e["n"] != float64(n) {
					t.Errorf("c%d: message %d is %v", i, n, e)
					return
				}
				text := e["text"]
				if mine := e["type"] == "receipt"; mine {
					text = e["id"]
				}
				heard[i] = append(heard[i], text.(string))
			}
		})
	}
	all.Wait()
	for i := range heard {
		if !reflect.DeepEqual(heard[i], heard[0]) {
			t.Errorf("c%d has heard %q, c0 %q", i, heard[i], heard[0])
		}
	}
	next := make(map[string]int)
	for _, text := range heard[0] {
		who, k, _ := strings.Cut(text, " ")
		if k != fmt.Sprint(next[who]) {
			t.Errorf("%s comes when %d should", text, next[who])
		}
		next[who]++
	}
}

func TestChatLetsGoOfWhoDoesNotRead(t *testing.T) {
	p := start(t, "-queue", "4", "-write-timeout", "1m")
	ann := p.join("r", "ann")
	nc := p.chat("r", "stuck").nc
	ann.wantEvents(`{"type":"join","name":"stuck","members":["ann","stuck"]}`)
	text := strings.Repeat("\x01", maxChatText) // six times as long in JSON
	const most = 5000                           // the kernel's buffers hold far less
	for range most {
		ann.extend()
		ann.say(text)
		e := ann.event()
		if e["type"] == "receipt" {
			continue
		}
		if e["type"] != "leave" || e["name"] != "stuck" {
			t.Fatalf("got %v", e)
		}
		p.stderr.waitLine(t, "level=WARN", "too slow for the chat", "peer="+nc.LocalAddr().String())
		p.stderr.waitLine(t, "msg=closed", "peer="+nc.LocalAddr().String(), "code=1013", "who=us")
		return
	}
	t.Fatalf("not let go after %d messages", most)
}

// chatServer serves s.chat and nothing else.
func chatServer(t *testing.T) (*server, *program) {
	flags, err := parseServeFlags([]string{"-addr", "127.0.0.1:0", "-quiet"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(flags, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s.listener.Close()
	web := httptest.NewServer(http.HandlerFunc(s.chat))
	t.Cleanup(func() {
		if !s.dismiss(testTimeout) {
			t.Error("somebody is left")
		}
		web.Close()
	})
	return s, &program{t: t, addr: web.Listener.Addr().String()}
}

func TestChatRefusesWhenAllRoomsAreTaken(t *testing.T) {
	s, p := chatServer(t)
	for i := range maxChatRooms - 1 {
		if _, err := s.chats.enter(fmt.Sprint("room ", i), chatGuest{}); err != nil {
			t.Fatal(err)
		}
	}
	ann := p.join("r", "ann")
	c := handshake(t, p.dialTCP(), "/chat?room=one-more")
	if c.answer.StatusCode != http.StatusServiceUnavailable || c.answer.Header.Get("Retry-After") != "60" {
		t.Errorf("answered with %s, Retry-After %q", c.answer.Status, c.answer.Header.Get("Retry-After"))
	}
	p.join("r", "bob").close(websocket.CloseNormal, "")
	ann.wantEvents(`{"type":"join","name":"bob","members":["ann","bob"]}`, `{"type":"leave","name":"bob","members":["ann"]}`)
	ann.close(websocket.CloseNormal, "")
}

// Who is refused after the room was found must not stay in it.
func TestChatLeavesNobodyBehind(t *testing.T) {
	s, p := chatServer(t)
	s.group.MaxConns = 1
	ann := p.join("r", "ann")
	if c := handshake(t, p.dialTCP(), "/chat?room=r"); c.answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the second is answered with %s", c.answer.Status)
	}
	if c := handshake(t, p.dialTCP(), "/chat?room=r", "Origin: http://evil.example"); c.answer.StatusCode != http.StatusForbidden {
		t.Errorf("the page of another site is answered with %s", c.answer.Status)
	}
	if c := handshake(t, p.dialTCP(), "/chat?room=other", "Origin: http://evil.example"); c.answer.StatusCode != http.StatusForbidden {
		t.Errorf("the page of another site is answered with %s", c.answer.Status)
	}
	ann.close(websocket.CloseNormal, "")
	if !s.dismiss(testTimeout) {
		t.Fatal("somebody is left")
	}
	s.chats.mu.Lock()
	defer s.chats.mu.Unlock()
	if r := s.chats.rooms["r"]; r == nil || r.guests != 0 || len(r.members) != 0 || len(s.chats.rooms) != 1 {
		t.Errorf("rooms are %v, the room is %+v", s.chats.rooms, r)
	}
}
