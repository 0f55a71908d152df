package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// recorded is a head, a fragmented message with a ping inside, and a Close.
func recorded() []byte {
	b := []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	key := [4]byte{1, 2, 3, 4}
	add := func(op websocket.Opcode, fin bool, payload string) {
		b = websocket.AppendHeader(b, websocket.Header{Fin: fin, Opcode: op, Masked: true, MaskKey: key, Length: uint64(len(payload))})
		for i := range len(payload) {
			b = append(b, payload[i]^key[i%4])
		}
	}
	add(websocket.OpText, false, strings.Repeat("a", 300))
	add(websocket.OpPing, true, "pïng")
	add(websocket.OpContinuation, true, "")
	add(websocket.OpClose, true, "\x03\xe8bye")
	return b
}

func TestTapSeesFramesHoweverTheyAreCut(t *testing.T) {
	const want = `[client: text, 300 bytes client: ping, 5 bytes client: continuation, 0 bytes client: close, 5 bytes]`
	for _, size := range []int{1, 2, 7, 1 << 20} {
		s := stream{from: client}
		var all []frame
		for rest := recorded(); len(rest) > 0; {
			n := min(size, len(rest))
			all = append(all, s.feed(rest[:n])...)
			rest = rest[n:]
		}
		if got := fmt.Sprint(all); got != want {
			t.Fatalf("%d bytes at a time: %s", size, got)
		}
		if string(all[1].payload) != "pïng" || string(all[3].payload) != "\x03\xe8bye" || all[0].fin || !all[2].fin || !all[0].masked {
			t.Errorf("%d bytes at a time: %+v", size, all)
		}
	}
}

func TestTapTakesNoteInBothDirections(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	tapped := newTap(a, client)
	go tapped.Write(recorded())
	for got := 0; got < len(recorded()); {
		n, err := b.Read(make([]byte, 512))
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	go b.Write([]byte("HTTP/1.1 101 x\r\n\r\n\x88\x00"))
	for got := 0; got < 20; {
		n, err := tapped.Read(make([]byte, 512))
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tapped.frames(ended); err == nil {
		t.Error("frames of a connection that is not closed")
	}
	tapped.Close()
	all, err := tapped.frames(t.Context())
	if err != nil || len(all) != 5 || all[4].from != server || all[4].op != websocket.OpClose {
		t.Errorf("frames %v, %v", all, err)
	}
}

// halfClosing counts how often it is half-closed.
type halfClosing struct {
	net.Conn
	times int
}

func (h *halfClosing) CloseWrite() error {
	h.times++
	return nil
}

func TestTapHalfClosesWhatCanBe(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	h := &halfClosing{Conn: a}
	if err := newTap(h, server).CloseWrite(); err != nil || h.times != 1 {
		t.Errorf("half-closed %d times, error %v", h.times, err)
	}
	if err := newTap(a, server).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("error %v of a connection that cannot half-close", err)
	}
}
