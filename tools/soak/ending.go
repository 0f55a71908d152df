package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"barewire.example/websocket"
)

// finish closes the connection in one of several ways, and checks what the reader sees.
func (e *session) finish() error {
	code := websocket.CloseCode(4000 + e.rng.IntN(1000))
	want := websocket.CloseError{Code: code}
	var err error
	switch e.rng.IntN(4) {
	case 0:
		err = e.conn.Close(code, "soak")
	case 1:
		// Once the server has our Close it may answer before its handler has echoed everything: keepalive reads too.
		if err = e.land(); err == nil {
			err = e.conn.CloseWrite(code, "soak")
		}
	case 2:
		want.Remote = true
		command := fmt.Sprint(closeCommand, uint16(code))
		err = e.conn.Write(context.Background(), websocket.Text, []byte(command))
		if err == nil {
			err = e.wait()
		}
		err = errors.Join(err, e.wantLanded())
	default:
		e.conn.CloseNow()
		return e.wantVanished()
	}
	if err != nil {
		return fmt.Errorf("closing with %v: %w", code, err)
	}
	return e.wantEnd(want)
}

// land waits until everything has come back.
func (e *session) land() error {
	timer := time.NewTimer(e.patience)
	defer timer.Stop()
	for len(e.flying) > 0 {
		select {
		case <-e.landed:
		case <-e.ended:
			return e.wantLanded()
		case <-timer.C:
			return e.wantLanded()
		}
	}
	return nil
}

func (e *session) wantLanded() error {
	if n := len(e.flying); n > 0 {
		return fmt.Errorf("%d messages did not come back", n)
	}
	return nil
}

// wait waits for the end of the reader.
func (e *session) wait() error {
	timer := time.NewTimer(e.patience)
	defer timer.Stop()
	select {
	case <-e.ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("the connection has not ended after %v", e.patience)
	}
}

func (e *session) wantEnd(want websocket.CloseError) error {
	if err := e.wait(); err != nil {
		return err
	}
	var ce *websocket.CloseError
	if !errors.As(e.err, &ce) || ce.Code != want.Code || ce.Remote != want.Remote {
		return fmt.Errorf("the connection ends, but not with %v (by the server: %v)", want.Code, want.Remote)
	}
	return nil
}

func (e *session) wantVanished() error {
	if err := e.wait(); err != nil {
		return err
	}
	if !errors.Is(e.err, websocket.ErrClosed) {
		return errors.New("the connection ends, but not because of CloseNow")
	}
	return nil
}
