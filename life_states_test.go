// This file walks the whole state table of a Conn: every state that the latches
// Close sent, Close received, rule broken and over can be in, with every event
// from the peer, the application and the clock. The table of the core is in
// endpoint_states_test.go; here are also calls that wait, and the transport.

package websocket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A row: what the event's call returns ("waits" if it does not), what is sent,
// and how the connection is then. Events from the peer are followed by a Read.
// Codes with ! are from the peer's Close, which came first. "fin" is the end of
// our bytes, for one of the roles if it says so (§7.1.1). The states are
//
//	open       nothing has been closed
//	closing    our Close was sent, the peer's has not come
//	answering  the peer's Close has come, and ours cannot be sent yet
//	closed     both, ours first; the transport has not ended
//	answered   both, the peer's first; the transport has not ended
//	failed     the peer has broken a rule and was told; the transport has not ended
//	lost       the transport has ended without a closing handshake
//	dropped    by CloseNow
const lifeCells = `
open       data         ok         -                             open
open       ping         waits      pong                          open
open       pong         waits      -                             open
open       close        1000!      close:1000,server:fin         ends:1000!
open       bad          opcode     close:1002,fin                ends:opcode
open       eof          1006       fin                           over:1006
open       reset        1006       fin                           over:1006
open       write        ok         data                          open
open       ping-call    waits      ping                          open
open       close-call   waits      close:1001                    closing
open       close-write  ok         close:1001                    closing
open       close-now    ok         fin                           over:ErrClosed
open       cancel       context    -                             open
open       timeout      ok         -                             open

closing    data         ok         -                             closing
closing    ping         waits      pong                          closing
closing    pong         waits      -                             closing
closing    close        1000       server:fin                    ends:1000
closing    bad          opcode     fin                           ends:opcode
closing    eof          1006       fin                           over:1006
closing    reset        1006       fin                           over:1006
closing    write        ErrClosed  -                             closing
closing    ping-call    ErrClosed  -                             closing
closing    close-call   waits      -                             closing
closing    close-write  ErrClosed  -                             closing
closing    close-now    ok         fin                           over:ErrClosed
closing    cancel       context    -                             closing
closing    timeout      ok         fin                           over:1006

answering  data         waits      -                             ends:1000!
answering  ping         waits      -                             ends:1000!
answering  pong         waits      -                             ends:1000!
answering  close        waits      -                             ends:1000!
answering  bad          waits      -                             ends:1000!
answering  eof          waits      -                             ends:1000!
answering  reset        1000!      fin                           over:1000!
answering  write        waits      -                             ends:1000!
answering  ping-call    waits      -                             ends:1000!
answering  close-call   waits      -                             ends:1000!
answering  close-write  waits      -                             ends:1000!
answering  close-now    ok         fin                           over:1000!
answering  cancel       context    -                             ends:1000!
answering  timeout      ok         fin                           over:1000!
answering  move         ok         data,close:1000,server:fin    ends:1000!

closed     data         1000       -                             ends:1000
closed     ping         1000       -                             ends:1000
closed     pong         1000       -                             ends:1000
closed     close        1000       -                             ends:1000
closed     bad          1000       -                             ends:1000
closed     eof          1000       client:fin                    over:1000
closed     reset        1000       client:fin                    over:1000
closed     write        1000       -                             ends:1000
closed     ping-call    1000       -                             ends:1000
closed     close-call   waits      -                             ends:1000
closed     close-write  1000       -                             ends:1000
closed     close-now    ok         client:fin                    over:1000
closed     cancel       1000       -                             ends:1000
closed     timeout      ok         client:fin                    over:1000

answered   data         1000!      -                             ends:1000!
answered   ping         1000!      -                             ends:1000!
answered   pong         1000!      -                             ends:1000!
answered   close        1000!      -                             ends:1000!
answered   bad          1000!      -                             ends:1000!
answered   eof          1000!      client:fin                    over:1000!
answered   reset        1000!      client:fin                    over:1000!
answered   write        1000!      -                             ends:1000!
answered   ping-call    1000!      -                             ends:1000!
answered   close-call   waits      -                             ends:1000!
answered   close-write  1000!      -                             ends:1000!
answered   close-now    ok         client:fin                    over:1000!
answered   cancel       1000!      -                             ends:1000!
answered   timeout      ok         client:fin                    over:1000!

failed     data         opcode     -                             ends:opcode
failed     ping         opcode     -                             ends:opcode
failed     pong         opcode     -                             ends:opcode
failed     close        opcode     -                             ends:opcode
failed     bad          opcode     -                             ends:opcode
failed     eof          opcode     -                             over:opcode
failed     reset        opcode     -                             over:opcode
failed     write        opcode     -                             ends:opcode
failed     ping-call    opcode     -                             ends:opcode
failed     close-call   waits      -                             ends:opcode
failed     close-write  opcode     -                             ends:opcode
failed     close-now    ok         -                             over:opcode
failed     cancel       opcode     -                             ends:opcode
failed     timeout      ok         -                             over:opcode

lost       data         1006       -                             over:1006
lost       ping         1006       -                             over:1006
lost       pong         1006       -                             over:1006
lost       close        1006       -                             over:1006
lost       bad          1006       -                             over:1006
lost       eof          1006       -                             over:1006
lost       reset        1006       -                             over:1006
lost       write        1006       -                             over:1006
lost       ping-call    1006       -                             over:1006
lost       close-call   1006       -                             over:1006
lost       close-write  1006       -                             over:1006
lost       close-now    ok         -                             over:1006
lost       cancel       1006       -                             over:1006
lost       timeout      ok         -                             over:1006

dropped    data         ErrClosed  -                             over:ErrClosed
dropped    ping         ErrClosed  -                             over:ErrClosed
dropped    pong         ErrClosed  -                             over:ErrClosed
dropped    close        ErrClosed  -                             over:ErrClosed
dropped    bad          ErrClosed  -                             over:ErrClosed
dropped    eof          ErrClosed  -                             over:ErrClosed
dropped    reset        ErrClosed  -                             over:ErrClosed
dropped    write        ErrClosed  -                             over:ErrClosed
dropped    ping-call    ErrClosed  -                             over:ErrClosed
dropped    close-call   ErrClosed  -                             over:ErrClosed
dropped    close-write  ErrClosed  -                             over:ErrClosed
dropped    close-now    ok         -                             over:ErrClosed
dropped    cancel       ErrClosed  -                             over:ErrClosed
dropped    timeout      ok         -                             over:ErrClosed
`

