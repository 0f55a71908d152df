// This file tests the in-memory transport's knobs, faults and record.

package websocket

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"syscall"
	"testing"
	"time"
)

func TestSimConnKnobs(t *testing.T) {
	simBubble(t, "read-at-most-1", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.readAtMost = 1 })
		simMustWrite(t, server, "abc")
		for _, want := range []string{"a", "b", "c"} {
			simWantRead(t, client, want, nil)
		}
	})
	simBubble(t, "eof-after-data", func(t *testing.T, client, server *simConn) {
		simMustWrite(t, server, "abc")
		server.CloseWrite()
		simWantRead(t, client, "abc", nil)
		simWantRead(t, client, "", io.EOF)
	})
	simBubble(t, "eof-with-data", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.eofWithData = true })
		simMustWrite(t, server, "abc")
		server.CloseWrite()
		if n, err := io.ReadFull(client, make([]byte, 2)); n != 2 || err != nil {
			t.Fatalf("before the end: %d, %v", n, err)
		}
		simWantRead(t, client, "c", io.EOF)
		simWantRead(t, client, "", io.EOF)
	})
	simBubble(t, "stall-and-release", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.stallWrites = true })
		client.SetWriteDeadline(time.Now().Add(time.Second))
		simWantWrite(t, client, "|nothing", os.ErrDeadlineExceeded)
		client.SetWriteDeadline(time.Time{})
		start := time.Now()
		time.AfterFunc(time.Minute, func() { client.tune(func(k *simKnobs) { k.stallWrites = false }) })
		simMustWrite(t, client, "all")
		simWantElapsed(t, start, time.Minute)
		simWantRead(t, server, "all", nil)
	})
}

func TestSimConnLatency(t *testing.T) {
	simBubble(t, "what-is-sent-arrives-in-order", func(t *testing.T, client, server *simConn) {
		start := time.Now()
		client.tune(func(k *simKnobs) { k.latency = 3 * time.Second })
		simMustWrite(t, client, "slow")
		client.tune(func(k *simKnobs) { k.latency = 0 })
		simMustWrite(t, client, " fast")
		client.CloseWrite()
		simMustWrite(t, server, "back")
		simWantRead(t, client, "back", nil)
		simWantElapsed(t, start, 0)
		simWantAll(t, server, "slow fast", nil)
		simWantElapsed(t, start, 3*time.Second)
	})
	simBubble(t, "reset-takes-its-time", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.latency = 3 * time.Second })
		simMustWrite(t, server, "unread")
		start := time.Now()
		client.Close()
		simMustWrite(t, server, "more")
		simWantRead(t, server, "", syscall.ECONNRESET)
		simWantElapsed(t, start, 3*time.Second)
	})
	simBubble(t, "data-crosses-a-close", func(t *testing.T, client, server *simConn) {
		client.tune(func(k *simKnobs) { k.latency = 3 * time.Second })
		simMustWrite(t, client, "bye")
		client.Close()
		simMustWrite(t, server, "late")
		simWantRead(t, server, "", syscall.ECONNRESET)
	})
}

func TestSimConnFails(t *testing.T) {
	boom := errors.New("boom")
	calls := map[simOp]func(c *simConn) error{
		simRead:        func(c *simConn) error { _, err := c.Read(make([]byte, 1)); return err },
		simWrite:       func(c *simConn) error { _, err := c.Write(make([]byte, 1)); return err },
		simSetDeadline: func(c *simConn) error { return c.SetReadDeadline(time.Time{}) },
		simCloseWrite:  func(c *simConn) error { return c.CloseWrite() },
	}
	for op, call := range calls {
		simBubble(t, string(op), func(t *testing.T, client, server *simConn) {
			simMustWrite(t, server, "four")
			call(client)
			client.fail(op, 2, boom)
			for i, want := range []error{nil, boom, nil} {
				if op != simSetDeadline {
					client.SetDeadline(time.Time{}) // does not count
				}
				if err := call(client); err != want {
					t.Fatalf("call %d: %v, want %v", i, err, want)
				}
			}
		})
	}
	simBubble(t, "close", func(t *testing.T, client, server *simConn) {
		client.fail(simClose, 1, boom)
		if err := client.Close(); err != boom {
			t.Fatalf("Close = %v", err)
		}
		simWantRead(t, server, "", io.EOF)
	})
}

