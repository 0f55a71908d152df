// This file tests Conn.Write and WriteBatch where they succeed or refuse.
// write_fail_test.go is about writes that are stopped, writer_test.go about
// NextWriter.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func TestWriteSendsEverySize(t *testing.T) {
	eachLink(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		defer p.meanwhile(func() {
			for _, n := range p.sizes() {
				payload := []byte(testPayload(n))
				for _, typ := range []MessageType{Text, Binary} {
					if err := c.Write(t.Context(), typ, payload); err != nil {
						t.Errorf("%d bytes: %v", n, err)
					}
				}
				if string(payload) != testPayload(n) {
					t.Errorf("Write has changed its %d bytes", n)
				}
			}
		})()
		for _, n := range p.sizes() {
			p.wantFrame("a message of this size", OpText, testPayload(n))
			p.wantFrame("the same as binary", OpBinary, testPayload(n))
		}
	})
}

// wantWrites wants the Conn to have called its transport with so many bytes
// each, since the last time.
func wantWrites(p *testPeer, why string, seen *int, want ...int) {
	p.t.Helper()
	got := p.sim.peer.writes()[*seen:]
	*seen += len(got)
	if !slices.Equal(got, want) {
		p.t.Fatalf("%s: writes of %v bytes, want %v", why, got, want)
	}
}

func TestWriteIsOneTransportWrite(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		seen, mask := 0, 0
		if c.role == RoleClient {
			mask = 4
		}
		for _, n := range []int{0, 1, 125, 126, 8<<10 - 4 - mask} {
			if err := c.Write(t.Context(), Binary, []byte(testPayload(n))); err != nil {
				t.Fatal(err)
			}
			p.wantFrame("a small message", OpBinary, testPayload(n))
			size := Header{Length: uint64(n), Masked: mask > 0}.Size()
			wantWrites(p, fmt.Sprintf("a message of %d bytes", n), &seen, size+n)
		}
	})
}

func TestWriteBatchIsFewTransportWrites(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		var batch []Message
		for i := range 1000 {
			batch = append(batch, Message{Type: Text, Data: fmt.Appendf(nil, "message %4d", i)})
		}
		if err := c.WriteBatch(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
		for i := range batch {
			p.wantFrame("messages come in order", OpText, fmt.Sprintf("message %4d", i))
		}
		total := len(p.sim.peer.sent())
		if n := len(p.sim.peer.writes()); n > total/(8<<10)+1 {
			t.Errorf("%d transport writes for %d bytes", n, total)
		}
		if err := c.WriteBatch(t.Context()); err != nil {
			t.Errorf("no messages: %v", err)
		}
		p.wantIdle("no messages")
	})
}

func TestWriteBatchMixesSizes(t *testing.T) {
	eachLink(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		var batch []Message
		for _, n := range p.sizes() {
			batch = append(batch, Message{Type: Binary, Data: []byte(testPayload(n))}, Message{Type: Text, Data: []byte("between")})
		}
		defer p.meanwhile(func() {
			if err := c.WriteBatch(t.Context(), batch...); err != nil {
				t.Error(err)
			}
		})()
		for _, n := range p.sizes() {
			p.wantFrame("messages come in order", OpBinary, testPayload(n))
			p.wantFrame("messages come in order", OpText, "between")
		}
	})
}

func TestWriteBatchStopsAtTheFirstRefused(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ok, bad, odd := Message{Type: Text, Data: []byte("ok")}, Message{Type: Text, Data: []byte("\xff")}, Message{Type: 3, Data: nil}
		for _, tt := range []struct {
			batch []Message
			want  error
		}{
			{[]Message{ok, ok, bad, ok}, ErrInvalidUTF8},
			{[]Message{ok, ok, odd, ok}, ErrMessageType},
		} {
			if err := c.WriteBatch(t.Context(), tt.batch...); err != tt.want {
				t.Errorf("WriteBatch: %v, want %v", err, tt.want)
			}
			p.wantFrame("in front of the refused", OpText, "ok")
			p.wantFrame("in front of the refused", OpText, "ok")
			p.wantIdle("behind the refused")
		}
	})
}

func TestWriteRefusesWhatIsIllegal(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for _, text := range []string{"\xff", "ok\xe2\x82", "\xed\xa0\x80", "\xc0\x80", strings.Repeat("x", 20_000) + "\xe2\x82"} {
			if err := c.Write(t.Context(), Text, []byte(text)); err != ErrInvalidUTF8 {
				t.Errorf("%s: %v", abridge(text), err)
			}
		}
		for _, typ := range []MessageType{0, 3, 8, 9, 10, 16, 17, 255} {
			if err := c.Write(t.Context(), typ, nil); err != ErrMessageType {
				t.Errorf("type %d: %v", typ, err)
			}
			if _, err := c.NextWriter(t.Context(), typ); err != ErrMessageType {
				t.Errorf("NextWriter of type %d: %v", typ, err)
			}
		}
		p.wantIdle("nothing legal was written")
		if err := c.Write(t.Context(), Binary, []byte("\xff")); err != nil {
			t.Fatal(err)
		}
		p.wantFrame("the connection is as it was", OpBinary, "\xff")
	})
}

