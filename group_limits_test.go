// This file tests how many connections a group lets in, and that every place
// comes back, however its connection ends.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// wantFull wants a new client to be refused for now.
func wantFull(t *testing.T, l *simListener, retryAfter string, edits ...string) {
	t.Helper()
	resp := wantRefusal(sendRequest(t, l, edits...), 503, RuleUnavailable)
	if got := resp.Header.Values("Retry-After"); len(got) != 1 || got[0] != retryAfter {
		t.Errorf("Retry-After: %q, want %q", got, retryAfter)
	}
}

// S-27, H-112
func TestGroupLimitsConnections(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		u.Group.MaxConns, u.Group.RetryAfter = 3, 6500*time.Millisecond
		l := w.serve(t, u, serveEcho)
		peers := []*testPeer{openServer(t, l), openServer(t, l), openServer(t, l)}
		for range 3 {
			wantFull(t, l, "7")
		}
		for i := range 5 {
			finishPeer(peers[i])
			peers[i].conn.Close()
			wantLen(t, "one has left", u.Group, 2)
			peers = append(peers, openServer(t, l))
			wantEcho(peers[i+3], "the next is in")
			wantFull(t, l, "7")
		}
	})
}

// S-27: by default, an address is that of RemoteAddr.
func TestGroupLimitsConnectionsOfAnAddress(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		u.Group.MaxConnsPerAddr = 2
		l := w.serve(t, u, serveEcho)
		first, second := openServer(t, l), openServer(t, l) // from two ports
		wantFull(t, l, "5")
		finishPeer(first)
		first.conn.Close()
		wantLen(t, "one has left", u.Group, 1)
		wantEcho(openServer(t, l), "the next is in")
		wantFull(t, l, "5")
		wantEcho(second, "the others do not notice")
	})
}

// wantPlaces wants exactly so many of the addresses to be let in, and all of
// their places to come back.
func wantPlaces(t *testing.T, g *Group, want int, addresses ...string) {
	t.Helper()
	for range 2 {
		var seats []*seat
		for _, a := range addresses {
			if s, err := g.admit(&Request{RemoteAddr: a}); err == nil {
				seats = append(seats, s)
			}
		}
		if len(seats) != want {
			t.Errorf("%d of %q are let in, want %d", len(seats), addresses, want)
		}
		for _, s := range seats {
			s.leave()
		}
		if len(g.seats)+len(g.perKey) != 0 {
			t.Errorf("left are %d seats and %v", len(g.seats), g.perKey)
		}
	}
}

func TestGroupTellsAddressesApart(t *testing.T) {
	for name, test := range map[string]struct {
		want      int
		addresses []string
	}{
		"ipv4":               {1, []string{"192.0.2.1:1", "192.0.2.1:65535"}},
		"ipv4-others":        {2, []string{"192.0.2.1:1", "192.0.2.2:1"}},
		"ipv4-mapped":        {1, []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:2", "[::ffff:c000:201]:3"}},
		"ipv4-mapped-others": {2, []string{"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1"}},
		"ipv6-same-64":       {1, []string{"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff:ffff:ffff:ffff]:1", "[2001:DB8:1:2::]:2"}},
		"ipv6-other-64":      {2, []string{"[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1"}},
		"ipv6-loopback":      {1, []string{"[::1]:1", "[::1]:2"}},
		"ipv6-zones":         {1, []string{"[fe80::1%eth0]:1", "[fe80::2%eth0]:1", "[fe80::1%eth1]:1", "[fe80::3]:1"}},
		"ipv4-and-ipv6":      {2, []string{"192.0.2.1:1", "[64:ff9b::192.0.2.1]:1"}},
		"none":               {3, []string{"", "", ""}},
		"names":              {2, []string{"/run/a.sock", "/run/a.sock", "/run/b.sock"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantPlaces(t, &Group{MaxConnsPerAddr: 1}, test.want, test.addresses...)
		})
	}
}

// Without MaxConnsPerAddr nobody is asked for a key.
func TestGroupAsksForNoKeyInVain(t *testing.T) {
	key := func(*Request) string {
		t.Error("Key is called")
		return "a"
	}
	for _, limit := range []int{0, -1} {
		wantPlaces(t, &Group{MaxConns: limit, MaxConnsPerAddr: limit, Key: key}, 3, "192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3")
	}
}

// The key of a server behind a proxy, which is what adds the last address.
func TestGroupKeyBehindAProxy(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		u.Group.MaxConnsPerAddr = 1
		u.Group.Key = func(r *Request) string {
			values := r.Header["X-Forwarded-For"]
			if len(values) == 0 || r.RemoteAddr == "" {
				return "" // somebody inside
			}
			return values[len(values)-1]
		}
		l := w.serve(t, u, serveEcho)
		first := openServer(t, l, "+X-Forwarded-For: 192.0.2.7")
		wantFull(t, l, "5", "+X-Forwarded-For: 192.0.2.7")
		wantFull(t, l, "5", "+X-Forwarded-For: 192.0.2.9", "+X-Forwarded-For: 192.0.2.7")
		openServer(t, l, "+X-Forwarded-For: 192.0.2.8")
		for range 3 {
			openServer(t, l)
		}
		wantLen(t, "all but the refused", u.Group, 5)
		finishPeer(first)
		first.conn.Close()
		synctest.Wait()
		openServer(t, l, "+X-Forwarded-For: 192.0.2.7")
	})
}

// A placeEnd is an end of a connection after which its place is free again.
type placeEnd struct {
	name  string
	setUp func(u *Upgrader, f *connFunc, on func() bool) // what fails while on is true
	meet  func(t *testing.T, l *simListener)             // what one client meets
}

