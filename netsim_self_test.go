// This file tests the socket half of the in-memory transport. Time is the
// bubble's: a duration that is compared is exact.

package websocket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// simBubble runs a subtest in a synctest bubble on a new pipe, and closes both
// ends when it returns.
func simBubble(t *testing.T, name string, f func(t *testing.T, client, server *simConn)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := newPipe()
			defer client.Close()
			defer server.Close()
			f(t, client, server)
		})
	})
}

func simMustWrite(t *testing.T, c *simConn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("%s: Write(%q) = %d, %v", c.name, s, n, err)
	}
}

// simWantRead reads once into a large buffer.
func simWantRead(t *testing.T, c *simConn, want string, wantErr error) {
	t.Helper()
	p := make([]byte, 1<<10)
	n, err := c.Read(p)
	if string(p[:n]) != want || !errors.Is(err, wantErr) {
		t.Fatalf("%s: Read = %q, %v; want %q, %v", c.name, p[:n], err, want, wantErr)
	}
}

// simWantAll reads until an error, which io.ReadAll turns from io.EOF to nil.
func simWantAll(t *testing.T, c *simConn, want string, wantErr error) {
	t.Helper()
	got, err := io.ReadAll(c)
	if string(got) != want || !errors.Is(err, wantErr) {
		t.Fatalf("%s: ReadAll = %q, %v; want %q, %v", c.name, got, err, want, wantErr)
	}
}

// simWantWrite writes s, of which only what stands before the bar is taken.
func simWantWrite(t *testing.T, c *simConn, s string, wantErr error) {
	t.Helper()
	taken, refused, _ := strings.Cut(s, "|")
	n, err := c.Write([]byte(taken + refused))
	if n != len(taken) || !errors.Is(err, wantErr) {
		t.Fatalf("%s: Write(%.20q) = %d, %v; want %d, %v", c.name, s, n, err, len(taken), wantErr)
	}
}

func simWantElapsed(t *testing.T, since time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(since); got != want {
		t.Fatalf("it took %v, want %v", got, want)
	}
}

func TestSimConnHalfCloses(t *testing.T) {
	simBubble(t, "one-direction-ends", func(t *testing.T, client, server *simConn) {
		p := []byte("last ")
		client.Write(p)
		clear(p) // net.Conn: the buffer is the caller's again
		simMustWrite(t, client, "words")
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		simWantAll(t, server, "last words", nil)
		simWantWrite(t, client, "|more", syscall.EPIPE)
		simMustWrite(t, server, "answer")
		simWantRead(t, client, "answer", nil)
	})
	simBubble(t, "a-blocked-read-ends", func(t *testing.T, client, server *simConn) {
		time.AfterFunc(time.Second, func() { client.CloseWrite() })
		simWantRead(t, server, "", io.EOF)
	})
}

func TestSimConnWriteWaitsForRoom(t *testing.T) {
	simBubble(t, "capacity-4", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.capacity = 4 })
		var done bool
		go func() {
			client.Write([]byte("0123456789"))
			done = true
		}()
		for _, want := range []string{"0123", "4567", "89"} {
			synctest.Wait()
			if last := want == "89"; done != last {
				t.Fatalf("before %q was read: done = %v", want, done)
			}
			simWantRead(t, server, want, nil)
		}
	})
	simBubble(t, "reader-waits-first", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.capacity = 4 })
		time.AfterFunc(time.Second, func() { client.Write([]byte("0123456789")) })
		p := make([]byte, 10)
		if _, err := io.ReadFull(server, p); err != nil || string(p) != "0123456789" {
			t.Fatalf("ReadFull = %q, %v", p, err)
		}
	})
	simBubble(t, "default-64-KiB", func(t *testing.T, client, server *simConn) {
		client.SetWriteDeadline(time.Now().Add(time.Second))
		simWantWrite(t, client, strings.Repeat("x", 64<<10)+"|x", os.ErrDeadlineExceeded)
	})
}

