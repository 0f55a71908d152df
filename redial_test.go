// These are the tests of Redial: when it connects, when it gives up, and what it
// tells meanwhile. Time is that of a bubble, and the jitter is given, so every
// wait is exact.

package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

//
func TestRedialWaitsTwiceAsLongEachTime(t *testing.T) {
	inBubble(t, nil, func(s *redialServer) {
		d, b := s.dialer()
		b.MaxAttempts = 9
		if err := s.run(d, b); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("ended with %v", err)
		}
		const half = 500 * time.Millisecond
		s.wantDialed(0, half, 3*half, 7*half, 15*half, 31*half, 61*half, 91*half, 121*half)
	})
}

func TestRedialTellsItsStates(t *testing.T) {
	outcomes := []outcome{nil, opened(lostAfter(time.Minute)), refused(404)}
	inBubble(t, outcomes, func(s *redialServer) {
		d, b := s.dialer()
		var last RedialState
		tell := b.OnState
		b.OnState = func(state RedialState) { tell(state); last = state }
		err := s.run(d, b)
		want := []string{
			"connecting after 0", "waiting 500ms after 1", "connecting after 1", "open after 1",
			"waiting 500ms after 0", "connecting after 0", "closed after 1",
		}
		if !slices.Equal(s.states, want) {
			t.Errorf("states are %q\nwant %q", s.states, want)
		}
		if err == nil || last.Err != err {
			t.Errorf("ended with %v, and was told %v", err, last.Err)
		}
	})
}

func TestRedialBeginsAgainAfterAStableConnection(t *testing.T) {
	outcomes := []outcome{nil, nil, opened(lostAfter(10 * time.Second)), nil, refused(400)}
	inBubble(t, outcomes, func(s *redialServer) {
		d, b := s.dialer()
		s.run(d, b)
		s.wantDialed(0, 500*time.Millisecond, 1500*time.Millisecond, 12*time.Second, 13*time.Second)
	})
}

func TestRedialCountsShortConnectionsAsFailures(t *testing.T) {
	short := opened(lostAfter(10*time.Second - 1))
	inBubble(t, []outcome{short, short, short}, func(s *redialServer) {
		d, b := s.dialer()
		b.MaxAttempts = 3
		err := s.run(d, b)
		if status, ok := CloseStatus(err); !ok || status.Code != CloseAbnormal {
			t.Errorf("ended with %v", err)
		}
		s.wantDialed(0, 10500*time.Millisecond-1, 21500*time.Millisecond-2)
	})
}

// A server that has died without a word is noticed, and the client comes back.
func TestRedialAfterAHeartbeatIsLost(t *testing.T) {
	inBubble(t, []outcome{opened(silent), refused(403)}, func(s *redialServer) {
		d, b := s.dialer()
		var why []error
		b.OnState = func(state RedialState) {
			if state.Phase == RedialWaiting {
				why = append(why, state.Err)
			}
		}
		s.run(d, b)
		if len(why) != 1 || !errors.Is(why[0], ErrPeerDead) {
			t.Errorf("waited because of %v", why)
		}
		s.wantDialed(0, time.Minute+500*time.Millisecond)
	})
}

func TestRedialConnectsAgainHoweverAConnectionEnds(t *testing.T) {
	outcomes := []outcome{opened(closesWith(CloseNormal)), opened(closesWith(CloseTryAgainLater)), refused(400)}
	inBubble(t, outcomes, func(s *redialServer) {
		d, b := s.dialer()
		s.run(d, b)
		if len(s.dialed) != 3 {
			t.Errorf("connected %d times, want 3", len(s.dialed))
		}
	})
}

func TestRedialEndsOnlyForFinalRefusals(t *testing.T) {
	for status, final := range map[int]bool{
		200: false, 302: false, 400: true, 401: true, 403: true, 404: true, 407: true, 408: false, 410: true,
		425: false, 426: true, 429: false, 451: true, 499: true, 500: false, 501: false, 502: false, 503: false,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inBubble(t, []outcome{refused(status)}, func(s *redialServer) {
				d, b := s.dialer()
				b.MaxAttempts = 2
				s.run(d, b)
				if (len(s.dialed) == 1) != final {
					t.Errorf("connected %d times", len(s.dialed))
				}
			})
		})
	}
}

func TestRedialEndsForWhatWaitingCannotMend(t *testing.T) {
	for name, err := range map[string]error{
		"url":         badURL("x"),
		"value":       unsendable("x", "y"),
		"redirect":    &HandshakeError{Rule: RuleRedirect, Status: 302},
		"certificate": &net.OpError{Op: "dial", Err: &tls.CertificateVerificationError{Err: errors.New("x")}},
	} {
		if !isFinal(fmt.Errorf("wrapped: %w", err)) {
			t.Errorf("%s: %v is not final", name, err)
		}
	}
	for _, err := range []error{syscall.ECONNRESET, context.DeadlineExceeded, &CloseError{Code: CloseAbnormal}, io.ErrUnexpectedEOF} {
		if isFinal(err) {
			t.Errorf("%v is final", err)
		}
	}
	inBubble(t, nil, func(s *redialServer) {
		d, b := s.dialer()
		n := 0
		for c, err := range d.Redial(background, "http://test.example/", b) {
			if n++; c != nil || !errors.Is(err, ErrURL) {
				t.Errorf("yielded %v, %v", c, err)
			}
		}
		if n != 1 || len(s.dialed) != 0 {
			t.Errorf("%d errors, connected %d times", n, len(s.dialed))
		}
	})
}

