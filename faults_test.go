// This file injects faults: it fails each call of the transport in turn, over
// a session that has a bit of everything. Whatever fails, every call returns in
// time, says what happened, and leaves nothing behind.

package websocket

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var errFault = errors.New("injected fault")

// A faultRun is the session between a Conn whose transport fails once, and one
// that is sound.
type faultRun struct {
	t           *testing.T
	ours        *simConn
	sick, sound *Conn
	start       time.Time
	err         error // the first that a call on sick returned
	excused     bool  // that may be a timeout
}

func newFaultRun(t *testing.T, role Role, ours, theirs *simConn) *faultRun {
	o := Options{Logger: slog.New(slog.DiscardHandler), WriteBuffer: 256, KeepAlive: -1}
	r := &faultRun{t: t, ours: ours, start: time.Now()}
	r.sick = newConn(ours, role, o, nil)
	r.sound = newConn(theirs, opposite(role), o, nil)
	r.sick.sender.maskKey, r.sound.sender.maskKey = testMaskKeys('C'), testMaskKeys('P')
	return r
}

// session runs the session and waits for both ends.
func (r *faultRun) session() {
	echo := started(r.answer)
	for _, step := range []func(ctx context.Context) error{r.readInterrupted, r.ping, r.write, r.writeFragments, r.read, r.read, r.read} {
		if r.err == nil {
			ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
			r.err = step(ctx)
			cancel()
		}
	}
	if err := r.sick.Close(CloseNormal, "done"); r.err == nil {
		r.err = err
	}
	<-r.sick.Done()
	<-echo
	<-r.sound.Done()
}

// answer is what the sound end does: it speaks after a second, pings, and
// sends everything back.
func (r *faultRun) answer() error {
	time.Sleep(time.Second)
	r.sound.Write(background, Text, []byte("first"))
	pinged := startPing(background, r.sound)
	err := echoAll(r.sound)
	<-pinged
	return err
}

func (r *faultRun) readInterrupted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	_, data, err := r.sick.Read(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return r.read(r.t.Context())
	case err == nil && string(data) != "first":
		r.t.Errorf("read %q", data)
	}
	return err
}

func (r *faultRun) read(ctx context.Context) error {
	_, r2, err := r.sick.NextReader(ctx)
	if err == nil {
		_, err = r2.Read(make([]byte, 1000))
	}
	return err
}

func (r *faultRun) ping(ctx context.Context) error {
	_, err := r.sick.Ping(ctx)
	return err
}

func (r *faultRun) write(ctx context.Context) error {
	return r.sick.WriteBatch(ctx, Message{Type: Text, Data: []byte("small")}, Message{Type: Binary, Data: make([]byte, 1000)})
}

func (r *faultRun) writeFragments(ctx context.Context) error {
	w, err := r.sick.NextWriter(ctx, Binary)
	if err != nil {
		return err
	}
	_, err = w.Write(make([]byte, 600))
	return errors.Join(err, w.Close())
}

// check wants the run to have ended in time and with the right kind of errors.
// It returns whether the fault was met.
func (r *faultRun) check(n int, limit time.Duration) (met bool) {
	met = len(r.ours.faults) == 0
	if took := time.Since(r.start); took > limit {
		r.t.Errorf("call %d failed: the session took %v", n, took)
	}
	var lost *CloseError
	switch {
	case r.err == nil && (!errors.As(r.sick.Err(), &lost) || lost.Code != CloseNormal || lost.Remote):
		r.t.Errorf("call %d failed: no call returned an error, but Err = %v", n, r.sick.Err())
	case r.err != nil && !errors.Is(r.err, errFault) && !(r.excused && errors.Is(r.err, os.ErrDeadlineExceeded)):
		r.t.Errorf("call %d failed: the first error is %v", n, r.err)
	case r.err != nil && !errors.As(r.sick.Err(), &lost):
		r.t.Errorf("call %d failed: Err = %v", n, r.sick.Err())
	}
	if !errors.As(r.sound.Err(), &lost) || r.err == nil && lost.Code != CloseNormal {
		r.t.Errorf("call %d failed: the other end has %v", n, r.sound.Err())
	}
	checkSent(r.t, r.sick.role, r.ours.sent(), nil)
	return met
}

func TestFaultsEndEverySession(t *testing.T) {
	for name, fault := range map[string]struct {
		op   simOp
		take int
	}{
		"read": {simRead, 0}, "read-of-a-byte": {simRead, 1},
		"write": {simWrite, 0}, "write-of-a-byte": {simWrite, 1}, "write-of-all": {simWrite, 1 << 20},
		"set-deadline": {simSetDeadline, 0}, "close-write": {simCloseWrite, 0}, "close": {simClose, 0},
	} {
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(name+"/"+role.String(), func(t *testing.T) {
				testFaults(t, role, fault.op, fault.take)
			})
		}
	}
}

// testFaults runs sessions in which the first call of op fails, the second …,
// up to one that is not made. take is how many bytes such a call moves all the
// same.
func testFaults(t *testing.T, role Role, op simOp, take int) {
	synctest.Test(t, func(t *testing.T) {
		const limit = time.Second + 2*defaultCloseTimeout
		nth := 1
		for met := true; met && !t.Failed(); nth++ {
			ours, theirs := newPipe()
			if role == RoleServer {
				ours, theirs = theirs, ours
			}
			ours.failAfter(op, nth, take, errFault)
			r := newFaultRun(t, role, ours, theirs)
			r.excused = op == simSetDeadline // one that cannot be cleared comes
			r.session()
			met = r.check(nth, limit)
		}
		t.Logf("%d sessions", nth-1)
	})
}
