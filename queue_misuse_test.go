// This file tests queues with messages that nobody has prepared, and with sockets
// that have failed.

//go:build unix

package websocket

import "testing"

func TestQueueRefusesWhatWasNotPrepared(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		h := newHubSim(t, role, 2)
		h.join("a", 0, 1)
		for _, p := range []*Prepared{nil, {}} {
			if sent, dropped := h.hub.PublishPrepared("a", p); sent != 0 || dropped != 0 {
				t.Errorf("sent %d, dropped %d", sent, dropped)
			}
			c := h.conns[0]
			if err := c.WritePrepared(background, p); err != ErrMessageType {
				t.Errorf("WritePrepared: %v", err)
			}
			if err := h.hub.QueueOf(c).SendPrepared(background, p); err != ErrMessageType {
				t.Errorf("SendPrepared: %v", err)
			}
		}
		h.publish("a", "it goes on", []int{0, 1})
	})
}

func TestQueueTellsOfAWriteThatFails(t *testing.T) {
	ours, theirs := loopback(t)
	c, _ := newTestConnOn(t, RoleServer, Options{}, ends{ours, theirs})
	q := NewQueue(c, QueueOptions{})
	theirs.SetLinger(0)
	theirs.Close()
	awaitReadable(ours) // its error is that of the reset
	wantCloseError(t, "Send", q.Send(background, textMessage("x")), CloseError{Code: CloseAbnormal})
	wantCloseError(t, "Flush", q.Flush(background), CloseError{Code: CloseAbnormal})
	c.CloseNow()
}

// No Close was sent, and none received.
func TestQueueDismissalIsNoCleanClose(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		q, _ := newDismissed(t, role, Options{})
		wantCloseError(t, "Close", q.conn.Close(CloseNormal, ""), CloseError{Code: CloseTryAgainLater, Reason: "too slow"})
	})
}
