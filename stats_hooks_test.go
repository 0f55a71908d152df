// This file tests Hooks: what is told when, and how often.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A hookLog is what hooks were called with.
type hookLog struct {
	mu    sync.Mutex
	calls []string
}

func (l *hookLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, fmt.Sprintf(format, args...))
}

// hooks returns hooks that are logged, all of which must be for this connection.
func (l *hookLog) hooks() *Hooks {
	return &Hooks{
		Open:    func(*Conn) { l.add("open") },
		Closed:  func(c *Conn, err error) { l.add("closed %v %v", err == c.Err(), err) },
		Pong:    func(_ *Conn, rtt time.Duration) { l.add("pong %v", rtt) },
		Dropped: func(_ *Conn, messages int) { l.add("dropped %d", messages) },
	}
}

// want wants these calls in this order, and no more however long all can go on.
func (l *hookLog) want(t *testing.T, why string, calls ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(l.calls, calls) {
		t.Errorf("%s: the hooks were called as %q, want %q", why, l.calls, calls)
	}
}

// Until Open has returned, nobody else has the connection.
func TestHooksOpenComesFirst(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		entered, leave := make(chan *Conn), make(chan struct{})
		u.Hooks = &Hooks{Open: func(c *Conn) { entered <- c; <-leave }}
		used := make(chan *Conn, 1)
		p := openServer(t, w.serve(t, u, func(ctx context.Context, c *Conn) error {
			used <- c
			return serveEcho(ctx, c)
		}))
		c := <-entered
		wantUnreturned(t, "the hook has not returned", used)
		for range u.Group.Conns() {
			t.Error("the group has it")
		}
		close(leave)
		if got := <-used; got != c {
			t.Error("the hook was told of another connection")
		}
		wantEcho(p, "it works")
	})
}

func TestHooksOpenComesFirstForClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered, leave := make(chan *Conn, 1), make(chan struct{})
		log := new(hookLog)
		hooks := log.hooks()
		hooks.Open = func(c *Conn) { entered <- c; <-leave }
		s := startDial(t, Dialer{Options: Options{Hooks: hooks, Subprotocols: []string{"chat"}}}, testURL)
		s.answer("+Sec-WebSocket-Protocol: chat")
		c := <-entered
		if c.Subprotocol() != "chat" {
			t.Errorf("the subprotocol is %q", c.Subprotocol())
		}
		wantUnreturned(t, "the hook has not returned", s.ended)
		close(leave)
		if got := s.opened().c; got != c {
			t.Error("the hook was told of another connection")
		}
		c.CloseNow()
		log.want(t, "it is over", "closed true websocket: connection is closed")
	})
}

// Nothing is told of handshakes that fail.
func TestHooksAreForConnectionsOnly(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		log := new(hookLog)
		u.Hooks = log.hooks()
		l := w.serve(t, u, serveEcho)
		wantRefusal(sendRequest(t, l, "-Sec-WebSocket-Key"), 400, RuleKey)
		p := newClientPeer(t, dialServer(t, l))
		p.sim.peer.fail(simWrite, 1, errTest)
		p.writeBytes([]byte(rawRequest()))
		log.want(t, "no connection was opened")
		p = openServer(t, l)
		finishPeer(p)
		p.conn.Close()
		log.want(t, "and it ended", "open", "closed true websocket: closed by the peer with 1000 normal")
	})
}

