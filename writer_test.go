// This file tests Conn.NextWriter.

package websocket

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func mustNextWriter(t *testing.T, c *Conn, typ MessageType) *MessageWriter {
	t.Helper()
	w, err := c.NextWriter(t.Context(), typ)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// mustWrite writes s whole.
func mustWrite(t *testing.T, w *MessageWriter, s string) {
	t.Helper()
	if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("Write(%s) = %d, %v", abridge(s), n, err)
	}
}

func mustClose(t *testing.T, w *MessageWriter) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// smallFragments makes NextWriter fill frames of 256 bytes.
var smallFragments = Options{WriteBuffer: 256}

// fragmentSize is how much payload such a frame has.
const fragmentSize = 256 - MaxHeaderSize

func TestNextWriterSendsFragments(t *testing.T) {
	const f = fragmentSize
	for _, size := range []int{0, 1, f - 1, f, f + 1, 2 * f, 2*f + 1, 1000} {
		eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
			payload, seen := testPayload(size), 0
			for _, slice := range []int{1, 7, f, 1001} {
				w := mustNextWriter(t, c, Text)
				for i := 0; i < size; i += slice {
					mustWrite(t, w, payload[i:min(size, i+slice)])
				}
				mustClose(t, w)
				op, writes := OpText, []int(nil)
				for rest := payload; op == OpText || rest != ""; op = OpContinuation {
					n := min(f, len(rest))
					p.wantFragment("a full fragment, or the last", op, n == len(rest), rest[:n])
					rest = rest[n:]
					writes = append(writes, Header{Length: uint64(n), Masked: c.role == RoleClient}.Size()+n)
				}
				wantWrites(p, "a fragment is one write", &seen, writes...)
			}
			p.wantIdle("that is all")
		})
	}
}

func TestNextWriterSendsNothingBeforeItMust(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		w := mustNextWriter(t, c, Binary)
		p.wantIdle("nothing was written")
		mustWrite(t, w, strings.Repeat("x", fragmentSize))
		p.wantIdle("it may be all of the message")
		mustWrite(t, w, "")
		p.wantIdle("it may be all of the message")
		mustWrite(t, w, "y")
		p.wantFragment("it is not", OpBinary, false, strings.Repeat("x", fragmentSize))
		mustClose(t, w)
		p.wantFragment("the rest", OpContinuation, true, "y")
	})
}

func TestNextWriterLetsControlFramesPass(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		ctx, cancel := context.WithCancel(t.Context())
		go c.Read(ctx)
		w := mustNextWriter(t, c, Binary)
		mustWrite(t, w, strings.Repeat("x", fragmentSize+1))
		p.wantFragment("the first", OpBinary, false, strings.Repeat("x", fragmentSize))
		p.write(OpPing, true, "between")
		p.wantFrame("control frames go between fragments", OpPong, "between")
		mustClose(t, w)
		p.wantFragment("the last", OpContinuation, true, "x")
		cancel()
		synctest.Wait()
	})
}

func TestNextWriterMakesOthersWait(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		w := mustNextWriter(t, c, Text)
		mustWrite(t, w, "in fragments")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := c.Write(ctx, Text, []byte("never")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Write: %v", err)
		}
		if _, err := c.NextWriter(ctx, Text); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("NextWriter: %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		wait := p.meanwhile(func() { c.Write(t.Context(), Text, []byte("afterwards")) })
		p.wantIdle("the message is not finished")
		mustClose(t, w)
		p.wantFrame("the message goes first", OpText, "in fragments")
		p.wantFrame("others go behind", OpText, "afterwards")
		wait()
		p.wantIdle("who gave up sends nothing")
	})
}

func TestNextWriterChecksTextAcrossFragments(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		text := strings.Repeat("x", fragmentSize-1) + "€" + strings.Repeat("y", fragmentSize)
		w := mustNextWriter(t, c, Text)
		mustWrite(t, w, text)
		mustClose(t, w)
		if got := p.readMessage("a code point in two fragments"); got != text {
			t.Errorf("got %s", abridge(got))
		}
	})
}

// TestNextWriterRefusesTextInItsFirstFragment: nothing has been sent then, so
// nothing is broken.
func TestNextWriterRefusesTextInItsFirstFragment(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		for _, text := range []string{"\xff", "€"[:2], "\xff" + strings.Repeat("x", 1000)} {
			w := mustNextWriter(t, c, Text)
			w.Write([]byte(text))
			if err := w.Close(); err != ErrInvalidUTF8 {
				t.Errorf("Close: %v", err)
			}
		}
		p.wantIdle("nothing was legal")
		if err := c.Write(t.Context(), Text, []byte("x")); err != nil {
			t.Fatal(err)
		}
		p.wantFrame("the connection is as it was", OpText, "x")
	})
}

