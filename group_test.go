// This file tests Group by itself, and is what the tests of groups share: the
// four ways in which a connection gets a seat. What http.Server and Server make of
// it is in group_http_test.go, and the limits are in group_limits_test.go.

package websocket

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A groupWay is one of the ways to accept connections into a group.
type groupWay struct {
	name   string
	serve  serveFunc
	hosted bool // a seat is kept until the application's function has returned
}

var groupWays = []groupWay{
	{"server", serveRaw, true},
	{"handler", serveHTTP, true},
	{"upgrade", serveUpgrade, false},
	{"upgrade-conn", serveUpgradeConn, false},
}

// serveUpgrade calls Upgrade in an http.Handler.
func serveUpgrade(t *testing.T, u Upgrader, f connFunc) *simListener {
	t.Helper()
	return startHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			useConn(c, f)
		}
	})})
}

// serveUpgradeConn calls UpgradeConn on each connection.
func serveUpgradeConn(t *testing.T, u Upgrader, f connFunc) *simListener {
	t.Helper()
	l := newSimListener()
	t.Cleanup(func() { l.Close() })
	go func() {
		for nc, err := l.Accept(); err == nil; nc, err = l.Accept() {
			go func() {
				defer func() {
					if recover() != nil {
						nc.Close()
					}
				}()
				if c, _, err := u.UpgradeConn(nc); err == nil {
					useConn(c, f)
				}
			}()
		}
	}()
	return l
}

// useConn is an application that looks after its connection.
func useConn(c *Conn, f connFunc) {
	defer c.CloseNow() // behind a panic
	f(background, c)
	c.Close(CloseNormal, "")
}

// eachGroup runs a test in every way, in bubbles. At the end the group must be
// empty.
func eachGroup(t *testing.T, f func(t *testing.T, w groupWay, u Upgrader)) {
	t.Helper()
	for _, w := range groupWays {
		t.Run(w.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := Upgrader{Group: &Group{}, Options: Options{KeepAlive: -1}}
				u.Logger, _ = newTestLog()
				emptiedAtLast(t, u.Group)
				f(t, w, u)
			})
		})
	}
}

// emptiedAtLast wants nothing to be left of the group's seats when everything
// has ended. It must be called first of all.
func emptiedAtLast(t *testing.T, g *Group) {
	t.Helper()
	t.Cleanup(func() {
		<-time.After(time.Minute) // for who is still closing
		synctest.Wait()
		if n, keys := len(g.seats), len(g.perKey); n+keys != 0 {
			t.Errorf("%d seats and %d keys are left", n, keys)
		}
	})
}

// startShutdown runs Group.Shutdown in a goroutine.
func startShutdown(ctx context.Context, g *Group) <-chan error {
	return started(func() error { return g.Shutdown(ctx) })
}

// wantLen wants so many places to be taken once everybody who can has gone on.
func wantLen(t *testing.T, why string, g *Group, n int) {
	t.Helper()
	synctest.Wait()
	if got := g.Len(); got != n {
		t.Fatalf("%s: %d places are taken, want %d", why, got, n)
	}
}

// wantUnreturned wants a call not to have returned, however long all can go on.
func wantUnreturned[T any](t *testing.T, why string, result <-chan T) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-result:
		t.Fatalf("%s: it has returned %v", why, got)
	default:
	}
}

// seatFor admits a request that nobody has sent.
func seatFor(t *testing.T, g *Group, remote string) *seat {
	t.Helper()
	s, err := g.admit(&Request{RemoteAddr: remote})
	wantNil(t, "admit", err)
	return s
}

// seatedConn returns a connection that has a seat, as Upgrade would.
func seatedConn(t *testing.T, g *Group) (*Conn, *testPeer) {
	t.Helper()
	s := seatFor(t, g, "")
	c, p := newTestConn(t, RoleServer, Options{})
	s.take(c)
	s.lend(c)
	return c, p
}

func TestGroupIsUsableAsZeroValue(t *testing.T) {
	var g Group
	if n := g.Len(); n != 0 {
		t.Errorf("Len = %d", n)
	}
	for c := range g.Conns() {
		t.Errorf("there is %v", c)
	}
	wantNil(t, "Shutdown of nothing", g.Shutdown(background))
	wantNil(t, "and once more", g.Shutdown(background))
	if _, err := g.admit(&Request{}); err == nil {
		t.Error("a group that is shut down lets somebody in")
	}
}

// Without a group nothing is counted.
func TestGroupMayBeNil(t *testing.T) {
	s, err := (*Group)(nil).admit(&Request{})
	if s != nil || err != nil {
		t.Fatalf("admit = %v, %v", s, err)
	}
	s.carry(nil)
	s.take(nil)
	s.leave()
	if s.late() {
		t.Error("it is late")
	}
}

