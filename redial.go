// This file connects again after a connection is lost, and waits in between so
// that the clients of a server which has failed do not all come back at once
// (§7.2.3).

package websocket

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// A Backoff says how long Redial waits. The n-th wait in a row is random: between
// nothing and Base doubled n-1 times, but at most Max ("exponential backoff with
// full jitter").
//
// Choice: §7.2.3 suggests up to 5 s for the first wait. 1 s is what people
// bear to wait for, and spreads clients as well.
type Backoff struct {
	Base time.Duration // default 1 s
	Max  time.Duration // default 30 s

	// Stable is how long a connection must have been open to have the waiting
	// begin with Base again. Default 10 s.
	Stable time.Duration

	// MaxAttempts ends Redial after so many failures in a row. Connections
	// that were not open for Stable count as failures. Default 0, no limit.
	MaxAttempts int

	// Random returns numbers that are at least 0 and less than 1. By default
	// they come from crypto/rand.
	Random func() float64

	// OnState is told of each change, in order, by the goroutine that iterates.
	OnState func(RedialState)
}

func (b Backoff) normal() Backoff {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&b.Base, time.Second}, {&b.Max, 30 * time.Second}, {&b.Stable, 10 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if b.Random == nil {
		b.Random = randomFraction
	}
	if b.OnState == nil {
		b.OnState = func(RedialState) {}
	}
	return b
}

// randomFraction returns a random number from 0 to 1, without 1.
func randomFraction() float64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// A RedialPhase is what Redial is doing.
type RedialPhase uint8

// The phases. RedialClosed is the last.
const (
	RedialConnecting RedialPhase = iota
	RedialOpen
	RedialWaiting
	RedialClosed
)

// String returns "connecting", "open", "waiting" or "closed".
func (p RedialPhase) String() string {
	if int(p) < len(redialPhases) {
		return redialPhases[p]
	}
	return fmt.Sprintf("RedialPhase(%d)", uint8(p))
}

var redialPhases = [...]string{"connecting", "open", "waiting", "closed"}

// A RedialState is what there is to show to a user.
type RedialState struct {
	Phase    RedialPhase
	Failures int           // in a row, so far
	Wait     time.Duration // in RedialWaiting
	Err      error         // in RedialWaiting and RedialClosed: why
}

// String returns the phase, and in RedialWaiting how long: "waiting 4s".
func (s RedialState) String() string {
	if s.Phase == RedialWaiting {
		unit := 100 * time.Millisecond
		if s.Wait < unit {
			unit = time.Millisecond
		}
		return "waiting " + s.Wait.Round(unit).String()
	}
	return s.Phase.String()
}

// Redial returns an iterator over connections to rawURL, one after the other. A
// connection belongs to the body of the loop, which uses it until it is over:
//
//	for c, err := range dialer.Redial(ctx, "wss://example.com/", websocket.Backoff{}) {
//		if err != nil {
//			return err // there will be no more
//		}
//		for m, err := range c.Messages(ctx) { … }
//	}
//
// When the body has run to its end, the connection is closed with CloseGoingAway
// in the background if that has not happened yet, and after a wait there is
// another one, however the last ended. Whoever is content with the end of a
// connection has to leave the loop. Leaving it keeps the connection as it is, but
// for a panic, which closes it.
//
// Failures to connect are not yielded but for the last one, which ends the
// iteration: an error that no waiting would mend (see below), the error of ctx, or
// what failed when Backoff.MaxAttempts was reached.
//
// Final are ErrURL, ErrHandshakeValue, RuleRedirect, a certificate that is not
// accepted, and refusals, by the server or a proxy, with a status from 400 to 499
// except 408, 425 and 429. A Retry-After in a refusal is added to the wait, up to
// an hour.
//
// A peer that is gone without a word ends its connection after Options.KeepAlive
// and Options.PongTimeout, so that there will be another. Several goroutines may
// iterate, each with connections of its own.
func (d *Dialer) Redial(ctx context.Context, rawURL string, b Backoff) iter.Seq2[*Conn, error] {
	return func(yield func(*Conn, error) bool) {
		r := redialer{Backoff: b.normal()}
		for {
			r.tell(RedialState{Phase: RedialConnecting})
			c, _, err := d.Dial(ctx, rawURL)
			switch {
			case err != nil:
				r.failures++
			case !r.lend(c, yield):
				return
			default:
				err = cmp.Or(c.reason(), ErrClosed)
			}
			if err := r.wait(ctx, err); err != nil {
				r.tell(RedialState{Phase: RedialClosed, Err: err})
				yield(nil, err)
				return
			}
		}
	}
}

