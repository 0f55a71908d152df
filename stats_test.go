// This file tests Conn.Stats: every message and every byte is counted once, on
// both sides. The hooks are tested in stats_hooks_test.go.

package websocket

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A statsStep is what one side does in a session, and what it counts for.
type statsStep struct {
	name     string
	do       func(c *Conn) error
	messages int64
	bytes    int64 // uncompressed, without masks; 0: no matter
}

// frames returns of how many frames the step's messages consist, uncompressed.
func (s *statsStep) frames() int64 {
	if s.name == "next-writer" {
		return 3
	}
	return s.messages
}

// wantRefused turns the error that a call must return into nil.
func wantRefused(err, want error) error {
	if err != want {
		return fmt.Errorf("got %v, want %w", err, want)
	}
	return nil
}

func statsSteps() []statsStep {
	text := Message{Type: Text, Data: []byte("hello")}
	shared := []*Prepared{Prepare(text), Prepare(Message{Type: Binary, Data: make([]byte, 300)})}
	return []statsStep{
		{"write", func(c *Conn) error { return c.Write(background, Text, []byte("hello")) }, 1, 7},
		{"empty", func(c *Conn) error { return c.Write(background, Binary, nil) }, 1, 2},
		{"large", func(c *Conn) error { return c.Write(background, Binary, []byte(compressNoise(30_000, 1))) }, 1, 30_004},
		{"batch", func(c *Conn) error { return c.WriteBatch(background, text, text, text) }, 3, 21},
		{"batch-stopped", func(c *Conn) error {
			return wantRefused(c.WriteBatch(background, text, Message{Type: Text, Data: []byte{0xff}}, text), ErrInvalidUTF8)
		}, 1, 7},
		{"refused", func(c *Conn) error { return wantRefused(c.Write(background, 7, nil), ErrMessageType) }, 0, 0},
		{"next-writer", func(c *Conn) error {
			w, err := c.NextWriter(background, Text)
			if err != nil {
				return err
			}
			for range 20 {
				fmt.Fprint(w, strings.Repeat("x", 1000))
			}
			return w.Close()
		}, 1, 20_012}, // three frames
		{"next-writer-empty", func(c *Conn) error {
			w, err := c.NextWriter(background, Text)
			if err != nil {
				return err
			}
			return w.Close()
		}, 1, 2},
		{"prepared", func(c *Conn) error { return c.WritePrepared(background, shared...) }, 2, 311},
		{"prepared-again", func(c *Conn) error { return c.WritePrepared(background, shared[1]) }, 1, 304},
		{"queue", func(c *Conn) error {
			q := NewQueue(c, QueueOptions{})
			for range 3 {
				if err := q.Send(background, text); err != nil {
					return err
				}
			}
			return q.Flush(background)
		}, 3, 21},
		{"not-compressed", func(c *Conn) error {
			return c.WriteBatch(background, Message{Type: Text, Data: []byte(compressJSON(3000)), NoCompression: true})
		}, 1, 0},
		{"compressed-perhaps", func(c *Conn) error { return c.Write(background, Text, []byte(compressJSON(3000))) }, 1, 0},
	}
}

// run has one side do the step and the other read, and wants all of it counted.
// It returns what was counted.
func (l *compressLink) run(from Role, s statsStep) (bytes int64) {
	l.t.Helper()
	to := opposite(from)
	size := l.size(from)
	sender, receiver := l.conns[from].Stats(), l.conns[to].Stats()
	if err := s.do(l.conns[from]); err != nil {
		l.t.Fatalf("%s: %v", s.name, err)
	}
	for range s.messages {
		if _, _, err := l.conns[to].Read(l.t.Context()); err != nil {
			l.t.Fatalf("%s: Read = %v", s.name, err)
		}
	}
	bytes = int64(l.size(from) - size)
	sender.MessagesSent += s.messages
	sender.BytesSent += bytes
	receiver.MessagesReceived += s.messages
	receiver.BytesReceived += bytes
	wantStats(l.t, s.name+" by "+from.String(), l.conns[from], sender)
	wantStats(l.t, s.name+" to "+to.String(), l.conns[to], receiver)
	return bytes
}

func wantStats(t *testing.T, why string, c *Conn, want Stats) {
	t.Helper()
	if got := c.Stats(); got != want {
		t.Errorf("%s: got %+v, want %+v", why, got, want)
	}
}

