package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A load is all clients, and what they have seen.
type load struct {
	options
	addrs []string // the server's
	proxy *proxy
	out   io.Writer
	all   sync.WaitGroup

	echoes     histogram // round trips, without those over the proxy
	sessions   atomic.Int64
	messages   atomic.Int64 // that came back as they were sent
	deliveries atomic.Int64 // to members of a topic
	attacks    atomic.Int64
	broken     atomic.Int64    // attacks for which the server must note a broken rule
	outcomes   [4]atomic.Int64 // of connections over the proxy
	members    atomic.Int64    // so far, for their numbers

	mu       sync.Mutex
	failures int
	first    error
}

// maxReports is how many failures are printed. The others are counted.
const maxReports = 20

// fail notes that something was wrong. The run goes on, so that one sees how often it is.
func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures++
	if l.first == nil {
		l.first = err
	}
	if l.failures <= maxReports {
		fmt.Fprintln(l.out, "soak: wrong:", err)
	}
}

// verdict returns nil when nothing was wrong, and something was done.
func (l *load) verdict() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.failures > 0:
		return fmt.Errorf("%d connections went wrong, the first: %w", l.failures, l.first)
	case l.messages.Load() == 0 || l.deliveries.Load() == 0 || l.attacks.Load() == 0:
		return errors.New("nothing was checked")
	}
	return nil
}

func (l *load) String() string {
	text := fmt.Sprintf("%d connections, %d messages came back, %d were delivered to members, %d attacks; over the proxy",
		l.sessions.Load(), l.messages.Load(), l.deliveries.Load(), l.attacks.Load())
	for o := range l.outcomes {
		text += fmt.Sprintf(" %v %d", outcome(o), l.outcomes[o].Load())
	}
	return text
}

// start starts all slots one by one until ramp is over. They end, each in its own way, when ctx does.
func (l *load) start(ctx context.Context, ramp time.Duration) {
	pace := time.NewTicker(max(ramp/time.Duration(l.conns), time.Microsecond))
	l.all.Go(func() {
		defer pace.Stop()
		for n := range l.conns {
			select {
			case <-pace.C:
				l.all.Go(func() { l.slot(ctx, n) })
			case <-ctx.Done():
				return
			}
		}
	})
}

// A slot is a place that one connection after the other takes.
type slot struct {
	*load
	n   int
	rng *rand.Rand
}

// slot fills a slot.
func (l *load) slot(ctx context.Context, n int) {
	s := &slot{load: l, n: n, rng: rand.New(rand.NewPCG(l.seed, uint64(n)))}
	take := s.echo
	switch {
	case n%100 == 0:
		take = s.attack
	case n%10 == 0:
		take = s.join
	case n%10 == 1:
		take = s.bypath
	}
	for ctx.Err() == nil {
		if err := take(ctx); err != nil {
			l.fail(fmt.Errorf("slot %d: %w", n, err))
			rest(ctx, s.pace)
		}
	}
}

// rest waits, and returns false when ctx has ended.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// pause is the time between two messages of a connection.
func (s *slot) pause() time.Duration {
	return s.pace/2 + time.Duration(s.rng.Int64N(int64(s.pace)))
}

// length is how many messages a connection is used for. That the number is as random as the life of an atom has the load be
// the same from the beginning to the end.
func (s *slot) length() int { return 1 + int(s.rng.ExpFloat64()*30) }

func (s *slot) addr() string { return s.addrs[s.rng.IntN(len(s.addrs))] }

// attack does each attack in turn.
func (s *slot) attack(ctx context.Context) error {
	var a attack
	addr := s.addr()
	if n := s.rng.IntN(len(attacks) + len(badRequests)); n < len(attacks) {
		a = attacks[n]
	} else {
		a, addr = badRequests[n-len(attacks)], s.addrs[0]
	}
	err := a.run(addr, func() { s.broken.Add(1) })
	s.load.attacks.Add(1)
	rest(ctx, s.pause())
	return err
}
