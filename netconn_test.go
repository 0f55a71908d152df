// These are the tests of Conn.Stream: what every net.Conn does, and what it
// makes of messages and Close frames. Its deadlines are in
// netconn_deadline_test.go.

package websocket

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// eachPair runs a test on both ends of a connection, in a bubble and on TCP.
func eachPair(t *testing.T, f func(t *testing.T, client, server *Conn)) {
	t.Helper()
	t.Run("sim", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := twoConns(t, Options{})
			f(t, client, server)
		})
	})
	t.Run("tcp", func(t *testing.T) {
		a, b := loopback(t)
		client, _ := newTestConnOn(t, RoleClient, Options{}, ends{a, b})
		server, _ := newTestConnOn(t, RoleServer, Options{}, ends{b, a})
		f(t, client, server)
	})
}

// eachStream is eachPair with streams.
func eachStream(t *testing.T, f func(t *testing.T, client, server net.Conn)) {
	t.Helper()
	eachPair(t, func(t *testing.T, client, server *Conn) { f(t, client.Stream(Binary), server.Stream(Binary)) })
}

// wantBytes reads as many bytes as want has.
func wantBytes(t *testing.T, why string, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("%s: read %s, %v; want %s", why, abridge(string(got[:n])), err, abridge(want))
	}
}

// wantRoundTrip wants both directions to work; the far end must echo.
func wantRoundTrip(t *testing.T, why string, s net.Conn) {
	t.Helper()
	const text = "there and back"
	if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("%s: Write = %d, %v", why, n, err)
	}
	wantBytes(t, why, s, text)
}

// A large amount goes there, comes back from an echo, and ends with io.EOF.
func TestStreamCarriesBytes(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server net.Conn) {
		data := make([]byte, 3<<20)
		for i := range data {
			data[i] = byte(i * i >> 8)
		}
		echoed := started(func() error {
			_, err := io.Copy(server, server)
			return err
		})
		wrote := started(func() (err error) {
			for chunk, rest := 1, data; len(rest) > 0 && err == nil; chunk = chunk*3%100_003 + 1 {
				n := min(chunk, len(rest))
				_, err = client.Write(rest[:n])
				rest = rest[n:]
			}
			return err
		})
		wantBytes(t, "what was written", client, string(data))
		wantNil(t, "Write", <-wrote)
		wantNil(t, "Close", client.Close())
		wantNil(t, "io.Copy", <-echoed)
		if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("Read = %d, %v; want EOF again", n, err)
		}
	})
}

func TestStreamReadsAcrossMessages(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Text)
		p.writeBytes(slices.Concat(p.frame(OpText, true, ""), p.frame(OpText, true, "one"), p.frame(OpText, true, ""),
			p.frame(OpText, false, ""), p.frame(OpContinuation, false, "tw"), p.frame(OpContinuation, true, "o")))
		if n, err := s.Read(nil); n != 0 || err != nil {
			t.Fatalf("Read(nil) = %d, %v", n, err)
		}
		wantBytes(t, "piece by piece", s, "on")
		if n, err := s.Read(nil); n != 0 || err != nil {
			t.Fatalf("Read(nil) = %d, %v", n, err)
		}
		wantBytes(t, "across the border", s, "etwo")
	})
}

func TestStreamWritesMessages(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for typ, op := range map[MessageType]Opcode{Text: OpText, Binary: OpBinary} {
			s := c.Stream(typ)
			for _, text := range []string{"one", "", strings.Repeat("x", 20_000)} {
				if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
				p.wantFrame("a message for each call", op, text)
			}
		}
		n, err := c.Stream(Text).Write([]byte{0xff})
		wantIs(t, "Write of what is no text", err, ErrInvalidUTF8)
		if n != 0 {
			t.Fatalf("n = %d", n)
		}
	})
}

func TestStreamHasAddresses(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Binary)
		if s.LocalAddr() != p.conn.RemoteAddr() || s.RemoteAddr() != p.conn.LocalAddr() {
			t.Fatalf("addresses %v, %v", s.LocalAddr(), s.RemoteAddr())
		}
	})
}