func TestSimConnFailsAfterSomeBytes(t *testing.T) {
	boom := errors.New("boom")
	simBubble(t, "short-write", func(t *testing.T, client, server *simConn) {
		client.failAfter(simWrite, 2, 3, boom)
		simMustWrite(t, client, "one ")
		simWantWrite(t, client, "two|", boom)
		simWantRead(t, server, "one two", nil)
		client.failAfter(simWrite, 1, 3, boom)
		simWantWrite(t, client, "thr|ee", boom)
		simWantRead(t, server, "thr", nil)
	})
	simBubble(t, "data-and-error", func(t *testing.T, client, server *simConn) {
		client.failAfter(simRead, 1, 3, boom)
		time.AfterFunc(time.Second, func() { server.Write([]byte("three")) })
		simWantRead(t, client, "thr", boom)
		simWantRead(t, client, "ee", nil)
	})
}

func TestSimConnIsCutAtEveryOffset(t *testing.T) {
	const text = "0123456789"
	for at := range len(text) + 1 {
		simBubble(t, fmt.Sprintf("reset-at-%d", at), func(t *testing.T, client, server *simConn) {
			simMustWrite(t, server, "lost")
			client.resetAt(at)
			n, err := io.WriteString(client, text)
			if n != at || (err == nil) != (at == len(text)) || err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("Write = %d, %v", n, err)
			}
			simWantRead(t, client, "", syscall.ECONNRESET)
			simWantWrite(t, server, "|x", syscall.ECONNRESET)
			simWantAll(t, server, text[:at], syscall.ECONNRESET)
		})
		simBubble(t, fmt.Sprintf("eof-at-%d", at), func(t *testing.T, client, server *simConn) {
			client.eofAt(at)
			simMustWrite(t, client, text)
			simWantAll(t, server, text[:at], nil)
			simMustWrite(t, server, "heard")
			simWantRead(t, client, "heard", nil)
		})
	}
	simBubble(t, "reset-of-blocked-calls", func(t *testing.T, client, server *simConn) {
		time.AfterFunc(time.Second, func() { client.resetAt(0) })
		go client.Read(make([]byte, 1))
		simWantRead(t, server, "", syscall.ECONNRESET)
	})
}

func TestSimConnRecords(t *testing.T) {
	simBubble(t, "calls", func(t *testing.T, client, server *simConn) {
		server.tune(func(k *simKnobs) { k.stallWrites = true })
		server.SetWriteDeadline(time.Unix(1, 0))
		server.Write([]byte("not taken"))
		simMustWrite(t, client, "ab")
		simMustWrite(t, client, "")
		simMustWrite(t, client, "cde")
		server.CloseWrite()
		client.CloseWrite()
		if client.unread() != 0 || server.unread() != 5 {
			t.Errorf("unread: %d, %d", client.unread(), server.unread())
		}
		simWantAll(t, server, "abcde", nil)
		server.Close()
		client.Close()
		if string(client.sent()) != "abcde" || len(server.sent()) != 0 {
			t.Errorf("sent: %q, %q", client.sent(), server.sent())
		}
		if got := client.writes(); !reflect.DeepEqual(got, []int{2, 0, 3}) {
			t.Errorf("writes of the client: %d", got)
		}
		if got := server.writes(); !reflect.DeepEqual(got, []int{9}) {
			t.Errorf("writes of the server: %d", got)
		}
		want := []string{"server close-write", "client close-write", "server close", "client close"}
		if got := client.closes(); !reflect.DeepEqual(got, want) {
			t.Errorf("closes: %q", got)
		}
	})
}
