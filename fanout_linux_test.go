// These tests count the system calls with which queues and hubs write. A Unix
// socket that keeps packets apart, which Linux has, delivers each as one.

package websocket

import (
	"bytes"
	"net"
	"path/filepath"
	"testing"
)

// newPacketConn returns a server's connection on such a socket, and its peer.
func newPacketConn(t *testing.T, o Options) (*Conn, net.Conn) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unixpacket", name)
	wantNil(t, "Listen", err)
	defer l.Close()
	theirs, err := net.Dial("unixpacket", name)
	wantNil(t, "Dial", err)
	ours, err := l.Accept()
	wantNil(t, "Accept", err)
	c, _ := newTestConnOn(t, RoleServer, o, ends{ours, theirs})
	return c, theirs
}

// wantPacket wants a system call to have written just these frames.
func wantPacket(t *testing.T, why string, peer net.Conn, frames ...[]byte) {
	t.Helper()
	buf := make([]byte, 1<<20)
	n, err := peer.Read(buf)
	if want := bytes.Join(frames, nil); err != nil || !bytes.Equal(buf[:n], want) {
		t.Fatalf("%s: one write of %d bytes (%v), want %d frames of %d", why, n, err, len(frames), len(want))
	}
}

// serverFrame returns the frame in which a server sends p.
func serverFrame(op Opcode, p []byte) []byte {
	return appendFrame(nil, Header{Fin: true, Opcode: op, Length: uint64(len(p))}, p)
}

func TestHubWritesOnceToEachMember(t *testing.T) {
	var h Hub
	var peers []net.Conn
	for range 50 {
		c, peer := newPacketConn(t, Options{})
		wantNil(t, "Join", h.Join(c, "a"))
		peers = append(peers, peer)
	}
	for _, size := range []int{0, 10, 1000, 60_000} {
		message := []byte(testPayload(size))
		if sent, _ := h.Publish("a", Message{Type: Binary, Data: message}); sent != len(peers) {
			t.Fatalf("sent to %d", sent)
		}
		for _, peer := range peers {
			wantPacket(t, "header and payload together", peer, serverFrame(OpBinary, message))
		}
	}
}

// Under a full socket messages wait. Then each 64 KiB of them leave with one
// system call, and pongs with the next.
func TestQueueWritesOnceFor64KiB(t *testing.T) {
	c, peer := newPacketConn(t, Options{WriteTimeout: -1})
	q := NewQueue(c, QueueOptions{})
	fill, small := []byte(testPayload(10_000)), []byte(testPayload(1000))
	filled := 0
	for ; !isDraining(q); filled++ {
		wantNil(t, "Send", q.Send(background, Message{Type: Binary, Data: fill}))
	}
	for range 150 {
		wantNil(t, "Send", q.Send(background, Message{Type: Binary, Data: small}))
	}
	ping := Header{Fin: true, Opcode: OpPing, Length: 1, Masked: true, MaskKey: [4]byte{1, 2, 3, 4}}
	message := Header{Fin: true, Opcode: OpText, Masked: true}
	if _, err := peer.Write(appendFrame(appendFrame(nil, ping, []byte("x")), message, nil)); err != nil {
		t.Fatal(err)
	}
	reads(t, c).want("the ping was read", Text, "")
	for range filled {
		wantPacket(t, "what filled it", peer, serverFrame(OpBinary, fill))
	}
	frames := bytes.Repeat(serverFrame(OpBinary, small), 65) // 65 × 1,004 bytes
	wantPacket(t, "the pong is paid by whoever writes next", peer, serverFrame(OpPong, []byte("x")))
	wantPacket(t, "64 KiB", peer, frames)
	wantPacket(t, "64 KiB", peer, frames)
	wantPacket(t, "the rest", peer, frames[:20*1004])
	wantNil(t, "Flush", q.Flush(background))
}