// Only an orderly closing looks like the end of a stream.
func TestStreamEndsWithEOFAfterOrderlyClose(t *testing.T) {
	for _, code := range []CloseCode{CloseNormal, CloseGoingAway, CloseNoStatus, CloseInternalError, 4000, CloseAbnormal} {
		t.Run(code.String(), func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				s := c.Stream(Binary)
				p.write(OpBinary, true, "data")
				if code != CloseAbnormal {
					p.writeClose(code, "")
				}
				p.sim.CloseWrite()
				wantBytes(t, "before the end", s, "data")
				for range 3 {
					_, err := s.Read(make([]byte, 1))
					if code == CloseNormal || code == CloseGoingAway {
						wantExactly(t, "Read", err, io.EOF)
					} else {
						wantCloseError(t, "Read", err, CloseError{Code: code, Remote: code != CloseAbnormal})
					}
				}
			})
		})
	}
}

// wantExactly wants err to be nothing but want.
func wantExactly(t *testing.T, why string, err, want error) {
	t.Helper()
	if err != want {
		t.Fatalf("%s: got error %v, want %v", why, err, want)
	}
}

func TestStreamEndsInTheMiddleOfAMessage(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Binary)
		p.write(OpBinary, false, "half")
		p.sim.CloseWrite()
		wantBytes(t, "before the end", s, "half")
		_, err := s.Read(make([]byte, 1))
		wantAbnormal(t, "Read", err, io.ErrUnexpectedEOF)
	})
}

func TestStreamRefusesOtherMessages(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Binary)
		p.write(OpBinary, true, "data")
		p.write(OpText, true, "text")
		wantBytes(t, "before the text", s, "data")
		read := started(func() error { _, err := s.Read(make([]byte, 1)); return err })
		p.wantClose("only binary messages were expected", CloseUnsupportedData, "expected only binary messages")
		p.writeClose(CloseUnsupportedData, "")
		p.wantTeardown("both sides have sent a Close")
		wantIs(t, "Read", <-read, ErrMessageType)
		_, err := s.Read(make([]byte, 1))
		wantCloseError(t, "Read again", err, CloseError{Code: CloseUnsupportedData})
	})
}

func TestStreamCloseClosesWithNormal(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Binary)
		read := started(func() error { _, err := s.Read(make([]byte, 1)); return err })
		synctest.Wait()
		closed := started(s.Close)
		p.wantClose("our Close", CloseNormal, "")
		p.writeClose(CloseNormal, "")
		p.wantTeardown("both sides have sent a Close")
		wantNil(t, "Close", <-closed)
		wantNil(t, "Close again", s.Close())
		wantExactly(t, "the blocked Read", <-read, io.EOF)
		if n, err := s.Write([]byte("late")); n != 0 || err == nil {
			t.Fatalf("Write behind Close = %d, %v", n, err)
		}
	})
}

// TestStreamRacingClose closes under readers and writers: all of them return.
func TestStreamRacingClose(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server net.Conn) {
		var calls sync.WaitGroup
		for _, s := range []net.Conn{client, server} {
			for range 3 {
				calls.Go(func() { io.Copy(io.Discard, s) })
				calls.Go(func() { io.Copy(s, bytes.NewReader(make([]byte, 1<<20))) })
			}
		}
		first, second := started(client.Close), started(server.Close)
		wantNil(t, "Close", <-first)
		wantNil(t, "Close", <-second)
		calls.Wait()
	})
}

// TestStreamConcurrentMethods calls everything from everywhere; the race
// detector has the last word.
func TestStreamConcurrentMethods(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server net.Conn) {
		go io.Copy(server, server)
		var calls sync.WaitGroup
		for range 30 {
			calls.Go(func() { client.Read(make([]byte, 1024)) })
			calls.Go(func() { client.Write(make([]byte, 1024)) })
			calls.Go(func() { client.SetDeadline(time.Now().Add(time.Hour)) })
			calls.Go(func() { client.SetReadDeadline(time.Now().Add(time.Hour)) })
			calls.Go(func() { client.SetWriteDeadline(time.Time{}) })
			calls.Go(func() { client.LocalAddr() })
			calls.Go(func() { client.RemoteAddr() })
		}
		calls.Wait()
		client.Close()
	})
}
