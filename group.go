// This file keeps track of a server's connections: it bounds their number and
// ends all of them at a shutdown. http.Server forgets a connection once it is
// hijacked.

package websocket

import (
	"context"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// A Group holds the connections that Upgraders accept which name it. The zero
// value is ready for use and has no limits. It must not be copied, and its fields
// must not be changed, once it is used. Its methods may be called from any goroutine.
//
// Limits are looked at when all else about a request is in order; who then finds
// no place gets 503 with Retry-After. A connection has its place until it is over,
// and with Handler and Server until the function has returned as well.
type Group struct {
	// MaxConns is how many connections there may be at once. Default 0, no
	// limit.
	MaxConns int

	// MaxConnsPerAddr is how many of them may come from one address. Default
	// 0, no limit. Behind a proxy all of them do, unless Key tells otherwise.
	MaxConnsPerAddr int

	// Key returns what MaxConnsPerAddr counts as one address; "" is not
	// counted. By default it is the IP address of Request.RemoteAddr, or of an
	// IPv6 address the first 64 bits, since one customer has all of the rest.
	Key func(r *Request) string

	// RetryAfter is what clients are told that found no place, in whole
	// seconds. Default 5 s.
	RetryAfter time.Duration

	mu     sync.Mutex
	closed bool // nobody is let in any more
	cut    bool // and nobody is waited for
	seats  map[*seat]struct{}
	perKey map[string]int
	empty  news // the last seat was given up
}

// A seat is the place of one connection, from the moment when its request is
// accepted. A nil seat is in no group. Its fields are guarded by the group's mu.
type seat struct {
	group *Group
	key   string
	nc    net.Conn // what the 101 is written to; nil before, and once there is conn
	conn  *Conn
}

const defaultRetryAfter = 5 * time.Second

// admit gives a request a seat or refuses it. A nil Group has no seats to give,
// and no limits.
func (g *Group) admit(r *Request) (*seat, error) { return g.admitFrom(g.keyOf(r)) }

// keyOf returns what the request counts for, or "".
func (g *Group) keyOf(r *Request) string {
	switch {
	case g == nil || g.MaxConnsPerAddr <= 0:
		return ""
	case g.Key != nil:
		return g.Key(r)
	}
	return addressKey(r.RemoteAddr)
}

// admitFrom is admit for a request with this key.
func (g *Group) admitFrom(key string) (*seat, error) {
	if g == nil {
		return nil, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return nil, g.full("it is shutting down")
	case g.MaxConns > 0 && len(g.seats) >= g.MaxConns:
		return nil, g.full("there are too many")
	case key != "" && g.perKey[key] >= g.MaxConnsPerAddr:
		return nil, g.full("there are too many from this address")
	}
	s := &seat{group: g, key: key}
	put(&g.seats, s)
	if key != "" {
		if g.perKey == nil {
			g.perKey = make(map[string]int)
		}
		g.perKey[key]++
	}
	return s, nil
}

// full refuses a request for now.
func (g *Group) full(why string) error {
	wait := g.RetryAfter
	if wait <= 0 {
		wait = defaultRetryAfter
	}
	refusal := refuse(RuleUnavailable, why)
	seconds := int64(wait / time.Second)
	if wait%time.Second > 0 {
		seconds++
	}
	refusal.Header = http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}
	return refusal
}

// addressKey returns what counts as one address.
func addressKey(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote // middleware may have taken the port away
	}
	addr, err := netip.ParseAddr(host)
	switch addr = addr.Unmap().WithZone(""); {
	case err != nil && (host == "" || host[0] == '@'):
		return "" // of a Unix socket, and says nothing of who the client is
	case err != nil:
		return host
	case addr.Is4():
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}

// carry says what the 101 is going to be written to. It returns whether nobody
// waits for that any more.
func (s *seat) carry(nc net.Conn) (cut bool) {
	if s == nil {
		return false
	}
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	s.nc = nc
	return s.group.cut
}

// take says that the handshake is complete.
func (s *seat) take(c *Conn) {
	if s == nil {
		return
	}
	s.group.mu.Lock()
	s.nc, s.conn = nil, c
	cut := s.group.cut
	s.group.mu.Unlock()
	if cut {
		c.CloseNow()
	}
}

// late reports whether the connection may have come too late for Shutdown to see
// it. Then it is to be closed as the others are.
func (s *seat) late() bool {
	if s == nil {
		return false
	}
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return s.group.closed
}

// lend has the application use the connection: it is free to forget it.
func (s *seat) lend(c *Conn) {
	c.whenOver(s.leave)
	if s.late() {
		go c.farewell() // the application need not wait for the peer
	}
}

// host runs the application's function f, which ends with the connection. The seat
// is given up when the hooks have been called, too.
func (s *seat) host(c *Conn, f func()) {
	defer func() { c.whenOver(s.leave) }()
	if s.late() {
		c.farewell()
		return
	}
	f()
}

// leave gives the seat up. To leave twice is to leave once.
func (s *seat) leave() {
	if s == nil {
		return
	}
	g := s.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, inside := g.seats[s]; !inside {
		return
	}
	delete(g.seats, s)
	if s.key != "" {
		if g.perKey[s.key]--; g.perKey[s.key] == 0 {
			delete(g.perKey, s.key)
		}
	}
	if len(g.seats) == 0 {
		g.empty.tell()
	}
}

// farewell closes a connection of a server that ends. It takes as long as the
// peer takes to answer, but no longer than CloseTimeout.
func (c *Conn) farewell() { c.Close(CloseGoingAway, "server is shutting down") }

// Len returns the number of places that are taken.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seats)
}

// Conns returns an iterator over the connections that there are when it begins.
func (g *Group) Conns() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for _, c := range g.conns() {
			if !yield(c) {
				return
			}
		}
	}
}

func (g *Group) conns() []*Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seated()
}

// seated is conns for who has the lock.
func (g *Group) seated() (all []*Conn) {
	for s := range g.seats {
		if s.conn != nil {
			all = append(all, s.conn)
		}
	}
	return all
}

// Shutdown refuses all further requests with 503, closes every connection with
// CloseGoingAway and waits until all of them have left. When ctx ends before that,
// it cuts the rest off and returns the context's error. It may be called again, to
// wait or to cut. A function of Handler or Server that called it and waits would
// wait for itself.
//
// http.Server.Shutdown does not know the connections: have it call this with
// RegisterOnShutdown, and wait for both.
func (g *Group) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	empty := g.empty.nextUnless(len(g.seats) == 0)
	g.mu.Unlock()
	for c := range g.Conns() {
		go c.farewell() // each may take up to CloseTimeout
	}
	if waitFor(ctx, empty) {
		return nil
	}
	g.sever()
	return ctx.Err()
}

// waitFor waits for an event, and returns false when ctx ends before it.
func waitFor(ctx context.Context, event <-chan struct{}) bool {
	select {
	case <-event:
		return true
	default: // and not the context, which may have ended too
	}
	select {
	case <-event:
		return true
	case <-ctx.Done():
		return false
	}
}

// sever ends everything at once.
func (g *Group) sever() {
	g.mu.Lock()
	g.cut = true
	conns := g.seated()
	var early []net.Conn
	for s := range g.seats {
		if s.nc != nil {
			early = append(early, s.nc)
		}
	}
	g.mu.Unlock()
	for _, nc := range early {
		nc.Close()
	}
	for _, c := range conns {
		c.CloseNow()
	}
}
