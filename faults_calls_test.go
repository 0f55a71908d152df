// This file fails the transport's calls in turn, the first Read, the second, …,
// up to one that is not made, over ten recorded conversations. faults_test.go
// does the same to one conversation with contexts, between two Conns.

package websocket

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// A faultCall is a kind of call that fails, and how many bytes it moves all the
// same.
type faultCall struct {
	op   simOp
	take int
}

var faultCalls = []faultCall{
	{simRead, 0}, {simRead, 1}, {simRead, 1 << 20},
	{simWrite, 0}, {simWrite, 1}, {simWrite, 1 << 20},
	{simSetDeadline, 0}, {simCloseWrite, 0}, {simClose, 0},
}

// whichever call fails.
func TestFaultsOfEveryCall(t *testing.T) {
	met := map[simOp]int{}
	eachRecording(t, func(t *testing.T, rec *recording) {
		for _, call := range faultCalls {
			t.Run(fmt.Sprint(call.op, "-of-", call.take), func(t *testing.T) {
				nth := 1
				for testFaultOfCall(t, rec, call, nth) {
					met[call.op]++
					nth++
				}
			})
		}
	})
	for _, call := range faultCalls {
		if met[call.op] < len(faultSessions) {
			t.Errorf("%d calls of %s have failed", met[call.op], call.op)
		}
	}
}

// testFaultOfCall fails the nth call, and returns whether there was one.
func testFaultOfCall(t *testing.T, rec *recording, call faultCall, nth int) (met bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newFaultReplay(t, rec, rec.length)
		defer func() {
			if t.Failed() {
				t.Logf("call %d failed; the first error is %v, Err is %v", nth, r.err, r.c.Err())
			}
		}()
		r.ours.failAfter(call.op, nth, call.take, errFault)
		r.run()
		met = len(r.ours.faults) == 0
		r.checkNothingLeft()
		r.checkCall(call, met)
	})
	if t.Failed() {
		t.FailNow()
	}
	return met
}

// checkCall wants what the failure of a call should have led to, if there was
// one.
func (r *faultReplay) checkCall(call faultCall, met bool) {
	lost := &CloseError{}
	if !errors.As(r.c.Err(), &lost) {
		r.t.Fatalf("Err is %v", r.c.Err())
	}
	switch {
	case !met || call.op == simRead && call.take > 0:
		// An error that comes with bytes, and then no more, goes unnoticed.
		r.checkSame()
		r.checkTook(0, 0)
	case lost.Code == CloseAbnormal:
		if call.op == simClose || call.op == simCloseWrite {
			r.t.Errorf("%s has failed, which is the last thing to do: %v", call.op, lost)
		}
		r.checkLost([]error{errFault}, nil)
		r.checkTook(0, faultCloseTimeout)
	case errors.Is(r.err, errFault):
		// A write has failed, but the peer has sent its Close.
		wantAbnormal(r.t, "the first call that failed", r.err, errFault)
		wantCloseError(r.t, "Err", lost, CloseError{Code: r.rec.end.Code, Reason: r.rec.end.Reason, Remote: lost.Remote})
		r.checkTook(0, faultCloseTimeout)
	default:
		r.checkWhole()
		r.checkTook(0, faultCloseTimeout)
	}
}