// lifeWays say by which events a state is reached.
var lifeWays = map[string][]string{
	"open":      nil,
	"closing":   {"close-write"},
	"answering": {"stall", "write", "close"},
	"closed":    {"close-write", "close"},
	"answered":  {"close"},
	"failed":    {"bad"},
	"lost":      {"eof"},
	"dropped":   {"close-now"},
}

// A lifeRun is a Conn in the table, and its peer.
type lifeRun struct {
	c   *Conn
	p   *testPeer
	fin *bool // seen already
}

var lifeEvents = map[string]func(r lifeRun) <-chan string{
	"data":  func(r lifeRun) <-chan string { return r.receive(r.p.frame(OpBinary, true, "d")) },
	"ping":  func(r lifeRun) <-chan string { return r.receive(r.p.frame(OpPing, true, "p")) },
	"pong":  func(r lifeRun) <-chan string { return r.receive(r.p.frame(OpPong, true, "p")) },
	"close": func(r lifeRun) <-chan string { return r.receive(r.p.frame(OpClose, true, "\x03\xe8")) },
	"bad":   func(r lifeRun) <-chan string { return r.receive(r.p.frame(3, true, "")) },
	"eof":   func(r lifeRun) <-chan string { r.p.sim.CloseWrite(); return r.receive(nil) },
	"reset": func(r lifeRun) <-chan string { r.p.sim.reset(); return r.receive(nil) },
	"write": func(r lifeRun) <-chan string {
		return lifeCall(func() error { return r.c.Write(background, Binary, nil) })
	},
	"ping-call": func(r lifeRun) <-chan string {
		return lifeCall(func() error { _, err := r.c.Ping(background); return err })
	},
	"close-call":  func(r lifeRun) <-chan string { return lifeCall(func() error { return r.c.Close(1001, "") }) },
	"close-write": func(r lifeRun) <-chan string { return lifeCall(func() error { return r.c.CloseWrite(1001, "") }) },
	"close-now":   func(r lifeRun) <-chan string { return lifeCall(r.c.CloseNow) },
	"cancel": func(r lifeRun) <-chan string {
		return lifeCall(func() error {
			ctx, cancel := context.WithTimeout(background, time.Millisecond)
			defer cancel()
			_, _, err := r.c.Read(ctx)
			return err
		})
	},
	"timeout": func(r lifeRun) <-chan string { return lifeCall(func() error { time.Sleep(time.Minute); return nil }) },
	"stall":   func(r lifeRun) <-chan string { return lifeCall(func() error { r.p.stall(true); return nil }) },
	"move":    func(r lifeRun) <-chan string { return lifeCall(func() error { r.p.stall(false); return nil }) },
}

