package main

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"barewire.example/websocket"
)

// joinRoom opens n connections to /broadcast, and returns when the server has
// all of them in the room.
func joinRoom(p *program, n int) []*client {
	p.t.Helper()
	return joinRoomWith(p, make([]string, n)...)
}

// joinRoomWith opens a connection for each offer of extensions, "" for none.
func joinRoomWith(p *program, offers ...string) []*client {
	p.t.Helper()
	var members []*client
	for i, offer := range offers {
		var fields []string
		if offer != "" {
			fields = []string{"Sec-WebSocket-Extensions: " + offer}
		}
		members = append(members, p.dial("/broadcast", fields...))
		// The answer to the handshake comes before the member is in the room,
		// its own message after it.
		members[i].send(websocket.Text, fmt.Sprint("member ", i))
		for _, c := range members {
			c.want(websocket.Text, fmt.Sprint("member ", i))
		}
	}
	return members
}

func TestBroadcastReachesEverybody(t *testing.T) {
	members := joinRoom(start(t), 3)
	members[1].send(websocket.Binary, "\x00\x01")
	for _, c := range members {
		c.want(websocket.Binary, "\x00\x01")
	}
	members[0].send(websocket.Text, "")
	for _, c := range members {
		c.want(websocket.Text, "")
	}
	members[0].close(websocket.CloseNormal, "")
	members[2].send(websocket.Text, "who is left?")
	for _, c := range members[1:] {
		c.want(websocket.Text, "who is left?")
	}
}

func TestBroadcastKeepsTheOrder(t *testing.T) {
	members := joinRoom(start(t), 3)
	const rounds = 50
	for i := range rounds {
		for j, c := range members {
			c.send(websocket.Text, fmt.Sprint(j, " ", i))
		}
	}
	var first []string
	for _, c := range members {
		var all []string
		for range rounds * len(members) {
			m, _, _ := c.next()
			all = append(all, string(m.Data))
		}
		if first == nil {
			first = all
		}
		for i := range all {
			if all[i] != first[i] {
				t.Fatalf("message %d is %q for one and %q for another", i, all[i], first[i])
			}
		}
	}
}

func TestBroadcastForgetsWhoIsGone(t *testing.T) {
	p := start(t)
	members := joinRoom(p, 2)
	peer := members[0].nc.LocalAddr().String()
	members[0].nc.(*net.TCPConn).SetLinger(0) // a reset instead of an end
	members[0].nc.Close()
	p.stderr.waitLine(t, "msg=closed", "peer="+peer, "who=nobody", "code=1006")
	members[1].send(websocket.Text, "alone")
	members[1].want(websocket.Text, "alone")
}

func TestBroadcastExpelsWhoDoesNotRead(t *testing.T) {
	p := start(t)
	nc := p.dialTCP()
	stuck := open(t, nc, "/broadcast")
	stuck.send(websocket.Text, "I am here")
	stuck.want(websocket.Text, "I am here")
	members := joinRoom(p, 2)

	const most = 2000 // the kernel's buffers hold far less
	message := strings.Repeat("0123456789abcdef", 4<<10)
	expelled := false
	for i := 0; i < most && !expelled; i++ {
		members[0].send(websocket.Binary, message)
		for _, c := range members {
			c.want(websocket.Binary, message)
		}
		_, expelled = findLine(p.stderr.String(), []string{"too slow", "peer=" + nc.LocalAddr().String()})
	}
	if !expelled {
		t.Fatalf("not expelled after %d messages", most)
	}
	// What is on its way arrives, and then the Close.
	stuck.wantClose(websocket.CloseTryAgainLater)
	p.stderr.waitLine(t, "msg=closed", "peer="+nc.LocalAddr().String(), "who=us", "code=1013")
}

func TestRoomForgetsMembers(t *testing.T) {
	var r room
	m, other := r.join(&visit{}), r.join(&visit{})
	if r.leave(m); len(r.members) != 1 {
		t.Errorf("%d members, want 1", len(r.members))
	}
	r.leave(other)
	r.send(websocket.Message{Type: websocket.Text})
	if len(r.members) != 0 || len(m.queue) != 0 {
		t.Errorf("%d members in an empty room, %d messages for one that has left", len(r.members), len(m.queue))
	}
}