// onlyOpen is what a client meets whose connection the server ends.
func onlyOpen(t *testing.T, l *simListener) {
	p := sendRequest(t, l)
	for p.fill() == nil {
	}
	p.conn.Close()
}

func placeEnds() []placeEnd {
	nothing := func(*Upgrader, *connFunc, func() bool) {}
	boom := func(on func() bool) {
		if on() {
			panic("boom")
		}
	}
	return []placeEnd{
		{"normal", nothing, func(t *testing.T, l *simListener) { finishPeer(openServer(t, l)) }},
		{"lost", nothing, func(t *testing.T, l *simListener) { openServer(t, l).conn.Close() }},
		{"reset", nothing, func(t *testing.T, l *simListener) { openServer(t, l).sim.reset() }},
		{"broken-rule", nothing, func(t *testing.T, l *simListener) {
			p := openServer(t, l)
			p.writeBytes([]byte{0xff, 0xff})
			p.conn.Close()
		}},
		{"malformed", nothing, func(t *testing.T, l *simListener) { wantRefusal(sendRequest(t, l, "-Sec-WebSocket-Key"), 400, RuleKey) }},
		{"failed-answer", nothing, func(t *testing.T, l *simListener) {
			p := newClientPeer(t, dialServer(t, l))
			p.sim.peer.failAfter(simWrite, 1, 20, syscall.EPIPE)
			p.writeBytes([]byte(rawRequest()))
			for p.fill() == nil {
			}
		}},
		{"answer-not-taken", nothing, func(t *testing.T, l *simListener) {
			p := newClientPeer(t, dialServer(t, l))
			p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
			p.writeBytes([]byte(rawRequest()))
			<-time.After(defaultHandshakeTimeout + time.Second)
		}},
		{"refused", func(u *Upgrader, _ *connFunc, on func() bool) {
			u.Authorize = func(*Request) error {
				if on() {
					return errTest
				}
				return nil
			}
		}, func(t *testing.T, l *simListener) { wantRefusal(sendRequest(t, l), 403, RuleForbidden) }},
		{"panic-of-authorize", func(u *Upgrader, _ *connFunc, on func() bool) {
			u.Authorize = func(*Request) error { boom(on); return nil }
		}, onlyOpen},
		{"panic-of-key", func(u *Upgrader, _ *connFunc, on func() bool) {
			u.Group.Key = func(*Request) string { boom(on); return "a" }
		}, onlyOpen},
		{"panic-of-open", func(u *Upgrader, _ *connFunc, on func() bool) {
			u.Hooks = &Hooks{Open: func(*Conn) { boom(on) }}
		}, onlyOpen},
		{"panic-of-the-application", func(_ *Upgrader, f *connFunc, on func() bool) {
			echo := *f
			*f = func(ctx context.Context, c *Conn) error { boom(on); return echo(ctx, c) }
		}, onlyOpen},
	}
}

// S-27: nothing that clients or the application do leaks a place.
func TestGroupPlacesComeBack(t *testing.T) {
	for _, end := range placeEnds() {
		t.Run(end.name, func(t *testing.T) {
			eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
				u.Group.MaxConns, u.Group.MaxConnsPerAddr = 1, 1
				failing, f := true, connFunc(serveEcho)
				end.setUp(&u, &f, func() bool { return failing })
				l := w.serve(t, u, f)
				for range 3 {
					end.meet(t, l)
					<-time.After(2 * defaultCloseTimeout) // for peers that do not answer a Close
					wantLen(t, end.name, u.Group, 0)
				}
				failing = false
				wantEcho(openServer(t, l), "there is a place")
				wantFull(t, l, "5")
			})
		})
	}
}

func TestGroupPlaceComesBackWhenHijackFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &Upgrader{Group: &Group{MaxConns: 1, MaxConnsPerAddr: 1}}
		emptiedAtLast(t, u.Group)
		failing := true
		l := startHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if failing {
				w = struct{ http.ResponseWriter }{w}
			}
			Handler(serveEcho, u).ServeHTTP(w, r)
		})})
		for range 3 {
			wantRefusal(sendRequest(t, l), 503, RuleUnavailable)
			wantLen(t, "it was refused", u.Group, 0)
		}
		failing = false
		wantEcho(openServer(t, l), "there is a place")
	})
}

// A client of ours comes back when it was told to, in vain and then not.
func TestGroupIsRespectedByRedial(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		u.Group.MaxConns, u.Group.RetryAfter = 1, 20*time.Second
		l := w.serve(t, u, serveEcho)
		first := openServer(t, l)
		start := time.Now()
		var dialed []time.Duration
		d := Dialer{Proxy: noProxy, Options: Options{KeepAlive: -1}}
		d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialed = append(dialed, time.Since(start))
			return l.Dial(ctx, network, addr)
		}
		time.AfterFunc(50*time.Second, func() { first.conn.Close() })
		var failed []error
		b := Backoff{Random: func() float64 { return 0 }, OnState: func(s RedialState) {
			if s.Phase == RedialWaiting {
				failed = append(failed, s.Err)
			}
		}}
		for c, err := range d.Redial(t.Context(), "ws://127.0.0.1/", b) {
			wantNil(t, "Redial", err)
			c.CloseNow()
			break
		}
		if got, want := fmt.Sprint(dialed), "[0s 20s 40s 1m0s]"; got != want {
			t.Errorf("connected after %s, want %s", got, want)
		}
		for _, err := range failed {
			var he *HandshakeError
			if !errors.As(err, &he) || he.Status != 503 {
				t.Errorf("refused with %v", err)
			}
		}
	})
}