// receive has the peer send b, if that still takes anything, and reads.
func (r lifeRun) receive(b []byte) <-chan string {
	r.p.sim.Write(b)
	return lifeCall(func() error { _, _, err := r.c.Read(background); return err })
}

func lifeCall(f func() error) <-chan string {
	return started(func() string { return lifeError(f()) })
}

// lifeError names an error as the table does.
func lifeError(err error) string {
	var ce *CloseError
	var pe *ProtocolError
	switch {
	case err == nil:
		return "ok"
	case err == ErrClosed:
		return "ErrClosed"
	case errors.As(err, &pe):
		return pe.Rule.ID()
	case errors.As(err, &ce) && ce.Remote:
		return fmt.Sprint(int(ce.Code), "!")
	case errors.As(err, &ce):
		return fmt.Sprint(int(ce.Code))
	case errors.Is(err, context.DeadlineExceeded):
		return "context"
	}
	return err.Error()
}

// do has an event happen and returns the rest of its row.
func (r lifeRun) do(event string) []string {
	result := lifeEvents[event](r)
	switch event {
	case "cancel":
		time.Sleep(time.Second)
	case "timeout":
		time.Sleep(2 * time.Minute)
	}
	synctest.Wait()
	row := []string{"waits", r.sent(), r.state()}
	select {
	case row[0] = <-result:
	default:
	}
	return row
}

// sent takes what the Conn has sent and names it.
func (r lifeRun) sent() string {
	var names []string
	for r.p.sim.unread() > 0 && r.p.fill() == nil {
	}
	for len(r.p.got) > 0 {
		h, payload := r.p.readFrame("sent")
		name := map[Opcode]string{OpBinary: "data", OpPing: "ping", OpPong: "pong"}[h.Opcode]
		if h.Opcode == OpClose {
			code, _, _ := ParseCloseBody([]byte(payload))
			name = fmt.Sprint("close:", int(code))
		}
		names = append(names, name)
	}
	if r.p.sim.ended() && !*r.fin {
		*r.fin = true
		names = append(names, "fin")
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ",")
}

// ended reports whether the other end has sent its last byte.
func (c *simConn) ended() bool {
	defer c.locked()()
	return !c.in.fin.IsZero() || !c.in.rst.IsZero()
}

// state names what the Conn knows of itself.
func (r lifeRun) state() string {
	switch reason := r.c.reason(); {
	case r.c.Err() != nil:
		return "over:" + lifeError(r.c.Err())
	case reason != nil:
		return "ends:" + lifeError(reason)
	case r.c.closing.Load():
		return "closing"
	}
	return "open"
}

func TestLifeInEveryStateAtEveryEvent(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(lifeCells) {
		cell := strings.Fields(line)
		if len(cell) == 0 {
			continue
		}
		name := cell[0] + "/" + cell[1]
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			inEachRole(t, func(t *testing.T, role Role) {
				want := []string{cell[2], lifeSent(role, cell[3]), cell[4]}
				if got := lifeCell(t, role, cell[0], cell[1]); !slices.Equal(got, want) {
					t.Errorf("returns, sent and then are\n%q, want\n%q", got, want)
				}
			})
		})
	}
	for state := range lifeWays {
		for event := range lifeEvents {
			if event != "stall" && event != "move" && !seen[state+"/"+event] {
				t.Errorf("the table lacks %s at %s", event, state)
			}
		}
	}
}

// lifeSent leaves out of a list of what is sent what the other role does.
func lifeSent(role Role, list string) string {
	var names []string
	for _, name := range strings.Split(list, ",") {
		if of, fin, ok := strings.Cut(name, ":fin"); !ok {
			names = append(names, name)
		} else if of == role.String() {
			names = append(names, "fin"+fin)
		}
	}
	return cmp.Or(strings.Join(names, ","), "-")
}

// lifeCell does what a row of the table says and returns the rest of it.
func lifeCell(t *testing.T, role Role, from, event string) []string {
	t.Helper()
	c, p := newTestConn(t, role, Options{})
	r := lifeRun{c, p, new(bool)}
	for _, way := range lifeWays[from] {
		r.do(way)
	}
	row := r.do(event)
	c.CloseNow()
	p.conn.Close()
	synctest.Wait()
	return row
}