// A member without a writer keeps everything in its queue.
func TestRoomGivesAwayCopiesAndExpels(t *testing.T) {
	p := &pipeServer{t: t, server: &server{flags: &serveFlags{}}}
	p.server.log = p.server.flags.newLogger(&p.log)
	first, _ := p.connect(func(v *visit) error { return p.server.broadcast(v) })
	second, conn := p.connect(func(v *visit) error {
		_, _, err := v.conn.Read(t.Context())
		return err
	})
	lazy := &member{conn: conn, log: p.server.log, wake: make(chan struct{}, 1)}
	r := &p.server.room
	first.send(websocket.Text, "I am here")
	first.want(websocket.Text, "I am here")
	r.mu.Lock()
	r.members[lazy] = struct{}{}
	r.mu.Unlock()

	for i := range maxQueued {
		text := fmt.Sprintf("%03d", i) // of one length, so that memory used again would show
		first.send(websocket.Text, text)
		first.want(websocket.Text, text)
	}
	r.mu.Lock() // waits for the end of send
	for i, m := range lazy.queue {
		if string(m.Data) != fmt.Sprintf("%03d", i) {
			t.Errorf("message %d has become %q", i, m.Data)
		}
	}
	r.mu.Unlock()
	first.send(websocket.Text, "one more")
	first.want(websocket.Text, "one more")
	second.wantClose(websocket.CloseTryAgainLater)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !lazy.over || lazy.queue != nil || len(r.members) != 1 {
		t.Error("the expelled member is still there")
	}
}

// A burst is more than the queues hold, and its reader may be the only goroutine
// that has a processor.
func TestBroadcastBurstExpelsNobody(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := start(t, "-quiet")
	members := joinRoom(p, 2)
	var burst []byte
	const n = 20 * maxQueued
	for range n {
		burst, _ = members[0].endpoint.AppendMessage(burst, websocket.Text, []byte("x"))
	}
	members[0].write(burst, nil)
	for _, c := range members {
		for range n {
			c.want(websocket.Text, "x")
		}
	}
}

// Messages of which one fills a queue come faster than members can take them.
func TestBroadcastBurstOfLargeMessagesExpelsNobody(t *testing.T) {
	p := start(t, "-quiet")
	members := joinRoom(p, 5)
	large := strings.Repeat("x", 600<<10)
	var burst []byte
	const n = 8
	for range n {
		burst, _ = members[0].endpoint.AppendMessage(burst, websocket.Binary, []byte(large))
	}
	var all sync.WaitGroup
	for _, c := range members {
		all.Go(func() {
			for range n {
				c.want(websocket.Binary, large)
			}
		})
	}
	members[0].write(burst, nil)
	all.Wait()
}

func TestMemberQueueIsBounded(t *testing.T) {
	kib := websocket.Message{Type: websocket.Binary, Data: make([]byte, 1<<10)}
	tests := []struct {
		name string
		msg  websocket.Message
		fit  int
	}{
		{"by-number", websocket.Message{Type: websocket.Text}, maxQueued},
		{"by-bytes", websocket.Message{Type: websocket.Binary, Data: make([]byte, maxQueuedBytes/4)}, 4},
		{"both", websocket.Message{Type: websocket.Binary, Data: make([]byte, maxQueuedBytes/maxQueued)}, maxQueued},
		{"larger-than-the-queue", websocket.Message{Type: websocket.Binary, Data: make([]byte, maxQueuedBytes+1)}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &member{wake: make(chan struct{}, 1)}
			for i := range tt.fit {
				if !m.hasPlace(len(tt.msg.Data)) {
					t.Fatalf("no place for %d of %d", i+1, tt.fit)
				}
				m.put(tt.msg)
			}
			if m.hasPlace(len(tt.msg.Data)) {
				t.Fatalf("there is room for more than %d", tt.fit)
			}
			if batch := m.take(nil); len(batch) != tt.fit {
				t.Errorf("took %d, want %d", len(batch), tt.fit)
			}
			if !m.hasPlace(len(kib.Data)) {
				t.Error("no place in an empty queue")
			}
			m.stop()
			m.stop()
			m.put(kib)
			if !m.hasPlace(len(kib.Data)) || len(m.queue) != 0 {
				t.Error("a stopped queue must take what comes and drop it")
			}
		})
	}
}
