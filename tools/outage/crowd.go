package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"barewire.example/websocket"
)

// A crowd is many clients, each of which connects again and again.
type crowd struct {
	url    string
	events chan event
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
}

// An event is what happens to one client: its connection has opened and a message has come back over it, or it has ended.
type event struct {
	client int
	opened bool
	err    error // why it ended
	at     time.Time
	due    time.Time // when the client was to connect, for one that had to wait
}

// startCrowd has n clients connect to url until stop is called or ctx ends.
func startCrowd(ctx context.Context, url string, n int) *crowd {
	c := &crowd{url: url, events: make(chan event, n)}
	c.ctx, c.cancel = context.WithCancel(ctx)
	for client := range n {
		c.all.Go(func() { c.live(client) })
	}
	return c
}

// stop ends all clients, and waits for that.
func (c *crowd) stop() {
	c.cancel()
	c.all.Wait()
}

func (c *crowd) live(client int) {
	var d websocket.Dialer
	var due time.Time
	hear := func(s websocket.RedialState) {
		if s.Phase == websocket.RedialWaiting {
			due = time.Now().Add(s.Wait)
		}
	}
	for conn, err := range d.Redial(c.ctx, c.url, websocket.Backoff{OnState: hear}) {
		if err == nil {
			err = c.use(event{client: client, opened: true, due: due}, conn)
		}
		c.tell(event{client: client, err: err})
		if c.ctx.Err() != nil {
			return
		}
	}
}

// use speaks once, so that the connection is there for certain, tells of it, and then waits for its end.
func (c *crowd) use(there event, conn *websocket.Conn) error {
	defer conn.CloseNow()
	text := fmt.Sprint("client ", there.client)
	if err := conn.Write(c.ctx, websocket.Text, []byte(text)); err != nil {
		return err
	}
	_, p, err := conn.Read(c.ctx)
	if err != nil {
		return err
	}
	if string(p) != text {
		return fmt.Errorf("the echo of %q is %q", text, p)
	}
	c.tell(there)
	_, p, err = conn.Read(c.ctx)
	if err == nil {
		return fmt.Errorf("nobody has sent %q", p)
	}
	return err
}

func (c *crowd) tell(e event) {
	e.at = time.Now()
	select {
	case c.events <- e:
	case <-c.ctx.Done():
	}
}

// gather waits until each of n clients has had an event which right does not refuse. Another event, or a second one of the
// same client, is an error.
func (c *crowd) gather(n int, right func(event) error) ([]event, error) {
	all := make([]event, 0, n)
	seen := make(map[int]bool)
	for len(all) < n {
		select {
		case e := <-c.events:
			if err := right(e); err != nil {
				return all, fmt.Errorf("client %d: %w", e.client, err)
			}
			if seen[e.client] {
				return all, fmt.Errorf("client %d: the same twice", e.client)
			}
			seen[e.client] = true
			all = append(all, e)
		case <-c.ctx.Done():
			return all, fmt.Errorf("only %d of %d clients: %w", len(all), n, context.Cause(c.ctx))
		}
	}
	return all, nil
}

// since returns, in order, how long after begun the events were.
func since(begun time.Time, all []event) []time.Duration {
	return timesOf(all, func(e event) time.Duration { return e.at.Sub(begun) })
}

// dueSince returns, in order, how long after begun the clients were to connect.
func dueSince(begun time.Time, all []event) []time.Duration {
	return timesOf(all, func(e event) time.Duration { return e.due.Sub(begun) })
}

func timesOf(all []event, of func(event) time.Duration) []time.Duration {
	times := make([]time.Duration, 0, len(all))
	for _, e := range all {
		times = append(times, of(e))
	}
	slices.Sort(times)
	return times
}

func opened(e event) error {
	if !e.opened {
		return fmt.Errorf("the connection is not there: %w", e.err)
	}
	return nil
}

// lost wants a connection that has ended without a word.
func lost(e event) error { return endedWith(e, websocket.CloseError{Code: websocket.CloseAbnormal}) }

// dismissed wants one that the server has closed because it shuts down.
func dismissed(e event) error {
	return endedWith(e, websocket.CloseError{Code: websocket.CloseGoingAway, Remote: true})
}

func endedWith(e event, want websocket.CloseError) error {
	if e.opened {
		return errors.New("a connection opens, and should have ended")
	}
	if got, ok := websocket.CloseStatus(e.err); !ok || got.Code != want.Code || got.Remote != want.Remote {
		return fmt.Errorf("the connection ends with %w, not with %v", e.err, want.Code)
	}
	return nil
}
