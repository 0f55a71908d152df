package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"barewire.example/websocket"
)

func TestPeakCountsTheFullestWindow(t *testing.T) {
	ms := func(values ...int) (times []time.Duration) {
		for _, v := range values {
			times = append(times, time.Duration(v)*time.Millisecond)
		}
		return times
	}
	for _, test := range []struct {
		times []time.Duration
		want  int
	}{
		{ms(), 0},
		{ms(7), 1},
		{ms(0, 500, 1000), 1},
		{ms(0, 499, 998), 2},
		{ms(0, 400, 600, 700, 800, 899, 900), 5}, // across the borders of whole half seconds
		{ms(3, 3, 3), 3},
	} {
		if got := peak(test.times, 500*time.Millisecond); got != test.want {
			t.Errorf("peak of %v is %d, want %d", test.times, got, test.want)
		}
	}
}

func TestJudgeRefusesACrowdThatComesBackAtOnce(t *testing.T) {
	spreadOut := make([]time.Duration, 100)
	for i := range spreadOut {
		spreadOut[i] = time.Duration(i) * 20 * time.Millisecond // 25 in half a second
	}
	if err := required.checkPeak(spreadOut); err != nil {
		t.Error(err)
	}
	spreadOut[50] = spreadOut[49]
	if err := required.checkPeak(spreadOut); err == nil {
		t.Error("26 of 100 in half a second are accepted")
	}
}

func TestJudgeRefusesASlowClient(t *testing.T) {
	times := []time.Duration{time.Millisecond, time.Second, 2 * time.Second}
	if got, want := spread(times), "first 1ms, median 1s, 99 % 1s, last 2s"; got != want {
		t.Errorf("spread is %q, want %q", got, want)
	}
	if err := checkLast(times, 2*time.Second); err != nil {
		t.Error(err)
	}
	if err := checkLast(times, 2*time.Second-1); err == nil || !strings.Contains(err.Error(), "more than 1.9") {
		t.Errorf("a client that needs 2 s is accepted: %v", err)
	}
}

func TestCheckReturnTellsAnImpatientClientFromALateMachine(t *testing.T) {
	b := bounds{back: 30 * time.Second, window: time.Second, share: 0.5}
	good, early, late := []time.Duration{0, 10 * time.Second}, []time.Duration{0, 0}, []time.Duration{0, 31 * time.Second}
	for _, test := range []struct {
		back, due []time.Duration
		want      string
	}{
		{good, good, "right"}, {good, early, "right"}, {good, late, "right"},
		{early, good, "late"}, {late, good, "late"},
		{early, early, "wrong"}, {late, late, "wrong"}, {early, late, "wrong"}, {late, early, "wrong"},
	} {
		got := "right"
		if err := b.checkReturn(test.back, test.due); errors.Is(err, errLate) {
			got = "late"
		} else if err != nil {
			got = "wrong"
		}
		if got != test.want {
			t.Errorf("back %v, to be back %v: %s, want %s", test.back, test.due, got, test.want)
		}
	}
}

func TestLatenessIsToBlameOnlyForWhatItDelays(t *testing.T) {
	failure := errors.New("too slow")
	begun := time.Now()
	for _, test := range []struct {
		gap  time.Duration
		late bool
	}{{0, false}, {latenessPace, false}, {latenessPace + tooLate, false}, {latenessPace + tooLate + 1, true}} {
		var l lateness
		l.see(begun)
		l.see(begun.Add(latenessPace))
		l.see(begun.Add(latenessPace + test.gap))
		l.see(begun.Add(2*latenessPace + test.gap))
		err := l.blame(failure)
		if errors.Is(err, errLate) != test.late || !errors.Is(err, failure) {
			t.Errorf("a gap of %v: %v", test.gap, err)
		}
		if err := l.blame(nil); err != nil {
			t.Errorf("a gap of %v, and nothing fails: %v", test.gap, err)
		}
	}
}

func TestLatenessWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var l lateness
		l.watch(ctx)
		if l.worst > 0 || time.Since(l.last) > latenessPace {
			t.Errorf("on a machine that is never late: %v, last seen %v ago", l.worst, time.Since(l.last))
		}
	})
}

// outageOf lets real Redials miss a server, on a fake clock, and returns how long after its return each tries again. That
// their first attempt fails at once has the effect of a connection that is lost then.
func outageOf(t *testing.T, seed uint64, clients int, pause time.Duration) []time.Duration {
	var mu sync.Mutex
	var back []time.Duration
	synctest.Test(t, func(*testing.T) {
		begun := time.Now()
		var all sync.WaitGroup
		defer all.Wait()
		for client := range clients {
			all.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				d := websocket.Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) {
					if after := time.Since(begun) - pause; after >= 0 {
						mu.Lock()
						defer mu.Unlock()
						back = append(back, after)
						cancel()
					}
					return nil, errors.New("refused")
				}}
				random := rand.New(rand.NewPCG(seed, uint64(client)))
				for range d.Redial(ctx, "ws://localhost/", websocket.Backoff{Random: random.Float64}) {
				}
			})
		}
	})
	slices.Sort(back)
	return back
}

// The pause must suit the default Backoff, of which the trials know nothing.
func TestRequiredPauseLeavesRoom(t *testing.T) {
	const outages, clients = 3, 1000
	for seed := range uint64(outages) {
		back := outageOf(t, seed, clients, required.pause)
		if len(back) != clients {
			t.Fatalf("%d of %d clients are back", len(back), clients)
		}
		if n := peak(back, required.window); n > clients*22/100 {
			t.Errorf("seed %d: %d of %d are back within %v", seed, n, clients, required.window)
		}
		if err := checkLast(back, required.back); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
	if back := outageOf(t, 0, clients, time.Second); required.checkPeak(back) == nil {
		t.Error("a pause of 1 s would do as well")
	}
}