// hookEnds are the ways in which a connection ends; some need hookOptions.
var hookEnds = map[string]func(t *testing.T, c *Conn, p *testPeer){
	"close-now": func(t *testing.T, c *Conn, p *testPeer) { c.CloseNow(); c.CloseNow() },
	"close": func(t *testing.T, c *Conn, p *testPeer) {
		closed := startClose(c, 4000, "bye")
		p.wantClose("ours", 4000, "bye")
		p.writeClose(4000, "bye")
		p.conn.Close()
		<-closed
		c.Close(CloseNormal, "")
	},
	"close-unanswered": func(t *testing.T, c *Conn, p *testPeer) { c.Close(CloseNormal, "") },
	"peer-closes": func(t *testing.T, c *Conn, p *testPeer) {
		p.writeClose(CloseGoingAway, "bye")
		p.conn.Close()
		c.Read(background)
	},
	"peer-lost":   func(t *testing.T, c *Conn, p *testPeer) { p.conn.Close(); c.Read(background) },
	"peer-reset":  func(t *testing.T, c *Conn, p *testPeer) { p.sim.reset(); c.Ping(background) },
	"broken-rule": func(t *testing.T, c *Conn, p *testPeer) { p.write(3, true, ""); p.conn.Close(); c.Read(background) },
	"peer-dead": func(t *testing.T, c *Conn, p *testPeer) {
		c.answers()
		c.finish(&CloseError{Code: CloseAbnormal, cause: ErrPeerDead})
	},
	"not-expected": func(t *testing.T, c *Conn, p *testPeer) {
		c.CloseRead()
		p.write(OpText, true, "unexpected")
		p.wantClose("CloseRead", ClosePolicyViolation, "no message was expected")
		p.conn.Close()
	},
	"write-timeout": func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		c.Write(background, Text, []byte("x"))
	},
	"write-canceled": func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		c.Write(ctx, Text, []byte("x"))
	},
	"write-failed": func(t *testing.T, c *Conn, p *testPeer) {
		p.sim.peer.fail(simWrite, 1, errTest)
		c.Write(background, Text, []byte("x"))
	},
	"idle": func(t *testing.T, c *Conn, p *testPeer) { p.wantClose("nobody uses it", CloseGoingAway, "idle") },
	"slow": func(t *testing.T, c *Conn, p *testPeer) { c.dismiss() },
}

var hookOptions = map[string]Options{"peer-dead": {KeepAlive: time.Second}, "idle": {IdleTimeout: time.Second}}

// Closed is called once, behind Done, with what Err returns.
func TestHooksClosedComesOnce(t *testing.T) {
	for name, end := range hookEnds {
		t.Run(name, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				calls := 0
				var told error
				o := hookOptions[name]
				o.Hooks = &Hooks{Closed: func(c *Conn, err error) {
					calls++
					told = err
					if c.Err() == nil {
						t.Error("it is not over")
					}
				}}
				c, p := newTestConn(t, role, o)
				c.opened()
				synctest.Wait()
				if calls != 0 {
					t.Error("Closed is called at once")
				}
				end(t, c, p)
				<-c.Done()
				<-time.After(time.Hour)
				synctest.Wait()
				if calls != 1 || told == nil || told != c.Err() {
					t.Errorf("called %d times with %v; Err = %v", calls, told, c.Err())
				}
			})
		})
	}
}

// An Open that ends the connection is followed by Closed like any other.
func TestHooksOpenMayEndTheConnection(t *testing.T) {
	eachGroup(t, func(t *testing.T, w groupWay, u Upgrader) {
		log := new(hookLog)
		u.Hooks = log.hooks()
		u.Hooks.Open = func(c *Conn) {
			log.add("open")
			c.CloseNow()
		}
		p := openServer(t, w.serve(t, u, serveEcho))
		p.wantEOF("it is over")
		log.want(t, "it has ended", "open", "closed true websocket: connection is closed")
		wantLen(t, "it has left", u.Group, 0)
	})
}

// Each pong that answers a ping is told once, and no other.
func TestHooksPong(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		log := new(hookLog)
		o := beating
		o.Hooks = log.hooks()
		c, p := newTestConn(t, role, o)
		startRead(c)
		p.write(OpPong, true, "unasked1")
		pinged := startPing(background, c)
		payload := p.readPing("Ping")
		<-time.After(2 * time.Second)
		p.write(OpPong, true, payload)
		p.write(OpPong, true, payload)
		wantPong(t, "Ping", pinged, 2*time.Second)
		log.want(t, "Ping", "pong 2s")
		payload = p.readPing("30 s of silence")
		<-time.After(3 * time.Second)
		p.write(OpPong, true, payload)
		log.want(t, "keepalive", "pong 2s", "pong 3s")
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		c.Ping(ctx)
		p.write(OpPong, true, p.readPing("Ping"))
		log.want(t, "nobody waits for it any more", "pong 2s", "pong 3s")
	})
}

