// This file is the other half of endure_cycles_test.go: servers that leave their
// clients, and TLS in both directions.

package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
)

// enduredServers are how servers behave before they leave: what they send of the
// 101, or behind it.
var enduredServers = map[string]func(answer string) string{
	"connected":       func(answer string) string { return "" },
	"half-an-answer":  func(answer string) string { return answer[:len(answer)/2] },
	"refusal":         func(answer string) string { return "HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nhalf of it" },
	"opened":          func(answer string) string { return answer },
	"in-a-header":     func(answer string) string { return answer + "\x81" },
	"in-a-payload":    func(answer string) string { return answer + "\x81\x05Hel" },
	"message":         func(answer string) string { return answer + "\x81\x05Hello" },
	"ping":            func(answer string) string { return answer + "\x89\x05Hello" },
	"masked-frame":    func(answer string) string { return answer + maskedHello },
	"close":           func(answer string) string { return answer + "\x88\x02\x03\xe9" },
	"in-a-close":      func(answer string) string { return answer + "\x88\x02\x03" },
	"too-large-frame": func(answer string) string { return answer + "\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00" },
}

// servers leave a client at every point.
func TestEndureServersThatLeave(t *testing.T) {
	l := listenLoopback(t)
	defer l.Close()
	for server := range enduredServers {
		serverCycle(t, l, server, true)
	}
	leavesNothing(t, l, func() {
		for server := range enduredServers {
			for i := range enduredCycles {
				serverCycle(t, l, server, i%2 == 0)
			}
		}
	})
}

// serverCycle dials and reads from a server that leaves. The connection is not
// closed by its user: it has ended.
func serverCycle(t *testing.T, l *keeper, server string, reset bool) {
	t.Helper()
	left := started(func() error {
		c, err := l.Listener.Accept()
		if err != nil {
			return err
		}
		defer leave(c.(*net.TCPConn), reset)
		head, n, err := readHead(c, nil)
		if err != nil {
			return err
		}
		r, err := ParseRequest(head[:n])
		if err != nil {
			return err
		}
		_, err = io.WriteString(c, enduredServers[server](string(AppendAnswer(nil, r.Header[fieldKey][0], &Answer{}))))
		return err
	})
	dial := func(_ context.Context, network, addr string) (net.Conn, error) { return l.keep(dialTCP(t, addr)), nil }
	d := &Dialer{Proxy: noProxy, NetDial: dial, Options: Options{Logger: slog.New(slog.DiscardHandler)}}
	c, _, err := d.Dial(t.Context(), "ws://"+l.Addr().String()+"/")
	for err == nil {
		_, _, err = c.Read(t.Context())
	}
	if errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v", server, err)
	}
	wantNil(t, "the server", <-left)
	if c != nil {
		wantDone(t, c)
	}
}

// enduredTLS is how many bytes a client sends before it leaves: parts of its
// first flight, all of that but not of the handshake, and more than the handshake
// has. Negative stands for the handshakes of both TLS and WebSocket, and then a
// message that is cut off.
var enduredTLS = []int{0, 3, 100, 1000, 1550, 3000, -1}

// clients leave in the middle of TLS, whose handshakes are too slow to be
// made as often.
func TestEndureClientsThatLeaveTLS(t *testing.T) {
	cert, pool := newTestCertificate(t)
	l := listenLoopback(t)
	defer enduredServer(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))()
	config := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	cycle := func(n int, reset bool) { tlsCycle(t, config, &leavingConn{dialTCP(t, l.Addr().String()), n, reset}) }
	cycle(-1, true)
	leavesNothing(t, l, func() {
		for _, n := range enduredTLS {
			for i := range enduredCycles / 10 {
				cycle(n, i%2 == 0)
			}
		}
	})
}

// A leavingConn leaves when it has sent so many bytes, unless they are negative.
type leavingConn struct {
	*net.TCPConn
	left  int
	reset bool
}

func (c *leavingConn) Write(p []byte) (int, error) {
	switch {
	case c.left < 0:
		return c.TCPConn.Write(p)
	case len(p) < c.left:
		c.left -= len(p)
		return c.TCPConn.Write(p)
	}
	n, _ := c.TCPConn.Write(p[:c.left])
	leave(c.TCPConn, c.reset)
	return n, net.ErrClosed
}

func tlsCycle(t *testing.T, config *tls.Config, conn *leavingConn) {
	t.Helper()
	client := tls.Client(conn, config)
	if n := conn.left; n >= 0 {
		err := client.Handshake()
		if err == nil { // TLS 1.3 takes its last flight for the end
			_, err = client.Write(make([]byte, n))
		}
		if err == nil {
			t.Errorf("after %d bytes the connection goes on", n)
		}
		return
	}
	p := openPeer(t, client)
	wantEcho(p, "hello")
	p.writeBytes(p.frame(OpText, true, "Hello")[:5])
	leave(conn.TCPConn, conn.reset)
}