// TestNextWriterAbandonsWhatCannotBeFinished has the message end badly after a
// fragment was sent. The connection must not go on behind half a message.
func TestNextWriterAbandonsWhatCannotBeFinished(t *testing.T) {
	first := strings.Repeat("x", fragmentSize)
	tests := []struct {
		name string
		do   func(w *MessageWriter, cancel func()) error
		want error
	}{
		{"bad-byte", func(w *MessageWriter, cancel func()) error {
			w.Write([]byte("\xff"))
			return w.Close()
		}, ErrInvalidUTF8},
		{"bad-byte-in-the-middle", func(w *MessageWriter, cancel func()) error {
			w.Write([]byte("\xff" + first + first))
			if n, err := w.Write([]byte("x")); n != 0 || err != ErrInvalidUTF8 {
				return errors.New("the next Write should fail")
			}
			return w.Close()
		}, ErrInvalidUTF8},
		{"cut-code-point", func(w *MessageWriter, cancel func()) error {
			w.Write([]byte("€")[:2])
			return w.Close()
		}, ErrInvalidUTF8},
		{"context-ended", func(w *MessageWriter, cancel func()) error {
			cancel()
			return w.Close()
		}, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w, err := c.NextWriter(ctx, Text)
				if err != nil {
					t.Fatal(err)
				}
				mustWrite(t, w, first+"x")
				p.wantFragment("the first fragment", OpText, false, first)
				if err := tt.do(w, cancel); !errors.Is(err, tt.want) {
					t.Errorf("Close: %v, want %v", err, tt.want)
				}
				p.wantClose("half a message cannot be taken back", CloseInternalError, "a message could not be finished")
				if err := c.Write(t.Context(), Text, []byte("x")); err != ErrClosed {
					t.Errorf("Write: %v", err)
				}
				p.wantIdle("nothing goes behind")
			})
		})
	}
}

// TestNextWriterDoesNotMixMessagesWhenAbandoned has others wait for their turn
// when a message is abandoned. None may take it for a broken one of its own.
func TestNextWriterDoesNotMixMessagesWhenAbandoned(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		w := mustNextWriter(t, c, Text)
		mustWrite(t, w, strings.Repeat("x", fragmentSize+1))
		w.Write([]byte("\xff"))
		var others sync.WaitGroup
		for range 8 {
			others.Go(func() {
				if err := c.Write(t.Context(), Text, []byte("other")); err != ErrClosed {
					t.Errorf("Write: %v", err)
				}
			})
		}
		synctest.Wait()
		c.frameTurn.lock(nil, nil) // somebody is writing a control frame
		closed := p.meanwhile(func() { w.Close() })
		synctest.Wait()
		c.yield()
		closed()
		others.Wait()
	})
}

func TestNextWriterCanBeMisused(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		w := mustNextWriter(t, c, Text)
		mustWrite(t, w, "x")
		mustClose(t, w)
		p.wantFrame("a message", OpText, "x")
		for range 3 {
			if n, err := w.Write([]byte("y")); n != 0 || err != ErrClosed {
				t.Errorf("Write after Close: %d, %v", n, err)
			}
			if err := w.Close(); err != ErrClosed {
				t.Errorf("Close after Close: %v", err)
			}
		}
		p.wantIdle("nothing was legal")
		next := mustNextWriter(t, c, Text) // the turn was given up once
		mustWrite(t, next, "z")
		w.Close()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { synctest.Wait(); cancel() }()
		if err := c.Write(ctx, Text, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("the turn was taken away: %v", err)
		}
		mustClose(t, next)
		p.wantFrame("the next message", OpText, "z")
	})
}

func TestNextWriterMayBeUsedByMany(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		w := mustNextWriter(t, c, Binary)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					w.Write([]byte("0123456789"))
				}
			})
		}
		all.Wait()
		mustClose(t, w)
		if got := p.readMessage("all of it"); got != strings.Repeat("0123456789", 400) {
			t.Errorf("got %s", abridge(got))
		}
	})
}

func TestNextWriterAfterTheEnd(t *testing.T) {
	eachRole(t, smallFragments, func(t *testing.T, c *Conn, p *testPeer) {
		open := mustNextWriter(t, c, Text)
		c.CloseNow()
		if err := open.Close(); err != ErrClosed {
			t.Errorf("a message in progress: %v", err)
		}
		w, err := c.NextWriter(t.Context(), Text)
		if err == nil {
			err = w.Close()
		}
		if err != ErrClosed {
			t.Errorf("a new message: %v", err)
		}
	})
}
