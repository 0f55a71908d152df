// These are the tests of a Hub with a member that is stuck: what it costs the
// others, which must be nothing, and what becomes of it (R-07, S-26).

package websocket

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// One member is stuck. The others get each message at once; the stuck one is
// dropped when more than 256 messages or 1 MiB would wait, and has 100 ms for the
// Close.
func TestHubDropsWhoIsStuck(t *testing.T) {
	for size, waiting := range map[int]int{100: 256, 100 << 10: 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) { testHubDrop(t, newHubSim(t, role, 4), size, waiting) })
		})
	}
}

func testHubDrop(t *testing.T, h *hubSim, size, waiting int) {
	h.join("a", 0, 1, 2, 3)
	h.peers[3].stall(true)
	begin := time.Now()
	for i := range 1 + waiting + 1 + 5 { // one is being written; one is too many
		sent, dropped := h.hub.Publish("a", Message{Type: Text, Data: []byte(testPayload(size + i))})
		switch {
		case i <= waiting && (sent != 4 || dropped != 0),
			i == waiting+1 && (sent != 3 || dropped != waiting+1),
			i > waiting+1 && (sent != 3 || dropped != 0):
			t.Errorf("message %d: sent to %d, %d dropped", i, sent, dropped)
		}
		for _, p := range h.peers[:3] {
			p.wantTexts("the others", testPayload(size+i))
		}
		synctest.Wait()
	}
	if took := time.Since(begin); took != moveGrace {
		t.Errorf("the others had to wait for %v, want %v", took, moveGrace)
	}
	wantDismissed(t, h.conns[3], begin, moveGrace+slowGrace)
	synctest.Wait()
	h.wantMembers("a", 3)
	h.publish("a", "it goes on", []int{0, 1, 2})
}

// The same over TCP, with the kernel's buffers between: members one to three read
// each message before the next is published.
func TestHubDropsWhoIsStuckOnTCP(t *testing.T) {
	var h Hub
	var conns [4]*Conn
	var peers [4]*testPeer
	for i := range conns {
		conns[i], peers[i] = newTCPTestConn(t, RoleServer, Options{WriteTimeout: -1, CloseTimeout: slowGrace})
		wantNil(t, "Join", h.Join(conns[i], "a"))
	}
	stuck, left := conns[0], whenLeft(conns[0])
	q := h.QueueOf(stuck)
	lost := 0
	for i := 0; lost == 0; i++ {
		text := fmt.Sprint(i, testPayload(20_000))
		sent, dropped := h.Publish("a", textMessage(text))
		if messages, bytes := q.Len(); messages > 256 || bytes > 1<<20 || sent != 4 && dropped == 0 {
			t.Fatalf("sent to %d, %d dropped; %d messages and %d bytes wait", sent, dropped, messages, bytes)
		}
		for _, p := range peers[1:] {
			p.wantTexts("the others", text)
		}
		lost = dropped
	}
	if want := (1 << 20) / 20_000; lost < want || lost > want+1 || int(q.Dropped()) != lost {
		t.Errorf("%d were lost", lost)
	}
	<-left
	wantIs(t, "Err", stuck.Err(), ErrSlowConsumer)
	wantCloseError(t, "Err", stuck.Err(), CloseError{Code: CloseTryAgainLater, Reason: "too slow"})
	if sent, dropped := h.Publish("a", textMessage("it goes on")); sent != 3 || dropped != 0 || h.Members("a") != 3 {
		t.Errorf("sent to %d of %d, %d dropped", sent, h.Members("a"), dropped)
	}
	for _, p := range peers[1:] {
		p.wantTexts("the others", "it goes on")
	}
}

// A peer over TLS that is stuck does not even take crypto/tls's last word.
func TestHubDropsWhoIsStuckOnTLS(t *testing.T) {
	var h Hub
	ours, theirs := tlsPair(t, nil)
	// The kernel may take the Close after all, but nobody answers it.
	c, _ := newTestConnOn(t, RoleServer, Options{WriteTimeout: -1, CloseTimeout: slowGrace}, ends{ours, theirs})
	wantNil(t, "Join", h.Join(c, "a"))
	left := whenLeft(c)
	m := Prepare(Message{Type: Binary, Data: make([]byte, 64<<10)})
	for dropped := 0; dropped == 0; {
		_, dropped = h.PublishPrepared("a", m)
	}
	<-left
	wantIs(t, "Err", c.Err(), ErrSlowConsumer)
	if n := h.Members("a"); n != 0 {
		t.Errorf("%d members", n)
	}
}

