// This file lets a context end a blocked read or write of a transport, which
// knows only deadlines.

package websocket

import (
	"context"
	"sync"
	"time"
)

// A watch belongs to one direction of a transport. A context that cannot end
// costs nothing; the registration of any other is kept for the next call, so a
// loop that uses the same one pays for it once.
type watch struct {
	setDeadline func(time.Time) error

	mu    sync.Mutex
	done  <-chan struct{} // of the registered context
	stop  func() bool     // unregisters it
	busy  bool            // between begin and end
	fired bool            // the deadline was moved to the past
	over  bool            // nothing is registered any more
}

// begin says that the caller is about to block for ctx. It returns the
// context's error when that has already ended.
func (w *watch) begin(ctx context.Context) error {
	done := ctx.Done()
	if done == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	// Contexts are told apart by their channels: not every context can be
	// compared, and those that share a channel end together.
	if done != w.done && !w.over {
		w.unregister()
		w.done = done
		w.stop = context.AfterFunc(ctx, func() { w.fire(done) })
	}
	w.busy = true
	return nil
}

// fire interrupts the call that is blocked for the context, if there is one.
func (w *watch) fire(done <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy && w.done == done {
		w.fired = true
		w.setDeadline(time.Unix(1, 0))
	}
}

// move sets the deadline for the caller's own reasons. It does not undo what a
// context did since begin.
func (w *watch) move(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fired {
		return nil
	}
	return w.setDeadline(t)
}

// end says that the call has returned, and tells whether the context
// interrupted it, perhaps too late. The deadline is cleared then.
func (w *watch) end(ctx context.Context) (interrupted bool) {
	if ctx.Done() == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
	if w.fired {
		w.fired = false
		w.setDeadline(time.Time{})
		return true
	}
	return false
}

// release forgets the registered context, and those to come: the transport is
// closed, which ends every call.
func (w *watch) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unregister()
	w.done, w.over = nil, true
}

func (w *watch) unregister() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

// contextError wraps the error of a context that ended a call. The connection
// is not harmed.
type contextError struct{ err error }

func (e *contextError) Error() string { return "websocket: " + e.err.Error() }
func (e *contextError) Unwrap() error { return e.err }
func (e *contextError) Timeout() bool { return e.err == context.DeadlineExceeded }
