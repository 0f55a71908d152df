// These tests count what a Hub allocates. The race detector allocates, too, so
// they are only for builds without it.

//go:build !race

package websocket

import (
	"testing"
	"time"
)

// TestHubAllocatesForMessagesNotForMembers publishes to a thousand sockets that
// take everything. That it allocates nothing for a member also says that it starts no
// goroutine: each would come with a closure.
func TestHubAllocatesForMessagesNotForMembers(t *testing.T) {
	const members, limit = 1000, 8
	var h Hub
	for range members {
		c, _ := newTCPTestConn(t, RoleServer, Options{WriteTimeout: time.Hour})
		wantNil(t, "Join", h.Join(c, "a"))
	}
	m := Message{Type: Binary, Data: make([]byte, 128)}
	n := testing.AllocsPerRun(20, func() {
		if sent, dropped := h.Publish("a", m); sent != members || dropped != 0 {
			t.Fatalf("sent to %d, %d dropped", sent, dropped)
		}
	})
	if n > limit {
		t.Errorf("%v allocations for a message to %d members, want %d at most", n, members, limit)
	}
	if n := drains(); n != 0 {
		t.Errorf("%d goroutines", n)
	}
}

// The same for a message that exists already.
func TestHubAllocatesNothingForPreparedMessages(t *testing.T) {
	var h Hub
	for range 10 {
		c, _ := newTCPTestConn(t, RoleServer, Options{WriteTimeout: time.Hour})
		wantNil(t, "Join", h.Join(c, "a"))
	}
	p := Prepare(Message{Type: Binary, Data: make([]byte, 128)})
	if n := testing.AllocsPerRun(100, func() { h.PublishPrepared("a", p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// idleTransport is a transport on which nothing happens.
type idleTransport struct{ transport }

func (idleTransport) Close() error { return nil }

// TestHubCostsLittleForAnIdleMember has a wide bound: what is measured is the
// whole heap.
func TestHubCostsLittleForAnIdleMember(t *testing.T) {
	const members, limit = 10_000, 1 << 10
	var h Hub
	var conns [members]*Conn
	for i := range conns {
		conns[i] = newConn(idleTransport{&simConn{}}, RoleServer, Options{KeepAlive: -1}, nil)
	}
	before := liveHeap()
	for _, c := range conns {
		wantNil(t, "Join", h.Join(c, "a"))
	}
	each := (liveHeap() - before) / members
	if each > limit {
		t.Errorf("%d bytes for a member, want %d at most", each, limit)
	}
	t.Logf("%d bytes for a member", each)
	for _, c := range conns {
		c.CloseNow()
	}
	if n := h.Members("a"); n != 0 {
		t.Errorf("%d members are left", n)
	}
}