func TestRedialWaitsForRetryAfter(t *testing.T) {
	date := func(d time.Duration) func() string {
		return func() string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	}
	number := func(s string) func() string { return func() string { return s } }
	for name, c := range map[string]struct {
		value func() string
		want  time.Duration
	}{
		"seconds":  {number("7"), 7 * time.Second},
		"none":     {number("0"), 0},
		"negative": {number("-7"), 0},
		"a word":   {number("soon"), 0},
		"date":     {date(90 * time.Second), 90 * time.Second},
		"past":     {date(-time.Hour), 0},
		"too long": {number("3601"), time.Hour},
		"too late": {date(2 * time.Hour), time.Hour},
		"huge":     {number("99999999999999999999"), time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &redialServer{t: t, outcomes: []outcome{refused(503, "Retry-After: "+c.value()), refused(400)}}
				d, b := s.dialer()
				s.run(d, b)
				s.wantDialed(0, c.want+500*time.Millisecond)
			})
		})
	}
}

func TestRedialEndsWithItsContext(t *testing.T) {
	for name, c := range map[string]struct {
		outcomes []outcome
		states   string
	}{
		"while-it-waits":    {nil, "connecting, waiting 500ms, closed"},
		"while-it-connects": {[]outcome{silent}, "connecting, closed"},
		"while-it-is-open":  {[]outcome{opened(silent)}, "connecting, open, closed"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.outcomes, func(s *redialServer) {
				d, b := s.dialer()
				b.OnState = func(state RedialState) { s.states = append(s.states, state.String()) }
				s.start = time.Now()
				ctx, cancel := context.WithTimeout(background, 250*time.Millisecond)
				defer cancel()
				var errs []error
				var last *Conn
				for c, err := range d.Redial(ctx, "ws://test.example/", b) {
					if err != nil {
						errs = append(errs, err)
						continue
					}
					last = c
					c.Read(ctx)
				}
				if len(errs) != 1 || !errors.Is(errs[0], context.DeadlineExceeded) {
					t.Errorf("yielded %v", errs)
				}
				if d := time.Since(s.start); d != 250*time.Millisecond {
					t.Errorf("ended after %v", d)
				}
				if last != nil {
					<-last.Done() // it was closed in the background
				}
				if states := strings.Join(s.states, ", "); states != c.states {
					t.Errorf("states are %s; want %s", states, c.states)
				}
			})
		})
	}
}

func TestRedialClosesWhatTheBodyLeavesOpen(t *testing.T) {
	got := make(chan CloseCode, 1)
	first := opened(func(p *testPeer) {
		_, body := p.readFrame("a Close")
		code, _, _ := ParseCloseBody([]byte(body))
		got <- code
		p.writeClose(code, "")
	})
	inBubble(t, []outcome{first, refused(400)}, func(s *redialServer) {
		d, b := s.dialer()
		for range d.Redial(background, "ws://test.example/", b) {
			continue
		}
		if code := <-got; code != CloseGoingAway {
			t.Errorf("closed with %v", code)
		}
	})
}

func TestRedialKeepsTheConnectionOfALoopThatIsLeft(t *testing.T) {
	echo := opened(func(p *testPeer) {
		p.wantFrame("after the loop", OpText, "still there")
		p.writeClose(CloseNormal, "")
		p.readFrame("the answer")
	})
	inBubble(t, []outcome{nil, echo}, func(s *redialServer) {
		d, b := s.dialer()
		var kept *Conn
		for c, err := range d.Redial(background, "ws://test.example/", b) {
			if err != nil {
				t.Fatal(err)
			}
			kept = c
			break
		}
		if err := kept.Write(background, Text, []byte("still there")); err != nil {
			t.Error(err)
		}
		kept.Read(background)
		if last := s.states[len(s.states)-1]; !strings.HasPrefix(last, "open") {
			t.Errorf("the last state is %s", last)
		}
	})
}

// R-22, §7.2.3: clients that have lost the same server must not come back at once.
func TestRedialSpreadsClients(t *testing.T) {
	const clients, slots = 2000, 10
	var hits [slots]int
	b := Backoff{}.normal()
	for range clients {
		r := redialer{Backoff: b, waits: 1}
		wait := r.jitter()
		if wait < 0 || wait >= b.Base {
			t.Fatalf("waits %v", wait)
		}
		hits[int(wait*slots/b.Base)]++
	}
	for i, n := range hits {
		// 200 are expected; to be 100 off is more than seven standard deviations.
		if n < 100 || n > 300 {
			t.Errorf("%d of %d clients in tenth %d: %v", n, clients, i, hits)
		}
	}
}

func TestRedialBaseIsNotMoreThanMax(t *testing.T) {
	r := redialer{Backoff: Backoff{Base: time.Hour, Max: time.Second, Random: func() float64 { return 0.5 }}, waits: 99}
	if wait := r.jitter(); wait != time.Second/2 {
		t.Errorf("waits %v", wait)
	}
}
