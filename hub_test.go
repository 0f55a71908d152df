// These are the tests of who gets what from a Hub, and of what it holds. Members
// that are stuck are in hub_slow_test.go, crowds in fanout_test.go.

package websocket

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
)

// hubSim is a hub with connections on the in-memory transport.
type hubSim struct {
	*testing.T
	hub   Hub
	conns []*Conn
	peers []*testPeer
}

// newHubSim returns a hub and n connections, which have joined nothing.
func newHubSim(t *testing.T, role Role, n int) *hubSim {
	h := &hubSim{T: t}
	for range n {
		c, p := newTestConn(t, role, Options{})
		h.conns, h.peers = append(h.conns, c), append(h.peers, p)
	}
	return h
}

func (h *hubSim) join(topic string, who ...int) {
	h.Helper()
	for _, i := range who {
		wantNil(h.T, "Join", h.hub.Join(h.conns[i], topic))
	}
}

// publish publishes a text and wants these to get it, and nobody else anything.
func (h *hubSim) publish(topic, text string, who []int, except ...*Conn) {
	h.Helper()
	if sent, dropped := h.hub.Publish(topic, textMessage(text), except...); sent != len(who) || dropped != 0 {
		h.Errorf("%s: sent to %d, %d dropped; want it sent to %d", text, sent, dropped, len(who))
	}
	for i, p := range h.peers {
		if slices.Contains(who, i) {
			p.wantTexts(fmt.Sprint("member ", i), text)
		}
		p.wantIdle(fmt.Sprint("connection ", i))
	}
}

func (h *hubSim) wantMembers(topic string, want int) {
	h.Helper()
	if n := h.hub.Members(topic); n != want {
		h.Errorf("topic %q has %d members, want %d", topic, n, want)
	}
}

// whenLeft returns a channel that is closed when the connection is over and has
// left the hubs that it has joined so far.
func whenLeft(c *Conn) <-chan struct{} {
	left := make(chan struct{})
	c.whenOver(func() { close(left) })
	return left
}

// wantEmpty wants the hub to hold nothing.
func (h *hubSim) wantEmpty() {
	h.Helper()
	h.hub.mu.Lock()
	defer h.hub.mu.Unlock()
	if len(h.hub.members) != 0 || len(h.hub.topics) != 0 {
		h.Errorf("the hub still has %d members and %d topics", len(h.hub.members), len(h.hub.topics))
	}
}

func TestHubSendsToThoseWhoHaveJoined(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 4)
		h.publish("a", "nobody", nil)
		h.join("a", 0, 1, 2)
		h.join("b", 2, 3)
		h.publish("a", "to a", []int{0, 1, 2})
		h.publish("b", "to b", []int{2, 3})
		h.publish("c", "to nobody", nil)
		h.publish("a", "but the first", []int{1, 2}, h.conns[0])
		h.publish("a", "to one", []int{1}, h.conns[2], nil, h.conns[0], h.conns[3])
		h.wantMembers("a", 3)
		h.wantMembers("b", 2)
		h.wantMembers("c", 0)
	})
}

func TestHubMembersJoinOnce(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 2)
		c := h.conns[0]
		for range 3 {
			wantNil(t, "Join", h.hub.Join(c, "a", "b", "a"))
		}
		q := h.hub.QueueOf(c)
		h.wantMembers("a", 1)
		h.publish("a", "once", []int{0})
		wantNil(t, "Join", h.hub.Join(c, "c"))
		h.publish("b", "still there", []int{0})
		h.publish("c", "here, too", []int{0})
		if h.hub.QueueOf(c) != q {
			t.Error("it has another queue")
		}
		h.hub.Leave(c, "a", "a")
		h.wantMembers("a", 0)
		h.publish("a", "gone", nil)
	})
}

func TestHubMembersLeave(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 5)
		h.hub.Leave(h.conns[0])
		h.hub.Leave(h.conns[0], "a")
		h.join("a", 0, 1, 2, 3, 4)
		h.join("b", 1, 2)
		h.join("c", 1)
		h.hub.Leave(h.conns[1], "a", "unknown")
		h.publish("a", "not to 1", []int{0, 2, 3, 4})
		h.publish("b", "to 1", []int{1, 2})
		h.hub.Leave(h.conns[4], "a")
		h.hub.Leave(h.conns[0], "a")
		h.publish("a", "to 2 and 3", []int{2, 3})
		h.hub.Leave(h.conns[1])
		h.publish("b", "to 2", []int{2})
		h.publish("c", "to nobody", nil)
		h.wantMembers("c", 0)
		h.join("a", 1)
		h.publish("a", "1 is back", []int{1, 2, 3})
	})
}

