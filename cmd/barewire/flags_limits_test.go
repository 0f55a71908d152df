package main

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"barewire.example/websocket"
)

// timeouts are what the flags set of an Options.
type timeouts struct{ keepAlive, pong, write, idle, close time.Duration }

func TestFlagsOfLimitsReachTheServer(t *testing.T) {
	tests := []struct {
		args           string
		conns, perAddr int
		queue          websocket.QueueOptions
		times          timeouts
	}{
		{"", 0, 0, websocket.QueueOptions{MaxMessages: 256, MaxBytes: 16 << 20},
			timeouts{30 * time.Second, 30 * time.Second, 10 * time.Second, -1, 5 * time.Second}},
		{"-max-conns 7 -max-conns-per-addr 3 -queue 9 -queue-bytes 64KiB -slow drop-newest " +
			"-keepalive 1m -pong-timeout 2m -write-timeout 3m -idle-timeout 4m -close-timeout 1ms",
			7, 3, websocket.QueueOptions{MaxMessages: 9, MaxBytes: 64 << 10, Policy: websocket.DropNewest},
			timeouts{time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, time.Millisecond}},
		{"-keepalive off -write-timeout 0 -idle-timeout 0s -slow drop-oldest -queue-bytes 8796093022207MiB",
			0, 0, websocket.QueueOptions{MaxMessages: 256, MaxBytes: int(min(8796093022207<<20, math.MaxInt)), Policy: websocket.DropOldest},
			timeouts{-1, 30 * time.Second, -1, -1, 5 * time.Second}},
		{"-slow block -write-timeout 1s", 0, 0, websocket.QueueOptions{MaxMessages: 256, MaxBytes: 16 << 20, Policy: websocket.Block},
			timeouts{30 * time.Second, 30 * time.Second, time.Second, -1, 5 * time.Second}},
	}
	for _, tt := range tests {
		flags, err := parseServeFlags(append(strings.Fields(tt.args), "-addr", "127.0.0.1:0"))
		if err != nil {
			t.Errorf("%s: %v", tt.args, err)
			continue
		}
		s, err := newServer(flags, new(transcript))
		if err != nil {
			t.Fatal(err)
		}
		s.listener.Close()
		o := s.upgrader.Options
		if got := (timeouts{o.KeepAlive, o.PongTimeout, o.WriteTimeout, o.IdleTimeout, o.CloseTimeout}); got != tt.times {
			t.Errorf("%s: times are %v, want %v", tt.args, got, tt.times)
		}
		if !reflect.DeepEqual(s.hub.Queue, tt.queue) || s.chats.hub != &s.hub {
			t.Errorf("%s: queue is %+v, want %+v", tt.args, s.hub.Queue, tt.queue)
		}
		if g := s.upgrader.Group; g != &s.group || g.MaxConns != tt.conns || g.MaxConnsPerAddr != tt.perAddr {
			t.Errorf("%s: limits are %d and %d, want %d and %d", tt.args, g.MaxConns, g.MaxConnsPerAddr, tt.conns, tt.perAddr)
		}
	}
}

func TestSpanComesBackAsItIsShown(t *testing.T) {
	for text, want := range map[string]string{"off": "off", "0": "off", "0s": "off", "1ms": "1ms", "90s": "1m30s"} {
		s, again := span{time.Hour, true}, span{time.Hour, true}
		if err := s.Set(text); err != nil || s.String() != want {
			t.Errorf("%s is %s, %v", text, s.String(), err)
		}
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s comes back as %s: %v", text, again.String(), err)
		}
	}
}

// S-27: limits on connections.
func TestServeBoundsConnections(t *testing.T) {
	for _, flag := range []string{"-max-conns", "-max-conns-per-addr"} {
		p := start(t, flag, "2")
		first := p.dial("/echo")
		p.dial("/chat")
		for _, path := range []string{"/echo", "/broadcast", "/chat?room=new"} {
			c := handshake(t, p.dialTCP(), path)
			if c.answer.StatusCode != 503 || c.answer.Header.Get("Retry-After") != "5" {
				t.Errorf("%s: %s is answered with %s, Retry-After %q", flag, path, c.answer.Status, c.answer.Header.Get("Retry-After"))
			}
		}
		if n := p.metric(`barewire_handshakes_refused_total{status="503"}`); n != 3 {
			t.Errorf("%s: %v refusals are counted, want 3", flag, n)
		}
		first.close(websocket.CloseNormal, "")
		for end := time.Now().Add(testTimeout); ; { // its place is about to be free again
			if c := handshake(t, p.dialTCP(), "/echo"); c.answer.StatusCode == 101 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: the place of a connection that is over stays taken", flag)
			}
		}
	}
}

func TestServeSendsPingsAndMeasuresThem(t *testing.T) {
	p := start(t, "-keepalive", "1ms", "-quiet")
	c := p.dial("/echo")
	for pinged := false; !pinged; {
		ev, n, err := c.endpoint.Next(c.buf)
		c.buf = c.buf[n:]
		switch {
		case err != nil:
			t.Fatal(err)
		case ev.Kind == websocket.NeedMore:
			c.more()
		default:
			pinged = ev.Kind == websocket.PingReceived
		}
	}
	c.write(c.endpoint.AppendOwed(nil), nil)
	p.waitMetric("barewire_ping_rtt_seconds_count", 1)
	if n := p.metric(`barewire_ping_rtt_seconds_bucket{le="+Inf"}`); n < 1 {
		t.Errorf("%v round trips in all buckets", n)
	}
}

func TestServeClosesWhoIsIdle(t *testing.T) {
	p := start(t, "-idle-timeout", "50ms")
	c := p.dial("/echo")
	_, end, ok := c.next()
	if ok || end.Code != websocket.CloseGoingAway || end.Reason != "idle" {
		t.Errorf("got Close %v %q", end.Code, end.Reason)
	}
	c.write(c.endpoint.AppendOwed(nil), nil)
	p.stderr.waitLine(t, "msg=closed", "code=1001", "who=us")
}
