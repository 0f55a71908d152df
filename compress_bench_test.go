// This file measures what compression costs a connection: time beside a plain
// one, and memory. What it does to sizes is measured where the codec is.

package websocket

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkCompressedEcho sends JSON over loopback to a server that echoes it,
// both sides being ours. So a round trip compresses and inflates twice. Each
// message is the same; without takeover that does not help.
func BenchmarkCompressedEcho(b *testing.B) {
	ways := []struct {
		name   string
		agreed *Compression
	}{
		{"plain", nil},
		{"compressed", &Compression{}},
		{"without-takeover", &Compression{ServerNoContextTakeover: true, ClientNoContextTakeover: true}},
	}
	for _, size := range []int{128, 16 << 10} {
		for _, way := range ways {
			b.Run(fmt.Sprintf("%s/%d", way.name, size), func(b *testing.B) {
				benchCompressedEcho(b, []byte(compressJSON(size)), Options{Compression: way.agreed})
			})
		}
	}
}

func benchCompressedEcho(b *testing.B, message []byte, o Options) {
	ours, theirs := tcpPair(b)
	server, client := newConn(theirs, RoleServer, o, nil), newConn(ours, RoleClient, o, nil)
	served := make(chan struct{})
	go func() {
		defer close(served)
		var buf []byte
		for {
			typ, m, err := server.AppendRead(context.Background(), buf[:0])
			if err != nil || server.Write(context.Background(), typ, m) != nil {
				return
			}
			buf = m
		}
	}()
	var buf []byte
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		err := client.Write(context.Background(), Text, message)
		if err == nil {
			_, buf, err = client.AppendRead(context.Background(), buf[:0])
		}
		if err != nil || len(buf) != len(message) {
			b.Fatal(len(buf), err)
		}
	}
	client.CloseNow()
	server.CloseNow()
	<-served
}

// BenchmarkCompressedMemory gives the heap that a connection holds which keeps
// the windows of both directions, and has filled them: when it has just
// compressed (busy), and when two ticks of keepalive have passed since (idle). In
// all of it is what plain connections hold. The stacks of those who wait for a
// message are not in it, nor is what the pools have for all connections together.
func BenchmarkCompressedMemory(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchCompressedMemory(b, nil) })
	for _, bits := range []int{15, 12} {
		b.Run(fmt.Sprint(bits, "-bits"), func(b *testing.B) {
			benchCompressedMemory(b, &Compression{ServerMaxWindowBits: bits, ClientMaxWindowBits: bits})
		})
	}
}

func benchCompressedMemory(b *testing.B, agreed *Compression) {
	const links = 500 // so there are 1,000 connections
	var busy, idle int
	for b.Loop() {
		start := liveHeap()
		conns := make([]*Conn, 0, 2*links)
		var readers sync.WaitGroup
		for range links {
			conns = append(conns, openBenchLink(b, agreed, &readers)...)
		}
		busy = liveHeap() - start
		for range 2 {
			for _, c := range conns {
				c.calm()
			}
		}
		idle = liveHeap() - start
		for _, c := range conns {
			c.CloseNow()
		}
		readers.Wait()
	}
	b.ReportMetric(float64(busy)/(2*links), "busy-B/conn")
	b.ReportMetric(float64(idle)/(2*links), "idle-B/conn")
	b.ReportMetric(0, "ns/op") // says nothing
}

// openBenchLink returns the two sides of a connection. Each has sent more than a
// window, has read as much, and waits for a message.
func openBenchLink(b *testing.B, agreed *Compression, readers *sync.WaitGroup) []*Conn {
	client, server := newPipe()
	var conns []*Conn
	ends := []*waitingConn{{simConn: client}, {simConn: server}}
	for i, role := range []Role{RoleClient, RoleServer} {
		c := newConn(ends[i], role, Options{KeepAlive: -1, Compression: agreed}, nil)
		if err := c.Write(context.Background(), Text, benchWindow); err != nil {
			b.Fatal(err)
		}
		conns = append(conns, c)
	}
	for i, c := range conns {
		readers.Go(func() {
			for err := error(nil); err == nil; {
				_, _, err = c.Read(context.Background())
			}
		})
		ends[i].await()
	}
	for _, end := range ends { // the pipe is not to be measured
		end.forget()
	}
	return conns
}

// benchWindow is more than the largest window, and fits into a pipe.
var benchWindow = []byte(compressJSON(40_000))

// A waitingConn knows when a Read begins to wait for the peer.
type waitingConn struct {
	*simConn
	waits atomic.Bool
}

func (c *waitingConn) Read(p []byte) (int, error) {
	c.waits.Store(c.unread() == 0)
	return c.simConn.Read(p)
}

// await returns when what was sent to this end has been read, and more is
// waited for.
func (c *waitingConn) await() {
	for !c.waits.Load() {
		runtime.Gosched()
	}
}
