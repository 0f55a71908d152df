package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"barewire.example/websocket"
)

// startTalk runs a server that does something else on each connection, and returns its address.
func startTalk(t *testing.T, talk talk) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := websocket.Server{Handler: func(_ context.Context, c *websocket.Conn, _ *websocket.Request) error { return talk(c) }}
	s.Upgrader.CloseTimeout = time.Second // some of these clients have left without a word
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	t.Cleanup(func() {
		s.Shutdown(context.Background())
		serving.Wait()
	})
	return l.Addr().String()
}

// wantWrong lives until something is wrong, which must be what is said.
func wantWrong(t *testing.T, live func(context.Context) error, want string) {
	t.Helper()
	for range 200 {
		err := live(t.Context())
		if err == nil {
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("what is wrong is %v, not %q", err, want)
		}
		return
	}
	t.Errorf("nothing is wrong; want %q", want)
}

func TestLivesAreRightWithTheServer(t *testing.T) {
	l := newLoad(t, startServe(t)...)
	var err error
	if l.proxy, err = startProxy(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.proxy.stop)
	s := newSlot(l)
	for range 30 {
		if err := s.echo(t.Context()); err != nil {
			t.Errorf("echo: %v", err)
		}
		if err := s.join(t.Context()); err != nil {
			t.Errorf("join: %v", err)
		}
		if err := s.attack(t.Context()); err != nil {
			t.Errorf("attack: %v", err)
		}
	}
	for _, p := range []plan{
		{}, {Slice: 10}, {Latency: time.Millisecond}, {StallAt: longAnswer, Stall: time.Millisecond},
		{Cut: 1}, {Cut: 99, Reset: true}, {Cut: longAnswer}, {Cut: 3000, Reset: true}, {Cut: longAnswer, Slice: 10},
		{StallAt: longAnswer, Stall: longStall},
	} {
		if p.outcome() == dead {
			l.conn.KeepAlive, l.conn.PongTimeout = time.Millisecond, time.Second // nobody has to be that patient here
		}
		if done, err := s.endure(t.Context(), p); err != nil || !done {
			t.Errorf("over the proxy with %+v: %v, %v", p, done, err)
		}
	}
	if err := l.verdict(); err != nil {
		t.Error(err)
	}
}

func TestAttacksAreAllRefused(t *testing.T) {
	addrs := startServe(t)
	counted := 0
	for _, a := range attacks {
		for _, addr := range addrs {
			if err := a.run(addr, func() { counted++ }); err != nil {
				t.Errorf("%s: %v", addr, err)
			}
		}
	}
	if counted != 2*20 {
		t.Errorf("%d attacks are to be noted by the server", counted)
	}
	for _, a := range badRequests {
		if err := a.run(addrs[0], nil); err != nil {
			t.Error(err)
		}
	}
}

func TestAttackChecksTheAnswer(t *testing.T) {
	const accepted = "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	byFrame, byRequest := frames("x", "", 1002), request("x", "", "", 400)
	for _, test := range []struct {
		attack       attack
		answer, want string
	}{
		{byFrame, accepted + "\x88\x02\x03\xea", ""},
		{byFrame, accepted + "\x88\x02\x03\xef", "close code is 1007"},
		{byFrame, accepted + "\x88\x00", "close code is 1005"},
		{byFrame, accepted + "\x88\x02\x03\xea\x88\x00", "instead of a Close"},
		{byFrame, accepted + "\x81\x00", "instead of a Close"},
		{byFrame, accepted + "\x88\x01\x03", "itself broken"},
		{byFrame, accepted, "instead of a Close"},
		{byFrame, "HTTP/1.1 400 Bad Request\r\n\r\n", "status of a good handshake is 400"},
		{byRequest, "HTTP/1.1 400 Bad Request\r\n\r\n", ""},
		{byRequest, accepted, "status is 101, want 400"},
		{byRequest, "HTTP/1.0 400 Bad Request\r\n\r\n", "the answer is"},
		{byRequest, "", "the answer is"},
	} {
		err := test.attack.check([]byte(test.answer))
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("the answer %q is %v, want %q", test.answer, err, test.want)
		}
	}
}

// spoilt is an echo server that does something else with the third message.
func spoilt(spoil func(c *websocket.Conn, m websocket.Message) error) talk {
	return func(c *websocket.Conn) error {
		for n := 1; ; n++ {
			t, p, err := c.Read(context.Background())
			if err != nil {
				return err
			}
			m := websocket.Message{Type: t, Data: p}
			if n == 3 {
				err = spoil(c, m)
			} else {
				err = c.WriteBatch(context.Background(), m)
			}
			if err != nil {
				return err
			}
		}
	}
}

