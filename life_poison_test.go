// This file tests that nobody uses a pooled buffer that was given back, and that
// nothing of its former content leaves: rows S-28 and S-29. While the connections
// work, all that lies in the pools is overwritten, again and again, with a byte
// that occurs in no message.

package websocket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const poison = 0xDB

// poisonPools overwrites the buffers that lie in the pools, as far as this
// goroutine gets hold of them: surely the one of each size that it has itself
// given back last, unless the race detector has dropped that.
func poisonPools() {
	for class := 8; class <= 16; class++ {
		got := make([]*[]byte, 4)
		if class > 13 {
			got = got[:1] // no connection holds such a one for long
		}
		for i := range got {
			got[i] = getBuffer(1 << class)
			b := *got[i]
			b[0] = poison
			for n := 1; n < len(b); n *= 2 {
				copy(b[n:], b[:n])
			}
		}
		for _, b := range got {
			putBuffer(b)
		}
	}
}

// poisonSizes are below, at and above those of the buffers.
var poisonSizes = []int{0, 1, 100, 125, 126, 255, 256, 257, 1000, 4095, 4096, 8192, 9000, 20_000, 66_000}

// S-28: readers keep all that they were given, while the buffers it came through
// are poisoned behind each call.
func TestLifePoolsAreNotSharedByReaders(t *testing.T) {
	agreed := Compression{Threshold: -1}
	for name, o := range map[string]Options{
		"plain":         {},
		"small-buffers": {ReadBuffer: 256, WriteBuffer: 256},
		"compressed":    {Compression: &agreed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := twoConns(t, o)
				kept := talkPoisoned(t, client, server)
				time.Sleep(time.Second)
				wantKept(t, kept)
			})
		})
		t.Run(name+"/sockets", func(t *testing.T) {
			a, b := loopback(t)
			client, _ := newTestConnOn(t, RoleClient, o, ends{a, b})
			server, _ := newTestConnOn(t, RoleServer, o, ends{b, a})
			wantKept(t, talkPoisoned(t, client, server))
		})
	}
}

// talkPoisoned has both ends write and read at once, and returns what was read.
func talkPoisoned(t *testing.T, client, server *Conn) (kept [][]byte) {
	t.Helper()
	var writers sync.WaitGroup
	for _, c := range []*Conn{client, server} {
		writers.Go(func() { writePoisoned(t, c) })
	}
	first := started(func() [][]byte { return keepAll(t, client) })
	second := started(func() [][]byte { return keepAll(t, server) })
	kept = append(<-first, <-second...)
	writers.Wait()
	return kept
}

// writePoisoned sends three messages of each size, as keepAll wants to read them,
// with pings in between.
func writePoisoned(t *testing.T, c *Conn) {
	for _, n := range poisonSizes {
		payload := []byte(testPayload(n))
		w, err := c.NextWriter(background, Binary)
		if err == nil {
			poisonPools()
			w.Write(payload[:n/2])
			c.Ping(background)
			poisonPools()
			w.Write(payload[n/2:])
			err = w.Close()
		}
		if err == nil {
			poisonPools()
			err = c.WriteBatch(background, Message{Type: Text, Data: payload}, Message{Type: Binary, Data: payload})
		}
		if err != nil {
			t.Errorf("writing %d bytes: %v", n, err)
		}
	}
}

// keepAll reads three messages of each size, in the three ways that there are.
func keepAll(t *testing.T, c *Conn) (kept [][]byte) {
	for range poisonSizes {
		_, message, err := c.Read(background)
		poisonPools()
		_, appended, err2 := c.AppendRead(background, make([]byte, 0, 300))
		poisonPools()
		_, r, err3 := c.NextReader(background)
		if err != nil || err2 != nil || err3 != nil {
			t.Errorf("%v, %v, %v", err, err2, err3)
			return kept
		}
		var piecewise []byte
		for piece := make([]byte, 3000); err == nil; {
			var n int
			n, err = r.Read(piece)
			piecewise = append(piecewise, piece[:n]...)
			poisonPools() // what is left of the message is in a buffer that is held
		}
		kept = append(kept, message, appended, piecewise)
	}
	return kept
}