// TestSimConnWritesTakeTurns adds a writer whenever a byte was read, so that
// newcomers meet writers that wait for room.
func TestSimConnWritesTakeTurns(t *testing.T) {
	simBubble(t, "eight-writers", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.capacity = 1 })
		var writers sync.WaitGroup
		got := make([]byte, 8*9)
		for i := range got {
			if i < 8 {
				writers.Go(func() { client.Write(bytes.Repeat([]byte{'a' + byte(i)}, 9)) })
			}
			synctest.Wait()
			server.Read(got[i : i+1])
		}
		writers.Wait()
		if runs := slices.Compact(bytes.Clone(got)); len(runs) != 8 {
			t.Fatalf("writes are mixed: %s", got)
		}
	})
}

func TestSimConnDeadlineEndsEveryWriter(t *testing.T) {
	simBubble(t, "eight-writers", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.capacity = 1 })
		var writers sync.WaitGroup
		for range 8 {
			writers.Go(func() { client.Write([]byte("never read")) })
		}
		synctest.Wait()
		client.SetWriteDeadline(time.Unix(1, 0))
		writers.Wait()
	})
}

// TestSimConnDeadlines sets a deadline of 10 s, then does something after 4 s
// while the call is blocked.
func TestSimConnDeadlines(t *testing.T) {
	type setter = func(*simConn, time.Time) error
	seconds := func(n int) time.Time { return time.Now().Add(time.Duration(n) * time.Second) }
	tests := []struct {
		name string
		then func(c *simConn, set setter)
		want time.Duration
	}{
		{"kept", func(c *simConn, set setter) {}, 10 * time.Second},
		{"moved-closer", func(c *simConn, set setter) { set(c, seconds(1)) }, 5 * time.Second},
		{"moved-away", func(c *simConn, set setter) { set(c, seconds(60)) }, 64 * time.Second},
		{"moved-to-the-past", func(c *simConn, set setter) { set(c, time.Unix(1, 0)) }, 4 * time.Second},
		{"cleared-and-set", func(c *simConn, set setter) {
			set(c, time.Time{})
			time.AfterFunc(time.Hour, func() { set(c, seconds(1)) })
		}, time.Hour + 5*time.Second},
	}
	halves := []struct {
		name string
		set  setter
		call func(c *simConn, p []byte) (int, error)
	}{
		{"read", (*simConn).SetReadDeadline, (*simConn).Read},
		{"write", (*simConn).SetWriteDeadline, (*simConn).Write},
		{"read-of-both", (*simConn).SetDeadline, (*simConn).Read},
		{"write-of-both", (*simConn).SetDeadline, (*simConn).Write},
	}
	for _, half := range halves {
		for _, test := range tests {
			simBubble(t, half.name+"/"+test.name, func(t *testing.T, client, server *simConn) {
				client.tune(func(k *simKnobs) { k.stallWrites = true })
				start := time.Now()
				half.set(client, seconds(10))
				time.AfterFunc(4*time.Second, func() { test.then(client, half.set) })
				n, err := half.call(client, make([]byte, 8))
				var timeout net.Error
				if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Fatalf("call = %d, %v", n, err)
				}
				simWantElapsed(t, start, test.want)
			})
		}
	}
}

func TestSimConnDeadlineOfOneHalfSparesTheOther(t *testing.T) {
	simBubble(t, "read", func(t *testing.T, client, server *simConn) {
		simMustWrite(t, server, "there")
		client.SetReadDeadline(time.Unix(1, 0))
		simWantRead(t, client, "", os.ErrDeadlineExceeded)
		simMustWrite(t, client, "x")
		client.SetReadDeadline(time.Time{})
		simWantRead(t, client, "there", nil)
	})
	simBubble(t, "write", func(t *testing.T, client, server *simConn) {
		simMustWrite(t, server, "there")
		client.SetWriteDeadline(time.Unix(1, 0))
		simWantWrite(t, client, "|x", os.ErrDeadlineExceeded)
		simWantRead(t, client, "there", nil)
	})
}

