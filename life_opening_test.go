// This file tests the edges of the opening handshake: what a client sends right
// behind its request, and one that leaves at any byte before that is complete
// (rows R-15 and S-56 of the list of hostile inputs).

package websocket

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// earlyFrames are frames that a client sends before it has seen the 101, a bit of
// everything, and the payloads of the messages among them.
func earlyFrames(p *testPeer, n int) (frames []byte, messages []string) {
	for i := range n {
		text := fmt.Sprintf("message %d %s", i, strings.Repeat("x", i*37%500))
		half := len(text) / 2
		frames = slices.Concat(frames, p.frame(OpText, false, text[:half]), p.frame(OpPing, true, fmt.Sprint(i)),
			p.frame(OpContinuation, true, text[half:]))
		messages = append(messages, text)
	}
	return frames, messages
}

// the bytes behind a request are processed after the 101, in order, and none
// is lost, wherever they are cut by the segments of TCP. The outcome does not
// depend on how many have come with the request.
func TestLifeBeginsWithBytesBehindTheRequest(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		l := serve(t, Upgrader{}, serveEcho)
		whole := 1
		for cut := 0; cut <= whole; cut += 1 + whole/97 {
			p := newClientPeer(t, dialServer(t, l))
			frames, messages := earlyFrames(p, 5)
			stream := slices.Concat([]byte(rawRequest()), frames)
			whole = len(stream)
			p.writeBytes(stream[:cut])
			synctest.Wait()
			p.writeBytes(stream[cut:])
			wantEarly(p, messages)
			finishPeer(p)
		}
	})
}

// wantEarly wants the 101, and behind it the answers to earlyFrames.
func wantEarly(p *testPeer, messages []string) {
	p.t.Helper()
	if head := readHTTPHead(p); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		p.t.Fatalf("answered with %q", head)
	}
	for i, text := range messages {
		p.wantFrame("the ping in the middle", OpPong, fmt.Sprint(i))
		p.wantFrame("the echo", OpText, text)
	}
}

// what has been read with the request is kept, and that is no more than the
// buffer that the request was read into holds. The rest waits in the socket.
func TestLifeKeepsNoMoreThanABufferBehindTheRequest(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		kept := make(chan int, 1)
		l := serve(t, Upgrader{}, func(ctx context.Context, c *Conn) error {
			kept <- cap(c.in.data)
			return serveEcho(ctx, c)
		})
		p := newClientPeer(t, dialServer(t, l))
		p.sim.tune(func(k *simKnobs) { k.capacity = 256 << 10 })
		frames, messages := earlyFrames(p, 300)
		wait := p.meanwhile(func() { p.writeBytes(slices.Concat([]byte(rawRequest()), frames)) })
		wantEarly(p, messages)
		wait()
		if n := <-kept; n == 0 || n > headBuffer {
			t.Errorf("%d bytes were kept of %d, want some, and at most %d", n, len(frames), headBuffer)
		}
		finishPeer(p)
	})
}

// what is behind a request that is refused is not looked at.
func TestLifeDoesNotBeginWithARefusal(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		l := serve(t, Upgrader{}, neverCalled(t))
		p := newClientPeer(t, dialServer(t, l))
		frames, _ := earlyFrames(p, 5)
		p.writeBytes(slices.Concat([]byte(rawRequest("Sec-WebSocket-Key: short")), frames))
		wantRefusal(p, 400, RuleKey)
	})
}

// S-56: FIN or RST at every byte of the TLS handshake and of the request behind
// it. The handler is not called, nothing is left behind, and others are served.
func TestLifeEndsAtEveryByteOfATLSHandshake(t *testing.T) {
	cert, pool := newTestCertificate(t)
	// One small key share, so that there are hundreds of bytes and not thousands.
	config := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", CurvePreferences: []tls.CurveID{tls.X25519}}
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		l := serveTLS(t, cert, Upgrader{}, func(ctx context.Context, c *Conn) error {
			calls.Add(1)
			return serveEcho(ctx, c)
		})
		open := func() (sent int) {
			conn := dialServer(t, l)
			p := openPeer(t, tls.Client(conn, config))
			sent = len(conn.sent())
			finishPeer(p)
			conn.Close()
			return sent
		}
		for at := range open() {
			for _, cut := range []func(*simConn, int){(*simConn).resetAt, (*simConn).eofAt} {
				conn := dialServer(t, l)
				cut(conn, at)
				client := tls.Client(conn, config)
				client.Write([]byte(rawRequest()))
				io.Copy(io.Discard, client)
				conn.Close()
			}
		}
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("the handler was called %d times", n)
		}
		if stacks := allStacks(); strings.Contains(stacks, "serveConn(") {
			t.Errorf("a connection was left behind: %s", stacks)
		}
		open()
	})
}
