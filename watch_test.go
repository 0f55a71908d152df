package websocket

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines records what a watch sets; safe for concurrent use.
type deadlines struct {
	mu    sync.Mutex
	times []time.Time
}

func (d *deadlines) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.times = append(d.times, t)
	return nil
}

// want wants exactly these, in short: "p" in the past, "0" none, "f" in the
// future.
func (d *deadlines) want(t *testing.T, why, want string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	got := ""
	for _, by := range d.times {
		switch {
		case by.IsZero():
			got += "0"
		case by.After(time.Now()):
			got += "f"
		default:
			got += "p"
		}
	}
	if got != want {
		t.Fatalf("%s: deadlines %q, want %q", why, got, want)
	}
}

// watchTest runs f in a bubble with a watch that sets the deadlines.
func watchTest(t *testing.T, f func(t *testing.T, w *watch, d *deadlines)) {
	synctest.Test(t, func(t *testing.T) {
		d := &deadlines{}
		f(t, &watch{setDeadline: d.set}, d)
	})
}

// countingContext counts its registrations. Its type cannot be compared.
type countingContext struct {
	context.Context
	registered, unregistered *int
	_                        []int
}

func newCountingContext(parent context.Context) countingContext {
	return countingContext{Context: parent, registered: new(int), unregistered: new(int)}
}

// Value hides the standard context inside, which would be registered with.
func (countingContext) Value(any) any { return nil }

// AfterFunc is what context.AfterFunc calls when a context has it.
func (c countingContext) AfterFunc(f func()) (stop func() bool) {
	*c.registered++
	inner := context.AfterFunc(c.Context, f)
	return func() bool {
		*c.unregistered++
		return inner()
	}
}

func mustBegin(t *testing.T, w *watch, ctx context.Context) {
	t.Helper()
	if err := w.begin(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestWatchInterruptsTheCallAndClearsTheDeadline(t *testing.T) {
	watchTest(t, func(t *testing.T, w *watch, d *deadlines) {
		ctx, cancel := context.WithCancel(t.Context())
		mustBegin(t, w, ctx)
		d.want(t, "before the end of the context", "")
		cancel()
		d.want(t, "at the end of the context", "p")
		if !w.end(ctx) {
			t.Error("the call does not know that it was interrupted")
		}
		d.want(t, "after the call", "p0")
		if err := w.begin(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the next call: %v", err)
		}
		mustBegin(t, w, t.Context())
		if w.end(t.Context()) {
			t.Error("a call with another context was interrupted")
		}
		d.want(t, "at the end", "p0")
	})
}

func TestWatchLeavesTheDeadlineAloneBetweenCalls(t *testing.T) {
	watchTest(t, func(t *testing.T, w *watch, d *deadlines) {
		ctx, cancel := context.WithCancel(t.Context())
		mustBegin(t, w, ctx)
		if w.end(ctx) {
			t.Error("interrupted by nobody")
		}
		cancel()
		d.want(t, "the context ended when no call was under way", "")
	})
}

func TestWatchIsNotFiredByAnEarlierContext(t *testing.T) {
	watchTest(t, func(t *testing.T, w *watch, d *deadlines) {
		first, cancel := context.WithCancel(t.Context())
		second := newCountingContext(t.Context())
		mustBegin(t, w, first)
		w.end(first)
		mustBegin(t, w, second)
		cancel()
		d.want(t, "another context's call is under way", "")
		w.fire(first.Done()) // it had begun before it was unregistered
		d.want(t, "another context's call is under way", "")
	})
}

func TestWatchRegistersAContextOnce(t *testing.T) {
	watchTest(t, func(t *testing.T, w *watch, d *deadlines) {
		parent, cancel := context.WithCancel(t.Context())
		defer cancel()
		ctx, other := newCountingContext(parent), newCountingContext(t.Context())
		for range 10 {
			mustBegin(t, w, ctx)
			w.end(ctx)
		}
		if *ctx.registered != 1 || *ctx.unregistered != 0 {
			t.Errorf("10 calls: registered %d times, unregistered %d times", *ctx.registered, *ctx.unregistered)
		}
		same := context.Context(ctx)
		if n := testing.AllocsPerRun(100, func() { w.begin(same); w.end(same) }); n != 0 {
			t.Errorf("%v allocations for the same context", n)
		}
		mustBegin(t, w, other)
		w.end(other)
		w.release()
		if *ctx.unregistered != 1 || *other.registered != 1 || *other.unregistered != 1 {
			t.Errorf("registrations are left: %d, %d−%d", *ctx.unregistered, *other.registered, *other.unregistered)
		}
	})
}

func TestWatchRegistersNothingAfterItsRelease(t *testing.T) {
	watchTest(t, func(t *testing.T, w *watch, d *deadlines) {
		w.release()
		ctx := newCountingContext(t.Context())
		mustBegin(t, w, ctx)
		w.end(ctx)
		if *ctx.registered != 0 {
			t.Error("the context is registered for ever")
		}
	})
}

func TestWatchCostsNothingForContextsWithoutEnd(t *testing.T) {
	w := &watch{} // setDeadline would panic
	ctx := newCountingContext(context.Background())
	same := context.Context(ctx)
	if n := testing.AllocsPerRun(100, func() { w.begin(same); w.end(same) }); n != 0 || *ctx.registered != 0 {
		t.Errorf("%v allocations, %d registrations", n, *ctx.registered)
	}
}

func TestWatchDoesNotUndoAnInterruption(t *testing.T) {
	watchTest(t, func(t *testing.T, w *watch, d *deadlines) {
		ctx, cancel := context.WithCancel(t.Context())
		mustBegin(t, w, ctx)
		w.move(time.Now().Add(time.Second))
		d.want(t, "moved first", "f")
		cancel()
		d.want(t, "then interrupted", "fp")
		w.move(time.Now().Add(time.Second))
		d.want(t, "then moved again", "fp")
		w.end(ctx)
		w.move(time.Now().Add(time.Second))
		d.want(t, "after the call", "fp0f")
	})
}

// TestWatchStress ends contexts at any moment of the calls that they are for. A
// call that nobody interrupts blocks for ever, and one that begins with a stale
// deadline is interrupted by a context that has not ended.
func TestWatchStress(t *testing.T) {
	const rounds = 5_000
	synctest.Test(t, func(t *testing.T) {
		client, server := newPipe()
		defer client.Close()
		defer server.Close()
		w := &watch{setDeadline: client.SetReadDeadline}
		var p [1]byte
		interrupted := 0
		for i := range rounds {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			if i%2 == 0 {
				go server.Write([]byte("x"))
			}
			for n := 0; n == 0; {
				if w.begin(ctx) != nil {
					break
				}
				n, _ = client.Read(p[:])
				if w.end(ctx) {
					interrupted++
				} else if n == 0 {
					t.Fatal("the deadline of an earlier call was left")
				}
			}
			synctest.Wait()
			if client.in.size > 0 {
				client.Read(p[:])
			}
		}
		if interrupted == 0 {
			t.Error("no call was interrupted")
		}
	})
}
