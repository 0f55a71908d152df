// This file keeps a client from opening many connections to one server at the
// same time (§4.1).

package websocket

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// A Turnstile lets Dials to the same address wait for each other: at most one of
// them is between connecting and the server's answer (§4.1). The address is that
// of IP and port, if Dialer.NetDial is nil and there is no proxy, and else of the
// URL's host and port. The zero value is ready for use, and may be shared by
// Dialers. It must not be copied.
type Turnstile struct {
	mu    sync.Mutex
	gates map[string]*gate
}

// A gate is for one address, as long as somebody wants to go there.
type gate struct {
	turn  turn
	users int // who has the turn, and who waits for it
}

// enter waits for the turn of an address, or for the end of ctx.
func (t *Turnstile) enter(ctx context.Context, addr string) error {
	t.mu.Lock()
	g := t.gates[addr]
	if g == nil {
		g = &gate{}
		if t.gates == nil {
			t.gates = make(map[string]*gate)
		}
		t.gates[addr] = g
	}
	g.users++
	t.mu.Unlock()
	if g.turn.lock(ctx.Done(), nil) {
		return nil
	}
	t.drop(addr, g)
	return ctx.Err()
}

func (t *Turnstile) leave(addr string) {
	t.mu.Lock()
	g := t.gates[addr]
	t.mu.Unlock()
	g.turn.unlock()
	t.drop(addr, g)
}

// drop forgets a gate that nobody uses any more.
func (t *Turnstile) drop(addr string, g *gate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g.users--; g.users == 0 {
		delete(t.gates, addr)
	}
}

// A passage is one attempt's way through a Turnstile. It may have several turns,
// since a name may have several addresses.
type passage struct {
	stile *Turnstile

	mu    sync.Mutex
	addrs map[string]string // by network: tcp4 and tcp6 are tried side by side
	over  bool
}

// enter waits for a turn, and gives up the one that it has in this network, whose
// address has been tried in vain.
func (p *passage) enter(ctx context.Context, network, addr string) error {
	if !p.turnBack(network) {
		return context.Canceled
	}
	if err := p.stile.enter(ctx, addr); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over { // net.Dialer was trying another address when it had connected to the first
		p.stile.leave(addr)
		return context.Canceled
	}
	if p.addrs == nil {
		p.addrs = make(map[string]string)
	}
	p.addrs[network] = addr
	return nil
}

// turnBack gives up the turn in a network. It returns false when the attempt is
// over.
func (p *passage) turnBack(network string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last, ok := p.addrs[network]; ok {
		p.stile.leave(last)
		delete(p.addrs, network)
	}
	return !p.over
}

// leave gives up all turns.
func (p *passage) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for _, addr := range p.addrs {
		p.stile.leave(addr)
	}
	p.addrs = nil
}

// control is for net.Dialer, which calls it before it connects to an address.
func (p *passage) control(ctx context.Context, network, addr string, _ syscall.RawConn) error {
	return p.enter(ctx, network, addr)
}

// dial connects to the first hop of the route, when it is its turn.
func (p *passage) dial(ctx context.Context, d *Dialer, r route) (net.Conn, error) {
	if p.stile == nil {
		return d.netDial(ctx, r.first())
	}
	if r.proxy == nil && d.NetDial == nil {
		return (&net.Dialer{ControlContext: p.control}).DialContext(ctx, "tcp", r.first())
	}
	if err := p.enter(ctx, "tcp", r.to.address()); err != nil {
		return nil, err
	}
	return d.netDial(ctx, r.first())
}
