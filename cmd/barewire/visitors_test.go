package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"barewire.example/websocket"
)

func TestLobbyWaitsForTheLast(t *testing.T) {
	var l lobby
	if !l.wait(t.Context()) {
		t.Error("somebody is in an empty lobby")
	}
	l.enter()
	l.enter()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if l.wait(over) {
		t.Error("the wait has not seen who is inside")
	}
	l.leave()
	waited := make(chan bool, 2)
	for range cap(waited) {
		go func() { waited <- l.wait(t.Context()) }()
	}
	l.leave()
	for range cap(waited) {
		if !<-waited {
			t.Error("the wait has failed although all have left")
		}
	}
}

func TestDismissCutsOffWhoStays(t *testing.T) {
	p := &pipeServer{t: t, server: &server{flags: &serveFlags{}, log: slog.New(slog.DiscardHandler)}}
	_, conn := p.connect(p.server.echo) // the client does not read, so no Close can be sent
	if p.server.dismiss(time.Nanosecond) {
		t.Error("everybody has left, although one stays")
	}
	<-conn.Done()
	if !p.server.dismiss(testTimeout) {
		t.Error("somebody is left")
	}
	if n := p.server.group.Len(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// The log tells the end of each connection before the program ends.
func TestDismissWaitsForWhoTalks(t *testing.T) {
	p := &pipeServer{t: t, server: &server{flags: &serveFlags{}, log: slog.New(slog.DiscardHandler)}}
	goOn, gone := make(chan struct{}), make(chan struct{})
	c, _ := p.connect(func(v *visit) error {
		_, _, err := v.conn.Read(context.Background())
		<-goOn
		close(gone)
		return err
	})
	done := make(chan bool, 1)
	go func() { done <- p.server.dismiss(testTimeout) }()
	c.wantClose(websocket.CloseGoingAway)
	if err := p.server.group.Shutdown(t.Context()); err != nil { // all connections are over
		t.Fatal(err)
	}
	select {
	case <-done:
		close(goOn)
		t.Fatal("who talks with the client was not waited for")
	default:
	}
	close(goOn)
	if !<-done {
		t.Error("somebody did not leave in time")
	}
	select {
	case <-gone:
	default:
		t.Error("who talks with the client was still inside")
	}
}