// A redialer is the state of one iteration.
type redialer struct {
	Backoff
	failures int // in a row
	waits    int // since the last connection that was stable
}

func (r *redialer) tell(s RedialState) {
	s.Failures = r.failures
	r.OnState(s)
}

// lend yields a connection, and returns whether another one is wanted behind it.
func (r *redialer) lend(c *Conn, yield func(*Conn, error) bool) (more bool) {
	ended := make(chan time.Time, 1)
	c.whenOver(func() { ended <- time.Now() })
	returned := false
	defer func() {
		if !returned {
			c.CloseNow() // nobody else would, behind a panic
		}
	}()
	r.tell(RedialState{Phase: RedialOpen})
	opened := time.Now()
	more = yield(c, nil)
	returned = true
	if !more {
		if err := c.reason(); err != nil {
			r.tell(RedialState{Phase: RedialClosed, Err: err})
		}
		return false
	}
	up := time.Since(opened)
	select {
	case end := <-ended:
		up = end.Sub(opened)
	default:
		go c.Close(CloseGoingAway, "") // the next one need not wait for that
	}
	r.failures++
	if up >= r.Stable {
		r.failures, r.waits = 0, 0
	}
	return true
}

// wait lets time pass after a failure. It returns an error when there is no
// point in another attempt.
func (r *redialer) wait(ctx context.Context, failure error) error {
	switch {
	case ctx.Err() != nil:
		return &contextError{ctx.Err()}
	case isFinal(failure) || r.failures > 0 && r.failures == r.MaxAttempts:
		return failure
	}
	r.waits++
	wait := retryAfter(failure) + r.jitter()
	r.tell(RedialState{Phase: RedialWaiting, Wait: wait, Err: failure})
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &contextError{ctx.Err()}
	}
}

// jitter returns the random part of a wait.
func (r *redialer) jitter() time.Duration {
	most := min(r.Base, r.Max)
	for n := 1; n < r.waits && most < r.Max; n++ {
		most = min(2*most, r.Max)
	}
	return time.Duration(r.Random() * float64(most))
}

// isFinal reports whether an attempt would fail in the same way ever after.
func isFinal(err error) bool {
	var he *HandshakeError
	var ce *tls.CertificateVerificationError
	switch {
	case errors.As(err, &he):
		switch he.Status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return false
		}
		return he.Status/100 == 4 || he.Rule == RuleRedirect
	case errors.As(err, &ce):
		return true
	}
	return errors.Is(err, ErrURL) || errors.Is(err, ErrHandshakeValue)
}

// maxRetryAfter bounds what a server can ask for.
//
// Choice: a client that is told to come back in a year is rather one that was
// told a wrong number.
const maxRetryAfter = time.Hour

// retryAfter returns how long a refusal asks to wait, in seconds or until a date
// (RFC 9110 §10.2.3).
func retryAfter(err error) time.Duration {
	var he *HandshakeError
	if !errors.As(err, &he) {
		return 0
	}
	value := cmp.Or(http.Header(he.Header).Get("Retry-After"), "0")
	var after time.Duration
	if date, err := http.ParseTime(value); err == nil {
		after = time.Until(date)
	} else if seconds, err := strconv.ParseUint(value, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		after = time.Duration(seconds) * time.Second
	}
	return min(max(after, 0), maxRetryAfter)
}