// With another policy the stuck member stays, and still costs the others nothing.
func TestHubKeepsWhoIsStuck(t *testing.T) {
	for policy, want := range map[SlowPolicy][]string{DropOldest: {"0", "8", "9"}, DropNewest: {"0", "1", "2"}} {
		t.Run(policy.String(), func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				h := newHubSim(t, role, 2)
				h.hub.Queue = QueueOptions{MaxMessages: 2, Policy: policy}
				h.join("a", 0, 1)
				h.peers[0].stall(true)
				all := 0
				for i := range 10 {
					sent, dropped := h.hub.Publish("a", textMessage(fmt.Sprint(i)))
					if wantSent, wantDropped := hubFull(policy, i); sent != wantSent || dropped != wantDropped {
						t.Errorf("message %d: sent to %d, %d dropped", i, sent, dropped)
					}
					all += dropped
					h.peers[1].wantTexts("the other", fmt.Sprint(i))
					synctest.Wait()
				}
				h.peers[0].stall(false)
				h.peers[0].wantTexts("what was kept", want...)
				if n := int(h.hub.QueueOf(h.conns[0]).Dropped()); n != 7 || all != 7 {
					t.Errorf("%d dropped, %d reported", n, all)
				}
				h.publish("a", "it goes on", []int{0, 1})
			})
		})
	}
}

// hubFull returns what Publish does with message i when the queue of one of two
// members is full from the fourth on.
func hubFull(policy SlowPolicy, i int) (sent, dropped int) {
	switch {
	case i < 3:
		return 2, 0
	case policy == DropOldest:
		return 2, 1
	}
	return 1, 1
}

// With Block, Publish waits for the slowest, but the others have the message
// first; and WriteTimeout gives up who takes nothing.
func TestHubWaitsForTheSlowest(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 3)
		h.hub.Queue = QueueOptions{MaxMessages: 1, Policy: Block}
		h.join("a", 0, 1, 2)
		h.peers[0].stall(true)
		for i := range 2 { // the first is being written, the second waits
			h.hub.Publish("a", textMessage(fmt.Sprint(i)))
			synctest.Wait()
		}
		begin := time.Now()
		published := started(func() int { sent, _ := h.hub.Publish("a", textMessage("2")); return sent })
		synctest.Wait()
		for _, p := range h.peers[1:] {
			p.wantTexts("at once", "0", "1", "2")
		}
		time.Sleep(time.Second)
		h.peers[0].stall(false)
		if sent := <-published; sent != 3 || time.Since(begin) != time.Second {
			t.Errorf("sent to %d after %v", sent, time.Since(begin))
		}
		h.peers[0].wantTexts("all of it", "0", "1", "2")
		h.peers[0].stall(true)
		sent := 3
		for range 3 {
			sent, _ = h.hub.Publish("a", textMessage("x"))
		}
		if took := time.Since(begin); sent != 2 || took > 15*time.Second {
			t.Errorf("sent to %d after %v", sent, took)
		}
		h.wantMembers("a", 2)
	})
}

// All members end in the same moment, in the middle of a Publish: the hook of
// each ends all others.
func TestHubMayLoseAllMembersAtOnce(t *testing.T) {
	for range 20 {
		h := &hubSim{T: t}
		hooks := &Hooks{Closed: func(*Conn, error) {
			for _, c := range h.conns {
				h.hub.Leave(c)
				c.CloseNow()
			}
		}}
		var left []<-chan struct{}
		for range 20 {
			_, server := newPipe()
			c := newConn(server, RoleServer, Options{KeepAlive: -1, Hooks: hooks}, nil)
			c.opened()
			h.conns = append(h.conns, c)
			wantNil(t, "Join", h.hub.Join(c, "a", "b"))
			left = append(left, whenLeft(c))
		}
		published := started(func() (n int) {
			for ; h.hub.Members("a") > 0; n++ {
				h.hub.Publish("a", textMessage("x"))
				h.hub.Publish("b", textMessage("y"), h.conns[n%20])
			}
			return n
		})
		h.conns[7].CloseNow()
		for _, l := range left {
			<-l
		}
		<-published
		h.wantEmpty()
	}
}