// wantAllCounted closes the session, and wants all that went over the pipe behind
// the handshake to be counted.
func (l *compressLink) wantAllCounted() {
	l.t.Helper()
	l.close()
	for role, c := range l.conns {
		s, other := c.Stats(), l.conns[opposite(Role(role))].Stats()
		if sent := int64(len(l.ends[role].sent()) - l.handshakes[role]); s.BytesSent != sent {
			l.t.Errorf("%v: %d bytes are counted, %d were sent", Role(role), s.BytesSent, sent)
		}
		if s.BytesSent != other.BytesReceived || s.MessagesSent != other.MessagesReceived {
			l.t.Errorf("%v has %+v, but its peer %+v", Role(role), s, other)
		}
	}
}

func TestStatsCountEverythingOnBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := newPipe(func(k *simKnobs) { k.capacity = 1 << 20 })
		l := &compressLink{t: t, ends: [2]*simConn{ours, theirs}}
		l.ends[RoleClient], l.ends[RoleServer] = ours, theirs
		l.conns[RoleClient], _ = newTestConnOn(t, RoleClient, Options{}, ends{ours, theirs})
		l.conns[RoleServer], _ = newTestConnOn(t, RoleServer, Options{}, ends{theirs, ours})
		for _, from := range []Role{RoleServer, RoleClient} {
			for _, s := range statsSteps() {
				want := s.bytes
				if from == RoleClient {
					want += 4 * s.frames() // their masks
				}
				if n := l.run(from, s); s.bytes > 0 && n != want {
					t.Errorf("%s by %v: %d bytes, want %d", s.name, from, n, want)
				}
			}
		}
		l.wantAllCounted()
	})
}

func TestStatsCountCompressedBytes(t *testing.T) {
	for name, c := range map[string]Compression{
		"takeover":    {Threshold: -1},
		"no-takeover": {Threshold: -1, ServerNoContextTakeover: true, ClientNoContextTakeover: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newCompressLink(t, c, c)
				for role, c := range l.conns {
					wantStats(t, "the handshake does not count: "+Role(role).String(), c, Stats{})
				}
				for _, from := range []Role{RoleServer, RoleClient} {
					sizes := map[string]int64{}
					for _, s := range statsSteps() {
						sizes[s.name] = l.run(from, s)
					}
					if sizes["compressed-perhaps"]*2 > sizes["not-compressed"] {
						t.Errorf("%v: compressed it is %d bytes, and else %d", from, sizes["compressed-perhaps"], sizes["not-compressed"])
					}
				}
				l.wantAllCounted()
			})
		})
	}
}

// A message counts when its last piece is read, its bytes when they arrive, and
// control frames as bytes alone.
func TestStatsOfFragments(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		startRead(c)
		var bytes, messages int64
		for i, step := range []struct {
			frame []byte
			last  bool
		}{
			{p.frame(OpText, false, "one "), false}, {p.frame(OpPing, true, ""), false}, {p.frame(OpContinuation, false, ""), false},
			{p.frame(OpContinuation, true, "two"), true}, {p.frame(OpPong, true, "unasked"), false}, {p.frame(OpBinary, true, ""), true},
		} {
			for _, b := range step.frame[:len(step.frame)-1] {
				p.writeBytes([]byte{b})
				synctest.Wait()
				bytes++
				if got := c.Stats(); got.BytesReceived != bytes || got.MessagesReceived != messages {
					t.Fatalf("inside of frame %d: %+v, want %d bytes", i, got, bytes)
				}
			}
			p.writeBytes(step.frame[len(step.frame)-1:])
			synctest.Wait()
			bytes++
			if step.last {
				messages++
			}
			if got := c.Stats(); got.BytesReceived != bytes || got.MessagesReceived != messages || got.MessagesSent != 0 {
				t.Fatalf("behind frame %d: %+v, want %d bytes and %d messages", i, got, bytes, messages)
			}
		}
		p.wantFrame("the answer", OpPong, "")
		want := int64(2)
		if p.role == RoleServer {
			want = 6 // with its mask
		}
		if got := c.Stats().BytesSent; got != want {
			t.Errorf("%d bytes are sent, want the pong's %d", got, want)
		}
	})
}

