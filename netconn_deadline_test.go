// These are the tests of the deadlines of Conn.Stream.

package websocket

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wantTimeout wants the error that every net.Conn returns at a deadline.
func wantTimeout(t *testing.T, why string, err error) {
	t.Helper()
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("%s: got error %v, want a timeout", why, err)
	}
}

// streamRead reads a byte.
func streamRead(s net.Conn) error {
	_, err := s.Read(make([]byte, 1))
	return err
}

func TestStreamDeadlineInThePast(t *testing.T) {
	eachStream(t, func(t *testing.T, client, server net.Conn) {
		go io.Copy(server, server)
		wantRoundTrip(t, "before", client)
		for range 3 {
			client.SetDeadline(time.Unix(1, 0))
			for range 3 {
				wantTimeout(t, "Read", streamRead(client))
				n, err := client.Write([]byte("x"))
				wantTimeout(t, "Write", err)
				if n != 0 {
					t.Fatalf("Write = %d", n)
				}
			}
			client.SetDeadline(time.Time{})
			wantRoundTrip(t, "after", client)
		}
		wantNil(t, "Close", client.Close())
	})
}

// A deadline that has passed counts also when there is something to read, as
// it does on a socket.
func TestStreamDeadlineInThePastWithDataWaiting(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Text)
		p.writeBytes(slices.Concat(p.frame(OpText, true, "first"), p.frame(OpText, true, "second")))
		for _, want := range []string{"fir", "st", "second"} {
			s.SetReadDeadline(time.Unix(1, 0))
			wantTimeout(t, "in front of "+want, streamRead(s))
			s.SetReadDeadline(time.Now().Add(time.Second))
			wantBytes(t, "nothing is lost", s, want)
		}
	})
}

// TestStreamReadDeadlineMoves sets a deadline of 10 s and does something after
// 4 s while the Read is blocked.
func TestStreamReadDeadlineMoves(t *testing.T) {
	after := func(d time.Duration) time.Time { return time.Now().Add(d) }
	for name, test := range map[string]struct {
		then func(s net.Conn)
		want time.Duration
	}{
		"kept":              {func(s net.Conn) {}, 10 * time.Second},
		"moved-closer":      {func(s net.Conn) { s.SetReadDeadline(after(time.Second)) }, 5 * time.Second},
		"moved-away":        {func(s net.Conn) { s.SetReadDeadline(after(time.Minute)) }, 64 * time.Second},
		"moved-to-the-past": {func(s net.Conn) { s.SetReadDeadline(time.Unix(1, 0)) }, 4 * time.Second},
		"both":              {func(s net.Conn) { s.SetDeadline(after(2 * time.Second)) }, 6 * time.Second},
		"other-half":        {func(s net.Conn) { s.SetWriteDeadline(time.Unix(1, 0)) }, 10 * time.Second},
		"cleared-and-set": {func(s net.Conn) {
			s.SetReadDeadline(time.Time{})
			time.AfterFunc(time.Hour, func() { s.SetReadDeadline(after(time.Second)) })
		}, time.Hour + 5*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
				s := c.Stream(Binary)
				start := time.Now()
				s.SetReadDeadline(after(10 * time.Second))
				time.AfterFunc(4*time.Second, func() { test.then(s) })
				wantTimeout(t, "Read", streamRead(s))
				simWantElapsed(t, start, test.want)
				s.SetReadDeadline(time.Time{})
				p.write(OpBinary, true, "after")
				wantBytes(t, "the stream is unharmed", s, "after")
			})
		})
	}
}

// A deadline that is set again when it has just passed is not met by the
// timer of the old one.
func TestStreamDeadlineIsRenewedForEveryRead(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Binary)
		for range 100 {
			start := time.Now()
			s.SetReadDeadline(start.Add(time.Second))
			time.Sleep(time.Second)
			s.SetReadDeadline(start.Add(2 * time.Second))
			wantTimeout(t, "Read", streamRead(s))
			simWantElapsed(t, start, 2*time.Second)
		}
	})
}

// A read that meets its deadline in the middle of a frame is taken up again.
func TestStreamReadResumesBehindDeadline(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Text)
		frames := slices.Concat(p.frame(OpText, false, "Hello "), p.frame(OpPing, true, "p"), p.frame(OpContinuation, true, "World"))
		var got strings.Builder
		for i := range frames {
			s.SetReadDeadline(time.Now().Add(time.Second))
			_, err := io.Copy(&got, s)
			wantTimeout(t, "Read", err)
			p.writeBytes(frames[i : i+1])
		}
		s.SetReadDeadline(time.Now().Add(time.Second))
		io.Copy(&got, s)
		if got.String() != "Hello World" {
			t.Fatalf("read %q", got.String())
		}
	})
}

// A write that meets its deadline while it waits for its turn has sent
// nothing.
func TestStreamWriteDeadlineWhileWaiting(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		s := c.Stream(Binary)
		w, err := c.NextWriter(background, Binary)
		wantNil(t, "NextWriter", err)
		start := time.Now()
		s.SetWriteDeadline(start.Add(3 * time.Second))
		_, err = s.Write([]byte("x"))
		wantTimeout(t, "Write", err)
		simWantElapsed(t, start, 3*time.Second)
		w.Close()
		p.wantFrame("the message in front", OpBinary, "")
		s.SetWriteDeadline(time.Time{})
		s.Write([]byte("after"))
		p.wantFrame("the stream is unharmed", OpBinary, "after")
	})
}

// A write that meets its deadline in the middle of a frame fails the
// connection. That is a timeout to the writer, but not to readers: theirs could
// be repeated.
func TestStreamWriteDeadlineInAFrameEndsTheStream(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		s := c.Stream(Binary)
		read := started(func() error { return streamRead(s) })
		start := time.Now()
		s.SetWriteDeadline(start.Add(3 * time.Second))
		_, err := s.Write([]byte("stuck"))
		wantTimeout(t, "Write", err)
		simWantElapsed(t, start, 3*time.Second)
		s.SetDeadline(time.Time{})
		for _, err := range []error{<-read, streamRead(s)} {
			wantCloseError(t, "Read", err, CloseError{Code: CloseAbnormal})
			var timeout net.Error
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("Read = %v looks as if it could be repeated", err)
			}
		}
	})
}

// TestStreamDeadlinesRace moves deadlines under readers and writers.
func TestStreamDeadlinesRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := twoConns(t, Options{})
		s := client.Stream(Binary)
		go io.Copy(server.Stream(Binary), server.Stream(Binary))
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				for range 200 {
					s.SetReadDeadline(time.Now().Add(time.Microsecond))
					s.Read(make([]byte, 8))
				}
			})
		}
		calls.Wait()
		s.SetReadDeadline(time.Time{})
		wantRoundTrip(t, "after all that", s)
	})
}
