// This file tests the shutdown of groups through http.Server and Server: who is
// told what, whom it waits for, and what it cuts.

package websocket

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const goodbye = "server is shutting down"

// wantGoodbye wants a Close of the shutdown, and answers it.
func wantGoodbye(p *testPeer) {
	p.t.Helper()
	p.wantClose("the group is shut down", CloseGoingAway, goodbye)
	p.writeClose(CloseGoingAway, "")
	p.wantEOF("the server closes first")
	p.conn.Close()
}

// untilRead is an application that reads until there is an error, and then works
// on until it is told to leave.
func untilRead(leave <-chan struct{}) connFunc {
	return func(ctx context.Context, c *Conn) error {
		err := serveEcho(ctx, c)
		<-leave
		return err
	}
}

// R-20, H-112
func TestGroupShutdownSaysGoodbyeAndRefusesOthers(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		l := w.serve(t, u, serveEcho)
		peers := []*testPeer{openServer(t, l), openServer(t, l), openServer(t, l)}
		for _, p := range peers {
			wantEcho(p, "hello")
		}
		start := time.Now()
		done := startShutdown(t.Context(), u.Group)
		for i, p := range peers {
			wantUnreturned(t, "some have not left", done)
			wantLen(t, "so many have not left", u.Group, 3-i)
			wantFull(t, l, "5")
			wantGoodbye(p)
		}
		wantNil(t, "Shutdown", <-done)
		simWantElapsed(t, start, 0)
		wantFull(t, l, "5")
	})
}

// With Handler and Server it waits for the functions, and otherwise for the
// connections, of which it knows no more.
func TestGroupShutdownWaitsForFunctions(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		leave := make(chan struct{})
		l := w.serve(t, u, untilRead(leave))
		p := openServer(t, l)
		wantEcho(p, "the function runs")
		start := time.Now()
		time.AfterFunc(time.Hour, func() { close(leave) })
		done := startShutdown(t.Context(), u.Group)
		wantGoodbye(p)
		wantNil(t, "Shutdown", <-done)
		if w.hosted {
			simWantElapsed(t, start, time.Hour)
		} else {
			simWantElapsed(t, start, 0)
		}
		<-leave
	})
}

// A peer that does not answer the Close is cut off by Options.CloseTimeout.
func TestGroupShutdownIsBoundedWithoutContext(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		u.CloseTimeout = 3 * time.Second
		p := openServer(t, w.serve(t, u, serveEcho))
		synctest.Wait()
		start := time.Now()
		wantNil(t, "Shutdown", u.Group.Shutdown(background))
		simWantElapsed(t, start, 3*time.Second)
		p.wantClose("it has said goodbye", CloseGoingAway, goodbye)
		p.wantEOF("it did not wait any longer")
	})
}

func TestGroupShutdownCutsWhenTheContextEnds(t *testing.T) {
	for name, wait := range map[string]time.Duration{"later": time.Second, "at-once": 0} {
		t.Run(name, func(t *testing.T) {
			eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
				l := w.serve(t, u, serveEcho)
				peers := []*testPeer{openServer(t, l), openServer(t, l), openServer(t, l)}
				synctest.Wait()
				peers[1].sim.peer.tune(func(k *simKnobs) { k.stallWrites = true }) // not even the Close
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				defer cancel()
				start := time.Now()
				wantIs(t, "Shutdown", u.Group.Shutdown(ctx), context.DeadlineExceeded)
				for _, p := range peers {
					for p.fill() == nil { // a Close may have gone out
					}
				}
				simWantElapsed(t, start, wait)
				wantLen(t, "all were cut", u.Group, 0)
				wantNil(t, "Shutdown when all have left", u.Group.Shutdown(background))
			})
		})
	}
}

// A 101 that is not taken yet when Shutdown begins is followed by a Close, unless
// the context ends before.
func TestGroupShutdownDuringAnAnswer(t *testing.T) {
	for name, wait := range map[string]time.Duration{"in-time": 2 * time.Second, "too-late": time.Second / 2} {
		t.Run(name, func(t *testing.T) {
			eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
				f := connFunc(serveEcho)
				if w.hosted {
					f = neverCalled(t)
				}
				p := newClientPeer(t, dialServer(t, w.serve(t, u, f)))
				p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
				p.writeBytes([]byte(rawRequest()))
				wantLen(t, "who gets a 101 has a place", u.Group, 1)
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				defer cancel()
				done := startShutdown(ctx, u.Group)
				<-time.After(time.Second)
				p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = false })
				head := readHTTPHead(p)
				if in := wait > time.Second; strings.HasPrefix(head, "HTTP/1.1 101 ") != in {
					t.Fatalf("answered with %q", head)
				}
				if head != "" {
					wantGoodbye(p)
				}
				if err := <-done; (err == nil) != (head != "") {
					t.Errorf("Shutdown = %v", err)
				}
				wantLen(t, "it is over", u.Group, 0)
			})
		})
	}
}

// While Hooks.Open runs, the 101 is written and nobody has the connection.
func TestGroupShutdownDuringOpen(t *testing.T) {
	for name, wait := range map[string]time.Duration{"in-time": 2 * time.Second, "too-late": time.Second / 2} {
		t.Run(name, func(t *testing.T) {
			eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
				entered, leave := make(chan struct{}), make(chan struct{})
				closed := make(chan error, 2)
				u.Hooks = &Hooks{
					Open:   func(*Conn) { close(entered); <-leave },
					Closed: func(_ *Conn, err error) { closed <- err },
				}
				p := openServer(t, w.serve(t, u, serveEcho))
				<-entered
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				defer cancel()
				done := startShutdown(ctx, u.Group)
				<-time.After(time.Second)
				close(leave)
				if wait > time.Second {
					wantGoodbye(p)
					wantNil(t, "Shutdown", <-done)
					wantCloseError(t, "Closed", <-closed, CloseError{Code: CloseGoingAway})
				} else {
					p.wantEOF("it is cut")
					wantIs(t, "Shutdown", <-done, context.DeadlineExceeded)
					wantIs(t, "Closed", <-closed, ErrClosed)
				}
				wantLen(t, "it is over", u.Group, 0)
				wantUnreturned(t, "Closed is called once", closed)
			})
		})
	}
}