// What the client has sent with its request counts, the request does not.
func TestStatsOfEarlyBytes(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		stats := make(chan Stats, 2)
		l := serve(t, Upgrader{}, func(ctx context.Context, c *Conn) error {
			stats <- c.Stats()
			_, _, err := c.Read(ctx)
			stats <- c.Stats()
			return err
		})
		p := newClientPeer(t, dialServer(t, l))
		early := p.frame(OpText, true, "early")
		p.writeBytes(append([]byte(rawRequest()), early...))
		n := int64(len(early))
		for _, want := range []Stats{{BytesReceived: n}, {BytesReceived: n, MessagesReceived: 1}} {
			if got := <-stats; got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	})
	dialBubble(t, Dialer{}, testURL, func(s *dialing) {
		t := s.t
		p, head := s.accept()
		early := p.frame(OpText, true, "early")
		p.writeBytes(append([]byte(hostileResponse{text: rawAnswer()}.raw(keyOf(t, head))), early...))
		c := s.opened().c
		wantStats(t, "behind Dial", c, Stats{BytesReceived: int64(len(early))})
		reads(t, c).want("it was not lost", Text, "early")
		wantStats(t, "behind Read", c, Stats{BytesReceived: int64(len(early)), MessagesReceived: 1})
	})
}

// What is dropped behind the peer's Close is not counted, nor what was not sent.
func TestStatsEndWithTheClose(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		read := startRead(c)
		farewell := p.frame(OpClose, true, string(AppendCloseBody(nil, CloseNormal, "")))
		p.writeBytes(farewell)
		p.wantClose("the answer", CloseNormal, "")
		<-read
		if err := c.Write(background, Text, []byte("too late")); err == nil {
			t.Error("Write = nil behind the Close")
		}
		p.writeBytes(make([]byte, 1000))
		p.conn.Close()
		<-c.Done()
		want := Stats{BytesReceived: 8, BytesSent: 4} // the peer's has a mask
		if p.role == RoleServer {
			want = Stats{BytesReceived: 4, BytesSent: 8}
		}
		wantStats(t, "at the end", c, want)
	})
}

// Stats may be called while everything is under way, on every transport, and
// when the connection is over.
func TestStatsWhileTheConnectionWorks(t *testing.T) {
	const messages, size = 50, 50_000 // more than a buffer
	for _, link := range slices.Clone(testLinks[:4]) {
		t.Run(link.name, func(t *testing.T) {
			var both [2]net.Conn
			both[0], both[1] = link.open(t)
			server, _ := newTestConnOn(t, RoleServer, Options{}, ends{both[0], both[1]})
			client, _ := newTestConnOn(t, RoleClient, Options{}, ends{both[1], both[0]})
			stop := make(chan struct{})
			var watching sync.WaitGroup
			for _, c := range []*Conn{server, client} {
				watching.Go(func() { watchStats(t, c, stop) })
			}
			echo := started(func() error { return echoBothWays(server) })
			for range messages {
				wantNil(t, "Write", client.Write(background, Binary, bytes.Repeat([]byte("x"), size)))
				reads(t, client).want("the echo", Binary, strings.Repeat("x", size))
			}
			wantNil(t, "Close", client.Close(CloseNormal, ""))
			<-echo
			<-server.Done()
			close(stop)
			watching.Wait()
			// Headers of 4 and 8 bytes, and a Close of 4 bytes, of 8 with a mask.
			atClient := Stats{MessagesSent: messages, MessagesReceived: messages, BytesSent: messages*(size+8) + 8, BytesReceived: messages*(size+4) + 4}
			wantStats(t, "at the client", client, atClient)
			wantStats(t, "at the server", server, Stats{MessagesSent: messages, MessagesReceived: messages, BytesSent: atClient.BytesReceived, BytesReceived: atClient.BytesSent})
		})
	}
}

// echoBothWays sends every message back, one with Write and the next with a Queue.
func echoBothWays(c *Conn) error {
	q := NewQueue(c, QueueOptions{})
	send := []func(context.Context, Message) error{
		q.Send,
		func(ctx context.Context, m Message) error { return c.Write(ctx, m.Type, m.Data) },
	}
	for m, err := range c.Messages(background) {
		if err != nil {
			return err
		}
		if err := send[0](background, m); err != nil {
			return err
		}
		send[0], send[1] = send[1], send[0]
	}
	return q.Flush(background)
}

// watchStats wants all counters to grow.
func watchStats(t *testing.T, c *Conn, stop <-chan struct{}) {
	for last := (Stats{}); ; {
		s := c.Stats()
		if s.MessagesSent < last.MessagesSent || s.MessagesReceived < last.MessagesReceived || s.BytesSent < last.BytesSent || s.BytesReceived < last.BytesReceived {
			t.Errorf("%+v, and before that %+v", s, last)
		}
		last = s
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
	}
}
