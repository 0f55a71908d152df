// This file injects a fault at every byte of ten recorded conversations, in
// what the peer sends and in what the Conn sends: the end of the bytes, a reset,
// a standstill, reads of one byte and writes that are cut short or into slices.
// Whichever it is, the Conn ends in the time that its Options promise, says why,
// and leaves neither a goroutine nor an open transport behind.

package websocket

import (
	"errors"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A faultyConn is the Conn's end with a fault behind some byte.
type faultyConn struct {
	*simConn
	read, written int
	readsFrom     int // where reads of one byte begin; -1: nowhere
	writesTo      int // where a write is cut in two; -1: nowhere
	cutWrite      func(c *faultyConn, rest []byte) (int, error)
}

func (c *faultyConn) Read(p []byte) (int, error) {
	if c.readsFrom >= 0 {
		p = p[:min(len(p), max(1, c.readsFrom-c.read))]
	}
	n, err := c.simConn.Read(p)
	c.read += n
	return n, err
}

func (c *faultyConn) Write(p []byte) (n int, err error) {
	defer func() { c.written += n }()
	before := c.writesTo - c.written
	if c.writesTo < 0 || before >= len(p) {
		return c.simConn.Write(p)
	}
	c.writesTo = -1
	if before > 0 {
		if n, err = c.simConn.Write(p[:before]); err != nil {
			return n, err
		}
	}
	m, err := c.cutWrite(c, p[n:])
	return n + m, err
}

// A faultKind is what goes wrong at a byte.
type faultKind struct {
	name   string
	theirs bool // at a byte of the peer's
	inject func(r *faultReplay, at int)
	causes []error // of the connection's end, if it ends early
	told   []error // more that a call may tell
	spared bool    // it does not end early, wherever it is
	late   bool    // it comes before what the byte brings about
	within time.Duration
	stalls bool // see faultReplay.stall
}

// cutWrite has the Conn's writes do what f does, from a byte on.
func cutWrite(f func(c *faultyConn, rest []byte) (int, error)) func(*faultReplay, int) {
	return func(r *faultReplay, at int) { r.ours.writesTo, r.ours.cutWrite = at, f }
}

// turnKnob has writes go on with a knob turned.
func turnKnob(turn func(*simKnobs)) func(*faultReplay, int) {
	return cutWrite(func(c *faultyConn, rest []byte) (int, error) {
		c.tune(turn)
		return c.simConn.Write(rest)
	})
}

// takeNothing has one write take no more, with an error or, which io.Writer
// forbids, without.
func takeNothing(err error) func(*faultReplay, int) {
	return cutWrite(func(*faultyConn, []byte) (int, error) { return 0, err })
}

var faultKinds = []faultKind{
	{
		name: "fin-of-theirs", theirs: true, causes: []error{io.ErrUnexpectedEOF},
		inject: func(r *faultReplay, at int) { r.theirs.eofAt(at) },
	}, {
		// A peer that reads the end closes; what is written to it then is reset.
		name: "fin-of-ours", causes: []error{io.ErrUnexpectedEOF, syscall.ECONNRESET}, told: []error{syscall.EPIPE},
		inject: func(r *faultReplay, at int) { r.ours.eofAt(at) },
	}, {
		name: "reset-of-theirs", theirs: true, causes: []error{syscall.ECONNRESET},
		inject: func(r *faultReplay, at int) { r.theirs.resetAt(at) },
	}, {
		name: "reset-of-ours", causes: []error{syscall.ECONNRESET}, late: true,
		inject: func(r *faultReplay, at int) { r.ours.resetAt(at) },
	}, {
		name: "stall-of-theirs", theirs: true, stalls: true,
		inject: func(r *faultReplay, at int) { r.player.limit -= r.wire - at },
	}, {
		name: "stall-of-ours", stalls: true,
		inject: turnKnob(func(k *simKnobs) { k.stallWrites = true }),
	}, {
		name: "one-byte-reads", theirs: true, spared: true,
		inject: func(r *faultReplay, at int) { r.ours.readsFrom = at },
	}, {
		name: "sliced-writes", spared: true,
		inject: turnKnob(func(k *simKnobs) { k.capacity = 1 }),
	}, {
		name: "short-writes", causes: []error{errFault}, within: faultCloseTimeout,
		inject: takeNothing(errFault),
	}, {
		name: "short-writes-without-an-error", causes: []error{io.ErrShortWrite}, within: faultCloseTimeout,
		inject: takeNothing(nil),
	},
}

// A faultReplay is a recording with a fault.
type faultReplay struct {
	faultActor
	t      *testing.T
	rec    *recording
	ours   *faultyConn
	theirs *simConn
	player *faultPlayer
	wire   int // bytes of the peer's that do not come with the handshake
	took   time.Duration
}

// newFaultReplay returns one in which the peer says its first n bytes, if those
// are in what comes with the handshake, and all of them otherwise.
func newFaultReplay(t *testing.T, rec *recording, n int) *faultReplay {
	ours, theirs := newFaultPipe(rec.role)
	early := rec.early(n)
	r := &faultReplay{
		t: t, rec: rec, theirs: theirs, wire: rec.length - len(rec.early(rec.length)),
		ours:   &faultyConn{simConn: ours, readsFrom: -1, writesTo: -1},
		player: &faultPlayer{rec: rec, conn: theirs, limit: rec.length},
	}
	r.c = newConn(r.ours, rec.role, rec.options(), early)
	r.c.sender.maskKey = testMaskKeys('C')
	return r
}

// run returns when both sides have nothing more to do. What takes an hour would
// take for ever.
func (r *faultReplay) run() {
	start := time.Now()
	tooLate := time.AfterFunc(time.Hour, func() {
		r.t.Error("it would never have ended")
		r.theirs.reset()
		r.c.CloseNow()
	})
	defer tooLate.Stop()
	played := started(func() bool { r.player.play(); return true })
	r.rec.act(&r.faultActor)
	r.c.Close(CloseGoingAway, "")
	<-r.c.Done()
	r.took = time.Since(start)
	<-played
	r.theirs.Close()
	synctest.Wait()
}

// checkWhole wants the session to have gone as if there were no fault, perhaps
// but for the end of it.
func (r *faultReplay) checkWhole() {
	wantReads(r.t, r.got, r.rec.reads)
	wantCloseError(r.t, "Err", r.c.Err(), r.rec.end)
}

// checkSame wants it to have gone so to the last byte.
func (r *faultReplay) checkSame() {
	r.checkWhole()
	if (r.err == nil) != (r.rec.failed == nil) || r.err != nil && r.err.Error() != r.rec.failed.Error() {
		r.t.Errorf("the calls ended with %v, want %v", r.err, r.rec.failed)
	}
	if got := r.ours.sent(); !slices.Equal(got, r.rec.ours) {
		r.t.Errorf("the Conn sent %q, want %q", got, r.rec.ours)
	}
}

// checkLost wants the connection to have ended because of one of the causes,
// and every call to have told so.
func (r *faultReplay) checkLost(causes, told []error) {
	wantReads(r.t, r.got, r.rec.reads[:min(len(r.got), len(r.rec.reads))])
	wantAbnormalOf(r.t, "Err", r.c.Err(), causes)
	wantAbnormalOf(r.t, "the first call that failed", r.err, slices.Concat(causes, told))
}

// wantAbnormalOf is wantAbnormal with several causes.
func wantAbnormalOf(t *testing.T, why string, err error, causes []error) {
	t.Helper()
	for _, cause := range causes {
		if errors.Is(err, cause) {
			wantAbnormal(t, why, err, cause)
			return
		}
	}
	t.Fatalf("%s: got error %v, want one of %v", why, err, causes)
}

// checkTook wants it to have ended between two times after what the recording
// took.
func (r *faultReplay) checkTook(atLeast, atMost time.Duration) {
	if r.took < atLeast || r.took > r.rec.took+atMost {
		r.t.Errorf("it took %v, want at least %v and at most %v", r.took, atLeast, r.rec.took+atMost)
	}
}

// checkNothingLeft wants the transport to be closed and no timer to be set.
// That no goroutine is left is what the bubble wants.
func (r *faultReplay) checkNothingLeft() {
	checkSent(r.t, r.rec.role, r.ours.sent(), r.rec.opts.Compression)
	if _, err := r.ours.simConn.Write(nil); err == nil {
		r.t.Error("the transport is still open")
	}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if r.c.kill != nil && r.c.kill.Stop() || r.c.pulse.timer.Stop() || r.c.warm.timer != nil && r.c.warm.timer.Stop() {
		r.t.Error("a timer is still set")
	}
}

// checkStalled wants the connection to have ended by the first of the timeouts
// that are for such a standstill, which is none that the session had to wait for.
func (r *faultReplay) checkStalled(theirs bool) {
	switch {
	case r.closing:
		r.checkLost([]error{os.ErrDeadlineExceeded}, nil)
		r.checkTook(faultCloseTimeout, faultCloseTimeout)
	case theirs:
		// The last byte may have come while keepalive waited for a pong.
		r.checkLost([]error{ErrPeerDead}, nil)
		silent := faultKeepAlive + faultPongTimeout
		r.checkTook(silent, silent+min(r.rec.took, faultPongTimeout))
	default:
		r.checkLost([]error{os.ErrDeadlineExceeded}, nil)
		r.checkTook(faultWriteTimeout, faultWriteTimeout+faultWriteTimeout/4)
	}
}

// check wants what a fault at this byte should have led to.
func (r *faultReplay) check(k *faultKind, at int) {
	r.checkNothingLeft()
	// All that the peer needs in order to send its Close, or all of that, has
	// passed by then.
	whole := at == r.rec.length
	if !k.theirs {
		whole = at > r.rec.closeAfter() || at == r.rec.closeAfter() && !k.late
	}
	switch {
	case k.spared:
		r.checkSame()
		r.checkTook(0, 0)
	case whole:
		r.checkWhole()
		r.checkTook(0, faultCloseTimeout)
	case k.stalls:
		r.checkStalled(k.theirs)
	default:
		r.checkLost(k.causes, k.told)
		r.checkTook(0, k.within)
	}
}

// faultOffsets are the places for a fault: every byte of what is short. Of the
// large message only the beginning, the end, and what is around the borders of
// its buffers and around the sizes with which reads go another way.
func faultOffsets(length int) (offsets []int) {
	for at := range length + 1 {
		border := (at+8)%minBuffer < 16
		if length < 1000 || at < 40 || at > length-80 || border && (at < 600 || at > minRoom-300) {
			offsets = append(offsets, at)
		}
	}
	return offsets
}

// Rows, in both directions and for both roles.
func TestFaultsAtEveryByte(t *testing.T) {
	eachRecording(t, func(t *testing.T, rec *recording) {
		for _, k := range faultKinds {
			t.Run(k.name, func(t *testing.T) {
				length := len(rec.ours)
				if k.theirs {
					length = rec.length
				}
				for _, at := range faultOffsets(length) {
					testFaultAt(t, rec, &k, at)
				}
			})
		}
	})
}

// testFaultAt runs a session in a bubble of its own, so that the next one
// cannot begin before every goroutine of this one has ended.
func testFaultAt(t *testing.T, rec *recording, k *faultKind, at int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n, wire := rec.length, at
		if k.theirs && !k.spared {
			n, wire = at, max(0, at-len(rec.early(rec.length)))
		}
		r := newFaultReplay(t, rec, n)
		defer func() {
			if t.Failed() {
				t.Logf("the fault was at byte %d; the first error is %v, Err is %v", at, r.err, r.c.Err())
			}
		}()
		k.inject(r, wire)
		r.run()
		r.check(k, at)
	})
	if t.Failed() {
		t.FailNow()
	}
}

// The conversations have what faults can meet: bytes on both sides, in every
// way to end.
func TestFaultsMeetEverySession(t *testing.T) {
	if len(faultSessions) != 10 {
		t.Fatalf("there are %d sessions", len(faultSessions))
	}
	ends := map[bool]int{}
	eachRecording(t, func(t *testing.T, rec *recording) {
		last := rec.theirs[len(rec.theirs)-1].data
		if rec.length < 15 || len(rec.ours) < 10 || Opcode(last[0]&15) != OpClose {
			t.Errorf("the peer says %d bytes, the Conn %d; the last is %q", rec.length, len(rec.ours), last)
		}
		ends[rec.end.Remote]++
	})
	if ends[true] < 4 || ends[false] < 4 {
		t.Errorf("%d sessions end by the peer, %d by the Conn", ends[true]/2, ends[false]/2)
	}
}
