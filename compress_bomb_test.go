// This file tests that a small message cannot grow large in memory (§10.4; 7692
// §8 and the rows S-11, S-18, Z-21, Z-22, Z-24 of the list of hostile inputs), and
// how much an idle connection holds.

package websocket

import (
	"compress/flate"
	"context"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// compressBomb returns n MiB of zeros, compressed: about 1 KiB each.
var compressBomb = sync.OnceValue(func() func(n int) string {
	var b strings.Builder
	w, _ := flate.NewWriter(&b, 9)
	zeros := make([]byte, 1<<20)
	w.Write(zeros)
	w.Flush()
	first := b.Len()
	w.Write(zeros)
	w.Flush()
	b1, b2 := b.String()[:first], b.String()[first:]
	return func(n int) string { return strings.TrimSuffix(b1+strings.Repeat(b2, n-1), "\x00\x00\xff\xff") }
})

// bombFrames encodes a bomb as one frame, or as many.
func bombFrames(p *compressPeer, bomb string, frames int) (b []byte) {
	size := (len(bomb) + frames - 1) / frames
	first := byte(0x40 | OpBinary)
	for ; len(bomb) > size; first = 0 {
		b = append(b, p.raw(first, bomb[:size])...)
		bomb = bomb[size:]
	}
	return append(b, p.raw(first|0x80, bomb)...)
}

// allocated returns how many bytes f allocates, in all.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// liveHeap returns how many bytes are in use, but for what is in pools.
func liveHeap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A heapWatch is a transport which notes how much memory is in use when it is
// read from, as long as that can have to do with the bomb.
type heapWatch struct {
	*simConn
	mu   sync.Mutex
	read int // at most, so far
	most int
}

func (w *heapWatch) Read(p []byte) (int, error) {
	w.mu.Lock()
	if w.read < 2<<10 {
		w.most = max(w.most, liveHeap())
		p = p[:min(len(p), 400)]
	}
	w.read += len(p)
	w.mu.Unlock()
	return w.simConn.Read(p)
}

func (w *heapWatch) peak() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

// TestCompressionBombsAreRefused sends 1 GiB in 1 MiB, which passes for a
// message under the limit by what its header says.
func TestCompressionBombsAreRefused(t *testing.T) {
	const limit = 1 << 20
	bomb := compressBomb()(1024)
	if len(bomb) > limit+limit/8 {
		t.Fatalf("the bomb is %d bytes long", len(bomb))
	}
	for _, frames := range []int{1, 1000} {
		eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
			for kind, read := range bombReads {
				var watch *heapWatch
				c, p := newCompressConnOn(t, c.role, Options{Compression: &p.agreed}, func(ours *simConn) transport {
					watch = &heapWatch{simConn: ours}
					return watch
				})
				b := bombFrames(p, bomb, frames)
				p.writeBytes(b[:16<<10]) // more than enough
				before := liveHeap()
				n, err := read(c)
				wantIs(t, kind, err, RuleTooBig)
				p.wantClose(kind, CloseTooBig, RuleTooBig.Text())
				if n > limit {
					t.Errorf("%s: %d bytes were handed out", kind, n)
				}
				if grown := watch.peak() - before; grown > 2*limit {
					t.Errorf("%s: the heap has grown by %d bytes", kind, grown)
				}
				if left := liveHeap() - before; left > limit/8 { // of which most is the pipe's
					t.Errorf("%s: %d bytes are held afterwards", kind, left)
				}
				c.CloseNow()
				p.conn.Close()
				synctest.Wait()
			}
		})
	}
}

// bombReads read a message and return how much of it there was.
var bombReads = map[string]func(*Conn) (int64, error){
	"AppendRead": func(c *Conn) (int64, error) {
		_, b, err := c.AppendRead(background, nil)
		return int64(len(b)), err
	},
	"NextReader": func(c *Conn) (int64, error) {
		_, r, err := c.NextReader(background)
		if err != nil {
			return 0, err
		}
		return io.Copy(io.Discard, r)
	},
}

// Reading with NextReader, or into memory that is there, takes none for what
// comes out of a bomb.
func TestCompressionBombsTakeNoMemory(t *testing.T) {
	eachTakeover(t, Options{}, func(t *testing.T, c *Conn, p *compressPeer) {
		b := bombFrames(p, compressBomb()(60), 1)
		p.writeBytes(b[:len(b)*9/10])
		synctest.Wait()
		dst := make([]byte, 0, 1<<20)
		n := allocated(func() {
			_, _, err := c.AppendRead(t.Context(), dst)
			wantIs(t, "AppendRead", err, RuleTooBig)
		})
		// The window, what inflates, a buffer and an error.
		if most := 2<<15 + 64<<10; n > most {
			t.Errorf("%d bytes were allocated, want at most %d", n, most)
		}
	})
}

