package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"barewire.example/websocket"
)

// A session is one connection on which everything is echoed. One goroutine writes, another one reads and compares.
type session struct {
	*slot
	conn    *websocket.Conn
	sends   *script        // of the writer
	expects *script        // of the reader: the same
	flying  chan time.Time // when each message that is not yet back was sent
	direct  bool           // its round trips count
	landed  chan struct{}  // told of each message that is back
	ended   chan struct{}  // closed when there is nothing more to read
	err     error          // why; to be read after ended
}

// maxFlying is how many messages are under way on a connection.
const maxFlying = 8

// echo is one life of a slot that echoes without the proxy.
func (s *slot) echo(ctx context.Context) error {
	conn, err := s.dial(s.dialer(), s.echoPath())
	if err != nil {
		return err
	}
	e := s.open(conn, maxSize)
	e.direct = true
	_, err = e.chat(ctx, s.length())
	if err == nil {
		err = e.finish()
	}
	return e.close(err)
}

func (s *slot) echoPath() string { return [...]string{"/echo", "/stream"}[s.rng.IntN(2)] }

// dialer makes a quarter of the clients ask for compression.
func (s *slot) dialer() *websocket.Dialer {
	d := &websocket.Dialer{Options: s.conn, HandshakeTimeout: s.patience}
	if s.rng.IntN(4) == 0 {
		d.Compression = &websocket.Compression{}
	}
	return d
}

func (s *slot) dial(d *websocket.Dialer, path string) (*websocket.Conn, error) {
	s.sessions.Add(1)
	conn, _, err := d.Dial(context.Background(), "ws://"+s.addr()+path)
	return conn, err
}

func (s *slot) open(conn *websocket.Conn, limit int) *session {
	seed := s.rng.Uint64()
	e := &session{
		slot: s, conn: conn, sends: newScript(seed, limit), expects: newScript(seed, limit),
		flying: make(chan time.Time, maxFlying), landed: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	go func() {
		defer close(e.ended)
		e.err = e.listen()
	}()
	return e
}

// close ends what is left of the connection, and waits for the reader.
func (e *session) close(err error) error {
	e.conn.CloseNow()
	<-e.ended
	if err != nil {
		return fmt.Errorf("%w (the reader: %v)", err, e.err)
	}
	return nil
}

// listen compares what comes back until the connection ends.
func (e *session) listen() error {
	for {
		t, p, err := e.conn.Read(context.Background())
		if err != nil {
			return err
		}
		want := e.expects.next()
		if t != want.Type || !bytes.Equal(p, want.Data) {
			return fmt.Errorf("message %d of %d bytes, a %v, comes back with %d bytes as %v", e.expects.n, len(want.Data), want.Type, len(p), t)
		}
		select {
		case sent := <-e.flying:
			e.back(time.Since(sent))
		default:
			return fmt.Errorf("message %d comes back before it was sent", e.expects.n)
		}
	}
}

func (e *session) back(after time.Duration) {
	e.messages.Add(1)
	if e.direct {
		e.echoes.add(after)
	}
	select {
	case e.landed <- struct{}{}:
	default:
	}
}

// chat sends up to n messages, at its pace. It returns early, and over is set, when the reader ends; and when ctx does.
func (e *session) chat(ctx context.Context, n int) (over bool, err error) {
	timer := time.NewTimer(e.pause())
	defer timer.Stop()
	for range n {
		select {
		case <-timer.C:
			timer.Reset(e.pause())
		case <-e.ended:
			return true, nil
		case <-ctx.Done():
			return false, nil
		}
		if err := e.send(ctx); err != nil {
			return false, fmt.Errorf("sending message %d: %w", e.sends.n, err)
		}
	}
	return false, nil
}

// send sends something in one of several ways. An error of the connection is left to the reader, which knows more about it.
// No message is begun when busy has ended.
func (e *session) send(busy context.Context) error {
	ctx, cancel := context.WithTimeout(context.Background(), e.patience)
	defer cancel()
	var err error
	how, n := e.rng.IntN(16), 1
	if how == 0 {
		n = 0
	} else if how == 1 {
		n = maxFlying / 2
	}
	batch := e.prepare(busy, n)
	switch {
	case how == 0:
		_, err = e.conn.Ping(ctx)
	case len(batch) == 1 && how < 4:
		err = e.sendFragments(ctx, batch[0])
	case len(batch) == 1:
		err = e.conn.Write(ctx, batch[0].Type, batch[0].Data)
	default:
		err = e.conn.WriteBatch(ctx, batch...)
	}
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// prepare returns up to n messages, which count as flying from now on. It waits while too many do.
func (e *session) prepare(busy context.Context, n int) (batch []websocket.Message) {
	for range n {
		select {
		case e.flying <- time.Now():
			m := e.sends.next()
			m.Data = bytes.Clone(m.Data)
			batch = append(batch, m)
		case <-e.ended:
			return batch
		case <-busy.Done():
			return batch
		}
	}
	return batch
}

func (e *session) sendFragments(ctx context.Context, m websocket.Message) error {
	w, err := e.conn.NextWriter(ctx, m.Type)
	if err != nil {
		return err
	}
	for len(m.Data) > 0 && err == nil {
		n := 1 + e.rng.IntN(len(m.Data))
		_, err = w.Write(m.Data[:n])
		m.Data = m.Data[n:]
	}
	return errors.Join(err, w.Close())
}
