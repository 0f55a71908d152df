package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A proxy passes TCP connections on, and spoils each according to its plan.
type proxy struct {
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	all      sync.WaitGroup
}

func startProxy() (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.connect(client.(*net.TCPConn)) })
		}
	})
	return p, nil
}

// drop cuts all connections off.
func (p *proxy) drop() { p.cancel() }

// stop ends the proxy.
func (p *proxy) stop() {
	p.drop()
	p.listener.Close()
	p.all.Wait()
}

// dialer returns what connects over the proxy. Plan.To is replaced by the address that is asked for.
func (p *proxy) dialer(plan plan) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, p.listener.Addr().String())
		if err != nil {
			return nil, err
		}
		plan.To = addr
		line, err := json.Marshal(plan)
		if err == nil {
			_, err = nc.Write(append(line, '\n'))
		}
		if err != nil {
			nc.Close()
			return nil, err
		}
		return nc, nil
	}
}

func (p *proxy) connect(client *net.TCPConn) {
	defer client.Close()
	defer context.AfterFunc(p.ctx, func() { client.Close() })()
	sent := bufio.NewReaderSize(client, 16<<10)
	line, err := sent.ReadBytes('\n')
	k := link{client: client}
	if err != nil || json.Unmarshal(line, &k.plan) != nil {
		return
	}
	nc, err := net.Dial("tcp", k.plan.To)
	if err != nil {
		return
	}
	k.server = nc.(*net.TCPConn)
	k.ctx, k.cancel = context.WithCancel(p.ctx)
	defer k.end(false)
	defer context.AfterFunc(p.ctx, func() { k.end(false) })()
	var both sync.WaitGroup
	both.Go(func() { k.up(sent) })
	both.Go(k.down)
	both.Wait()
}

// A link is a connection over the proxy.
type link struct {
	plan
	client, server *net.TCPConn
	ctx            context.Context
	cancel         context.CancelFunc

	mu      sync.Mutex
	stalled time.Time // until when nothing gets through
}

// end cuts both sides off, by a RST if reset is set.
func (k *link) end(reset bool) {
	k.cancel()
	for _, nc := range []*net.TCPConn{k.client, k.server} {
		if reset {
			nc.SetLinger(0)
		}
		nc.Close()
	}
}

// up passes on what the client sends. In a stall that must end the connection it only reads, so as to see the client's end.
func (k *link) up(from io.Reader) {
	defer k.endDead()
	k.pass(k.server, from, func(piece []byte) error {
		if k.isDead() {
			return nil
		}
		_, err := k.server.Write(piece)
		return err
	})
}

// down passes on what the server sends, and counts it.
func (k *link) down() {
	var passed int64
	k.pass(k.client, k.server, func(piece []byte) error {
		for len(piece) > 0 {
			now := piece
			for _, mark := range []int64{k.Cut, k.StallAt} {
				if mark > passed {
					now = now[:min(int64(len(now)), mark-passed)]
				}
			}
			if _, err := k.client.Write(now); err != nil {
				return err
			}
			passed += int64(len(now))
			piece = piece[len(now):]
			if passed == k.Cut {
				k.end(k.Reset)
				return io.EOF
			}
			if passed == k.StallAt && !k.stall() {
				return io.EOF
			}
		}
		return nil
	})
}

// stall lets nothing through for a while, and returns whether the link goes on then.
func (k *link) stall() bool {
	k.mu.Lock()
	k.stalled = time.Now().Add(k.Stall)
	k.mu.Unlock()
	return k.wait(k.Stall) && !k.isDead()
}

// wait returns false when the link is over before d has passed.
func (k *link) wait(d time.Duration) bool {
	if d <= 0 {
		return k.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.ctx.Done():
		return false
	}
}

// isDead reports whether the connection is in a stall that it must not survive.
func (k *link) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.stalled.IsZero() && k.outcome() == dead
}

// endDead ends a link of which the client has given up.
func (k *link) endDead() {
	if k.isDead() {
		k.end(false)
	}
}

// clear waits while the link is stalled.
func (k *link) clear() bool {
	k.mu.Lock()
	until := k.stalled
	k.mu.Unlock()
	return until.IsZero() || k.wait(time.Until(until))
}

// pass copies one direction until it ends, piece by piece, and passes its end on as well. An error ends both directions.
func (k *link) pass(to *net.TCPConn, from io.Reader, write func(piece []byte) error) {
	buf := make([]byte, 16<<10)
	rng := rand.New(rand.NewPCG(k.Seed, 0))
	for {
		n, err := from.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			piece := b
			if k.Slice > 0 {
				piece = b[:min(len(b), 1+rng.IntN(k.Slice))]
			}
			b = b[len(piece):]
			if !k.wait(k.Latency) || !k.isDead() && !k.clear() || write(piece) != nil {
				k.end(false)
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if !k.isDead() && k.clear() {
				to.CloseWrite()
			}
			return
		case err != nil:
			k.end(false)
			return
		}
	}
}
