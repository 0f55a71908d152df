// These are the tests of a Hub with members of many kinds, and with much going
// on at once.

package websocket

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
)

// Connections that have agreed on different compression are in one hub.
func TestHubSendsToAnyCompression(t *testing.T) {
	settings := []*Compression{nil, {}, {ServerNoContextTakeover: true, ClientNoContextTakeover: true}, {ServerMaxWindowBits: 9, ClientMaxWindowBits: 8}, {Effort: 3, Threshold: -1}}
	inEachRole(t, func(t *testing.T, role Role) {
		var h Hub
		var conns, others []*Conn
		for _, compression := range settings {
			c, other := preparedPair(t, role, Options{Compression: compression})
			wantNil(t, "Join", h.Join(c, "a"))
			conns, others = append(conns, c), append(others, other)
		}
		for i := range 50 {
			text := mixedText("hub", i)
			if sent, dropped := h.Publish("a", textMessage(text)); sent != len(settings) || dropped != 0 {
				t.Fatalf("sent to %d, %d dropped", sent, dropped)
			}
			for j, other := range others {
				wantRead(t, other, []byte(text))
				wrote := started(func() error { return conns[j].Write(background, Text, []byte(text)) })
				wantRead(t, other, []byte(text))
				wantNil(t, "Write", <-wrote)
			}
		}
	})
}

// hubLinks opens one connection of each kind for each of n members, and returns
// our ends and their peers.
func hubLinks(t *testing.T, n int) (conns, others []*Conn) {
	t.Helper()
	for i := range n {
		ours, theirs := testLinks[i%4].open(t)
		c, _ := newTestConnOn(t, RoleServer, Options{}, ends{ours, theirs})
		other, _ := newTestConnOn(t, RoleClient, Options{}, ends{theirs, ours})
		conns, others = append(conns, c), append(others, other)
	}
	return conns, others
}

// All members get the messages of eight publishers in the same order, on whatever
// they are connected.
func TestHubHasOneOrderForAll(t *testing.T) {
	const publishers, each = 8, 30
	conns, others := hubLinks(t, 8)
	h := Hub{Queue: QueueOptions{MaxMessages: publishers * each}}
	for _, c := range conns {
		wantNil(t, "Join", h.Join(c, "a"))
	}
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				if sent, _ := h.Publish("a", Message{Type: Binary, Data: []byte{byte(p), byte(i)}}); sent != len(conns) {
					t.Errorf("sent to %d", sent)
				}
			}
		})
	}
	var first [][]byte
	for m := range others {
		var next [publishers]byte
		for i := range publishers * each {
			_, got, err := others[m].Read(t.Context())
			wantNil(t, "Read", err)
			if got[1] != next[got[0]] {
				t.Fatalf("member %d: message %d of publisher %d came for %d", m, got[1], got[0], next[got[0]])
			}
			next[got[0]]++
			if m == 0 {
				first = append(first, got)
			} else if !slices.Equal(got, first[i]) {
				t.Fatalf("member %d: message %d differs from that of the first", m, i)
			}
		}
	}
	wg.Wait()
}

// Members come and go while messages are published: in loops, and in hooks at the
// end of others. Nothing waits for anything else for ever, and in the end the hub is
// empty.
func TestHubMembersComeAndGoMeanwhile(t *testing.T) {
	h := &hubSim{T: t}
	h.hub.Queue.Policy = DropOldest
	ctx, stop := context.WithCancel(t.Context())
	var published, churn sync.WaitGroup
	for p := range 3 {
		published.Go(func() {
			for i := uint32(0); ctx.Err() == nil; i++ {
				h.hub.Publish(fmt.Sprint("topic ", p%2), Message{Type: Binary, Data: binary.BigEndian.AppendUint32(nil, i)})
			}
		})
	}
	for i := range 6 {
		churn.Go(func() {
			for round := range 40 {
				hubVisit(t, &h.hub, testLinks[(i+round)%4].open)
			}
		})
	}
	churn.Wait()
	stop()
	published.Wait()
	h.wantEmpty()
}

// hubVisit has two connections join, and one of them end while the other is
// handled by the hook of its end.
func hubVisit(t *testing.T, h *Hub, open func(*testing.T) (ours, theirs net.Conn)) {
	ours, theirs := open(t)
	stays, _ := newPipe() // its peer takes little
	other := newConn(stays, RoleServer, Options{KeepAlive: -1}, nil)
	hooks := &Hooks{Closed: func(*Conn, error) {
		h.Leave(other, "topic 0")
		h.Join(other, "topic 1", "private")
	}}
	c := newConn(ours, RoleServer, Options{KeepAlive: -1, Hooks: hooks}, nil)
	c.opened()
	h.Join(other, "topic 0")
	h.Join(c, "topic 0", "topic 1")
	left, otherLeft := whenLeft(c), whenLeft(other)
	peer := newConn(theirs, RoleClient, Options{KeepAlive: -1}, nil)
	if _, _, err := peer.Read(t.Context()); err != nil {
		t.Errorf("a member got nothing: %v", err)
	}
	h.Leave(c, "topic 0")
	h.Members("topic 1")
	go peer.CloseNow()
	c.CloseNow()
	<-left
	<-peer.Done()
	if h.QueueOf(other) == nil {
		t.Error("the hook did nothing")
	}
	other.CloseNow()
	<-otherLeft
}

// endingTransport calls f in the middle of the connection's end.
type endingTransport struct {
	*simConn
	f func()
}

func (e *endingTransport) Close() error {
	e.f()
	return e.simConn.Close()
}

// Who joins in the moment of its end has left when that has passed.
func TestHubForgetsWhoJoinsWhileItEnds(t *testing.T) {
	_, server := newPipe()
	h := &hubSim{T: t}
	end := &endingTransport{simConn: server}
	c := newConn(end, RoleServer, Options{KeepAlive: -1}, nil)
	joins := 0
	end.f = func() {
		joins++
		h.hub.Join(c, "a")
	}
	c.CloseNow()
	if joins != 1 {
		t.Errorf("it joined %d times", joins)
	}
	h.wantMembers("a", 0)
	h.wantEmpty()
}