// Conns has those of the moment when the loop begins, and not who is still in
// the handshake.
func TestGroupConnsIsASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(Group)
		var all []*Conn
		for range 3 {
			c, _ := seatedConn(t, g)
			all = append(all, c)
		}
		pending := seatFor(t, g, "")
		iter := g.Conns()
		var seen []*Conn
		for c := range iter {
			seen = append(seen, c)
			for _, c := range all {
				c.CloseNow()
			}
			c, _ := seatedConn(t, g)
			defer c.CloseNow()
		}
		for _, c := range all {
			if n := len(slices.DeleteFunc(slices.Clone(seen), func(s *Conn) bool { return s != c })); n != 1 {
				t.Errorf("a connection was seen %d times", n)
			}
		}
		wantLen(t, "three have left, three have come, and one is in its handshake", g, 4)
		rounds := 0
		for range iter {
			rounds++
			break
		}
		if rounds != 1 {
			t.Errorf("after break the loop has run %d times", rounds)
		}
		pending.leave()
	})
}

func TestGroupTellsWhenToComeBack(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0: "5", -time.Second: "5", 1: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Minute: "5400",
	} {
		g := &Group{MaxConns: 1, RetryAfter: after}
		s := seatFor(t, g, "")
		_, err := g.admit(&Request{})
		he, ok := err.(*HandshakeError)
		if !ok || he.Rule != RuleUnavailable || !slices.Equal(he.Header["Retry-After"], []string{want}) {
			t.Errorf("RetryAfter %v: %#v, want %s", after, err, want)
		}
		s.leave()
	}
}

// An ended context cuts, and does not wait.
func TestGroupShutdownWithEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(Group)
		c, p := seatedConn(t, g)
		carried, other := newPipe()
		s := seatFor(t, g, "")
		s.carry(carried)
		ended, cancel := context.WithCancel(background)
		cancel()
		start := time.Now()
		wantIs(t, "Shutdown", g.Shutdown(ended), context.Canceled)
		<-c.Done()
		for p.fill() == nil {
		}
		if _, err := other.Read(make([]byte, 1)); err == nil {
			t.Error("the handshake goes on")
		}
		simWantElapsed(t, start, 0)
		s.leave()
		wantNil(t, "Shutdown when all have left", g.Shutdown(background))
	})
}

// Who comes when all has been cut is cut as well.
func TestGroupCutsWhoComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(Group)
		early, late := seatFor(t, g, ""), seatFor(t, g, "")
		ended, cancel := context.WithCancel(background)
		cancel()
		g.Shutdown(ended)
		ours, theirs := newPipe()
		_, err := new(Upgrader).open(ours, nil, &acceptance{}, early)
		if status, ok := CloseStatus(err); !ok || status.Code != CloseAbnormal {
			t.Errorf("open = %v", err)
		}
		if n, err := theirs.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("Read = %d, %v", n, err)
		}
		c, _ := newTestConn(t, RoleServer, Options{})
		late.take(c)
		if c.Err() != ErrClosed {
			t.Errorf("Err = %v", c.Err())
		}
		early.leave()
		late.host(c, func() { t.Error("the application gets it") })
		wantLen(t, "both have left", g, 0)
	})
}

// TestGroupIsConsistent has many come and go at once, in every order that a
// handshake can have, while the group is shut down.
func TestGroupIsConsistent(t *testing.T) {
	for range 20 {
		g := &Group{MaxConns: 40, MaxConnsPerAddr: 7}
		var working, shutting sync.WaitGroup
		for i := range 16 {
			working.Go(func() { comeAndGo(t, g, fmt.Sprintf("192.0.2.%d:1", i%4)) })
		}
		for i := range 3 {
			shutting.Go(func() {
				for n := 0; n < i*100; n++ {
					g.Len()
				}
				wantNoError(t, g.Shutdown(background))
			})
		}
		working.Wait()
		shutting.Wait()
		if len(g.seats)+len(g.perKey) != 0 || g.empty.c != nil {
			t.Fatalf("%d seats and %d keys are left, and %v waits", len(g.seats), len(g.perKey), g.empty.c)
		}
	}
}

func wantNoError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// comeAndGo is what a goroutine of TestGroupIsConsistent does, until it is
// refused for good.
func comeAndGo(t *testing.T, g *Group, remote string) {
	for {
		s, err := g.admit(&Request{RemoteAddr: remote})
		switch {
		case err == nil:
		case strings.Contains(err.Error(), "shutting down"):
			return
		default:
			continue
		}
		ours, theirs := newPipe()
		s.carry(ours)
		if rand.IntN(4) == 0 { // the handshake fails
			s.leave()
			continue
		}
		c := newConn(ours, RoleServer, Options{KeepAlive: -1}, nil)
		s.take(c)
		theirs.Close()
		if rand.IntN(2) == 0 {
			s.lend(c)
			c.CloseNow()
			<-c.Done()
			continue
		}
		s.host(c, func() {})
		c.CloseNow()
	}
}
