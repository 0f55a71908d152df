package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"barewire.example/websocket"
)

// Both sides give up a peer that is silent for keepAlive and pongTimeout; see longStall. Apart from that all times are so
// long that a machine which is busy with other things for a while does not fail the run.
const (
	keepAlive   = 5 * time.Second
	pongTimeout = 20 * time.Second
	manyTimeout = 30 * time.Second
)

func connOptions() websocket.Options {
	return websocket.Options{KeepAlive: keepAlive, PongTimeout: pongTimeout, WriteTimeout: manyTimeout, CloseTimeout: manyTimeout}
}

// closeCommand begins a message that asks the server to close, with the code that follows. No other message begins so.
const (
	closeCommand  = "close:"
	commandLength = len(closeCommand) + 4
)

// A state is what the server tells of itself.
type state struct {
	Addrs      []string // host and port: of a websocket.Server, and of a net/http server with websocket.Handler
	Goroutines int
	Heap       int64 // see usage
	Conns      int64 // open
	Broken     int64 // ended because the client broke a rule, so far
	Odd        int64 // ended for reasons that there are none for, so far
	Why        string
}

// A host is the server's process.
type host struct {
	addrs         []string
	hub           websocket.Hub
	conns, broken atomic.Int64
	odd           atomic.Int64
	why           atomic.Pointer[string] // of the first that was odd
}

// A talk is what the server does on a connection, until there is nothing more to read.
type talk func(c *websocket.Conn) error

func (h *host) talks() map[string]talk {
	return map[string]talk{"/echo": echo, "/stream": stream, "/hub": h.member}
}

// trimCommand has the server let go of the memory that it does not need before it tells its state.
const trimCommand = "trim"

// serve runs the server. It answers each line of in with its state, and ends when in does. The first state is told without
// being asked for.
func serve(in io.Reader, out io.Writer) error {
	var h host
	raw := &websocket.Server{Upgrader: upgrader(), Handler: func(_ context.Context, c *websocket.Conn, r *websocket.Request) error {
		talk := h.talks()[r.Target]
		if talk == nil {
			return fmt.Errorf("no such path: %s", r.Target)
		}
		return h.count(talk, c)
	}}
	mux, u := http.NewServeMux(), upgrader()
	for path, talk := range h.talks() {
		mux.Handle(path, websocket.Handler(func(_ context.Context, c *websocket.Conn) error { return h.count(talk, c) }, &u))
	}
	web := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	for _, serve := range []func(net.Listener) error{raw.Serve, web.Serve} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		h.addrs = append(h.addrs, l.Addr().String())
		go serve(l)
	}
	answers := json.NewEncoder(out)
	err := answers.Encode(h.state())
	for lines := bufio.NewScanner(in); err == nil && lines.Scan(); {
		if lines.Text() == trimCommand {
			trim()
		}
		err = answers.Encode(h.state())
	}
	ctx, cancel := context.WithTimeout(context.Background(), manyTimeout)
	defer cancel()
	return errors.Join(err, raw.Shutdown(ctx), web.Shutdown(ctx))
}

func upgrader() websocket.Upgrader {
	u := websocket.Upgrader{Options: connOptions(), HandshakeTimeout: manyTimeout}
	u.Compression = &websocket.Compression{}
	return u
}

func (h *host) state() state {
	s := state{Addrs: h.addrs, Goroutines: runtime.NumGoroutine(), Heap: heapInUse(), Conns: h.conns.Load(), Broken: h.broken.Load(), Odd: h.odd.Load()}
	if why := h.why.Load(); why != nil {
		s.Why = *why
	}
	return s
}

// count runs a talk, and notes how the connection has ended.
func (h *host) count(talk talk, c *websocket.Conn) error {
	h.conns.Add(1)
	defer h.conns.Add(-1)
	err := talk(c)
	var pe *websocket.ProtocolError
	var ce *websocket.CloseError
	switch {
	case errors.As(err, &pe):
		h.broken.Add(1)
	case !errors.As(err, &ce):
		h.odd.Add(1)
		why := fmt.Sprint(err)
		h.why.CompareAndSwap(nil, &why)
	}
	return err
}

// echo sends whole messages back.
func echo(c *websocket.Conn) error {
	ctx := context.Background()
	for {
		t, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if code, ok := strings.CutPrefix(string(p[:min(len(p), commandLength)]), closeCommand); ok {
			return closeAs(code)
		}
		c.Write(ctx, t, p) // what ends the writing ends the reading, which knows more about it
	}
}

// closeAs returns what has the connection closed with a code.
func closeAs(code string) error {
	n, err := strconv.ParseUint(code, 10, 16)
	if err != nil {
		return err
	}
	return &websocket.CloseError{Code: websocket.CloseCode(n), Reason: "as asked"}
}

// stream sends messages back in pieces, before all of them has come.
func stream(c *websocket.Conn) error {
	buf := make([]byte, 2<<10)
	for {
		t, r, err := c.NextReader(context.Background())
		if err != nil {
			return err
		}
		n, err := io.ReadAtLeast(r, buf, commandLength) // shorter messages end here
		if code, ok := strings.CutPrefix(string(buf[:min(n, commandLength)]), closeCommand); ok {
			return closeAs(code)
		}
		w, failed := c.NextWriter(context.Background(), t)
		for ; n > 0; n, err = r.Read(buf) {
			if failed == nil {
				_, failed = w.Write(buf[:n])
			}
		}
		if err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		if failed == nil {
			w.Close()
		}
	}
}

// member has a client join the topic that its first message names, which comes back in its place, and publishes the others.
func (h *host) member(c *websocket.Conn) error {
	_, p, err := c.Read(context.Background())
	if err != nil {
		return err
	}
	topic := string(p)
	if err := h.hub.Join(c, topic); err != nil {
		return err
	}
	if q := h.hub.QueueOf(c); q != nil {
		q.Send(context.Background(), websocket.Message{Type: websocket.Text, Data: p})
	}
	for {
		t, p, err := c.Read(context.Background())
		if err != nil {
			return err
		}
		h.hub.Publish(topic, websocket.Message{Type: t, Data: p})
	}
}