// Z-22: what is exactly as large as may be is no bomb.
func TestCompressionLimitIsExact(t *testing.T) {
	for _, limit := range []int{1, 100, inflateChunk - 1, inflateChunk, inflateChunk + 1, 100_000} {
		for _, most := range []int{3, 1 << 20} {
			eachTakeover(t, Options{MaxMessageSize: int64(limit)}, func(t *testing.T, c *Conn, p *compressPeer) {
				good, bad := strings.Repeat("y", limit), strings.Repeat("y", limit+1)
				noise := compressNoise(limit, 9) // is longer when it is compressed
				done := p.meanwhile(func() {
					p.writeBytes(p.compressed(Binary, noise, max(most, limit/100)))
					p.writeBytes(p.compressed(Text, good, most))
					p.writeBytes(p.compressed(Text, good, most))
					p.writeBytes(p.compressed(Text, bad, most))
				})
				reads(t, c).want("larger on the wire", Binary, noise)
				reads(t, c).want("as large as may be", Text, good)
				wantRest(t, mustNextReader(t, c, Text), good)
				_, got, err := c.Read(t.Context())
				wantIs(t, "a byte more", err, RuleTooBig)
				if len(got) > 0 {
					t.Error("some of it was delivered")
				}
				done()
				p.wantClose("a byte more", CloseTooBig, RuleTooBig.Text())
			})
		}
	}
}

// TestCompressionStandsManyBombs sends one after the other, to connections of
// which each may have what others have used.
func TestCompressionStandsManyBombs(t *testing.T) {
	const bombs, limit = 1000, 64 << 10
	synctest.Test(t, func(t *testing.T) {
		bomb := compressBomb()(64) // 64 MiB in 64 KiB
		dst := make([]byte, 0, limit)
		explode := func(i int) {
			client, server := newPipe()
			o := Options{Compression: &Compression{ClientNoContextTakeover: i%2 == 0}, MaxMessageSize: limit, KeepAlive: -1}
			c := newConn(server, RoleServer, o, nil)
			h := Header{Fin: true, RSV1: true, Opcode: OpBinary, Masked: true, Length: uint64(len(bomb))}
			client.Write(append(AppendHeader(nil, h), bomb[:1024]...))
			_, _, err := c.AppendRead(background, dst)
			wantIs(t, "a bomb", err, RuleTooBig)
			client.Close()
			<-c.Done()
		}
		explode(0)
		before := liveHeap()
		each := allocated(func() {
			for i := range bombs {
				explode(i)
			}
		}) / bombs
		// A window of 32 KiB, and garbage collections empty the pools.
		if each > 2*limit {
			t.Errorf("%d bytes were allocated for each", each)
		}
		<-time.After(time.Hour) // timers that were stopped are forgotten when they would go off
		if left := liveHeap() - before; left > 1<<20 {
			t.Errorf("%d bytes are held afterwards", left)
		}
	})
}

// forget lets go what an end remembers that has been read.
func (c *simConn) forget() {
	defer c.locked()()
	c.written, c.in.chunks = nil, nil
}

// TestCompressionOfIdleConnectionsTakesLittle looks at connections that have
// agreed on everything, have been used, and wait (S-18).
func TestCompressionOfIdleConnectionsTakesLittle(t *testing.T) {
	const conns = 100
	synctest.Test(t, func(t *testing.T) {
		message := []byte(compressJSON(40_000)) // more than a window
		ctx, cancel := context.WithCancel(t.Context())
		var ends [2][]*Conn
		var pipes []*simConn
		start := liveHeap()
		for range conns {
			client, server := newPipe()
			pipes = append(pipes, client, server)
			o := Options{Compression: &Compression{}, KeepAlive: -1}
			ends[0] = append(ends[0], newConn(client, RoleClient, o, nil))
			ends[1] = append(ends[1], newConn(server, RoleServer, o, nil))
		}
		fresh := liveHeap() - start
		for i, client := range ends[0] {
			for _, way := range [][2]*Conn{{client, ends[1][i]}, {ends[1][i], client}} {
				go way[0].Write(ctx, Text, message)
				reads(t, way[1]).want("a message", Text, string(message))
			}
		}
		for i := range conns {
			go ends[0][i].Read(ctx)
			go ends[1][i].Read(ctx)
		}
		synctest.Wait()
		for _, end := range pipes {
			end.forget()
		}
		busy := liveHeap() - start
		<-time.After(3 * calmAfter)
		synctest.Wait()
		idle := liveHeap() - start
		for _, c := range append(ends[0], ends[1]...) {
			if c.sender.deflater.table != nil || c.receiver.inflater.spare != nil {
				t.Fatal("it has more than its windows")
			}
		}
		t.Logf("bytes for each connection: new %d, busy %d, idle %d", fresh/conns/2, busy/conns/2, idle/conns/2)
		if each := idle / conns / 2; each > 2<<15+8<<10 {
			t.Errorf("%d bytes for each idle connection", each)
		}
		cancel()
		for _, c := range append(ends[0], ends[1]...) {
			c.CloseNow()
		}
	})
}
