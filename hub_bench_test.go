// This file measures how fast a message reaches a thousand receivers, beside a
// plain loop over the connections.

//go:build unix

package websocket

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkFanOut sends a message to each of 1,000 sockets on loopback, which a
// few goroutines empty. An operation is a message to all of them; msgs/s is how
// many arrived each second.
func BenchmarkFanOut(b *testing.B) {
	for _, size := range []int{128, 1 << 10} {
		m := Message{Type: Binary, Data: make([]byte, size)}
		b.Run(fmt.Sprint("Write/", size), func(b *testing.B) {
			benchFanOut(b, size, func(conns []*Conn) func() error {
				return func() (err error) {
					for _, c := range conns {
						err = c.Write(background, m.Type, m.Data)
					}
					return err
				}
			})
		})
		b.Run(fmt.Sprint("WritePrepared/", size), func(b *testing.B) {
			benchFanOut(b, size, func(conns []*Conn) func() error {
				return func() (err error) {
					p := Prepare(m)
					for _, c := range conns {
						err = c.WritePrepared(background, p)
					}
					return err
				}
			})
		})
		b.Run(fmt.Sprint("Publish/", size), func(b *testing.B) {
			benchFanOut(b, size, func(conns []*Conn) func() error {
				h := &Hub{Queue: QueueOptions{Policy: Block}}
				for _, c := range conns {
					h.Join(c, "all")
				}
				return func() error {
					if n, _ := h.Publish("all", m); n != len(conns) {
						return fmt.Errorf("sent to %d", n)
					}
					return nil
				}
			})
		})
	}
}

// benchFanOut measures what start returns.
func benchFanOut(b *testing.B, size int, start func([]*Conn) (send func() error)) {
	const receivers, readers = 1000, 2
	var conns []*Conn
	var sinks [readers][]*net.TCPConn
	for i := range receivers {
		theirs, ours := tcpPair(b)
		conns = append(conns, newConn(ours, RoleServer, Options{KeepAlive: -1}, nil))
		sinks[i%readers] = append(sinks[i%readers], theirs.(*net.TCPConn))
	}
	var got atomic.Int64
	var drains sync.WaitGroup
	defer drains.Wait()
	for _, s := range sinks {
		drains.Go(func() { benchDrain(s, &got) })
	}
	defer func() { // before the wait
		for _, c := range conns {
			c.CloseNow()
		}
	}()
	send := start(conns)
	frame := int64(len(newFrameImage(Header{}, make([]byte, size)).b))
	b.ReportAllocs()
	sent, begin := int64(0), time.Now()
	for b.Loop() {
		if err := send(); err != nil {
			b.Fatal(err)
		}
		sent += receivers
	}
	for got.Load() < sent*frame {
		time.Sleep(100 * time.Microsecond)
	}
	b.ReportMetric(float64(sent)/time.Since(begin).Seconds(), "msgs/s")
}

// benchDrain empties sockets in turn until they end, and counts what came. It
// rests between the rounds, since it must not measure itself: the kernel has room
// for what comes meanwhile.
func benchDrain(sinks []*net.TCPConn, got *atomic.Int64) {
	buf := make([]byte, 64<<10)
	for len(sinks) > 0 {
		sinks = slices.DeleteFunc(sinks, func(s *net.TCPConn) bool {
			n, ended := benchEmpty(s, buf)
			got.Add(int64(n))
			return ended != nil
		})
		time.Sleep(5 * time.Millisecond)
	}
}

// benchEmpty reads what a socket has.
func benchEmpty(s *net.TCPConn, buf []byte) (n int, ended error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Read(func(fd uintptr) bool {
		n, _, ended = readSocket(fd, buf)
		return true
	})
	return n, errors.Join(err, ended)
}