func TestSimConnCloseEndsItsOwnCalls(t *testing.T) {
	for _, call := range []func(c *simConn, p []byte) (int, error){(*simConn).Read, (*simConn).Write} {
		simBubble(t, "blocked", func(t *testing.T, client, server *simConn) {
			client.tune(func(k *simKnobs) { k.stallWrites = true })
			time.AfterFunc(time.Second, func() { client.Close() })
			if _, err := call(client, make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Fatalf("err = %v", err)
			}
		})
	}
	simBubble(t, "read-blocked-after-half-close", func(t *testing.T, client, server *simConn) {
		client.CloseWrite()
		time.AfterFunc(time.Second, func() { client.Close() })
		simWantRead(t, client, "", net.ErrClosed)
	})
	simBubble(t, "later", func(t *testing.T, client, server *simConn) {
		simMustWrite(t, server, "unread")
		client.Close()
		simWantRead(t, client, "", net.ErrClosed)
		simWantWrite(t, client, "|x", net.ErrClosed)
		for _, err := range []error{client.Close(), client.CloseWrite(), client.SetDeadline(time.Now())} {
			if !errors.Is(err, net.ErrClosed) {
				t.Fatalf("err = %v", err)
			}
		}
	})
}

// TestSimConnCloseAndTheLastWords has the server say goodbye and close in
// several ways, and looks at what the client still reads.
func TestSimConnCloseAndTheLastWords(t *testing.T) {
	tests := []struct {
		name     string
		close    func(t *testing.T, client, server *simConn)
		want     string
		readErr  error
		writeErr error
	}{
		{"nothing-unread", func(t *testing.T, client, server *simConn) {
			server.Close()
		}, "bye", nil, syscall.EPIPE},
		{"data-unread", func(t *testing.T, client, server *simConn) {
			simMustWrite(t, client, "unread")
			server.Close()
		}, "", syscall.ECONNRESET, syscall.ECONNRESET},
		{"data-unread-but-never-reset", func(t *testing.T, client, server *simConn) {
			server.tune(func(k *simKnobs) { k.neverReset = true })
			simMustWrite(t, client, "unread")
			server.Close()
		}, "bye", nil, syscall.EPIPE},
		{"data-after-close", func(t *testing.T, client, server *simConn) {
			server.Close()
			simWantWrite(t, client, "|late", syscall.EPIPE)
		}, "", syscall.ECONNRESET, syscall.ECONNRESET},
		{"half-close-and-drain", func(t *testing.T, client, server *simConn) {
			simMustWrite(t, client, "unread")
			server.CloseWrite()
			simMustWrite(t, client, " and late")
			simWantRead(t, server, "unread and late", nil)
			server.Close()
		}, "bye", nil, syscall.EPIPE},
		{"half-close-without-drain", func(t *testing.T, client, server *simConn) {
			server.CloseWrite()
			simMustWrite(t, client, "late")
			server.Close()
		}, "", syscall.ECONNRESET, syscall.ECONNRESET},
		{"reset", func(t *testing.T, client, server *simConn) {
			server.reset()
		}, "", syscall.ECONNRESET, syscall.ECONNRESET},
	}
	for _, test := range tests {
		simBubble(t, test.name, func(t *testing.T, client, server *simConn) {
			simMustWrite(t, server, "bye")
			test.close(t, client, server)
			simWantAll(t, client, test.want, test.readErr)
			simWantWrite(t, client, "|x", test.writeErr)
		})
	}
}

func TestSimConnPeerCloseEndsABlockedWrite(t *testing.T) {
	simBubble(t, "full-buffer", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.capacity = 3 })
		time.AfterFunc(time.Second, func() { server.Close() })
		simWantWrite(t, client, "123|45", syscall.ECONNRESET)
	})
}
