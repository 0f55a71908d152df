// This file tests what clients do to a handshake over time: rows H-108 to H-113
// of table H, and connections that break off.

package websocket

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// dripServer starts a server whose HandshakeTimeout is 7 s, and connects.
func dripServer(t *testing.T, serve serveFunc) (conn *simConn, start time.Time) {
	t.Helper()
	l := serve(t, Upgrader{HandshakeTimeout: 7 * time.Second}, neverCalled(t))
	return dialServer(t, l), time.Now()
}

// serveHurried is serveHTTP with the same patience as dripServer.
func serveHurried(t *testing.T, u Upgrader, f connFunc) *simListener {
	t.Helper()
	return startHTTP(t, &http.Server{Handler: Handler(f, &u), ReadHeaderTimeout: 7 * time.Second})
}

// H-108 to H-110: the deadline is for the whole head, not for each read.
func TestHostileClientTakesItsTime(t *testing.T) {
	for name, serve := range map[string]serveFunc{"raw": serveRaw, "net-http": serveHurried} {
		t.Run("H-108-silence/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, start := dripServer(t, serve)
				if sent := wantClosedAt(t, conn, start, 7*time.Second); sent != "" {
					t.Errorf("the answer is %q", sent)
				}
			})
		})
		t.Run("H-109-byte-each-second/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, start := dripServer(t, serve)
				dripped := make(chan int, 1)
				go func() { dripped <- drip(conn, time.Second, rawRequest()) }()
				conn.peer.tune(func(k *simKnobs) { k.neverReset = true })
				wantClosedAt(t, conn, start, 7*time.Second)
				if n := <-dripped; n < 6 || n > 8 {
					t.Errorf("%d bytes were taken", n)
				}
			})
		})
	}
	t.Run("H-109-byte-just-in-time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := serveRaw(t, Upgrader{Options: Options{KeepAlive: -1}, HandshakeTimeout: 7 * time.Second}, serveEcho)
			conn := dialServer(t, l)
			go drip(conn, 7*time.Second/time.Duration(len(rawRequest())+1), rawRequest())
			p := newClientPeer(t, conn)
			if head := readHTTPHead(p); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
				t.Fatalf("answered with %q", head)
			}
			<-time.After(time.Hour) // the deadline of the handshake is gone
			wantEcho(p, "hello")
			finishPeer(p)
		})
	})
}

// drip writes text byte by byte, each after a pause, as far as it is taken.
func drip(conn *simConn, pause time.Duration, text string) int {
	for i := range text {
		<-time.After(pause)
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return i
		}
	}
	return len(text)
}

// A client that gets a refusal, goes on sending and does not close is left after
// CloseTimeout.
func TestHostileClientLingersBehindARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := newPipe()
		defer client.Close()
		simMustWrite(t, client, rawRequest("-Host"))
		u := &Upgrader{Options: Options{CloseTimeout: 3 * time.Second}}
		errs := make(chan error, 1)
		go func() {
			_, _, err := u.UpgradeConn(server)
			errs <- err
		}()
		start := time.Now()
		wantRefusal(newClientPeer(t, client), 400, RuleHost)
		simWantElapsed(t, start, 0)
		dripped := make(chan int, 1)
		go func() { dripped <- drip(client, 70*time.Millisecond, strings.Repeat("x", 100)) }()
		if err := <-errs; !errors.Is(err, RuleHost) {
			t.Errorf("UpgradeConn = %v", err)
		}
		simWantElapsed(t, start, 3*time.Second)
		if n := <-dripped; n > 44 {
			t.Errorf("%d bytes were taken after the end", n)
		}
	})
}