// A topic exists as long as it has members, and what a hub holds of a connection
// as long as that.
func TestHubForgets(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 3)
		h.join("a", 0, 1)
		h.join("b", 1, 2)
		h.hub.Leave(h.conns[0], "a")
		h.conns[1].CloseNow()
		if n := len(h.hub.topics); n != 1 || h.hub.QueueOf(h.conns[1]) != nil {
			t.Errorf("%d topics", n)
		}
		h.publish("b", "one is left", []int{2})
		h.hub.Leave(h.conns[2])
		if n := len(h.hub.topics); n != 0 {
			t.Errorf("%d topics", n)
		}
		if h.hub.QueueOf(h.conns[2]) == nil {
			t.Error("who has left all topics has no queue any more")
		}
		for _, c := range h.conns {
			c.CloseNow()
		}
		h.wantEmpty()
	})
}

func TestHubHoldsNoMembersBehindPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHubSim(t, RoleServer, 3)
		h.join("a", 0, 1, 2)
		h.publish("a", "x", []int{0, 1, 2})
		topic := h.hub.topics["a"]
		h.hub.Leave(h.conns[0])
		h.hub.Leave(h.conns[2])
		for _, list := range [][]*member{topic.round[:cap(topic.round)], topic.list[:cap(topic.list)]} {
			for _, m := range list {
				if m != nil && m.conn != h.conns[1] {
					t.Error("who has left is held")
				}
			}
		}
	})
}

func TestHubRefusesConnectionsThatAreOver(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 1)
		h.conns[0].CloseNow()
		wantIs(t, "Join", h.hub.Join(h.conns[0], "a"), ErrClosed)
		h.wantMembers("a", 0)
		h.wantEmpty()
	})
}

// What a member is sent alone stands in order with what is published.
func TestHubQueueOfIsTheMembers(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 2)
		if q := h.hub.QueueOf(h.conns[0]); q != nil {
			t.Errorf("a stranger has the queue %v", q)
		}
		wantNil(t, "Join", h.hub.Join(h.conns[0]))
		q := h.hub.QueueOf(h.conns[0])
		h.join("a", 0, 1)
		if h.hub.QueueOf(h.conns[0]) != q || h.hub.QueueOf(h.conns[1]) == q {
			t.Error("not one queue each")
		}
		for i := range 20 {
			queueTexts(t, q, fmt.Sprint("alone ", i))
			h.hub.Publish("a", textMessage(fmt.Sprint("all ", i)))
		}
		for i := range 20 {
			h.peers[0].wantTexts("in order", fmt.Sprint("alone ", i), fmt.Sprint("all ", i))
			h.peers[1].wantTexts("in order", fmt.Sprint("all ", i))
		}
	})
}

func TestHubRefusesWhatCannotBeSent(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 2)
		h.join("a", 0, 1)
		for _, m := range []Message{textMessage("\xff"), {Type: 7}} {
			if sent, dropped := h.hub.Publish("a", m); sent != 0 || dropped != 0 {
				t.Errorf("%v: sent to %d, %d dropped", m, sent, dropped)
			}
		}
		h.publish("a", "nothing was harmed", []int{0, 1})
	})
}

// The caller's bytes are the caller's again when Publish has returned.
func TestHubCopiesMessages(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 2)
		h.join("a", 0, 1)
		h.peers[0].stall(true)
		for i := range 3 {
			data := []byte(fmt.Sprint("message ", i))
			h.hub.Publish("a", Message{Type: Text, Data: data})
			clear(data)
		}
		h.peers[0].stall(false)
		for _, p := range h.peers {
			p.wantTexts("as it was", "message 0", "message 1", "message 2")
		}
	})
}

// A member that has begun to close gets nothing more, and is counted no more.
func TestHubSendsNothingBehindAClose(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 2)
		h.join("a", 0, 1)
		closed := startClose(h.conns[0], CloseNormal, "")
		h.peers[0].wantClose("it closes", CloseNormal, "")
		h.publish("a", "only to the other", []int{1})
		h.peers[0].writeClose(CloseNormal, "")
		wantNil(t, "Close", <-closed)
		synctest.Wait()
		h.wantMembers("a", 1)
	})
}