// TestWritersTakeTurns: R-28. It has eight writers of messages large and small,
// and a peer that sends pings meanwhile. Each writer's messages come in order and
// whole.
func TestWritersTakeTurns(t *testing.T) {
	const writers = 8
	eachLink(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		messages := 3 * len(p.sizes())
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range messages {
					m := fmt.Appendf(nil, "%d %d %s", w, i, testPayload((w*5+i)*97%9_000))
					if err := writeSomehow(c, i%3, m); err != nil {
						t.Error(err)
					}
				}
			})
		}
		defer p.meanwhile(func() {
			for i := range 20 {
				p.write(OpPing, true, fmt.Sprint(i))
			}
		})()
		go c.Read(ctx)
		wantWriters(p, writers, messages)
		all.Wait()
		cancel()
	})
}

// writeSomehow writes a message in one of three ways.
func writeSomehow(c *Conn, way int, m []byte) error {
	ctx := context.Background()
	switch way {
	case 0:
		return c.Write(ctx, Text, m)
	case 1:
		return c.WriteBatch(ctx, Message{Type: Text, Data: m})
	}
	w, err := c.NextWriter(ctx, Text)
	if err != nil {
		return err
	}
	_, err = w.Write(m)
	return errors.Join(err, w.Close())
}

// wantWriters reads the messages of TestWritersTakeTurns.
func wantWriters(p *testPeer, writers, messages int) {
	p.t.Helper()
	next := make([]int, writers)
	for range writers * messages {
		m := p.readMessage("a writer's message")
		var w, i int
		if _, err := fmt.Sscanf(m, "%d %d ", &w, &i); err != nil {
			p.t.Fatalf("%v in %s", err, abridge(m))
		}
		want := fmt.Sprintf("%d %d %s", w, i, testPayload((w*5+i)*97%9_000))
		if i != next[w] || m != want {
			p.t.Fatalf("got %s; want number %d of writer %d", abridge(m), next[w], w)
		}
		next[w]++
	}
}

// readMessage reads frames up to the end of a message, which control frames
// may interrupt.
func (p *testPeer) readMessage(why string) string {
	p.t.Helper()
	var m strings.Builder
	for first := true; ; {
		h, payload := p.readFrame(why)
		if h.Opcode.IsControl() {
			continue
		}
		if first == (h.Opcode == OpContinuation) {
			p.t.Fatalf("%s: two messages are mixed: %v", why, h.Opcode)
		}
		first = false
		m.WriteString(payload)
		if h.Fin {
			return m.String()
		}
	}
}

// TestWriteSendsOwedPongsFirst has pings come while a write is stalled. A
// second write waits for its turn meanwhile.
func TestWriteSendsOwedPongsFirst(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ctx, cancel := context.WithCancel(t.Context())
		go c.Read(ctx)
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		go c.Write(t.Context(), Text, []byte("first"))
		synctest.Wait()
		go c.Write(t.Context(), Text, []byte("second"))
		p.write(OpPing, true, "a")
		p.write(OpPing, true, "b")
		synctest.Wait()
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = false })
		p.wantFrame("it had begun", OpText, "first")
		p.wantFrame("pongs go in front of what waits", OpPong, "a")
		p.wantFrame("pongs go in front of what waits", OpPong, "b")
		p.wantFrame("and then", OpText, "second")
		p.wantIdle("that is all")
		cancel()
		synctest.Wait()
	})
}

// TestWriteSendsOwedPongsInFront has a ping of ours wait for its turn, which is
// the next to get it.
func TestWriteSendsOwedPongsInFront(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ctx, cancel := context.WithCancel(t.Context())
		go c.Read(ctx)
		p.stall(true)
		go c.Write(t.Context(), Text, []byte("first"))
		synctest.Wait()
		go c.Ping(ctx)
		synctest.Wait()
		p.write(OpPing, true, "a")
		synctest.Wait()
		p.stall(false)
		p.wantFrame("it had begun", OpText, "first")
		p.wantFrame("what is owed goes first", OpPong, "a")
		if h, _ := p.readFrame("and then"); h.Opcode != OpPing {
			t.Errorf("got %v, want a ping", h.Opcode)
		}
		cancel()
		synctest.Wait()
	})
}

func TestWriteWithTheSameContextRegistersOnce(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		ctx := newCountingContext(t.Context())
		for range 10 {
			if err := c.Write(ctx, Text, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if *ctx.registered != 1 {
			t.Errorf("%d registrations", *ctx.registered)
		}
		c.CloseNow()
		if *ctx.unregistered != 1 {
			t.Error("the registration outlives the connection")
		}
	})
}