// Dropped has the number of messages that a Queue has thrown away.
func TestHooksDropped(t *testing.T) {
	for policy, want := range map[SlowPolicy][]string{
		Disconnect: {"dropped 3"},
		DropOldest: {"dropped 1", "dropped 1", "dropped 1"},
		DropNewest: {"dropped 1", "dropped 1", "dropped 1"},
		Block:      nil,
	} {
		t.Run(policy.String(), func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				log := new(hookLog)
				c, p := newTestConn(t, role, Options{Hooks: &Hooks{Dropped: log.hooks().Dropped}})
				p.sim.peer.tune(func(k *simKnobs) { k.stallWrites = true })
				q := NewQueue(c, QueueOptions{MaxMessages: 2, Policy: policy})
				ctx, cancel := context.WithTimeout(background, time.Second)
				defer cancel()
				for i := range 6 { // one is being written, and two may wait
					err := q.Send(ctx, Message{Type: Text, Data: []byte("x")})
					if policy == Disconnect && err != nil && !errors.Is(err, ErrSlowConsumer) {
						t.Errorf("Send = %v", err)
					}
					if i == 0 {
						synctest.Wait() // until it is being written
					}
				}
				log.want(t, policy.String(), want...)
				c.CloseNow()
				synctest.Wait()
			})
		})
	}
}

// Hooks that are not there are not called, whatever happens.
func TestHooksMayBeNil(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		c, p := newTestConn(t, role, Options{Hooks: &Hooks{}})
		c.opened()
		pinged := startPing(background, c)
		p.write(OpPong, true, p.readPing("Ping"))
		wantPong(t, "Ping", pinged, 0)
		c.dropped(1)
		c.CloseNow()
		<-c.Done()
	})
}

// A hook can ask the connection everything, and cut it.
func TestHooksMayAskTheConnection(t *testing.T) {
	inEachRole(t, func(t *testing.T, role Role) {
		log := new(hookLog)
		ask := func(name string, c *Conn) {
			log.add("%s %v %v %v %v", name, c.Err(), c.Stats().RTT, c.RemoteAddr() != nil && c.LocalAddr() != nil, c.Subprotocol()+fmt.Sprint(c.Compression()))
		}
		c, p := newTestConn(t, role, Options{Hooks: &Hooks{
			Open:   func(c *Conn) { ask("open", c) },
			Closed: func(c *Conn, _ error) { ask("closed", c); c.CloseNow() },
			Pong:   func(c *Conn, _ time.Duration) { ask("pong", c); c.CloseNow() },
		}})
		c.opened()
		startPing(background, c)
		payload := p.readPing("Ping")
		<-time.After(time.Second)
		p.write(OpPong, true, payload)
		log.want(t, "all were called", "open <nil> 0s true <nil>",
			"pong <nil> 1s true <nil>", "closed websocket: connection is closed 1s true <nil>")
	})
}

// Functions for the end are called in order, also when it has come already.
func TestHooksAreChained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(hookLog)
		c, _ := newTestConn(t, RoleServer, Options{})
		for i := range 5 {
			c.whenOver(func() { log.add("%d", i) })
		}
		log.want(t, "it is not over")
		c.CloseNow()
		log.want(t, "it is over", "0", "1", "2", "3", "4")
		c.whenOver(func() { log.add("late") })
		c.CloseNow()
		log.want(t, "it was over", "0", "1", "2", "3", "4", "late")
	})
}

// However the end and whenOver meet, each function is called once.
func TestHooksAreChainedByMany(t *testing.T) {
	for range 200 {
		ours, theirs := newPipe()
		c := newConn(ours, RoleServer, Options{KeepAlive: -1}, nil)
		var mu sync.Mutex
		calls := map[int]int{}
		var working sync.WaitGroup
		for i := range 8 {
			working.Go(func() {
				c.whenOver(func() {
					mu.Lock()
					defer mu.Unlock()
					calls[i]++
				})
			})
		}
		working.Go(func() { c.CloseNow() })
		working.Wait()
		theirs.Close()
		for i := range 8 {
			if calls[i] != 1 {
				t.Fatalf("function %d is called %d times", i, calls[i])
			}
		}
	}
}
