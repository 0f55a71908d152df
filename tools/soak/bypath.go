package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"barewire.example/websocket"
)

// cutWithin is how many messages are more than enough to have the proxy do what it plans.
const cutWithin = 1000

// bypath is one life of a slot over the proxy.
func (s *slot) bypath(ctx context.Context) error {
	p := makePlan(s.rng)
	done, err := s.endure(ctx, p)
	if err != nil {
		return fmt.Errorf("over the proxy with %+v, to be %v: %w", p, p.outcome(), err)
	}
	if done {
		s.outcomes[p.outcome()].Add(1)
	}
	return nil
}

// endure returns whether the plan was carried out.
func (s *slot) endure(ctx context.Context, p plan) (done bool, err error) {
	d := s.dialer()
	d.NetDial = s.proxy.dialer(p)
	conn, err := s.dial(d, s.echoPath())
	if p.outcome() == unopened {
		rest(ctx, s.pause())
		return true, wantUnopened(conn, err)
	}
	if err != nil {
		return false, err
	}
	e := s.open(conn, p.limit())
	n := cutWithin
	if p.outcome() == kept {
		n = s.length()
	}
	over, err := e.chat(ctx, n)
	switch {
	case err != nil:
	case p.outcome() == kept:
		err = e.finish()
	case !over && ctx.Err() != nil:
		return false, e.close(nil) // before the time
	default:
		err = e.wantLost(p.outcome())
	}
	return true, e.close(err)
}

// wantUnopened wants a handshake without an answer.
func wantUnopened(conn *websocket.Conn, err error) error {
	if err == nil {
		conn.CloseNow()
		return errors.New("the handshake succeeds")
	}
	if !isCut(err) {
		return fmt.Errorf("the handshake fails otherwise: %w", err)
	}
	return nil
}

// isCut reports whether err is that of a connection which was cut off.
func isCut(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// wantLost wants the end of a connection that was cut off, or of which the peer is dead.
func (e *session) wantLost(o outcome) error {
	if err := e.wait(); err != nil {
		return err
	}
	var ce *websocket.CloseError
	switch {
	case !errors.As(e.err, &ce) || ce.Code != websocket.CloseAbnormal || ce.Remote:
		return errors.New("the connection ends, but not with 1006")
	case errors.Is(e.err, websocket.ErrPeerDead) != (o == dead):
		return errors.New("the connection ends for the wrong reason")
	case o == lost && !isCut(e.err):
		return errors.New("the connection is not cut off")
	}
	return nil
}