// A request about which nothing is decided yet is refused.
func TestGroupShutdownDuringAuthorize(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		entered, leave := make(chan struct{}), make(chan struct{})
		u.Authorize = func(*Request) error {
			close(entered)
			<-leave
			return nil
		}
		p := sendRequest(t, w.serve(t, u, neverCalled(t)))
		<-entered
		wantNil(t, "Shutdown", u.Group.Shutdown(t.Context()))
		close(leave)
		resp := wantRefusal(p, 503, RuleUnavailable)
		if got := resp.Header.Get("Retry-After"); got != "5" {
			t.Errorf("Retry-After: %q", got)
		}
	})
}

// Each caller has a context of his own. Who cuts, cuts for all.
func TestGroupShutdownTwice(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		u.CloseTimeout = time.Hour
		p := openServer(t, w.serve(t, u, serveEcho))
		synctest.Wait()
		first, second := startShutdown(t.Context(), u.Group), startShutdown(background, u.Group)
		p.wantClose("the group is shut down", CloseGoingAway, goodbye)
		<-time.After(time.Minute)
		p.wantIdle("there is one Close only")
		wantUnreturned(t, "the peer has not answered", first)
		start := time.Now()
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		wantIs(t, "the third", u.Group.Shutdown(ctx), context.DeadlineExceeded)
		wantNil(t, "the first", <-first)
		wantNil(t, "the second", <-second)
		simWantElapsed(t, start, time.Second)
	})
}

// A group can be that of several servers, of which one ends all.
func TestGroupIsSharedByServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{MaxConns: 4}
		emptiedAtLast(t, g)
		first, second := Upgrader{Group: g}, Upgrader{Group: g, Options: Options{KeepAlive: -1}}
		leave := make(chan struct{})
		server := &Server{Upgrader: Upgrader{Group: g}, Handler: withoutRequest(untilRead(leave))}
		own := newSimListener()
		startServer(t, server, own)
		listeners := []*simListener{serveHTTP(t, first, serveEcho), serveUpgradeConn(t, second, serveEcho), own}
		var peers []*testPeer
		for _, l := range append(listeners, listeners[0]) {
			p := openServer(t, l)
			wantEcho(p, "the function runs")
			peers = append(peers, p)
		}
		for _, l := range listeners {
			wantFull(t, l, "5")
		}
		done := started(func() error { return server.Shutdown(background) })
		for _, p := range peers {
			wantGoodbye(p)
		}
		wantLen(t, "the server's function works on", g, 1)
		wantUnreturned(t, "Server.Shutdown", done)
		close(leave)
		wantNil(t, "Server.Shutdown", <-done)
		wantFull(t, listeners[0], "5")
		wantFull(t, listeners[1], "5")
	})
}

// Server.Shutdown is bounded by its context whoever is in the group.
func TestGroupIsCutByItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{}
		emptiedAtLast(t, g)
		server := &Server{Upgrader: Upgrader{Group: g}, Handler: withoutRequest(serveEcho)}
		l := newSimListener()
		startServer(t, server, l)
		peers := []*testPeer{openServer(t, l), openServer(t, serveUpgrade(t, Upgrader{Group: g}, serveEcho))}
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		start := time.Now()
		wantIs(t, "Server.Shutdown", server.Shutdown(ctx), context.DeadlineExceeded)
		for _, p := range peers {
			p.wantClose("the server is shut down", CloseGoingAway, goodbye)
			p.wantEOF("it is cut")
		}
		simWantElapsed(t, start, time.Second)
	})
}

// http.Server.Shutdown ends the group, though it does not wait for it.
func TestGroupIsShutDownWithHTTPServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{}
		emptiedAtLast(t, g)
		mux := http.NewServeMux()
		mux.Handle("/", Handler(serveEcho, &Upgrader{Group: g}))
		server := &http.Server{Handler: mux}
		ended := make(chan error, 1)
		server.RegisterOnShutdown(func() { ended <- g.Shutdown(background) })
		l := startHTTP(t, server)
		peers := []*testPeer{openServer(t, l), openServer(t, l)}
		for _, p := range peers {
			wantEcho(p, "the function runs")
		}
		wantNil(t, "http.Server.Shutdown", server.Shutdown(t.Context()))
		for _, p := range peers {
			wantUnreturned(t, "the group waits", ended)
			wantGoodbye(p)
		}
		wantNil(t, "Group.Shutdown", <-ended)
	})
}

// Conns has every connection of the group, of whatever way.
func TestGroupConnsAreThoseOfTheServer(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		l := w.serve(t, u, serveEcho)
		peers := []*testPeer{openServer(t, l), openServer(t, l)}
		wantLen(t, "both are in", u.Group, 2)
		for c := range u.Group.Conns() {
			wantNil(t, "Write", c.Write(t.Context(), Text, []byte("to all")))
		}
		for _, p := range peers {
			p.wantFrame("each gets it once", OpText, "to all")
			wantEcho(p, "and nothing else")
		}
	})
}