func TestEchoNoticesWhatIsWrong(t *testing.T) {
	send := func(c *websocket.Conn, all ...websocket.Message) error {
		return c.WriteBatch(context.Background(), all...)
	}
	for name, test := range map[string]struct {
		spoil func(c *websocket.Conn, m websocket.Message) error
		want  string
	}{
		"a-changed-byte": {func(c *websocket.Conn, m websocket.Message) error {
			m.Data[0] ^= 1 // a digit
			return send(c, m)
		}, "message 3 of"},
		"a-changed-length": {func(c *websocket.Conn, m websocket.Message) error {
			m.Data = append(m.Data, 'x')
			return send(c, m)
		}, "message 3 of"},
		"a-lost-message": {func(*websocket.Conn, websocket.Message) error { return nil }, ""},
		"twice":          {func(c *websocket.Conn, m websocket.Message) error { return send(c, m, m) }, ""},
		"a-close":        {func(*websocket.Conn, websocket.Message) error { return errors.New("no") }, "1011"},
		"a-good-close":   {func(*websocket.Conn, websocket.Message) error { return &websocket.CloseError{Code: 1000} }, "1000"},
		"a-cut":          {func(c *websocket.Conn, _ websocket.Message) error { return c.CloseNow() }, "1006"},
	} {
		t.Run(name, func(t *testing.T) {
			wantWrong(t, newSlot(newLoad(t, startTalk(t, spoilt(test.spoil)))).echo, test.want)
		})
	}
}

func TestFinishNoticesAnotherEnd(t *testing.T) {
	// This server obeys no command.
	addr := startTalk(t, func(c *websocket.Conn) error {
		for {
			t, p, err := c.Read(context.Background())
			if err != nil {
				return err
			}
			if strings.HasPrefix(string(p), closeCommand) {
				return nil
			}
			c.Write(context.Background(), t, p)
		}
	})
	wantWrong(t, newSlot(newLoad(t, addr)).echo, "not with 4")
}

func TestWantLostTellsEndsApart(t *testing.T) {
	abnormal := &websocket.CloseError{Code: websocket.CloseAbnormal}
	for _, err := range []error{abnormal, websocket.ErrClosed, &websocket.CloseError{Code: 1000}, context.Canceled} {
		for _, o := range []outcome{lost, dead} {
			e := &session{slot: newSlot(newLoad(t)), ended: make(chan struct{}), err: err}
			close(e.ended)
			if e.wantLost(o) == nil {
				t.Errorf("%v is taken for a connection that is %v", err, o)
			}
		}
	}
	if err := wantUnopened(nil, context.DeadlineExceeded); err == nil {
		t.Error("a timeout is taken for a handshake that was cut off")
	}
}

func TestMemberNoticesWhatIsWrong(t *testing.T) {
	const own = 9
	hear := func(p ...string) (err error) {
		m := &member{number: own, seen: make(map[int64]int), own: make(chan int, 1)}
		for _, p := range p {
			err = errors.Join(err, m.hear(websocket.Text, []byte(p)))
		}
		return err
	}
	text := string(corpora[websocket.Text])
	if err := hear("9 1 4\n"+text[4:12], "8 5 0\n", "8 6 0\n"+text[:4], "9 2 0\n"); err != nil {
		t.Error(err)
	}
	for _, all := range [][]string{
		{"9 2 0\n"},            // the first is missing
		{"9 1 0\n", "9 1 0\n"}, // twice
		{"8 5 0\n", "8 7 0\n"}, // a gap
		{"8 5 0\n", "8 4 0\n"}, // out of order
		{"8 5 0\nx"},           // not what was sent
		{"8 5 0\n" + text[4:8]},
		{"8 5"}, {""}, {"8 5 -4\n"}, {fmt.Sprintf("8 5 %d\nxxxx", corpusSize)},
	} {
		if hear(all...) == nil {
			t.Errorf("a member hears %q and is content", all)
		}
	}
}

func TestMemberNoticesALostMessage(t *testing.T) {
	l := newLoad(t)
	l.patience = time.Millisecond
	m := &member{slot: newSlot(l), sent: 2, own: make(chan int, 1), ended: make(chan struct{})}
	m.own <- 1
	if err := m.leave(); err == nil || err.Error() != "1 of 2 messages came back" {
		t.Errorf("a message is lost: %v", err)
	}
	close(m.ended)
	l.patience = time.Minute
	if err := m.leave(); err == nil || err.Error() != "the connection ends" {
		t.Errorf("the connection is lost: %v", err)
	}
}

func TestVerdictWantsWorkAndNoFailure(t *testing.T) {
	var l load
	l.out = t.Output()
	if l.verdict() == nil {
		t.Error("nothing was done and that is fine")
	}
	l.messages.Add(1)
	l.deliveries.Add(1)
	l.attacks.Add(1)
	if err := l.verdict(); err != nil {
		t.Error(err)
	}
	for n := range maxReports + 2 {
		l.fail(fmt.Errorf("failure %d", n))
	}
	if err := l.verdict(); err == nil || err.Error() != "22 connections went wrong, the first: failure 0" {
		t.Errorf("with failures: %v", err)
	}
}
