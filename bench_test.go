// This file measures what the README claims. Figures of one run can be
// compared with each other, and with nothing else.

package websocket

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
)

var benchSizes = []int{16, 1 << 10, 64 << 10, 1 << 20}

// BenchmarkEcho sends a message over loopback and waits for its echo, beside a
// bare net.Conn that echoes the same bytes. The client's side is the same in
// both: it writes a frame made in advance and reads as many bytes as come back.
func BenchmarkEcho(b *testing.B) {
	for _, size := range benchSizes {
		payload := make([]byte, size)
		frame := appendFrame(nil, Header{Fin: true, Opcode: OpBinary, Masked: true, MaskKey: [4]byte{1, 2, 3, 4}, Length: uint64(size)}, payload)
		b.Run(fmt.Sprintf("net.Conn/%d", size), func(b *testing.B) {
			benchEcho(b, frame, len(frame), func(nc net.Conn) { echoBytes(nc, len(frame)) })
		})
		b.Run(fmt.Sprintf("Conn/%d", size), func(b *testing.B) {
			benchEcho(b, frame, len(frame)-4, func(nc net.Conn) { echoMessages(nc) })
		})
	}
}

// benchEcho measures round trips with a server that was started on the other
// end of a TCP connection.
func benchEcho(b *testing.B, frame []byte, reply int, server func(net.Conn)) {
	nc, peer := tcpPair(b)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server(peer)
	}()
	buf := make([]byte, reply)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nc.Write(frame); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, buf); err != nil {
			b.Fatal(err)
		}
	}
	nc.Close()
	<-served
}

// echoBytes stores and forwards n bytes at a time.
func echoBytes(nc net.Conn, n int) {
	defer nc.Close()
	buf := make([]byte, n)
	for {
		if _, err := io.ReadFull(nc, buf); err != nil {
			return
		}
		if _, err := nc.Write(buf); err != nil {
			return
		}
	}
}

func echoMessages(nc net.Conn) {
	c := newConn(nc, RoleServer, Options{}, nil)
	defer c.CloseNow()
	var buf []byte
	for {
		t, m, err := c.AppendRead(context.Background(), buf[:0])
		if err != nil || c.Write(context.Background(), t, m) != nil {
			return
		}
		buf = m
	}
}

// tcpPair returns both ends of a TCP connection over loopback.
func tcpPair(tb testing.TB) (client, server net.Conn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// BenchmarkMask gives GB/s beside copy.
func BenchmarkMask(b *testing.B) {
	for _, size := range benchSizes {
		p, q := make([]byte, size), make([]byte, size)
		b.Run(fmt.Sprintf("copy/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(p, q)
			}
		})
		b.Run(fmt.Sprintf("Mask/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Mask(p, [4]byte{1, 2, 3, 4}, 1)
			}
		})
	}
}

// BenchmarkNext gives the time for a frame that is in memory: header, rules,
// unmasking, and for text UTF-8.
func BenchmarkNext(b *testing.B) {
	for _, op := range []Opcode{OpBinary, OpText, OpPing} {
		for _, size := range []int{0, 16, 125, 1 << 10} {
			if op.IsControl() && size > MaxControlPayload {
				continue
			}
			b.Run(fmt.Sprintf("%v/%d", op, size), func(b *testing.B) { benchNext(b, op, size) })
		}
	}
}

func benchNext(b *testing.B, op Opcode, size int) {
	// An all-zero key leaves the payload as it is, so the frame can be used again.
	h := Header{Fin: true, Opcode: op, Masked: true, Length: uint64(size)}
	frame := appendFrame(nil, h, make([]byte, size))
	r := NewReceiver(RoleServer, Limits{})
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if ev, n, err := r.Next(frame); ev.Kind == NeedMore || n != len(frame) || err != nil {
			b.Fatal(ev.Kind, n, err)
		}
	}
}

// BenchmarkUTF8 gives the cost of validating text.
func BenchmarkUTF8(b *testing.B) {
	for name, text := range map[string]string{"ascii": "Hello, world. ", "mixed": "Grüße, мир, 世界 🙂 "} {
		for _, size := range []int{125, 64 << 10} {
			var p []byte
			for len(p) < size {
				p = append(p, text...)
			}
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(len(p)))
				for b.Loop() {
					if u := (UTF8{}); !u.Write(p) {
						b.Fatal("refused")
					}
				}
			})
		}
	}
}