// H-111 and S-56: at each byte of the handshake FIN or RST comes. Nothing is
// called, logged or left behind.
func TestHostileClientBreaksOff(t *testing.T) {
	text := rawRequest()
	eachServer(t, func(t *testing.T, serve serveFunc) {
		logger, out := newTestLog()
		var calls atomic.Int32
		l := serve(t, Upgrader{Options: Options{Logger: logger}}, func(ctx context.Context, c *Conn) error {
			calls.Add(1)
			return serveEcho(ctx, c)
		})
		for at := range len(text) {
			for _, cut := range []func(*simConn, int){(*simConn).resetAt, (*simConn).eofAt} {
				conn := dialServer(t, l)
				cut(conn, at)
				io.WriteString(conn, text)
				for p := newClientPeer(t, conn); p.fill() == nil; {
				}
				conn.Close()
			}
		}
		synctest.Wait()
		if n := calls.Load(); n != 0 || out.String() != "" {
			t.Errorf("the handler was called %d times, the log says %q", n, out)
		}
		finishPeer(openServer(t, l))
	})
}

// The client vanishes while the answer is under way.
func TestHostileClientDoesNotTakeTheAnswer(t *testing.T) {
	for name, spoil := range map[string]func(server *simConn){
		"reset":        func(c *simConn) { c.failAfter(simWrite, 1, 20, syscall.ECONNRESET) },
		"closed-early": func(c *simConn) { c.fail(simWrite, 1, syscall.EPIPE) },
		"window-shut":  func(c *simConn) { c.tune(func(k *simKnobs) { k.stallWrites = true }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := newPipe()
				defer client.Close()
				u := &Upgrader{Options: Options{Logger: slog.New(slog.DiscardHandler)}, HandshakeTimeout: 7 * time.Second}
				spoil(server)
				simMustWrite(t, client, rawRequest())
				start := time.Now()
				c, r, err := u.UpgradeConn(server)
				if c != nil || r == nil || err == nil {
					t.Fatalf("UpgradeConn = %v, %v, %v", c, r, err)
				}
				wantCloseError(t, "the transport has died", err, CloseError{Code: CloseAbnormal})
				if time.Since(start) > 7*time.Second {
					t.Errorf("it took %v", time.Since(start))
				}
				if _, err := server.Write(nil); err == nil {
					t.Error("the connection is still open")
				}
			})
		})
	}
}

// H-113: a request over HTTP/2, written by hand. net/http refuses the one with
// Upgrade, which is malformed there; the other one gets to us.
func TestHostileClientSpeaksHTTP2(t *testing.T) {
	for name, more := range map[string][]string{
		"H-113-with-upgrade":    {"upgrade", "websocket", "connection", "Upgrade"},
		"H-113-without-upgrade": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &http.Server{Handler: Handler(neverCalled(t), nil), Protocols: new(http.Protocols)}
				s.Protocols.SetUnencryptedHTTP2(true)
				conn := dialServer(t, startHTTP(t, s))
				simMustWrite(t, conn, http2Request(more...))
				const status400 = 0x80 | 12 // in HPACK's static table (RFC 7541, appendix A)
				if block := readHTTP2Headers(t, conn); block[0] != status400 {
					t.Errorf("the header block of the answer is %q, want :status 400", block)
				}
			})
		})
	}
}

// http2Request returns the preface of a client, its SETTINGS, and HEADERS with
// a handshake and more fields (RFC 9113 §3.4, §6.2; RFC 7541 §6.2.2).
func http2Request(more ...string) string {
	fields := []string{
		":method", "GET", ":scheme", "http", ":path", "/", ":authority", "127.0.0.1",
		"sec-websocket-version", "13", "sec-websocket-key", sampleKey,
	}
	fields = append(fields, more...)
	var block strings.Builder
	for i := 0; i < len(fields); i += 2 {
		block.WriteByte(0) // a literal without indexing, with a new name
		for _, s := range fields[i : i+2] {
			block.WriteByte(byte(len(s)))
			block.WriteString(s)
		}
	}
	const endStreamAndHeaders = "\x05"
	return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" +
		string([]byte{0, 0, byte(block.Len())}) + "\x01" + endStreamAndHeaders + "\x00\x00\x00\x01" + block.String()
}

// readHTTP2Headers returns the header block of the first HEADERS frame.
func readHTTP2Headers(t *testing.T, conn *simConn) []byte {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(testPatience))
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil {
			t.Fatalf("no answer: %v", err)
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(conn, payload); err != nil {
			t.Fatalf("no answer: %v", err)
		}
		if head[3] == 1 {
			return payload
		}
	}
}
