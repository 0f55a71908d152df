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

// fill sends messages from the first member to all until the server's log or its
// metrics say that it is enough. The members get all of them.
func fill(p *program, members []*client, enough func() bool) {
	p.t.Helper()
	const most = 200 // the kernel's buffers hold far less
	message := strings.Repeat("0123456789abcdef", 32<<10)
	for range most {
		members[0].send(websocket.Binary, message)
		for _, c := range members {
			c.extend()
			c.want(websocket.Binary, message)
		}
		if enough() {
			return
		}
	}
	p.t.Fatalf("not enough after %d messages", most)
}

// joinStuck adds a member that will not read, and returns it.
func joinStuck(p *program) *client {
	p.t.Helper()
	stuck := p.dial("/broadcast")
	stuck.nc.(*net.TCPConn).SetReadBuffer(256 << 10)
	stuck.send(websocket.Text, "I am here")
	stuck.want(websocket.Text, "I am here")
	return stuck
}

// S-26: who takes nothing costs the others nothing.
func TestBroadcastExpelsWhoDoesNotRead(t *testing.T) {
	p := start(t, "-write-timeout", "1m") // which is not what ends it
	peer := "peer=" + joinStuck(p).nc.LocalAddr().String()
	members := joinRoom(p, 2)
	fill(p, members, func() bool {
		_, expelled := findLine(p.stderr.String(), []string{"level=WARN", "too slow for the broadcast", peer})
		return expelled
	})
	p.stderr.waitLine(t, "msg=closed", peer, "who=us", "code=1013", `reason="too slow"`)
	if n := p.metric("barewire_dropped_messages_total"); n == 0 {
		t.Error("no message was dropped")
	}
	if n := p.metric(`barewire_closes_total{code="1013"}`); n != 1 {
		t.Errorf("%v connections were closed with 1013, want 1", n)
	}
}

func TestBroadcastDropsTheOldest(t *testing.T) {
	p := start(t, "-slow", "drop-oldest", "-queue", "2", "-write-timeout", "1m", "-quiet")
	stuck := joinStuck(p)
	members := joinRoom(p, 2)
	fill(p, members, func() bool { return p.metric("barewire_dropped_messages_total") > 0 })
	members[0].send(websocket.Text, "the newest")
	for {
		stuck.extend()
		m, end, ok := stuck.next()
		if !ok {
			t.Fatalf("got Close %v", end.Code)
		}
		if string(m.Data) == "the newest" {
			break
		}
	}
	stuck.send(websocket.Text, "still here")
	stuck.want(websocket.Text, "still here")
}

// A burst is more than the queues hold, and its reader may be the only goroutine
// that has a processor.
func TestBroadcastBurstBlocksItsSender(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := start(t, "-quiet", "-slow", "block", "-queue", "16")
	members := joinRoom(p, 2)
	var burst []byte
	const n = 5000
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
func TestBroadcastBurstOfLargeMessagesBlocksItsSender(t *testing.T) {
	p := start(t, "-quiet", "-slow", "block")
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
