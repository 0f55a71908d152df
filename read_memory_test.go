// This file tests how much memory reads hold.

package websocket

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadDoesNotTrustAnnouncedLengths counts what connections allocate that
// are told of 1 MiB each and get one byte of it (S-06).
func TestReadDoesNotTrustAnnouncedLengths(t *testing.T) {
	const conns, limit = 50, defaultBuffer + minRoom + 4<<10 // the last for the test's own
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run(role.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var begun [conns]struct {
					p *testPeer
					b []byte
				}
				for i := range begun {
					c, p := newTestConn(t, role, Options{})
					h := Header{Fin: true, Opcode: OpBinary, Length: 1 << 20, Masked: p.role == RoleClient}
					begun[i].p, begun[i].b = p, p.encode(h, "x")
					begun[i].b = begun[i].b[:h.Size()+1]
					go c.Read(ctx)
				}
				synctest.Wait()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for i := range begun {
					begun[i].p.writeBytes(begun[i].b)
				}
				synctest.Wait()
				runtime.ReadMemStats(&after)
				if got := (after.TotalAlloc - before.TotalAlloc) / conns; got > limit {
					t.Errorf("%d bytes each, want at most %d", got, limit)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// TestReadMemoryGrowsWithTheMessage reads a large message from its first byte
// on (S-21).
func TestReadMemoryGrowsWithTheMessage(t *testing.T) {
	const size = 1 << 20
	var b []byte
	made := 0
	for range size {
		before := cap(b)
		b = room(b, int64(size-len(b)))
		if cap(b) > len(b)+max(len(b), 2*minRoom) {
			t.Fatalf("room for %d bytes behind %d", cap(b), len(b))
		}
		if cap(b) != before {
			made += cap(b)
		}
		b = b[:len(b)+1]
	}
	if cap(b) != size || made > 3*size {
		t.Errorf("%d bytes are held, and %d were made, for a message of %d", cap(b), made, size)
	}
}

// TestReadHoldsNoBufferWhileIdle looks at connections that wait for a message
// (decision 14 of the design).
func TestReadHoldsNoBufferWhileIdle(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for _, size := range []int{5, 20_000} {
			ctx, cancel := context.WithCancel(t.Context())
			p.write(OpBinary, true, testPayload(size))
			reads(t, c).want("the message in front", Binary, testPayload(size))
			go c.Read(ctx)
			synctest.Wait()
			if c.in.buf != nil || c.partial != nil || c.piece != nil {
				t.Error("a buffer is held while nothing is under way")
			}
			cancel()
			synctest.Wait()
		}
	})
}

// What was kept of a message for the next read is let go when there will be none.
func TestReadLetsGoOfAMessageThatWillNotEnd(t *testing.T) {
	ends := map[string]func(c *Conn, p *testPeer){
		"between-reads": func(c *Conn, p *testPeer) { c.CloseNow() },
		"in-a-read":     func(c *Conn, p *testPeer) { p.conn.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				p.write(OpBinary, false, "the beginning of a message")
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				c.Read(ctx)
				if len(c.partial) == 0 {
					t.Error("the beginning was not kept")
				}
				end(c, p)
				c.Read(background)
				if c.partial != nil {
					t.Error("it is kept for ever")
				}
			})
		})
	}
}
