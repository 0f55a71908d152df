// This file tests Stats.RTT, the round trip of pings.

package websocket

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// RTT is that of the last ping that was answered.
func TestStatsKnowTheRoundTrip(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		var conns [2]*Conn
		latency := 100 * time.Millisecond
		ours, theirs := newPipe(func(k *simKnobs) { k.latency = latency })
		conns[RoleClient], _ = newTestConnOn(t, RoleClient, Options{}, ends{ours, theirs})
		conns[RoleServer], _ = newTestConnOn(t, RoleServer, Options{}, ends{theirs, ours})
		c, other := conns[role], conns[opposite(role)]
		for _, c := range conns {
			defer func() { <-c.Done() }()
			defer c.CloseNow()
		}
		if rtt := c.Stats().RTT; rtt != 0 {
			t.Errorf("RTT = %v before any ping", rtt)
		}
		startRead(other)
		for _, latency := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Millisecond} {
			for _, end := range []*simConn{ours, theirs} {
				end.tune(func(k *simKnobs) { k.latency = latency })
			}
			rtt, err := c.Ping(t.Context())
			if err != nil || rtt != 2*latency || c.Stats().RTT != rtt {
				t.Errorf("Ping = %v, %v, RTT = %v; want %v", rtt, err, c.Stats().RTT, 2*latency)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
		defer cancel()
		if _, err := c.Ping(ctx); err == nil || c.Stats().RTT != 20*time.Millisecond {
			t.Errorf("Ping = %v, RTT = %v", err, c.Stats().RTT)
		}
		if rtt := other.Stats().RTT; rtt != 0 {
			t.Errorf("who has not pinged has RTT = %v", rtt)
		}
	})
}

func TestStatsKnowTheRoundTripOfKeepalive(t *testing.T) {
	eachAttention(t, func(t *testing.T, c *Conn, p *testPeer) {
		payload := p.readPing("30 s of silence")
		<-time.After(7 * time.Second)
		p.write(OpPong, true, payload)
		synctest.Wait()
		if rtt := c.Stats().RTT; rtt != 7*time.Second {
			t.Errorf("RTT = %v", rtt)
		}
	})
}