// wantKept looks at what both ends have read, a while after they did.
func wantKept(t *testing.T, kept [][]byte) {
	t.Helper()
	poisonPools()
	each := 3 * len(poisonSizes)
	if len(kept) != 2*each {
		t.Errorf("%d messages were read, want %d", len(kept), 2*each)
	}
	for i, message := range kept {
		if want := testPayload(poisonSizes[i%each/3]); string(message) != want {
			t.Errorf("message %d is %s, want %s", i, abridge(string(message)), abridge(want))
		}
	}
}

// S-28: what a server keeps of a request, and what came with it, is its own.
func TestLifePoolsAreNotSharedByRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, conn := newPipe()
		p := newClientPeer(t, client)
		p.writeBytes([]byte(rawRequest("+X-Test: kept", "+Sec-WebSocket-Protocol: a, b")))
		p.writeBytes(p.frame(OpText, true, "early"))
		u := Upgrader{Options: Options{Subprotocols: []string{"b"}}}
		c, r, err := u.UpgradeConn(conn)
		wantNil(t, "UpgradeConn", err)
		defer c.CloseNow()
		poisonPools()
		got := fmt.Sprint(r.Method, r.Target, r.Host, r.Header, c.Subprotocol())
		if strings.Contains(got, string([]byte{poison})) || !strings.Contains(got, "X-Test:[kept]") || c.Subprotocol() != "b" {
			t.Errorf("the request is %q", got)
		}
		reads(t, c).want("it came with the request", Text, "early")
	})
}

// S-29: every byte that is sent is the caller's. A long payload lies in a buffer
// when a short one is put into it, and all else is poison.
func TestLifePoolsDoNotLeakIntoFrames(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		read := startRead(c)
		long, short := testPayload(8000), "short"
		for _, payload := range []string{long, short, "", long, testPayload(20_000), short} {
			poisonPools()
			wantNil(t, "Write", c.Write(background, Text, []byte(payload)))
			p.wantFrame("a message", OpText, payload)
			poisonPools()
			w := mustNextWriter(t, c, Binary)
			poisonPools()
			mustWrite(t, w, payload)
			mustClose(t, w)
			if got := p.readMessage("a message in fragments"); got != payload {
				t.Fatalf("got %s, want %s", abridge(got), abridge(payload))
			}
		}
		for _, payload := range []string{strings.Repeat("p", MaxControlPayload), "p", ""} {
			poisonPools()
			p.write(OpPing, true, payload)
			p.wantFrame("its pong", OpPong, payload)
		}
		poisonPools()
		ctx, cancel := context.WithCancel(t.Context())
		pinged := startPing(ctx, c)
		if payload := p.readPing("ours"); len(payload) != 8 || payload[0] != 0 {
			t.Errorf("the ping carries %q", payload)
		}
		cancel()
		<-pinged
		poisonPools()
		closed := startClose(c, CloseNormal, "brief")
		p.wantClose("the reason is all that there is", CloseNormal, "brief")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
		<-read
		// A client's masked bytes may have any value; they were unmasked above.
		if sent := p.sim.peer.sent(); c.role == RoleServer && bytes.IndexByte(sent, poison) >= 0 {
			t.Errorf("the poison is at byte %d of %d that were sent", bytes.IndexByte(sent, poison), len(sent))
		}
	})
}

// S-29: nor into handshakes.
func TestLifePoolsDoNotLeakIntoHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poisonPools()
		l := serveRaw(t, Upgrader{}, serveEcho)
		p := openServer(t, l)
		finishPeer(p)
		d := &Dialer{NetDial: l.Dial}
		poisonPools()
		c, _, err := d.Dial(t.Context(), testURL)
		wantNil(t, "Dial", err)
		ours := c.transport.(*simConn)
		c.CloseNow()
		io.Copy(io.Discard, p.conn)
		for _, end := range []*simConn{ours, ours.peer, p.sim, p.sim.peer} {
			head, _, whole := bytes.Cut(end.sent(), []byte("\r\n\r\n"))
			if !whole || bytes.IndexByte(head, poison) >= 0 {
				t.Errorf("the %s has sent %q", end.name, head)
			}
		}
	})
}
